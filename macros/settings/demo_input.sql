{# What `segmentation_input` is while the demo runs and nobody says otherwise. #}
{% macro demo_input() %}
    {% do return({
        "transactions": "segmentation_demo__order_lines",
        "exclude": "product_id in ('POSTAGE', 'MANUAL', 'GIFTWRAP')",
        "earliest_date": "2015-01-01",
        "latest_date": "2026-06-30",
    }) %}
{% endmacro %}
