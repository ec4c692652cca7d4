{# The columns of a model's parameters with their types: those of `segmentation__model` but for its version. #}
{% macro model_columns() %}
    {% do return({
        "segmentation": dbt.type_string(),
        "parameter": dbt.type_string(),
        "k": "integer",
        "segment_id": "integer",
        "prototype_id": "integer",
        "feature": dbt.type_string(),
        "level_id": "integer",
        "node_id": "integer",
        "value": segmentation.type_double(),
        "text_value": dbt.type_string(),
    }) %}
{% endmacro %}
