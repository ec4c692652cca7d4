{#
    A number as fixed-point, null where it cannot be read: not plain digits with an optional sign,
    point and exponent of at most two digits; 1e15 or more either way; NaN and infinity. With an
    exponent it is read as a double, so that no number of digits overflows fixed-point.

    column  {sql, kind} of `find_column`, or none: then null
#}
{% macro read_number(column) %}
    {%- if column is none -%}
        cast(null as {{ dbt.type_numeric() }})
    {%- else -%}
        {%- set sql = column.sql -%}
        {%- if column.kind in ("integer", "decimal", "double") -%}
            case
                when {{ sql }} > {{ segmentation.smallest_number() }} and {{ sql }} < {{ segmentation.largest_number() }}
                    then cast({{ sql }} as {{ dbt.type_numeric() }})
            end
        {%- else -%}
            {%- set text = segmentation.trim_blanks("cast(" ~ sql ~ " as " ~ dbt.type_string() ~ ")") -%}
            {%- set double = "cast(" ~ text ~ " as " ~ segmentation.type_double() ~ ")" -%}
            case
                when {{ segmentation.matches(text, "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9][0-9]?)?$") }}
                    then case
                        when {{ double }} > {{ segmentation.smallest_number() }} and {{ double }} < {{ segmentation.largest_number() }}
                            then case
                                when {{ segmentation.matches(text, "[eE]") }} then cast({{ double }} as {{ dbt.type_numeric() }})
                                else cast({{ text }} as {{ dbt.type_numeric() }})
                            end
                    end
            end
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{#
    Numbers are readable strictly between these two: what fits fixed-point even when multiplied. As
    doubles, since a decimal of many digits after the point could not hold them.
#}
{% macro smallest_number() %}cast(-1e15 as {{ segmentation.type_double() }}){% endmacro %}
{% macro largest_number() %}cast(1e15 as {{ segmentation.type_double() }}){% endmacro %}
