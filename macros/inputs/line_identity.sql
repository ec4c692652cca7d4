{#
    What makes a line the same as another, as SQL expressions over the input: its key where one is
    mapped, else every mapped column. Typed columns are compared as they are, text by what is read
    from it, so that ' 2.0' and '2' are the same number.

    columns  what `transaction_columns` gives
#}
{% macro line_identity(columns) %}
    {% set expressions = [] %}
    {% set names = ["line_id"] if columns.line_id is not none else segmentation.mapped_columns() %}
    {% for name in names if columns[name] is not none %}
        {% set column = columns[name] %}
        {% if name == "ordered_at" %}
            {% do expressions.append(segmentation.read_timestamp(column)) %}
        {% elif column.kind not in ("text", "other") %}
            {% do expressions.append(column.sql) %}
        {% elif name in ("quantity", "unit_price", "amount") %}
            {% do expressions.append(segmentation.read_number(column)) %}
        {% else %}
            {% do expressions.append(segmentation.clean_id(column)) %}
        {% endif %}
    {% endfor %}
    {% do return(expressions) %}
{% endmacro %}
