{# The customer table of a definition; none where it is not (validly) configured. #}
{% macro customers_relation(definition) %}
    {% if not segmentation.is_relation_reference(definition.customers) %}
        {% do return(none) %}
    {% endif %}
    {% do return(segmentation.relation_of(definition.customers)) %}
{% endmacro %}
