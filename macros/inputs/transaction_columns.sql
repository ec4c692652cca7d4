{#
    Gate 2 of the transactions: the mapped columns as {name: {sql, kind} or none}, every one of
    them found in the input, or one error that names all that are missing and lists those that
    exist. With `incremental`, loaded_at is among them and holds points in time.
#}
{% macro transaction_columns(relation) %}
    {% set input = segmentation.input() %}
    {% set existing = segmentation.relation_columns(relation) %}
    {% set found = {} %}
    {% set faults = [] %}
    {% for name, source_column in input.columns.items() %}
        {% set column = none if source_column is none else segmentation.find_column(source_column, existing) %}
        {% if source_column is not none and column is none %}
            {% do faults.append(
                "segmentation_input.columns." ~ name ~ ": no column '" ~ source_column ~ "'"
                ~ ("" if name in ["customer_id", "ordered_at"] else "; say " ~ name ~ ": null where there is none")
            ) %}
        {% endif %}
        {% do found.update({name: column}) %}
    {% endfor %}
    {% if input.incremental is not none %}
        {% set column = segmentation.find_column(input.incremental.loaded_at, existing) %}
        {% set path = "segmentation_input.incremental.loaded_at: " %}
        {% if column is none %}
            {% do faults.append(path ~ "no column '" ~ input.incremental.loaded_at ~ "'; say incremental: null where there is none") %}
        {% elif column.kind in ("integer", "decimal", "double") %}
            {% do faults.append(
                path ~ "column '" ~ input.incremental.loaded_at ~ "' is of kind " ~ column.kind
                ~ "; allowed: a timestamp, a date, or ISO text"
            ) %}
        {% endif %}
        {% do found.update({"loaded_at": column}) %}
    {% endif %}
    {% do segmentation.raise_faults(
        "the transactions " ~ relation ~ " lack mapped columns", faults,
        ["columns that exist: " ~ (existing.keys() | join(", "))]
    ) %}
    {% do return(found) %}
{% endmacro %}
