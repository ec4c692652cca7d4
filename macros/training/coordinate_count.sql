{#
    How many columns the points of all segmentations need: one a number, one a level of a category,
    of the segmentation with the most. Read from the fitted features; from the vars, with one level a
    category, where nothing is being run; 1 as dbt parses, which looks for what a model reads alone.

    features   relation of `int_segmentation__fit_sql_features`
#}
{% macro coordinate_count(features) %}
    {% set counts = [1] %}
    {% for definition in (segmentation.fitted_definitions() if execute else {}).values() %}
        {% do counts.append(definition.features | length) %}
    {% endfor %}
    {% if segmentation.is_building() and not segmentation.is_unit_test() %}
        {% set query %}
            select segmentation, count(*)
            from {{ features }}
            where parameter = 'level'
                or (parameter = 'mean' and feature not in (select feature from {{ features }} where parameter = 'level'))
            group by segmentation
        {% endset %}
        {% for row in run_query(query).rows %}
            {% do counts.append(row[1] | int) %}
        {% endfor %}
    {% endif %}
    {% do return(counts | max) %}
{% endmacro %}


{# The columns of a point. #}
{% macro coordinate_columns(count) %}
    {% set columns = [] %}
    {% for number in range(1, count + 1) %}
        {% do columns.append("coordinate_" ~ number) %}
    {% endfor %}
    {% do return(columns) %}
{% endmacro %}
