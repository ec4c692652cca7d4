{# The definitions that have a fit of their own: those that read no frozen model. #}
{% macro fitted_definitions() %}
    {% set fitted = {} %}
    {% for name, definition in segmentation.configuration()["definitions"].items() if definition.frozen_model is none %}
        {% do fitted.update({name: definition}) %}
    {% endfor %}
    {% do return(fitted) %}
{% endmacro %}


{# The same for the steps of the SQL trainer; none as dbt parses, when it looks for what they read alone. #}
{% macro definitions_to_fit() %}
    {% do return(segmentation.fitted_definitions() if execute else {}) %}
{% endmacro %}
