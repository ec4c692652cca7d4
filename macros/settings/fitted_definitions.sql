{# The definitions that have a fit of their own: those that read no frozen model. #}
{% macro fitted_definitions() %}
    {% set fitted = {} %}
    {% for name, definition in segmentation.configuration()["definitions"].items() if definition.frozen_model is none %}
        {% do fitted.update({name: definition}) %}
    {% endfor %}
    {% do return(fitted) %}
{% endmacro %}
