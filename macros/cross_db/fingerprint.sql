{#
    One short value for a row of values: equal rows have equal fingerprints, nulls included.
    Unequal rows may share one, so it only narrows a search down.
#}
{% macro fingerprint(expressions) %}
    {{- return(adapter.dispatch("fingerprint", "segmentation")(expressions)) -}}
{% endmacro %}

{% macro default__fingerprint(expressions) -%}
    {%- set texts = [] -%}
    {%- for expression in expressions -%}
        {%- do texts.append("coalesce(cast(" ~ expression ~ " as " ~ dbt.type_string() ~ "), '')") -%}
    {%- endfor -%}
    {{ dbt.hash(dbt.concat(texts)) }}
{%- endmacro %}

{% macro duckdb__fingerprint(expressions) %}hash({{ expressions | join(", ") }}){% endmacro %}
