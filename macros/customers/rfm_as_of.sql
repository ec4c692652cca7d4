{#
    RFM as of one day or several, as CTEs from `order_days` and `as_of_dates` (as_of_date, no day
    twice) on to `final`: one row a customer and as-of day, from the first purchase on. What happened
    after the day is not known on it: neither an order's further days nor a later return.

    With several days each order day is read once: it belongs to the first as-of day that knows it,
    these gains are summed up over the as-of days, and a sum is valid until the next gain.

    has_one_day       whether `as_of_dates` is known to have one row; gives the same without those steps
    summed_customers  with one day: a CTE of other customers, in the columns of an RFM table whose sums
                      are still right; none for none
#}
{% macro rfm_as_of(has_one_day, summed_customers=none) %}
    {%- if not has_one_day %}

    {# There are far fewer days than orders, so the days look for their as-of day. #}
    days as (

        select
            order_dates.order_date,
            min(as_of_dates.as_of_date) as as_of_date

        from (select distinct order_date from order_days) as order_dates

        inner join as_of_dates
            on order_dates.order_date <= as_of_dates.as_of_date

        group by order_dates.order_date

    ),
    {%- endif %}

    {# What was known on the day: an order may go on after it, with a return for example. #}
    {%- set dates = "as_of_dates" if has_one_day else "days" %}

    orders as (

        select
            {{ dates }}.as_of_date,
            order_days.customer_id,
            order_days.order_id,
            min(case when order_days.purchase_line_count > 0 then order_days.order_date end) as first_purchase_date,
            max(case when order_days.purchase_line_count > 0 then order_days.order_date end) as last_purchase_date,
            sum(order_days.amount) as amount,
            sum(order_days.returned_amount) as returned_amount

        from order_days

        {% if has_one_day -%}
        inner join as_of_dates
            on order_days.order_date <= as_of_dates.as_of_date
        {%- else -%}
        inner join days
            on order_days.order_date = days.order_date
        {%- endif %}

        group by
            {{ dates }}.as_of_date,
            order_days.customer_id,
            order_days.order_id

    ),
    {%- if not has_one_day %}

    {# An order counts once, when its first purchase is known; these few have purchases later too. #}
    long_orders as (

        select
            customer_id,
            order_id,
            min(as_of_date) as first_as_of_date

        from orders

        where first_purchase_date is not null

        group by
            customer_id,
            order_id

        having count(*) > 1

    ),

    gains as (

        select
            orders.as_of_date,
            orders.customer_id,
            min(orders.first_purchase_date) as first_order_date,
            max(orders.last_purchase_date) as last_order_date,
            count(case
                when long_orders.first_as_of_date is null or long_orders.first_as_of_date = orders.as_of_date
                    then orders.first_purchase_date
            end) as frequency,
            sum(orders.amount) as monetary,
            sum(orders.returned_amount) as returned_amount

        from orders

        left join long_orders
            on orders.customer_id = long_orders.customer_id
            and orders.order_id = long_orders.order_id

        group by
            orders.as_of_date,
            orders.customer_id

    ),

    {%- set up_to_here = "over (partition by customer_id order by as_of_date rows between unbounded preceding and current row)" %}

    sums as (

        select
            as_of_date,
            customer_id,
            min(first_order_date) {{ up_to_here }} as first_order_date,
            max(last_order_date) {{ up_to_here }} as last_order_date,
            sum(frequency) {{ up_to_here }} as frequency,
            cast(sum(monetary) {{ up_to_here }} as {{ dbt.type_numeric() }}) as monetary,
            cast(sum(returned_amount) {{ up_to_here }} as {{ dbt.type_numeric() }}) as returned_amount,
            lead(as_of_date) over (partition by customer_id order by as_of_date) as next_as_of_date

        from gains

    ),
    {%- endif %}

    customers as (

        {% if has_one_day -%}
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
        {%- if summed_customers is not none %}

        union all

        select
            as_of_dates.as_of_date,
            {{ summed_customers }}.customer_id,
            {{ summed_customers }}.first_order_date,
            {{ summed_customers }}.last_order_date,
            {{ summed_customers }}.frequency,
            {{ summed_customers }}.monetary,
            {{ summed_customers }}.returned_amount

        from {{ summed_customers }}

        cross join as_of_dates
        {%- endif %}
        {%- else -%}
        select
            as_of_dates.as_of_date,
            sums.customer_id,
            sums.first_order_date,
            sums.last_order_date,
            sums.frequency,
            sums.monetary,
            sums.returned_amount

        from sums

        inner join as_of_dates
            on sums.as_of_date <= as_of_dates.as_of_date
            and (sums.next_as_of_date is null or as_of_dates.as_of_date < sums.next_as_of_date)

        where sums.frequency > 0
        {%- endif %}

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
            returned_amount,
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
{%- endmacro %}


{#
    What `rfm_as_of` gives, with what its rows are built on where touched customers are replaced, from
    the CTE `build`.

    basis   text of what else the rows hang on
#}
{% macro rfm_with_build(is_replacing, basis) -%}
select
    final.*
    {%- if is_replacing %},
    build.loaded_at,
    build.rebuilt_at,
    {{ segmentation.text_literal(basis) }} as basis
    {%- endif %}

from final
{%- if is_replacing %}

cross join build
{%- endif %}
{%- endmacro %}
