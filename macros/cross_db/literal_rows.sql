{#
    Rows of literals as what stands behind `from`, with an alias. A union of selects; Spark would make a
    task of each of them, so there they are one table of values.

    columns   their names
    rows      a list of lists of SQL literals, at least one
    alias     the name of the table
#}
{% macro literal_rows(columns, rows, alias) %}
    {{- return(adapter.dispatch("literal_rows", "segmentation")(columns, rows, alias)) -}}
{% endmacro %}

{% macro default__literal_rows(columns, rows, alias) -%}
    (
        {%- for row in rows %}
        select {% for literal in row %}{{ literal }} as {{ columns[loop.index0] }}{{ "" if loop.last else ", " }}{% endfor %}
        {{- "" if loop.last else " union all" }}
        {%- endfor %}
    ) as {{ alias }}
{%- endmacro %}

{% macro spark__literal_rows(columns, rows, alias) -%}
    (
        values
        {%- for row in rows %}
        ({{ row | join(", ") }}){{ "" if loop.last else "," }}
        {%- endfor %}
    ) as {{ alias }} ({{ columns | join(", ") }})
{%- endmacro %}
