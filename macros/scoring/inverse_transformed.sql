{#
    The value of which a number is the transform: the inverse of `transformed`, as scikit-learn
    computes it (PowerTransformer.inverse_transform). Null where a power has no such value.

    value, transform, power   SQL: the transformed value, the transform's name, its lambda
#}
{% macro inverse_transformed(value, transform, power) -%}
    case
        when {{ transform }} = 'none' then {{ value }}
        when {{ transform }} = 'log' then exp({{ value }}) - 1
        when {{ transform }} = 'sqrt' then {{ value }} * {{ value }}
        when {{ transform }} = 'cbrt' then {{ value }} * {{ value }} * {{ value }}
        when {{ transform }} = 'box_cox' then
            case
                when {{ power }} = 0 then exp({{ value }})
                when {{ power }} * {{ value }} + 1 > 0 then power({{ power }} * {{ value }} + 1, 1 / {{ power }})
            end
        when {{ transform }} = 'yeo_johnson' then
            case
                when {{ value }} >= 0 and {{ power }} = 0 then exp({{ value }}) - 1
                when {{ value }} >= 0 and {{ power }} * {{ value }} + 1 > 0
                    then power({{ power }} * {{ value }} + 1, 1 / {{ power }}) - 1
                when {{ value }} < 0 and {{ power }} = 2 then 1 - exp(-{{ value }})
                when {{ value }} < 0 and 1 - (2 - {{ power }}) * {{ value }} > 0
                    then 1 - power(1 - (2 - {{ power }}) * {{ value }}, 1 / (2 - {{ power }}))
            end
    end
{%- endmacro %}
