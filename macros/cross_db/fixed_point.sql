{# A number rounded to a fixed number of decimals, as fixed-point. #}
{% macro fixed_point(expression, decimals) %}
    {{- return(adapter.dispatch("fixed_point", "segmentation")(expression, decimals)) -}}
{% endmacro %}

{% macro default__fixed_point(expression, decimals) %}cast({{ expression }} as decimal(28, {{ decimals }})){% endmacro %}

{# A cast to a type with parameters is an error on BigQuery. #}
{% macro bigquery__fixed_point(expression, decimals) %}round(cast({{ expression }} as bignumeric), {{ decimals }}){% endmacro %}
