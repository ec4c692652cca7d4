{# A text without the blanks, tabs, line ends and non-breaking spaces around it. #}
{% macro trim_blanks(text) %}
    {{- return(adapter.dispatch("trim_blanks", "segmentation")(text)) -}}
{% endmacro %}

{% macro default__trim_blanks(text) %}trim({{ text }}, concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13), chr(160))){% endmacro %}
{% macro postgres__trim_blanks(text) %}btrim({{ text }}, concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13), chr(160))){% endmacro %}
{% macro spark__trim_blanks(text) %}trim(both concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13), chr(160)) from {{ text }}){% endmacro %}
{% macro bigquery__trim_blanks(text) %}trim({{ text }}){% endmacro %}
