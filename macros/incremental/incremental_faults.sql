{#
    Faults of configuration from the top of the user's dbt_project.yml that would make incremental
    tables wrong: another strategy or key appends rows twice or loses some. A table that is
    rebuilt each time is right, only slower.
#}
{% macro incremental_faults() %}
    {% set faults = [] %}
    {% if execute and segmentation.is_input_incremental() %}
        {% set nodes = graph.get("nodes", {}) %}
        {% set wanted = {
            "int_segmentation__lines": {"incremental_strategy": "append"},
            "int_segmentation__order_days": {"unique_key": ["customer_id", "order_id", "order_date"]},
            "segmentation__orders": {"unique_key": ["customer_id", "order_id"]},
            "segmentation__rfm_history": {"unique_key": ["customer_id", "as_of_date"]},
            "segmentation__segment_history": {"unique_key": ["segmentation", "customer_id", "as_of_date"]},
        } %}
        {% for name, configs in wanted.items() %}
            {% set node = nodes.get("model.segmentation." ~ name) %}
            {% do configs.update({"on_schema_change": "append_new_columns"}) %}
            {% if "incremental_strategy" not in configs %}
                {% do configs.update({"incremental_strategy": segmentation.replace_strategy()}) %}
            {% endif %}
            {% for key, value in configs.items()
                if node is not none and node.config.materialized == "incremental" and node.config.get(key) != value %}
                {% do faults.append(
                    name ~ ": your dbt_project.yml makes its " ~ key ~ " " ~ node.config.get(key) ~ "; allowed: " ~ value
                    ~ ". Put +" ~ key ~ " under your own project's name instead of at the top of models:."
                ) %}
            {% endfor %}
        {% endfor %}
    {% endif %}
    {% do return(faults) %}
{% endmacro %}
