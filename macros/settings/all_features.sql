{# The features of all definitions, each once, in order. #}
{% macro all_features() %}
    {% set features = [] %}
    {% for definition in segmentation.configuration()["definitions"].values() %}
        {% for feature in definition.features if feature not in features %}
            {% do features.append(feature) %}
        {% endfor %}
    {% endfor %}
    {% do return(features) %}
{% endmacro %}


{# A name as part of a column name: lower case, anything but letters, digits and _ as _. #}
{% macro slug(name) %}
    {% do return(modules.re.sub("[^a-z0-9_]", "_", name | lower)) %}
{% endmacro %}
