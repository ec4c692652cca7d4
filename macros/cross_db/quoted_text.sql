{# A text of the data as the SQL literal that stands for it, as text: O'Neil as 'O''Neil'. #}
{% macro quoted_text(expression) %}
    {{- return(adapter.dispatch("quoted_text", "segmentation")(expression)) -}}
{% endmacro %}

{% macro default__quoted_text(expression) -%}
    {{ dbt.concat(["''''", dbt.replace(expression, "''''", "''''''"), "''''"]) }}
{%- endmacro %}

{# Where a backslash escapes it is doubled, and line ends are written out. #}
{% macro _quoted_with_backslashes(expression) -%}
    {%- set escaped = {"text": dbt.replace(expression, "chr(92)", dbt.concat(["chr(92)", "chr(92)"]))} -%}
    {%- for character, letter in [("chr(39)", "chr(39)"), ("chr(10)", "'n'"), ("chr(13)", "'r'")] -%}
        {%- do escaped.update({"text": dbt.replace(escaped.text, character, dbt.concat(["chr(92)", letter]))}) -%}
    {%- endfor -%}
    {{ dbt.concat(["chr(39)", escaped.text, "chr(39)"]) }}
{%- endmacro %}

{% macro snowflake__quoted_text(expression) %}{{ segmentation._quoted_with_backslashes(expression) }}{% endmacro %}
{% macro bigquery__quoted_text(expression) %}{{ segmentation._quoted_with_backslashes(expression) }}{% endmacro %}
{% macro spark__quoted_text(expression) %}{{ segmentation._quoted_with_backslashes(expression) }}{% endmacro %}
{% macro redshift__quoted_text(expression) %}{{ segmentation._quoted_with_backslashes(expression) }}{% endmacro %}
