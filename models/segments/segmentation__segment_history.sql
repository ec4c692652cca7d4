{{
    config(
        materialized='incremental' if segmentation.is_replacing() else 'table',
        incremental_strategy=segmentation.replace_strategy(),
        unique_key=['segmentation', 'customer_id', 'as_of_date'],
        on_schema_change='append_new_columns',
        pre_hook="{{ segmentation.empty_if_stale() }}"
    )
}}

{%- set definitions = segmentation.history_definitions() %}
{%- set rfm_history = ref("segmentation__rfm_history") %}
{%- set columns = segmentation.customer_columns(definitions, instead=rfm_history) %}
{%- set model = ref("int_segmentation__current_model") %}
{%- set shapes, versions = {}, [] %}
{%- for name, definition in definitions.items() %}
    {%- do shapes.update({name: segmentation.model_shape(name, definition, model)}) %}
    {%- do versions.append(name ~ " " ~ shapes[name].model_version) %}
{%- endfor %}
{%- set is_replacing = segmentation.is_replacing() %}
{%- set basis = segmentation.scored_basis(rfm_history, definitions, versions) if is_replacing else none %}
{%- set state = segmentation.summed_state(rfm_history, basis) if is_replacing else {"appends": false} %}

{{ segmentation.stale_mark(state) }}

with

rfm_history as (

    select * from {{ rfm_history }}
    {%- if state.appends %}

    where {{ segmentation.is_loaded_after("loaded_at", state) }}
    {%- endif %}

),

{%- if is_replacing %}

build as (

    select
        max(loaded_at) as loaded_at,
        max(rebuilt_at) as rebuilt_at

    from rfm_history

),
{%- endif %}

segments as (

    select * from {{ ref('segmentation__segments') }}

),

{# Of all customers: a segmentation with a condition may have periods without anybody. #}
periods as (

    select
        as_of_date,
        lag(as_of_date) over (order by as_of_date) as previous_as_of_date,
        lead(as_of_date) over (order by as_of_date) as next_as_of_date

    from (select distinct as_of_date from {{ rfm_history }}) as as_of_dates

),

{%- for name, definition in definitions.items() %}

{{ name }}_scores as (

    {{ segmentation.score_customers(
        segmentation.customers(definition, columns[name], "rfm_history", carried=["as_of_date"]),
        "(select * from " ~ model ~ " where segmentation = '" ~ name ~ "') as model",
        shapes[name],
        carried=["as_of_date", "value"]
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
    {%- set double = segmentation.type_double() %}
    {{- segmentation.no_rows({
        "segmentation": dbt.type_string(), "customer_id": dbt.type_string(), "as_of_date": "date", "value": dbt.type_numeric(),
        "distance": double, "margin": double, "segment_id": "integer", "model_version": "integer",
    }) }}
    {%- endif %}

),

{# All rows of a customer come together, in a first build and later. #}
{%- set own_rows = "over (partition by segmentation, customer_id order by as_of_date)" %}

neighbors as (

    select
        scores.*,
        lag(as_of_date) {{ own_rows }} as last_as_of_date,
        lag(segment_id) {{ own_rows }} as last_segment_id,
        lag(value) {{ own_rows }} as last_value,
        lead(as_of_date) {{ own_rows }} as following_as_of_date

    from scores

),

{%- set was_there = "neighbors.last_as_of_date = periods.previous_as_of_date" %}

final as (

    select
        ---------- ids
        cast(neighbors.segmentation as {{ dbt.type_string() }}) as segmentation,
        neighbors.customer_id,

        ---------- dates
        neighbors.as_of_date,

        ---------- the segment
        cast(neighbors.segment_id as integer) as segment_id,
        segments.segment_name,
        case when {{ was_there }} then cast(neighbors.last_segment_id as integer) end as previous_segment_id,
        neighbors.model_version,

        ---------- numbers
        cast(neighbors.value as {{ dbt.type_numeric() }}) as value,
        case when {{ was_there }} then cast(neighbors.last_value as {{ dbt.type_numeric() }}) end as previous_value,
        neighbors.distance,
        neighbors.margin,

        ---------- booleans
        coalesce(neighbors.following_as_of_date = periods.next_as_of_date, false) as is_in_next_period
        {%- if is_replacing %},

        ---------- what it is built on
        build.loaded_at,
        build.rebuilt_at,
        {{ segmentation.text_literal(basis) }} as basis
        {%- endif %}

    from neighbors
    {%- if is_replacing %}

    cross join build
    {%- endif %}

    inner join periods
        on neighbors.as_of_date = periods.as_of_date

    left join segments
        on neighbors.segmentation = segments.segmentation
        and neighbors.segment_id = segments.segment_id

)

select * from final
