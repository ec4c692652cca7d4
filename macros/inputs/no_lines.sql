{# An input without rows, as SQL: what stands in for one that is not configured. #}
{% macro no_lines(columns) %}
    (
        select
            {%- for column in columns.values() if column is not none %}
            {{ segmentation.text_literal(none) }} as {{ column.sql }}{{ "" if loop.last else "," }}
            {%- endfor %}

        from (select 1 as one) as nothing

        where false
    ) as nothing
{% endmacro %}
