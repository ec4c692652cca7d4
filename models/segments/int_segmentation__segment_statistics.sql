{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}

with

placements as (

    select * from {{ ref('segmentation__customer_segments') }}

),

{%- for name, definition in definitions.items() %}

{{ name }}_customers as (

    {{ segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)) }}

),

{{ name }}_members as (

    select
        {{ name }}_customers.*,
        placements.segment_id

    from {{ name }}_customers

    inner join placements
        on {{ name }}_customers.customer_id = placements.customer_id
        and placements.segmentation = '{{ name }}'

),

{{ name }}_units as (

    select
        {%- for how in definition.features.values() %}
        {%- if how.kind == "number" %}
        {{ segmentation.deviation_unit("max(abs(feature_" ~ loop.index ~ "))") }} as unit_{{ loop.index }},
        {{ segmentation.percentile("feature_" ~ loop.index, 0.5) }} as population_median_{{ loop.index }},
        {%- endif %}
        {%- endfor %}
        count(*) as customers

    from {{ name }}_members

),

{{ name }}_segments as (

    select
        {{ name }}_members.segment_id,
        count(*) as customers,
        sum({{ name }}_members.value) as revenue
        {%- for how in definition.features.values() %}
        {%- set value = name ~ "_members.feature_" ~ loop.index %}
        {%- set unit = name ~ "_units.unit_" ~ loop.index %},
        count({{ value }}) as count_{{ loop.index }}
        {%- if how.kind == "number" %},
        {#- The mean of equal values may differ from them in its last digit. #}
        case
            when min({{ value }}) = max({{ value }}) then min({{ value }})
            else {{ segmentation.mean(value) }}
        end as mean_{{ loop.index }},
        case
            when min({{ value }}) = max({{ value }}) then 0
            else stddev_pop({{ segmentation.in_units(value, unit) }}) * max({{ unit }})
        end as deviation_{{ loop.index }},
        {{ segmentation.percentile(value, 0.5) }} as median_{{ loop.index }},
        {{ segmentation.percentile(value, 0.25) }} as p25_{{ loop.index }},
        {{ segmentation.percentile(value, 0.75) }} as p75_{{ loop.index }},
        sum(case when {{ value }} > {{ name }}_units.population_median_{{ loop.index }} then 1 else 0 end)
        / nullif(cast(count({{ value }}) as {{ segmentation.type_double() }}), 0) as share_above_median_{{ loop.index }}
        {%- endif %}
        {%- endfor %}

    from {{ name }}_members

    cross join {{ name }}_units

    group by {{ name }}_members.segment_id

),

{%- for how in definition.features.values() %}
{%- if how.kind == "category" %}

{{ name }}_levels_{{ loop.index }} as (

    select
        segment_id,
        feature_{{ loop.index }} as level,
        count(*) as customers

    from {{ name }}_members

    where feature_{{ loop.index }} is not null

    group by
        segment_id,
        feature_{{ loop.index }}

),

{# Every level in every segment, also where nobody has it. #}
{{ name }}_shares_{{ loop.index }} as (

    select
        segments.segment_id,
        segments.customers,
        segments.revenue,
        segments.count_{{ loop.index }} as customers_with_value,
        levels.level,
        coalesce(found.customers, 0)
        / nullif(cast(segments.count_{{ loop.index }} as {{ segmentation.type_double() }}), 0) as share

    from {{ name }}_segments as segments

    cross join (select distinct level from {{ name }}_levels_{{ loop.index }}) as levels

    left join {{ name }}_levels_{{ loop.index }} as found
        on segments.segment_id = found.segment_id
        and levels.level = found.level

),
{%- endif %}
{%- endfor %}

{%- endfor %}

final as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- for feature, how in definition.features.items() %}
    select
        ---------- ids
        '{{ name }}' as segmentation,
        segment_id,
        {{ segmentation.text_literal(feature) }} as feature,
        {{ segmentation.text_literal(none) if how.kind == "number" else "level" }} as level,

        ---------- of the segment
        customers,
        cast(revenue as {{ dbt.type_numeric() }}) as revenue,

        ---------- of the feature in it, or of a level
        {%- if how.kind == "number" %}
        count_{{ loop.index }} as customers_with_value,
        mean_{{ loop.index }} as mean,
        deviation_{{ loop.index }} as deviation,
        median_{{ loop.index }} as median,
        p25_{{ loop.index }} as p25,
        p75_{{ loop.index }} as p75,
        share_above_median_{{ loop.index }} as share_above_median

    from {{ name }}_segments
        {%- else %}
        customers_with_value,
        share as mean,
        sqrt(share * (1 - share)) as deviation,
        {%- for statistic in ["median", "p25", "p75", "share_above_median"] %}
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as {{ statistic }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ name }}_shares_{{ loop.index }}
        {%- endif %}
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    select
        {%- for column in ["segmentation", "feature", "level"] %}
        {{ segmentation.text_literal(none) }} as {{ column }},
        {%- endfor %}
        {%- for column in [
            "segment_id", "customers", "revenue", "customers_with_value", "mean", "deviation", "median", "p25", "p75",
            "share_above_median"
        ] %}
        null as {{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from (select 1 as one) as nothing

    where false
    {%- endif %}

)

select * from final
