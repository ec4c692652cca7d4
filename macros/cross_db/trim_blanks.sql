{# A text without the blanks, tabs, line ends and non-breaking spaces around it. #}
{% macro trim_blanks(text) %}
    {{- return(adapter.dispatch("trim_blanks", "segmentation")(text)) -}}
{% endmacro %}

{% macro default__trim_blanks(text) %}trim({{ text }}, {{ segmentation.blanks() }}){% endmacro %}
{% macro postgres__trim_blanks(text) %}btrim({{ text }}, {{ segmentation.blanks() }}){% endmacro %}
{% macro spark__trim_blanks(text) %}trim(both {{ segmentation.blanks() }} from {{ text }}){% endmacro %}
{% macro bigquery__trim_blanks(text) %}trim({{ text }}){% endmacro %}


{# All that counts as blank, as one text: blank, tab, line ends, page break, non-breaking space. #}
{% macro blanks() -%}
    {{ dbt.concat(["' '", "chr(9)", "chr(10)", "chr(11)", "chr(12)", "chr(13)", "chr(160)"]) }}
{%- endmacro %}
