{#
    What the rows of a scored history hang on beside the history itself, as text: its basis, the
    definitions and the versions of their models. With a condition in a definition customers may drop out of
    the past, which replaces no row: then the basis is another one each time, and the table is rebuilt.

    history       relation of `segmentation__rfm_history`
    definitions   those that are scored
    versions      a text for each with the version in force
#}
{% macro scored_basis(history, definitions, versions) %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() %}
        {% do return(none) %}
    {% endif %}
    {% set history_basis = run_query("select max(basis) from " ~ history).rows[0][0] %}
    {% set conditions = definitions.values() | map(attribute="where") | reject("none") | list %}
    {% do return(
        history_basis ~ ", " ~ versions | join(", ") ~ ", settings " ~ local_md5(tojson(definitions))
        ~ (", as of " ~ run_started_at if conditions else "")
    ) %}
{% endmacro %}
