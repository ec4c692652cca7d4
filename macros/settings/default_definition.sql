{#
    Every key of one entry of `segmentation_definitions` with its default. What depends on the
    customer table: over `segmentation__rfm` the three RFM measures are the features and monetary
    is the value; over any other table the features must be named and there is no value.
#}
{% macro default_definition(customers) %}
    {% set is_rfm = customers == "segmentation__rfm" %}
    {% do return({
        "customers": "segmentation__rfm",
        "customer_id": "customer_id",
        "where": none,
        "features": {"recency_days": "auto", "frequency": "auto", "monetary": "auto"}
            if is_rfm else {},
        "value": "monetary" if is_rfm else none,
        "algorithm": "kmeans",
        "k": "auto",
        "names": none,
    }) %}
{% endmacro %}
