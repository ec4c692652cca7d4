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
            {% set fitted = run_query(
                "select distinct feature from " ~ model
                ~ " where parameter = 'transform' and segmentation = '" ~ name ~ "' order by feature"
            ).rows | map("first") | list %}
            {% if fitted and fitted | sort != definition.features.keys() | sort %}
                {% do segmentation.raise_faults("the model in force does not fit the vars", [
                    "segmentation_definitions." ~ name ~ ": it was fitted on " ~ (fitted | join(", ")) ~ ", not on "
                    ~ (definition.features.keys() | join(", ")) ~ ". Fit again with a plain dbt build."
                ]) %}
            {% endif %}
            {% set found = run_query(
                "select count(distinct prototype_id) from " ~ model
                ~ " where parameter = 'centroid' and segmentation = '" ~ name ~ "'"
            ).rows[0][0] | int %}
            {% do return(found or definition.k.max) %}
        {% endif %}
    {% endif %}
    {% do return(definition.k.max) %}
{% endmacro %}
