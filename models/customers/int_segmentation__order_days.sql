{{
    config(
        materialized='incremental' if segmentation.is_replacing() else 'table',
        incremental_strategy=segmentation.replace_strategy(),
        unique_key=['customer_id', 'order_id', 'order_date'],
        on_schema_change='append_new_columns',
        pre_hook="{{ segmentation.empty_if_stale() }}"
    )
}}

{%- set is_replacing = segmentation.is_replacing() %}
{%- set state = segmentation.summed_state(ref('int_segmentation__lines')) if is_replacing else {"appends": false} %}

{{ segmentation.stale_mark(state) }}

with

transactions as (

    select * from {{ ref('segmentation__transactions') }}
    {%- if state.appends %}

    where {{ segmentation.is_loaded_after("loaded_at", state) }}
    {%- endif %}

),

order_days as (

    select
        customer_id,
        order_id,
        cast(ordered_at as date) as order_date,
        min(ordered_at) as ordered_at,
        {%- if is_replacing %}
        max(loaded_at) as loaded_at,
        {%- endif %}
        sum(amount) as amount,
        sum(case when is_return then -amount else 0 end) as returned_amount,
        count(*) as line_count,
        sum(case when is_return then 0 else 1 end) as purchase_line_count

    from transactions

    group by
        customer_id,
        order_id,
        cast(ordered_at as date)

),

{%- if is_replacing %}

build as (

    select max(rebuilt_at) as rebuilt_at from {{ ref('int_segmentation__lines') }}

),
{%- endif %}

{%- if state.appends %}

{# A sum of sums: of the lines that are stored already none is read again. #}
touched_order_days as (

    select stored.*

    from {{ this }} as stored

    inner join order_days
        on stored.customer_id = order_days.customer_id
        and stored.order_id = order_days.order_id
        and stored.order_date = order_days.order_date

),

parts as (

    {%- for part in ["order_days", "touched_order_days"] %}
    select
        customer_id, order_id, order_date, ordered_at, loaded_at,
        amount, returned_amount, line_count, purchase_line_count

    from {{ part }}
    {{ "" if loop.last else "union all\n" }}
    {%- endfor %}

),

summed_order_days as (

    select
        customer_id,
        order_id,
        order_date,
        min(ordered_at) as ordered_at,
        max(loaded_at) as loaded_at,
        sum(amount) as amount,
        sum(returned_amount) as returned_amount,
        cast(sum(line_count) as {{ dbt.type_bigint() }}) as line_count,
        cast(sum(purchase_line_count) as {{ dbt.type_bigint() }}) as purchase_line_count

    from parts

    group by
        customer_id,
        order_id,
        order_date

),
{%- endif %}

final as (

    select
        ---------- ids
        customer_id,
        order_id,

        ---------- dates and timestamps
        order_date,
        ordered_at,
        {%- if is_replacing %}
        loaded_at,
        build.rebuilt_at,
        {%- endif %}

        ---------- numbers
        amount,
        returned_amount,
        line_count,
        purchase_line_count

    from {{ "summed_order_days" if state.appends else "order_days" }}
    {%- if is_replacing %}

    cross join build
    {%- endif %}

)

select * from final
