{#
    The relation of `segmentation__model` as earlier builds have left it, without a ref, which would be
    a cycle: what stands before a fit looks at the last one. None where there is none yet, and
    where nothing is being built.
#}
{% macro model_history() %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() %}
        {% do return(none) %}
    {% endif %}
    {% set node = graph.nodes["model.segmentation.segmentation__model"] %}
    {% do return(adapter.get_relation(node.database, node.schema, node.alias)) %}
{% endmacro %}
