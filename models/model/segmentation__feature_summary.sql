-- depends_on: {{ ref('int_segmentation__customer_sample') }}

{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}
{%- set tukey = {"low": 0.25, "high": 0.75, "fence": 1.5} %}

with

{%- for name, definition in definitions.items() %}
{%- set fences = definition.outliers or tukey %}
{%- set all_positions = [] %}
{%- set positions = [] %}
{%- for how in definition.features.values() %}
{%- do all_positions.append(loop.index) %}
{%- if how.kind == "number" %}{% do positions.append(loop.index) %}{% endif %}
{%- endfor %}

{{ name }}_customers as (

    {{ segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)) }}

),

{{ name }}_totals as (

    select
        {%- for position in all_positions %}
        count(feature_{{ position }}) as count_{{ position }},
        count(distinct feature_{{ position }}) as distinct_count_{{ position }},
        {%- endfor %}
        {%- for position in positions %}
        {{ segmentation.mean("feature_" ~ position) }} as mean_{{ position }},
        min(feature_{{ position }}) as minimum_{{ position }},
        {{ segmentation.percentile("feature_" ~ position, 0.25) }} as p25_{{ position }},
        {{ segmentation.percentile("feature_" ~ position, 0.5) }} as median_{{ position }},
        {{ segmentation.percentile("feature_" ~ position, 0.75) }} as p75_{{ position }},
        max(feature_{{ position }}) as maximum_{{ position }},
        {{ segmentation.percentile("feature_" ~ position, fences.low) }} as low_{{ position }},
        {{ segmentation.percentile("feature_" ~ position, fences.high) }} as high_{{ position }},
        {%- endfor %}
        count(*) as customers

    from {{ name }}_customers

),

{# Deviations are measured in the largest of them, so no power of one overflows; a constant has none. #}
{{ name }}_bounds as (

    select
        {%- for position in positions %}
        low_{{ position }} - {{ fences.fence }} * (high_{{ position }} - low_{{ position }}) as fence_low_{{ position }},
        high_{{ position }} + {{ fences.fence }} * (high_{{ position }} - low_{{ position }}) as fence_high_{{ position }},
        case
            when minimum_{{ position }} < maximum_{{ position }}
                then greatest(maximum_{{ position }} - mean_{{ position }}, mean_{{ position }} - minimum_{{ position }})
        end as largest_deviation_{{ position }},
        {%- endfor %}
        {{ name }}_totals.*

    from {{ name }}_totals

),

{{ name }}_deviations as (

    select
        {%- for position in positions %}
        case
            when feature_{{ position }} < fence_low_{{ position }} or feature_{{ position }} > fence_high_{{ position }} then 1
            else 0
        end as is_outside_{{ position }},
        {{ segmentation.in_units("feature_" ~ position ~ " - mean_" ~ position, "largest_deviation_" ~ position, "1e-100") }} as deviation_{{ position }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ name }}_customers

    cross join {{ name }}_bounds

),

{{ name }}_moments as (

    select
        {%- for position in positions %}
        {%- set deviation = "deviation_" ~ position %}
        sum(is_outside_{{ position }}) as outliers_{{ position }},
        sum({{ deviation }} * {{ deviation }}) as squares_{{ position }},
        sum({{ deviation }} * {{ deviation }} * {{ deviation }}) as cubes_{{ position }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ name }}_deviations

),

{%- endfor %}

final as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- for feature, how in definition.features.items() %}
    {%- set position = loop.index %}
    {%- set count = "cast(count_" ~ position ~ " as " ~ segmentation.type_double() ~ ")" %}
    select
        ---------- ids
        {{ segmentation.text_literal(name) }} as segmentation,
        {{ segmentation.text_literal(feature) }} as feature,

        ---------- text
        {{ segmentation.text_literal(how.kind) }} as kind,

        ---------- numbers
        cast(count_{{ position }} as {{ dbt.type_bigint() }}) as count,
        cast(customers - count_{{ position }} as {{ dbt.type_bigint() }}) as missing,
        cast(distinct_count_{{ position }} as {{ dbt.type_bigint() }}) as distinct_count,
        {%- if how.kind == "number" %}
        case
            when minimum_{{ position }} = maximum_{{ position }} then minimum_{{ position }}
            else mean_{{ position }}
        end as mean,
        case
            when minimum_{{ position }} = maximum_{{ position }} then 0
            else largest_deviation_{{ position }} * sqrt(squares_{{ position }} / nullif({{ count }}, 0))
        end as deviation,
        minimum_{{ position }} as minimum,
        p25_{{ position }} as p25,
        median_{{ position }} as median,
        p75_{{ position }} as p75,
        maximum_{{ position }} as maximum,
        case
            when count_{{ position }} > 2
                then {{ count }} * sqrt({{ count }} - 1) / ({{ count }} - 2) * cubes_{{ position }} / power(squares_{{ position }}, 1.5)
        end as skewness,
        fence_low_{{ position }} as fence_low,
        fence_high_{{ position }} as fence_high,
        cast(coalesce(outliers_{{ position }}, 0) as {{ dbt.type_bigint() }}) as outliers

    from {{ name }}_bounds

    cross join {{ name }}_moments
        {%- else %}
        {%- for column in ["mean", "deviation", "minimum", "p25", "median", "p75", "maximum", "skewness", "fence_low", "fence_high"] %}
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as {{ column }},
        {%- endfor %}
        {{ segmentation.number_literal(none, dbt.type_bigint()) }} as outliers

    from {{ name }}_totals
        {%- endif %}
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    {%- set described = dict.fromkeys(["segmentation", "feature", "kind"], dbt.type_string()) %}
    {%- do described.update(dict.fromkeys(["count", "missing", "distinct_count", "outliers"], dbt.type_bigint())) %}
    {%- do described.update(dict.fromkeys(
        ["mean", "deviation", "minimum", "p25", "median", "p75", "maximum", "skewness", "fence_low", "fence_high"],
        segmentation.type_double()
    )) %}
    {{- segmentation.no_rows(described) }}
    {%- endif %}

)

select * from final
