{#
    The relation that a model of this package was built into, where it exists; else none. It makes no
    dependency, so a model can read what stands downstream of it, as the last build left it, where a
    ref would be a cycle. None in unit tests and wherever nothing is being read.
#}
{% macro built_relation(name) %}
    {% if segmentation.is_querying() %}
        {% set node = graph.get("nodes", {}).get("model.segmentation." ~ name) %}
        {% if node is not none %}
            {% do return(adapter.get_relation(node.database, node.schema, node.alias)) %}
        {% endif %}
    {% endif %}
    {% do return(none) %}
{% endmacro %}
