{# A text that sorts by its characters' codes, whatever language the database sorts by. #}
{% macro in_byte_order(text) %}
    {{- return(adapter.dispatch("in_byte_order", "segmentation")(text)) -}}
{% endmacro %}

{% macro default__in_byte_order(text) %}{{ text }}{% endmacro %}
{% macro postgres__in_byte_order(text) %}{{ text }} collate "C"{% endmacro %}
{% macro redshift__in_byte_order(text) %}{{ text }}{% endmacro %}
