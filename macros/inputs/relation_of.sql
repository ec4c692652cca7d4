{#
    The relation that a var names.

    reference  'model' (of the user's project, or of this package by its prefix), 'package.model',
               or {source: ..., table: ...}
    Gives a Relation. dbt itself says so when there is no such model or source.
#}
{% macro relation_of(reference) %}
    {% if reference is mapping %}
        {% do return(source(reference.source, reference.table)) %}
    {% elif "." in reference %}
        {% do return(ref(*reference.split("."))) %}
    {% elif segmentation.is_own_model(reference) or reference.startswith("segmentation_demo__") %}
        {% do return(ref("segmentation", reference)) %}
    {% endif %}
    {% do return(ref(project_name, reference)) %}
{% endmacro %}


{# True where `relation_of` can read the reference. #}
{% macro is_relation_reference(reference) %}
    {% if reference is mapping %}
        {% do return(
            reference.keys() | sort | list == ["source", "table"]
            and reference.source is string and reference.table is string
        ) %}
    {% endif %}
    {% do return(reference is string and modules.re.match("^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)?$", reference) is not none) %}
{% endmacro %}


{# True for a reference to a public table of this package, with or without the package's name. #}
{% macro is_own_model(reference) %}
    {% do return(reference is string and modules.re.match("^(segmentation[.])?segmentation__", reference) is not none) %}
{% endmacro %}


{# True for the relation of a public table of this package, whatever it is called in the warehouse. #}
{% macro is_own_relation(relation) %}
    {% if execute and relation is not none %}
        {# By their ids: dbt writes out each node that is looked at. #}
        {% set nodes = graph.get("nodes", {}) %}
        {% for id in nodes if id.startswith("model.segmentation.segmentation__") and nodes[id].relation_name == relation | string %}
            {% do return(true) %}
        {% endfor %}
    {% endif %}
    {% do return(false) %}
{% endmacro %}
