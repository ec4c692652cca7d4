{#
    How many centroids the current model of a segmentation has, which scoring needs to know when
    its SQL is written; `otherwise` while nothing is being built or there is no model.
#}
{% macro count_prototypes(name, otherwise) %}
    {% if segmentation.is_building() %}
        {% set model = ref("int_segmentation__current_model") %}
        {# In a unit test the model is a fixture, without a database. #}
        {% if model.database is not none and adapter.get_relation(model.database, model.schema, model.identifier) is not none %}
            {% set found = run_query(
                "select count(distinct prototype_id) from " ~ model
                ~ " where parameter = 'centroid' and segmentation = '" ~ name ~ "'"
            ).rows[0][0] | int %}
            {% do return(found or otherwise) %}
        {% endif %}
    {% endif %}
    {% do return(otherwise) %}
{% endmacro %}
