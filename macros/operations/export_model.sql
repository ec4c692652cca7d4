{#
    Prints the model in force of a segmentation as CSV, to be committed as a seed and named as a
    definition's `frozen_model`:

        dbt --quiet run-operation segmentation.export_model --args '{name: wholesale}' > seeds/wholesale_model.csv

    Numbers come with all their digits, so the frozen model scores identically. Raises where there
    is no such model.

    name      of a segmentation
    version   of its model; default: the last
#}
{% macro export_model(name, version=none) %}
    {% set model = ref("segmentation", "segmentation__model") %}
    {% set columns = segmentation.model_columns().keys() | list %}
    {% set query %}
        select
            {%- for column in columns %}
            cast({{ column }} as {{ dbt.type_string() }}) as {{ column }}{{ "" if loop.last else "," }}
            {%- endfor %}
        from {{ model }}
        where segmentation = {{ segmentation.text_literal(name) }}
            and model_version = {% if version is none -%}
                {{ segmentation.last_version(model, name) }}
            {%- else -%}
                {{ version | int }}
            {%- endif %}
        order by parameter, k, segment_id, prototype_id, feature, level_id, node_id
    {% endset %}
    {% if execute %}
        {% set rows = [] %}
        {% if adapter.get_relation(model.database, model.schema, model.identifier) is not none %}
            {% set rows = run_query(query).rows %}
        {% endif %}
        {% if not rows %}
            {% do exceptions.raise_compiler_error(
                "segmentation: " ~ model ~ " holds no model '" ~ name ~ "'" ~ ("" if version is none else " of version " ~ version)
                ~ ". Fit it with dbt build --select +segmentation__model, or name another."
            ) %}
        {% endif %}
        {% set lines = [columns | join(",")] %}
        {% for row in rows %}
            {% set fields = [] %}
            {% for field in row.values() %}
                {% set text = "" if field is none else field | string %}
                {% do fields.append('"' ~ text | replace('"', '""') ~ '"' if modules.re.search('[",\\r\\n]', text) else text) %}
            {% endfor %}
            {% do lines.append(fields | join(",")) %}
        {% endfor %}
        {% do print(lines | join("\n")) %}
    {% endif %}
{% endmacro %}
