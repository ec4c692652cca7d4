{#
    How many centroids the current model of a segmentation has, which scoring needs to know when
    its SQL is written; the most that the definition allows while nothing is being built or there
    is no model. Raises where the model was fitted on other features than the definition has.

    name, definition   a segmentation of `configuration`
#}
{% macro count_prototypes(name, definition) %}
    {% if segmentation.is_building() %}
        {% set model = ref("int_segmentation__current_model") %}
        {# In a unit test the model is a fixture, without a database. #}
        {% if model.database is not none and adapter.get_relation(model.database, model.schema, model.identifier) is not none %}
            {% set counts = run_query(
                "select feature, count(*) from " ~ model
                ~ " where parameter = 'centroid' and segmentation = '" ~ name ~ "' group by feature order by feature"
            ).rows %}
            {% if counts %}
                {% set fitted = counts | map("first") | list %}
                {% if fitted | sort != definition.features.keys() | sort %}
                    {% do segmentation.raise_faults("the model in force does not fit the vars", [
                        "segmentation_definitions." ~ name ~ ": it was fitted on " ~ (fitted | join(", ")) ~ ", not on "
                        ~ (definition.features.keys() | join(", ")) ~ ". Fit again with a plain dbt build."
                    ]) %}
                {% endif %}
                {% do return(counts[0][1] | int) %}
            {% endif %}
        {% endif %}
    {% endif %}
    {% do return(definition.k.max) %}
{% endmacro %}
