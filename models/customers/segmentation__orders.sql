{{
    config(
        materialized='incremental' if segmentation.is_replacing() else 'table',
        incremental_strategy=segmentation.replace_strategy(),
        unique_key=['customer_id', 'order_id'],
        on_schema_change='append_new_columns',
        pre_hook="{{ segmentation.empty_if_stale() }}"
    )
}}

{%- set is_replacing = segmentation.is_replacing() %}
{%- set state = segmentation.summed_state(ref('int_segmentation__order_days')) %}

{{ segmentation.stale_mark(state) }}

with

{%- if state.appends %}

touched_orders as (

    select distinct
        customer_id,
        order_id

    from {{ ref('int_segmentation__order_days') }}

    where {{ segmentation.is_loaded_after("loaded_at", state) }}

),

{%- endif %}

order_days as (

    {% if state.appends -%}
    select order_days.*

    from {{ ref('int_segmentation__order_days') }} as order_days

    inner join touched_orders
        on order_days.customer_id = touched_orders.customer_id
        and order_days.order_id = touched_orders.order_id
    {%- else -%}
    select * from {{ ref('int_segmentation__order_days') }}
    {%- endif %}

),

final as (

    select
        ---------- ids
        customer_id,
        order_id,

        ---------- timestamps
        min(ordered_at) as ordered_at,
        {%- if is_replacing %}
        max(loaded_at) as loaded_at,
        max(rebuilt_at) as rebuilt_at,
        {%- endif %}

        ---------- numbers
        cast(sum(amount) as {{ dbt.type_numeric() }}) as amount,
        cast(sum(returned_amount) as {{ dbt.type_numeric() }}) as returned_amount,
        cast(sum(line_count) as {{ dbt.type_bigint() }}) as line_count,

        ---------- booleans
        sum(purchase_line_count) > 0 as is_purchase

    from order_days

    group by
        customer_id,
        order_id

)

select * from final
