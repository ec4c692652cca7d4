{#
    A number within 1e300 either way, beyond which values cannot be summed up; null stays null. Where
    an engine raises below the range of doubles what is next to nothing is 0, so that shares of it stay in it.
#}
{% macro summable(value) %}
    {{- return(adapter.dispatch("summable", "segmentation")(value)) -}}
{% endmacro %}

{% macro default__summable(value) -%}
    case
        when abs({{ value }}) < 1e-150 then 0
        when {{ value }} is not null then least(greatest({{ value }}, -1e300), 1e300)
    end
{%- endmacro %}

{% macro duckdb__summable(value) -%}
    case when {{ value }} is not null then least(greatest({{ value }}, -1e300), 1e300) end
{%- endmacro %}

{% macro spark__summable(value) %}{{ segmentation.duckdb__summable(value) }}{% endmacro %}
