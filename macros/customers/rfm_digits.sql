{# The three scores as digits, recency first: '543'. #}
{% macro rfm_digits() %}
    {{- dbt.concat([
        "cast(recency_score as " ~ dbt.type_string() ~ ")",
        "cast(frequency_score as " ~ dbt.type_string() ~ ")",
        "cast(monetary_score as " ~ dbt.type_string() ~ ")",
    ]) -}}
{% endmacro %}
