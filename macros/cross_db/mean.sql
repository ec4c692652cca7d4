{# The mean of a double in a group. #}
{% macro mean(expression) %}
    {{- return(adapter.dispatch("mean", "segmentation")(expression)) -}}
{% endmacro %}

{% macro default__mean(expression) %}avg({{ expression }}){% endmacro %}
{# Its avg sums up squares too, and raises where one of them is beyond the range of doubles. #}
{% macro postgres__mean(expression) %}sum({{ expression }}) / count({{ expression }}){% endmacro %}
{% macro redshift__mean(expression) %}avg({{ expression }}){% endmacro %}
