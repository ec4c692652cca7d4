{#
    The relations that definitions name as their `frozen_model`, as `export_model` has written them,
    as {segmentation: Relation}. They are looked at first: raises, for all of them in one error,
    where one lacks columns, does not hold exactly one model, or was fitted on other features than
    its definition has.
#}
{% macro frozen_models() %}
    {% set relations = {} %}
    {% set faults = [] %}
    {% set hints = [] %}
    {% for name, definition in segmentation.configuration()["definitions"].items() if definition.frozen_model is not none %}
        {% set relation = segmentation.relation_of(definition.frozen_model) %}
        {% do relations.update({name: relation}) %}
        {% if segmentation.is_building() %}
            {% set path = "segmentation_definitions." ~ name ~ ".frozen_model: " %}
            {% set existing = segmentation.relation_columns(relation) %}
            {% set missing = [] %}
            {% if not existing and not relation.is_cte and not segmentation.is_unit_test() %}
                {% do faults.append(path ~ relation ~ " does not exist; of a seed run dbt seed, or dbt build, first") %}
            {% endif %}
            {% for column in segmentation.model_columns() if existing and segmentation.find_column(column, existing) is none %}
                {% do missing.append(path ~ "no column '" ~ column ~ "' in " ~ relation) %}
            {% endfor %}
            {% if missing %}
                {% do faults.extend(missing) %}
                {% do hints.append("columns of " ~ relation ~ " that exist: " ~ (existing.keys() | join(", "))) %}
            {# In a unit test the relation is a fixture, without columns. #}
            {% elif existing %}
                {% do faults.extend(segmentation._frozen_faults(path, definition, relation)) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% do segmentation.raise_faults("frozen models cannot be read", faults, hints) %}
    {% do return(relations) %}
{% endmacro %}


{# What is wrong with the rows of a frozen model: a list of one sentence, or of none. #}
{% macro _frozen_faults(path, definition, relation) %}
    {% set key = segmentation.model_columns().keys() | reject("in", ["segmentation", "value", "text_value"]) | join(", ") %}
    {% set query %}
        select
            count(distinct segmentation) as models,
            (select count(*) from (
                select 1 as one from {{ relation }} group by {{ key }} having count(*) > 1
            ) as repeated) as repeated_parameters
        from {{ relation }}
    {% endset %}
    {% set models, repeated_parameters = run_query(query).rows[0] %}
    {% set features = {} %}
    {% for feature, transform in run_query(
        "select feature, max(text_value) from " ~ relation ~ " where parameter = 'transform' group by feature"
    ).rows %}
        {% do features.update({feature: {"kind": "category" if transform == "one_hot" else "number"}}) %}
    {% endfor %}
    {% set fitted, asked = segmentation.feature_labels(features), segmentation.feature_labels(definition.features) %}
    {% set written = "; allowed: one, as export_model writes it." %}
    {% if models == 0 %}
        {% do return([path ~ relation ~ " holds no model" ~ written]) %}
    {% elif models > 1 %}
        {% do return([path ~ relation ~ " holds models of " ~ models ~ " segmentations" ~ written]) %}
    {% elif repeated_parameters > 0 %}
        {% do return([path ~ relation ~ " holds parameters twice, as where it holds versions" ~ written]) %}
    {% elif fitted != asked %}
        {% do return([
            path ~ relation ~ " was fitted on " ~ (fitted | join(", ")) ~ ", not on " ~ (asked | join(", "))
            ~ ". Export a model of these features, or name its features in the definition."
        ]) %}
    {% endif %}
    {% do return([]) %}
{% endmacro %}
