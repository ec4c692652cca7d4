{# The percentile of a column in a group, interpolated linearly; share from 0 to 1. BigQuery and Redshift approximate it. #}
{% macro percentile(expression, share) %}
    {{- return(adapter.dispatch("percentile", "segmentation")(expression, share)) -}}
{% endmacro %}

{% macro default__percentile(expression, share) -%}
    percentile_cont({{ share }}) within group (order by {{ expression }})
{%- endmacro %}

{% macro spark__percentile(expression, share) %}percentile({{ expression }}, {{ share }}){% endmacro %}

{% macro bigquery__percentile(expression, share) -%}
    approx_quantiles({{ expression }}, 1000)[offset({{ (share * 1000) | round | int }})]
{%- endmacro %}

{# Redshift takes several of the exact ones in a query only with one order, and none beside count(distinct). #}
{% macro redshift__percentile(expression, share) -%}
    approximate percentile_disc({{ share }}) within group (order by {{ expression }})
{%- endmacro %}
