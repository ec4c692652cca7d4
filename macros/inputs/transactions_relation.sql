{# The user's transactions; none where nothing (valid) is configured or it is 'none'. #}
{% macro transactions_relation() %}
    {% set reference = segmentation.input()["transactions"] %}
    {% if reference == "none" or not segmentation.is_relation_reference(reference) %}
        {% do return(none) %}
    {% endif %}
    {% do return(segmentation.relation_of(reference)) %}
{% endmacro %}
