{# True where a text matches a regular expression (the subset that every engine shares). #}
{% macro matches(text, pattern) %}
    {{- return(adapter.dispatch("matches", "segmentation")(text, pattern)) -}}
{% endmacro %}

{% macro default__matches(text, pattern) %}{{ text }} ~ '{{ pattern }}'{% endmacro %}
{% macro duckdb__matches(text, pattern) %}regexp_matches({{ text }}, '{{ pattern }}'){% endmacro %}
{% macro spark__matches(text, pattern) %}{{ text }} rlike '{{ pattern }}'{% endmacro %}
{% macro snowflake__matches(text, pattern) %}regexp_like({{ text }}, '{{ pattern }}'){% endmacro %}
{% macro bigquery__matches(text, pattern) %}regexp_contains({{ text }}, r'{{ pattern }}'){% endmacro %}
