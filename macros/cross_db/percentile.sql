{# The percentile of a column in a group, interpolated linearly; share from 0 to 1. #}
{% macro percentile(expression, share) %}
    {{- return(adapter.dispatch("percentile", "segmentation")(expression, share)) -}}
{% endmacro %}

{% macro default__percentile(expression, share) -%}
    percentile_cont({{ share }}) within group (order by {{ expression }})
{%- endmacro %}

{% macro spark__percentile(expression, share) %}percentile({{ expression }}, {{ share }}){% endmacro %}

{% macro bigquery__percentile(expression, share) -%}
    approx_quantiles({{ expression }}, 1000)[offset({{ (share * 1000) | int }})]
{%- endmacro %}
