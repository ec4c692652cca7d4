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
            max(case when order_days.order_date > as_of_dates.as_of_date then 1 else 0 end) as has_later_days

        from {{ order_days }} as order_days

        cross join (
            {{ as_of_dates }}
        ) as as_of_dates
    {% endset %}
    {% set as_of_date, has_later_days = run_query(query).rows[0] %}
    {% do return("order days up to " ~ (as_of_date | string)[:10] if has_later_days else "all order days") %}
{% endmacro %}
