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


{#
    A deviation in such units, or in the largest of them. Where an engine raises below the range of
    doubles what is nothing beside the largest is 0, so that products of such deviations stay in it.

    smallest   share of the unit that counts: its square is within the range, or its cube
#}
{% macro in_units(deviation, unit, smallest="1e-160") %}
    {{- return(adapter.dispatch("in_units", "segmentation")(deviation, unit, smallest)) -}}
{% endmacro %}

{% macro default__in_units(deviation, unit, smallest) -%}
    case
        when {{ unit }} > 1 then case when abs({{ deviation }}) < {{ unit }} * {{ smallest }} then 0 else ({{ deviation }}) / {{ unit }} end
        when abs({{ deviation }}) / {{ smallest }} < {{ unit }} then 0
        else ({{ deviation }}) / {{ unit }}
    end
{%- endmacro %}

{% macro duckdb__in_units(deviation, unit, smallest) %}({{ deviation }}) / {{ unit }}{% endmacro %}
{% macro spark__in_units(deviation, unit, smallest) %}({{ deviation }}) / {{ unit }}{% endmacro %}
