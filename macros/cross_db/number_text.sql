{#
    A number as text, to the last digit and without an exponent or trailing zeros where at most nine
    decimals and fifteen digits before them say it: 12, 0.25, 1234.5. It may stand in SQL as a literal.

    decimals   how many decimals the number has at most, where that is known to be fewer than nine
#}
{% macro number_text(expression, decimals=9) %}
    {{- return(adapter.dispatch("number_text", "segmentation")(expression, decimals)) -}}
{% endmacro %}

{% macro default__number_text(expression, decimals) -%}
    case
        when abs({{ expression }}) < 1e15 then
            case
                {%- for decimals in range(0, decimals + 1) %}
                when cast({{ segmentation.fixed_point(expression, decimals) }} as {{ segmentation.type_double() }}) = {{ expression }}
                    then {{ segmentation.decimal_text(expression, decimals) }}
                {%- endfor %}
                else cast({{ expression }} as {{ dbt.type_string() }})
            end
        else cast({{ expression }} as {{ dbt.type_string() }})
    end
{%- endmacro %}

{# Spark writes a small decimal with an exponent, and formats a double by its shortest digits. #}
{% macro spark__number_text(expression, decimals) -%}
    {%- set formatted = "format_string('%." ~ decimals ~ "f', cast(" ~ expression ~ " as double))" -%}
    case
        when abs({{ expression }}) < 1e15 and cast({{ formatted }} as double) = {{ expression }}
            then {{ "trim(trailing '.' from trim(trailing '0' from " ~ formatted ~ "))" if decimals > 0 else formatted }}
        else cast({{ expression }} as {{ dbt.type_string() }})
    end
{%- endmacro %}


{# A number as it is read out: to the unit from a thousand up, else to two or four decimals. #}
{% macro rounded_text(expression) -%}
    case
        {%- for condition, decimals in [("when abs(" ~ expression ~ ") >= 1000 then", 0), ("when abs(" ~ expression ~ ") >= 1 then", 2), ("else", 4)] %}
        {{ condition }} {{ segmentation.number_text(segmentation.rounded(expression, decimals), decimals) }}
        {%- endfor %}
    end
{%- endmacro %}


{# A double rounded to a number of decimals, ties away from zero. #}
{% macro rounded(expression, decimals) %}
    {{- return(adapter.dispatch("rounded", "segmentation")(expression, decimals)) -}}
{% endmacro %}

{# Some engines round only fixed-point to decimals, others only to a number of decimals that is a constant. #}
{% macro default__rounded(expression, decimals) -%}
    sign({{ expression }}) * floor(abs({{ expression }}) * power(10, {{ decimals }}) + 0.5) / power(10, {{ decimals }})
{%- endmacro %}

{% macro duckdb__rounded(expression, decimals) %}round({{ expression }}, {{ decimals }}){% endmacro %}
