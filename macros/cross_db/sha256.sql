{# The SHA-256 of a text as 64 lower-case hexadecimal digits, the same on every engine. #}
{% macro sha256(text) %}
    {{- return(adapter.dispatch("sha256", "segmentation")(text)) -}}
{% endmacro %}

{% macro default__sha256(text) %}sha2({{ text }}, 256){% endmacro %}
{% macro duckdb__sha256(text) %}sha256({{ text }}){% endmacro %}
{% macro postgres__sha256(text) %}encode(sha256(convert_to({{ text }}, 'UTF8')), 'hex'){% endmacro %}
{% macro redshift__sha256(text) %}sha2({{ text }}, 256){% endmacro %}
{% macro bigquery__sha256(text) %}to_hex(sha256({{ text }})){% endmacro %}
