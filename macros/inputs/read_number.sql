{#
    A number as fixed-point, null where it cannot be read: not plain digits with an optional sign,
    point and exponent of at most two digits; 1e15 or more either way; NaN and infinity.

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
                            then cast({{ text }} as {{ dbt.type_numeric() }})
                    end
            end
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{# Numbers are readable strictly between these two: what fits fixed-point even when multiplied. #}
{% macro smallest_number() %}-1000000000000000{% endmacro %}
{% macro largest_number() %}1000000000000000{% endmacro %}
