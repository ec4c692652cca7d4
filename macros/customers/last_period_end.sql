{# The last of the days of `period_ends`, as text; none where there is none and where nothing is being built. #}
{% macro last_period_end(period_ends) %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() %}
        {% do return(none) %}
    {% endif %}
    {% set last_end = run_query("select max(as_of_date) from (" ~ period_ends ~ ") as period_ends").rows[0][0] %}
    {% do return(none if last_end is none else (last_end | string)[:10]) %}
{% endmacro %}
