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

{# What was known on the day: an order may go on after it, with a return for example. #}
orders as (

    select
        as_of_dates.as_of_date,
        order_days.customer_id,
        order_days.order_id,
        min(case when order_days.purchase_line_count > 0 then order_days.order_date end) as first_purchase_date,
        max(case when order_days.purchase_line_count > 0 then order_days.order_date end) as last_purchase_date,
        sum(order_days.amount) as amount,
        sum(order_days.returned_amount) as returned_amount

    from order_days

    inner join as_of_dates
        on order_days.order_date <= as_of_dates.as_of_date

    group by
        as_of_dates.as_of_date,
        order_days.customer_id,
        order_days.order_id

),

customers as (

    select
        as_of_date,
        customer_id,
        min(first_purchase_date) as first_order_date,
        max(last_purchase_date) as last_order_date,
        count(first_purchase_date) as frequency,
        cast(sum(amount) as {{ dbt.type_numeric() }}) as monetary,
        cast(sum(returned_amount) as {{ dbt.type_numeric() }}) as returned_amount

    from orders

    group by
        as_of_date,
        customer_id

    having count(first_purchase_date) > 0

),

final as (

    select
        ---------- ids
        customer_id,

        ---------- dates
        as_of_date,
        first_order_date,
        last_order_date,

        ---------- numbers
        cast({{ dbt.datediff("last_order_date", "as_of_date", "day") }} as integer) as recency_days,
        cast(frequency as integer) as frequency,
        monetary,
        cast({{ dbt.datediff("first_order_date", "as_of_date", "day") }} as integer) as tenure_days,
        cast(monetary as {{ segmentation.type_double() }}) / frequency as average_order_value,
        case
            when frequency > 1 then
                cast({{ dbt.datediff("first_order_date", "last_order_date", "day") }} as {{ segmentation.type_double() }})
                / (frequency - 1)
        end as days_between_orders,
        case
            when monetary + returned_amount > 0
                then cast(returned_amount as {{ segmentation.type_double() }})
                    / cast(monetary + returned_amount as {{ segmentation.type_double() }})
        end as return_rate

    from customers

)

select * from final
