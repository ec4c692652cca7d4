{#
    A number as text, to the last digit and without an exponent or trailing zeros where at most nine
    decimals and fifteen digits before them say it: 12, 0.25, 1234.5. It may stand in SQL as a literal.
#}
{% macro number_text(expression) -%}
    case
        when abs({{ expression }}) < 1e15 then
            case
                {%- for decimals in range(0, 10) %}
                when cast({{ segmentation.fixed_point(expression, decimals) }} as {{ segmentation.type_double() }}) = {{ expression }}
                    then {{ segmentation.decimal_text(expression, decimals) }}
                {%- endfor %}
                else cast({{ expression }} as {{ dbt.type_string() }})
            end
        else cast({{ expression }} as {{ dbt.type_string() }})
    end
{%- endmacro %}


{# A number as it is read out: to the unit from a thousand up, else to two or four decimals. #}
{% macro rounded_text(expression) -%}
    {{- segmentation.number_text(
        "round(" ~ expression ~ ", case when abs(" ~ expression ~ ") >= 1000 then 0 when abs(" ~ expression ~ ") >= 1 then 2 else 4 end)"
    ) -}}
{%- endmacro %}
