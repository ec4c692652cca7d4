{#
    What makes a line the same as another, as SQL expressions over the input: its key where one is
    mapped, else every mapped column. Typed columns are compared as they are, text by what is read
    from it, so that ' 2.0' and '2' are the same number. With `incremental` fractions are compared by
    what is read from them too, since that is all that a stored line still has.

    columns  what `transaction_columns` gives
#}
{% macro line_identity(columns) %}
    {% set expressions = [] %}
    {% set names = ["line_id"] if columns.line_id is not none else segmentation.mapped_columns() %}
    {% set read_kinds = ["text", "other"] + (["decimal", "double"] if "loaded_at" in columns else []) %}
    {% for name in names if columns[name] is not none %}
        {% set column = columns[name] %}
        {% if name == "ordered_at" %}
            {% do expressions.append(segmentation.read_timestamp(column)) %}
        {% elif column.kind not in read_kinds %}
            {% do expressions.append(column.sql) %}
        {% elif name in ("quantity", "unit_price", "amount") %}
            {% do expressions.append(segmentation.read_number(column)) %}
        {% else %}
            {% do expressions.append(segmentation.clean_id(column)) %}
        {% endif %}
    {% endfor %}
    {% do return(expressions) %}
{% endmacro %}


{#
    The columns by which a stored line that is good, or would be without its copies, is found again:
    the clean ones of `line_identity`. Of such a line none of them is null but the article.

    columns  what `transaction_columns` gives
#}
{% macro stored_identity(columns) %}
    {% if columns.line_id is not none %}
        {% do return(["line_id"]) %}
    {% endif %}
    {% set names = ["customer_id", "order_id", "ordered_at", "amount"] %}
    {% for name in ["product_id", "quantity", "unit_price"] if columns[name] is not none %}
        {% do names.append(name) %}
    {% endfor %}
    {% do return(names) %}
{% endmacro %}


{# A column of `stored_identity` of a table, never null in a line that is good. #}
{% macro identity_value(table, name) -%}
    {{ "coalesce(" ~ table ~ ".product_id, '')" if name == "product_id" else table ~ "." ~ name }}
{%- endmacro %}
