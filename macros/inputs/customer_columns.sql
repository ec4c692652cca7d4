{#
    Gate 2 of the customer tables: for each definition its columns as {customer_id, value,
    features: {name: column}}, each {sql, kind}, and whether the table is of the package's own, is_own;
    or one error that names all that are missing or not numeric and lists those that exist.

    definitions   definitions of `configuration`
    instead       a relation to look at instead of the definitions' own customer tables
#}
{% macro customer_columns(definitions, instead=none) %}
    {% do segmentation.check_privacy() %}
    {% set found = {} %}
    {% set tables = {} %}
    {% set faults = [] %}
    {% set hints = [] %}
    {% for name, definition in definitions.items() %}
        {% set path = "segmentation_definitions." ~ name %}
        {% set relation = instead or segmentation.customers_relation(definition) %}
        {# Segmentations of one table ask the warehouse for its columns once, and dbt whose it is. #}
        {% if relation | string not in tables %}
            {% do tables.update({relation | string: {
                "columns": segmentation.relation_columns(relation),
                "is_own": segmentation.is_own_relation(relation),
            }}) %}
        {% endif %}
        {% set table = tables[relation | string] %}
        {% set existing = table.columns %}
        {% set wanted = {"customer_id": definition.customer_id} %}
        {% if definition.value is not none %}
            {% do wanted.update({"value": definition.value}) %}
        {% endif %}
        {% set not_numbers = ["customer_id"] %}
        {% for feature, how in definition.features.items() %}
            {% do wanted.update({"features." ~ feature: feature}) %}
            {% if how.kind == "category" %}
                {% do not_numbers.append("features." ~ feature) %}
            {% endif %}
        {% endfor %}
        {% set columns = {
            "customer_id": {"sql": "null", "kind": "other"}, "value": none, "features": {},
            "is_own": segmentation.is_own_model(definition.customers) or table.is_own,
        } %}
        {% set faults_here = [] %}
        {% for key, source_column in wanted.items() %}
            {% set column = segmentation.find_column(source_column, existing) %}
            {% if column is none %}
                {% do faults_here.append(path ~ "." ~ key ~ ": no column '" ~ source_column ~ "' in " ~ relation) %}
            {% elif existing and key not in not_numbers and column.kind not in ("integer", "decimal", "double") %}
                {% do faults_here.append(
                    path ~ "." ~ key ~ ": column '" ~ source_column ~ "' in " ~ relation ~ " is of kind "
                    ~ column.kind ~ "; allowed: a number. Cast it upstream"
                    ~ (", or say kind: category." if key.startswith("features.") else ".")
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
