{# A number as text with a fixed number of decimals: 12.50. #}
{% macro decimal_text(expression, decimals) -%}
    {%- if decimals == 0 -%}
        cast(cast({{ segmentation.rounded(expression, 0) }} as {{ dbt.type_bigint() }}) as {{ dbt.type_string() }})
    {%- else -%}
        cast(cast({{ expression }} as decimal(28, {{ decimals }})) as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
