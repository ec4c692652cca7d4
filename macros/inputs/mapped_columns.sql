{# The columns that `segmentation_input.columns` maps, in the order in which tables show them. #}
{% macro mapped_columns() %}
    {% do return([
        "customer_id", "ordered_at", "order_id", "line_id", "product_id", "quantity", "unit_price", "amount"
    ]) %}
{% endmacro %}
