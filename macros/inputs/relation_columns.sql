{#
    The columns that a relation has, as {name as the engine spells it: kind}; kind is text |
    integer | decimal | double | date | timestamp | timestamp with time zone | other. Empty while parsing and where the
    relation does not exist yet. Unit tests override this macro: in them an input has no columns.
#}
{% macro relation_columns(relation) %}
    {% set columns = {} %}
    {% if execute and relation is not none %}
        {% for column in adapter.get_columns_in_relation(relation) %}
            {% do columns.update({column.name: segmentation.column_kind(column.dtype)}) %}
        {% endfor %}
    {% endif %}
    {% do return(columns) %}
{% endmacro %}


{# The kind of a column by the name of its data type, for every supported engine. #}
{% macro column_kind(data_type) %}
    {% set name = data_type | lower %}
    {% if name.endswith("]") or modules.re.match("^(struct|map|union|list|array|row|json|variant|object)", name) %}
        {% do return("other") %}
    {% elif modules.re.match("^(n?(var)?char|bpchar|character|text|string|clob|enum)", name) %}
        {% do return("text") %}
    {% elif modules.re.match("^timestamp.*(tz|with time zone|with local time zone)", name) and "without" not in name %}
        {% do return("timestamp with time zone") %}
    {% elif modules.re.match("^(timestamp|datetime)", name) %}
        {% do return("timestamp") %}
    {% elif name == "date" %}
        {% do return("date") %}
    {% elif modules.re.match("^u?(tiny|small|big|huge)?int|^byteint|^long|^short", name) and name != "interval" %}
        {% do return("integer") %}
    {% elif modules.re.match("^(big)?(decimal|numeric|number)", name) %}
        {% do return("decimal") %}
    {% elif modules.re.match("^(double|float|real)", name) %}
        {% do return("double") %}
    {% endif %}
    {% do return("other") %}
{% endmacro %}


{#
    A column of a relation, found without regard to case, as {sql, kind}: sql is quoted as the
    engine spells it. `none` where the relation has no such column. Where nothing is known of the
    relation (while parsing, of an ephemeral model, in a unit test without the override) the name
    is taken as it is and values are read by their text.
#}
{% macro find_column(name, columns) %}
    {% if not columns %}
        {% do return({"sql": name, "kind": "other"}) %}
    {% endif %}
    {% if name in columns %}
        {% do return({"sql": adapter.quote(name | replace('"', '""')), "kind": columns[name]}) %}
    {% endif %}
    {% for column, kind in columns.items() if column | lower == name | lower %}
        {% do return({"sql": adapter.quote(column | replace('"', '""')), "kind": kind}) %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}
