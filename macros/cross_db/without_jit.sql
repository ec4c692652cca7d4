{#
    A pre-hook: PostgreSQL would compile every expression of a query with forty iterations, which takes
    several times as long as to run it.
#}
{% macro without_jit() %}
    {{- return(adapter.dispatch("without_jit", "segmentation")()) -}}
{% endmacro %}

{% macro default__without_jit() %}{% endmacro %}
{% macro postgres__without_jit() %}set local jit = off{% endmacro %}
{% macro redshift__without_jit() %}{% endmacro %}
