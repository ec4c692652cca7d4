{#
    A feature value under its fitted transform, as scikit-learn computes it (PowerTransformer for
    Box-Cox and Yeo-Johnson: https://scikit-learn.org/stable/modules/preprocessing.html#non-linear-transformation).

    value, transform, power   SQL: the value within the transform's domain, the transform's name,
                              its lambda; a lambda of 0 means ln, one of 2 ln below zero for Yeo-Johnson

    A third is written out to a double's last digit: some engines divide 1.0 by 3.0 to six digits.
#}
{% macro transformed(value, transform, power) -%}
    case
        when {{ transform }} = 'none' then {{ value }}
        when {{ transform }} = 'log' then ln(1 + {{ value }})
        when {{ transform }} = 'sqrt' then sqrt({{ value }})
        when {{ transform }} = 'cbrt' then sign({{ value }}) * power(abs({{ value }}), 0.3333333333333333)
        when {{ transform }} = 'box_cox' then
            case
                when {{ power }} = 0 then ln({{ value }})
                else ({{ segmentation.bounded_power(value, power) }} - 1) / {{ power }}
            end
        when {{ transform }} = 'yeo_johnson' then
            case
                when {{ value }} >= 0 and {{ power }} = 0 then ln({{ value }} + 1)
                when {{ value }} >= 0 then ({{ segmentation.bounded_power("(" ~ value ~ " + 1)", power) }} - 1) / {{ power }}
                when {{ power }} = 2 then -ln(1 - {{ value }})
                else -({{ segmentation.bounded_power("(1 - " ~ value ~ ")", "(2 - " ~ power ~ ")") }} - 1) / (2 - {{ power }})
            end
    end
{%- endmacro %}


{# True where a value lies outside the domain of its transform. #}
{% macro is_outside_domain(value, transform) -%}
    ({{ transform }} in ('log', 'sqrt') and {{ value }} < 0 or {{ transform }} = 'box_cox' and {{ value }} <= 0)
{%- endmacro %}


{#
    A power of a positive number. Beyond the range of doubles some engines give infinity or zero and
    others raise; there the largest that matters stands for it, since what is scaled is bounded.
#}
{% macro bounded_power(base, exponent) %}
    {{- return(adapter.dispatch("bounded_power", "segmentation")(base, exponent)) -}}
{% endmacro %}

{% macro default__bounded_power(base, exponent) -%}
    case
        when {{ exponent }} * ln({{ base }}) > 460 then 1e200
        when {{ exponent }} * ln({{ base }}) < -460 then 0
        else power({{ base }}, {{ exponent }})
    end
{%- endmacro %}

{% macro duckdb__bounded_power(base, exponent) %}power({{ base }}, {{ exponent }}){% endmacro %}
{% macro spark__bounded_power(base, exponent) %}power({{ base }}, {{ exponent }}){% endmacro %}


{#
    How many scales a transformed value lies from its mean. Where an engine raises beyond the range of
    doubles the difference is bounded first: no quotient within 1e100 either way becomes another one.
#}
{% macro standardized(transformed, mean, scale) %}
    {{- return(adapter.dispatch("standardized", "segmentation")(transformed, mean, scale)) -}}
{% endmacro %}

{% macro default__standardized(transformed, mean, scale) -%}
    {%- set bound = "1e100 * least(greatest(" ~ scale ~ ", 1), 1e200)" -%}
    least(greatest({{ transformed }} - {{ mean }}, -{{ bound }}), {{ bound }}) / {{ scale }}
{%- endmacro %}

{% macro duckdb__standardized(transformed, mean, scale) %}({{ transformed }} - {{ mean }}) / {{ scale }}{% endmacro %}
{% macro spark__standardized(transformed, mean, scale) %}({{ transformed }} - {{ mean }}) / {{ scale }}{% endmacro %}
