{{
    config(
        materialized='incremental' if segmentation.is_replacing() else 'table',
        incremental_strategy=segmentation.replace_strategy(),
        unique_key=['customer_id', 'as_of_date'],
        on_schema_change='append_new_columns',
        pre_hook="{{ segmentation.empty_if_stale() }}"
    )
}}

{%- set history = segmentation.option("history") %}
{%- set period_ends = segmentation.period_ends(segmentation.as_of_date(), history.period, history.periods) %}
{%- set is_replacing = segmentation.is_replacing() %}
{%- set last_end = segmentation.last_period_end(period_ends) if is_replacing else none %}
{%- set basis = history.periods ~ " periods (" ~ history.period ~ ") up to " ~ last_end %}
{%- set state = segmentation.summed_state(ref('int_segmentation__order_days'), basis) if is_replacing else {"appends": false} %}
{%- set is_known = "order_date <= " ~ segmentation.date_literal(last_end) %}

{{ segmentation.stale_mark(state) }}

with

{%- if is_replacing %}

build as (

    select
        max(loaded_at) as loaded_at,
        max(rebuilt_at) as rebuilt_at

    from {{ ref('int_segmentation__order_days') }}

    where {{ is_known }}

),
{%- endif %}

{%- if state.appends %}

{# Only late lines change the past. The customers of these get all their rows anew. #}
touched_customers as (

    select distinct customer_id

    from {{ ref('int_segmentation__order_days') }}

    where {{ is_known }}
        and {{ segmentation.is_loaded_after("loaded_at", state) }}

),
{%- endif %}

order_days as (

    {% if state.appends -%}
    select order_days.*

    from {{ ref('int_segmentation__order_days') }} as order_days

    inner join touched_customers
        on order_days.customer_id = touched_customers.customer_id

    where {{ is_known }}
    {%- else -%}
    select * from {{ ref('int_segmentation__order_days') }}
    {%- endif %}

),

as_of_dates as (

    {{ period_ends }}

),

{{- segmentation.rfm_as_of(has_one_day=false) }}

{{ segmentation.rfm_with_build(is_replacing, basis) }}
