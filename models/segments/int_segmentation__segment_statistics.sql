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

{{ name }}_segments as (

    select
        segment_id,
        count(*) as customers,
        sum(value) as revenue,
        {%- for feature in definition.features %}
        {%- set value = "feature_" ~ loop.index %}
        count({{ value }}) as count_{{ loop.index }},
        avg({{ value }}) as mean_{{ loop.index }},
        var_pop({{ value }}) as variance_{{ loop.index }},
        {{ segmentation.percentile(value, 0.5) }} as median_{{ loop.index }},
        {{ segmentation.percentile(value, 0.25) }} as p25_{{ loop.index }},
        {{ segmentation.percentile(value, 0.75) }} as p75_{{ loop.index }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ name }}_members

    group by segment_id

),

{%- endfor %}

final as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- for feature in definition.features %}
    select
        ---------- ids
        '{{ name }}' as segmentation,
        segment_id,
        {{ segmentation.text_literal(feature) }} as feature,

        ---------- of the segment
        customers,
        cast(revenue as {{ dbt.type_numeric() }}) as revenue,

        ---------- of the feature in it
        count_{{ loop.index }} as customers_with_value,
        mean_{{ loop.index }} as mean,
        variance_{{ loop.index }} as variance,
        median_{{ loop.index }} as median,
        p25_{{ loop.index }} as p25,
        p75_{{ loop.index }} as p75

    from {{ name }}_segments
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    select
        {%- for column in [
            "segmentation", "segment_id", "feature", "customers", "revenue", "customers_with_value",
            "mean", "variance", "median", "p25", "p75"
        ] %}
        null as {{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    where false
    {%- endif %}

)

select * from final
