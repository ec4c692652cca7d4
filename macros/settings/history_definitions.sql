{# The definitions whose customers have a history: those over `segmentation__rfm`. #}
{% macro history_definitions() %}
    {% set found = {} %}
    {% for name, definition in segmentation.configuration()["definitions"].items()
        if definition.customers in ["segmentation__rfm", "segmentation.segmentation__rfm"] %}
        {% do found.update({name: definition}) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}
