{# An input without rows, as SQL: what stands in for one that is not configured. #}
{% macro no_lines(columns) %}
    {%- set names = columns.values() | reject("none") | map(attribute="sql") | list %}
    ({{ segmentation.no_rows(dict.fromkeys(names, dbt.type_string())) }}) as nothing
{% endmacro %}
