{#
    A feature value under its fitted transform, as scikit-learn computes it (PowerTransformer for
    Box-Cox and Yeo-Johnson: https://scikit-learn.org/stable/modules/preprocessing.html#non-linear-transformation).

    value, transform, power   SQL: the value within the transform's domain, the transform's name,
                              its lambda; a lambda of 0 means ln, one of 2 ln below zero for Yeo-Johnson
#}
{% macro transformed(value, transform, power) -%}
    case
        when {{ transform }} = 'none' then {{ value }}
        when {{ transform }} = 'log' then ln(1 + {{ value }})
        when {{ transform }} = 'sqrt' then sqrt({{ value }})
        when {{ transform }} = 'cbrt' then sign({{ value }}) * power(abs({{ value }}), 1.0 / 3.0)
        when {{ transform }} = 'box_cox' then
            case
                when {{ power }} = 0 then ln({{ value }})
                else (power({{ value }}, {{ power }}) - 1) / {{ power }}
            end
        when {{ transform }} = 'yeo_johnson' then
            case
                when {{ value }} >= 0 and {{ power }} = 0 then ln({{ value }} + 1)
                when {{ value }} >= 0 then (power({{ value }} + 1, {{ power }}) - 1) / {{ power }}
                when {{ power }} = 2 then -ln(1 - {{ value }})
                else -(power(1 - {{ value }}, 2 - {{ power }}) - 1) / (2 - {{ power }})
            end
    end
{%- endmacro %}


{# True where a value lies outside the domain of its transform. #}
{% macro is_outside_domain(value, transform) -%}
    ({{ transform }} in ('log', 'sqrt') and {{ value }} < 0 or {{ transform }} = 'box_cox' and {{ value }} <= 0)
{%- endmacro %}
