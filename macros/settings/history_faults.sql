{#
    Faults of configuration that reaches the package from the top of the user's dbt_project.yml,
    where it beats the package's own: a table that is only appended to would lose all its history if
    it were rebuilt, and a Python model cannot be a view.
#}
{% macro history_faults() %}
    {% set faults = [] %}
    {% if execute %}
        {# In a unit test there is no graph. #}
        {% set nodes = graph.get("nodes", {}) %}
        {% set wanted = [
            ("segmentation__model", "materialized", "incremental"),
            ("segmentation__model", "full_refresh", false),
            ("segmentation__segment_events", "materialized", "incremental"),
            ("segmentation__segment_events", "full_refresh", false),
            ("int_segmentation__scored_versions", "materialized", "incremental"),
            ("int_segmentation__scored_versions", "full_refresh", false),
            ("int_segmentation__fit_python", "materialized", "table"),
        ] %}
        {% for name, key, value in wanted %}
            {% set node = nodes.get("model.segmentation." ~ name) %}
            {% if node is not none and node.config.get(key) != value %}
                {% do faults.append(
                    name ~ ": your dbt_project.yml makes it " ~ key ~ ": " ~ node.config.get(key) ~ "; allowed: " ~ value
                    ~ ". Put +" ~ key ~ " under your own project's name instead of at the top of models:."
                ) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% do return(faults) %}
{% endmacro %}
