{#
    Scores a definition's customers, as they are today, with an earlier version of its model, on the
    features of that version: SQL as of `score_customers`. None where that cannot be done: the version
    is not kept, or the customer table has not all of its features any more, of the same kind.

    name, definition   a segmentation of `configuration`
    models             relation with the columns of `segmentation__model`
    model_version      number of the version
#}
{% macro score_by_version(name, definition, models, model_version) %}
    {% set shape = segmentation.model_shape(name, definition, models, model_version) %}
    {% if shape is none %}
        {% do return(none) %}
    {% endif %}
    {% set features = {} %}
    {% for feature in shape.features %}
        {% do features.update({feature.name: {"kind": feature.kind}}) %}
    {% endfor %}
    {% set relation = segmentation.customers_relation(definition) %}
    {% if segmentation.feature_labels(features) != segmentation.feature_labels(definition.features) %}
        {% set existing = segmentation.relation_columns(relation) %}
        {% for feature, how in features.items() %}
            {% set column = segmentation.find_column(feature, existing) if existing else none %}
            {% if column is none or (how.kind == "number" and column.kind not in ("integer", "decimal", "double")) %}
                {% do return(none) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% set then = dict(definition, features=features, value=none) %}
    {% do return(segmentation.score_customers(
        segmentation.customers(then, segmentation.customer_columns({name: then})[name], relation),
        "(select * from " ~ models ~ " where segmentation = '" ~ name ~ "' and model_version = " ~ model_version ~ ") as model",
        shape
    )) %}
{% endmacro %}
