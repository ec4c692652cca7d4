{# A number as text with a fixed number of decimals: 12.50. #}
{% macro decimal_text(expression, decimals) -%}
    {%- if decimals == 0 -%}
        cast(cast({{ segmentation.rounded(expression, 0) }} as {{ dbt.type_bigint() }}) as {{ dbt.type_string() }})
    {%- else -%}
        {{ adapter.dispatch("fixed_decimals_text", "segmentation")(segmentation.fixed_point(expression, decimals), decimals) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__fixed_decimals_text(number, decimals) %}cast({{ number }} as {{ dbt.type_string() }}){% endmacro %}

{# Fixed-point has no decimals of its own there: 12.50 would be 12.5. #}
{% macro bigquery__fixed_decimals_text(number, decimals) %}format('%.{{ decimals }}f', {{ number }}){% endmacro %}
