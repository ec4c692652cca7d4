{#
    Every key of `segmentation_input` with its default. A team's dict replaces a package's whole, so
    `configuration` merges key by key over this one.
#}
{% macro default_input() %}
    {% do return({
        "transactions": none,
        "columns": {
            "customer_id": "customer_id",
            "ordered_at": "ordered_at",
            "order_id": "order_id",
            "line_id": none,
            "product_id": "product_id",
            "quantity": "quantity",
            "unit_price": "unit_price",
            "amount": none,
        },
        "exclude": none,
        "returns": "net",
        "duplicates": "reject",
        "earliest_date": "1970-01-01",
        "latest_date": none,
        "incremental": none,
    }) %}
{% endmacro %}
