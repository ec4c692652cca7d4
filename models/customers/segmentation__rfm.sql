{%- set is_replacing = segmentation.is_replacing() %}
{%- set as_of_dates %}
    {%- set as_of_date = segmentation.option("as_of_date") -%}
    {% if as_of_date is not none -%}
    select {{ segmentation.date_literal(as_of_date) }} as as_of_date
    {%- else -%}
    select cast({{ dbt.dateadd("day", 1, "max(order_date)") }} as date) as as_of_date

    from {{ ref('int_segmentation__order_days') }}

    where purchase_line_count > 0
    {%- endif %}
{%- endset %}
{%- set basis = segmentation.summed_days(ref('int_segmentation__order_days'), as_of_dates) if is_replacing else none %}
{%- set state = segmentation.summed_state(ref('int_segmentation__order_days'), basis, segmentation.is_standing_table())
    if is_replacing else {"appends": false} %}

with

{%- if is_replacing %}

build as (

    select
        max(loaded_at) as loaded_at,
        max(rebuilt_at) as rebuilt_at

    from {{ ref('int_segmentation__order_days') }}

),
{%- endif %}

{%- if state.appends %}

touched_customers as (

    select distinct customer_id

    from {{ ref('int_segmentation__order_days') }}

    where {{ segmentation.is_loaded_after("loaded_at", state) }}

),

{# Each day makes everybody's last order a day older; the sums change for the touched alone. #}
untouched_customers as (

    select stored.*

    from {{ this }} as stored

    left join touched_customers
        on stored.customer_id = touched_customers.customer_id

    where touched_customers.customer_id is null

),
{%- endif %}

order_days as (

    {% if state.appends -%}
    select order_days.*

    from {{ ref('int_segmentation__order_days') }} as order_days

    inner join touched_customers
        on order_days.customer_id = touched_customers.customer_id
    {%- else -%}
    select * from {{ ref('int_segmentation__order_days') }}
    {%- endif %}

),

as_of_dates as (

    {{ as_of_dates }}

),

{{- segmentation.rfm_as_of(has_one_day=true, summed_customers="untouched_customers" if state.appends else none) }}

{{ segmentation.rfm_with_build(is_replacing, basis) }}
