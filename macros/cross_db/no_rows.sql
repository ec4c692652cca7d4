{#
    Columns without a row, as SQL: what stands where there is nothing to select from.

    columns   {name: type}
#}
{% macro no_rows(columns) %}
    select
        {%- for name, type in columns.items() %}
        cast(null as {{ type }}) as {{ name }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from (select 1 as one) as nothing

    where false
{%- endmacro %}
