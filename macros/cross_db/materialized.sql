{#
    Stands after the `as` of a CTE whose expressions are used several times by the next one: an
    engine that would write them out at each use, and so multiply them CTE by CTE, computes them once.
    Nothing on engines that do so by themselves.
#}
{% macro materialized() %}
    {{- return(adapter.dispatch("materialized", "segmentation")()) -}}
{% endmacro %}

{% macro default__materialized() %}{% endmacro %}
{% macro postgres__materialized() %}materialized {% endmacro %}
{# Redshift knows no such word, and computes a CTE that is used more than once by itself. #}
{% macro redshift__materialized() %}{% endmacro %}
