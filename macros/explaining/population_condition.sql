{#
    What a definition asks of a customer beside its features, as SQL over the customer table: its
    `where`, and that the customer has not asked to be forgotten; none where it asks nothing.
#}
{% macro population_condition(definition, columns) %}
    {% set conditions = [] %}
    {% if definition.where is not none %}
        {% do conditions.append("(" ~ definition.where.strip() ~ ("\n" if "--" in definition.where else "") ~ ")") %}
    {% endif %}
    {% set erased = none if segmentation.is_own_model(definition.customers) else segmentation.erased_customers() %}
    {% if erased is not none %}
        {% set customer_id = {"sql": segmentation.needed_quotes(columns.customer_id.sql), "kind": columns.customer_id.kind} %}
        {% set is_erased = segmentation.is_erased(segmentation.clean_id(customer_id), erased) %}
        {% do conditions.append("not " ~ modules.re.sub("\\s*\n\\s*", " ", is_erased.strip())) %}
    {% endif %}
    {% do return(conditions | join(" and ") or none) %}
{% endmacro %}
