{#
    Which order days the sums of the RFM table hold, as text: all of them, or those up to its as-of day
    where some lie behind it. As long as the text is the same only new lines change a sum.

    order_days    relation of `int_segmentation__order_days`
    as_of_dates   SQL of the one as_of_date
#}
{% macro summed_days(order_days, as_of_dates) %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() %}
        {% do return(none) %}
    {% endif %}
    {% set query %}
        select
            max(as_of_dates.as_of_date) as as_of_date,
            max(last_days.order_date) as last_order_date

        from (
            {{ as_of_dates }}
        ) as as_of_dates

        cross join (select max(order_date) as order_date from {{ order_days }}) as last_days
    {% endset %}
    {% set as_of_date, last_order_date = run_query(query).rows[0] | map("string") | list %}
    {% do return("order days up to " ~ as_of_date[:10] if last_order_date[:10] > as_of_date[:10] else "all order days") %}
{% endmacro %}
