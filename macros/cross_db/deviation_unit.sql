{#
    What deviations are measured in, so that their squares stay within the range of doubles, beyond
    which some engines raise and others give infinity: 1, or the largest where that is extreme.

    largest   SQL of the largest size of what is squared
#}
{% macro deviation_unit(largest) -%}
    case
        when {{ largest }} > 1e140 or ({{ largest }} < 1e-140 and {{ largest }} > 0) then {{ largest }}
        else 1
    end
{%- endmacro %}
