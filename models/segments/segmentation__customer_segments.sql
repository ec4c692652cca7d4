{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}
{%- set model = ref("int_segmentation__current_model") %}

with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

{%- for name, definition in definitions.items() %}

{{ name }}_scores as (

    {{ segmentation.score_customers(
        segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)),
        "(select * from " ~ model ~ " where segmentation = '" ~ name ~ "') as model",
        segmentation.model_shape(name, definition, model)
    ) }}

),

{%- endfor %}

scores as (

    {%- for name in definitions %}
    select
        '{{ name }}' as segmentation,
        {{ name }}_scores.*

    from {{ name }}_scores
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not definitions %}
    select
        {%- for column in ["segmentation", "customer_id"] %}
        {{ segmentation.text_literal(none) }} as {{ column }},
        {%- endfor %}
        {%- for column in ["segment_id", "runner_up_segment_id", "distance", "margin"] + segmentation.preparation_columns() %}
        null as {{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from (select 1 as one) as nothing

    where false
    {%- endif %}

),

as_of_dates as (

    select {{ segmentation.as_of_date() }} as as_of_date

),

final as (

    select
        ---------- ids
        cast(scores.segmentation as {{ dbt.type_string() }}) as segmentation,
        scores.customer_id,
        cast(scores.segment_id as integer) as segment_id,
        segments.segment_name,
        cast(scores.runner_up_segment_id as integer) as runner_up_segment_id,
        scores.model_version,

        ---------- dates
        as_of_dates.as_of_date,

        ---------- numbers
        scores.distance,
        scores.margin,

        ---------- booleans
        scores.is_outlier,
        scores.is_imputed,
        scores.is_clamped,
        scores.has_unseen_level

    from scores

    cross join as_of_dates

    inner join segments
        on scores.segmentation = segments.segmentation
        and scores.segment_id = segments.segment_id

)

select * from final
