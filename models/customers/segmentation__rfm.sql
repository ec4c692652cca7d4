with

order_days as (

    select * from {{ ref('int_segmentation__order_days') }}

),

as_of_dates as (

    {% set as_of_date = segmentation.option("as_of_date") -%}
    {% if as_of_date is not none -%}
    select {{ segmentation.date_literal(as_of_date) }} as as_of_date
    {%- else -%}
    select cast({{ dbt.dateadd("day", 1, "max(order_date)") }} as date) as as_of_date

    from order_days

    where purchase_line_count > 0
    {%- endif %}

),

{{- segmentation.rfm_as_of(has_one_day=true) }}

select * from final
