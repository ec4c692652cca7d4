{#
    Gate 2 of the customer tables: for each definition its columns as {customer_id, value,
    features: {name: column}}, each {sql, kind}, or one error that names all that are missing or
    not numeric and lists those that exist.
#}
{% macro customer_columns(definitions) %}
    {% set found = {} %}
    {% set faults = [] %}
    {% set hints = [] %}
    {% for name, definition in definitions.items() %}
        {% set path = "segmentation_definitions." ~ name %}
        {% set relation = segmentation.customers_relation(definition) %}
        {% set existing = segmentation.relation_columns(relation) %}
        {% set wanted = {"customer_id": definition.customer_id} %}
        {% if definition.value is not none %}
            {% do wanted.update({"value": definition.value}) %}
        {% endif %}
        {% for feature in definition.features %}
            {% do wanted.update({"features." ~ feature: feature}) %}
        {% endfor %}
        {% set columns = {"value": none, "features": {}} %}
        {% set faults_here = [] %}
        {% for key, source_column in wanted.items() %}
            {% set column = segmentation.find_column(source_column, existing) %}
            {% if column is none %}
                {% do faults_here.append(path ~ "." ~ key ~ ": no column '" ~ source_column ~ "' in " ~ relation) %}
            {% elif existing and key != "customer_id" and column.kind not in ("integer", "decimal", "double") %}
                {% do faults_here.append(
                    path ~ "." ~ key ~ ": column '" ~ source_column ~ "' in " ~ relation ~ " is of kind "
                    ~ column.kind ~ "; allowed: a number. Cast it upstream."
                ) %}
            {% elif key.startswith("features.") %}
                {% do columns.features.update({source_column: column}) %}
            {% else %}
                {% do columns.update({key: column}) %}
            {% endif %}
        {% endfor %}
        {% if faults_here %}
            {% do faults.extend(faults_here) %}
            {% do hints.append("columns of " ~ relation ~ " that exist: " ~ (existing.keys() | join(", "))) %}
        {% endif %}
        {% do found.update({name: columns}) %}
    {% endfor %}
    {% do segmentation.raise_faults("customer tables lack columns", faults, hints) %}
    {% do return(found) %}
{% endmacro %}
