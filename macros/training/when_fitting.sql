{#
    A step of the fit in SQL. Where no fit is due the sample has no rows, nor has any step; then none is
    planned, which takes Spark longer than all the rest of a day: a select without rows stands there.

    {% call segmentation.when_fitting(relation, columns) %} with ... select ... {% endcall %}

    relation   the sample or a step before this one: without rows where no fit is due
    columns    the columns of the query as {name: type}
#}
{% macro when_fitting(relation, columns) %}
    {%- if segmentation.has_rows(relation) %}
    {%- set query = caller() %}
    {%- call segmentation.in_steps() %}{{ query }}{% endcall %}
    {%- else %}
    {{- segmentation.no_rows(columns) }}
    {%- endif %}
{% endmacro %}


{# Whether a relation has rows; where nothing is being run, it may have. #}
{% macro has_rows(relation) %}
    {% if segmentation.is_building() and not segmentation.is_unit_test() %}
        {% do return(run_query("select 1 as one from " ~ relation ~ " limit 1").rows | length > 0) %}
    {% endif %}
    {% do return(true) %}
{% endmacro %}


{# What `kept_centroids` gives, as {name: type}. #}
{% macro centroid_columns(coordinates) %}
    {% set columns = {"segmentation": dbt.type_string(), "k": "integer", "start_id": "integer", "cluster": "integer"} %}
    {% do columns.update(dict.fromkeys(coordinates, segmentation.type_double())) %}
    {% do return(columns) %}
{% endmacro %}
