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
        "outliers": none,
        "algorithm": "kmeans",
        "algorithm_options": {},
        "k": "auto",
        "names": none,
        "fit_where": none,
        "frozen_model": none,
    }) %}
{% endmacro %}


{#
    Every key of a feature with its default, by its kind. A category becomes one coordinate a level,
    which is not transformed or scaled.
#}
{% macro default_feature(kind) %}
    {% if kind == "category" %}
        {% do return({
            "kind": "category", "impute": "most_frequent", "fill_value": none, "weight": 1
        }) %}
    {% endif %}
    {% do return({
        "kind": "number", "transform": "auto", "impute": "median", "fill_value": none,
        "clip": none, "scale": "standard", "weight": 1
    }) %}
{% endmacro %}
