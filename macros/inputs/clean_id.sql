{#
    An id as text: trimmed, blank as null, big integers exact, 17850.0 from a float column 17850.

    column  {sql, kind} of `find_column`, or none: then null
#}
{% macro clean_id(column) %}
    {%- if column is none -%}
        cast(null as {{ dbt.type_string() }})
    {%- elif column.kind == "integer" -%}
        cast({{ column.sql }} as {{ dbt.type_string() }})
    {%- elif column.kind in ("double", "decimal") -%}
        {%- set double = "cast(" ~ column.sql ~ " as " ~ segmentation.type_double() ~ ")" %}
        case
            when {{ column.sql }} = floor({{ column.sql }})
                and {{ column.sql }} > -1e18 and {{ column.sql }} < 1e18
                then cast(cast({{ column.sql }} as {{ dbt.type_bigint() }}) as {{ dbt.type_string() }})
            {#- As a double: fixed-point is compared with no such bound on some engines. #}
            when {{ double }} > -1e300 and {{ double }} < 1e300
                then cast({{ column.sql }} as {{ dbt.type_string() }})
        end
    {%- elif column.kind == "text" -%}
        nullif({{ segmentation.trim_blanks(column.sql) }}, '')
    {%- else -%}
        nullif({{ segmentation.trim_blanks("cast(" ~ column.sql ~ " as " ~ dbt.type_string() ~ ")") }}, '')
    {%- endif -%}
{% endmacro %}
