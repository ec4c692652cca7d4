{%- set history = segmentation.option("history") %}

with

order_days as (

    select * from {{ ref('int_segmentation__order_days') }}

),

as_of_dates as (

    {{ segmentation.period_ends(segmentation.as_of_date(), history.period, history.periods) }}

),

{{- segmentation.rfm_as_of(has_one_day=false) }}

select * from final
