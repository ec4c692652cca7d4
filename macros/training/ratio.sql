{#
    A number as a share of the largest one; 0 where it is so small beside it that its cube would be
    below the smallest double, at which PostgreSQL raises an error and other engines give 0.
#}
{% macro ratio(number, largest) -%}
    case
        when {{ largest }} <= 1e-100
            then case when abs({{ number }} / {{ largest }}) < 1e-100 then 0 else {{ number }} / {{ largest }} end
        when abs({{ number }}) < {{ largest }} * 1e-100 then 0
        else {{ number }} / {{ largest }}
    end
{%- endmacro %}
