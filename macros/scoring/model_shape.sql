{#
    What scoring must know of a model when its SQL is written, as

      {features: [{number, name, kind, levels, is_clipped, is_fenced, is_weighted}, ...],
       rule: 'centroid' (the nearest wins) or 'prototype' (the nearest that reaches),
       segments: number of centroids, axes: of each prototype's whitening (0: none),
       model_version: none where there is no model yet}

    Read from the rows of the model in force; the definition's own where nothing is being run or
    there is no model yet. Raises where the model was fitted on other features than the definition
    has, or on features of another kind.

    name, definition   a segmentation of `configuration`
    model              relation with the columns of `segmentation__model`
    model_version      the version that counts, with the features that it has, none where it is not
                       there; by default the last, which must have the definition's
#}
{% macro model_shape(name, definition, model, model_version=none) %}
    {% set found = {} %}
    {# In a unit test the model is a fixture, which nobody can ask. #}
    {% if segmentation.is_querying() and not segmentation.is_unit_test()
        and adapter.get_relation(model.database, model.schema, model.identifier) is not none %}
        {% set query %}
            select
                feature,
                max(case when parameter = 'transform' and text_value = 'one_hot' then 1 else 0 end) as is_category,
                max(case when parameter = 'level' then level_id else 0 end) as levels,
                max(case when parameter = 'clip_low' then 1 else 0 end) as is_clipped,
                max(case when parameter = 'fence_low' then 1 else 0 end) as is_fenced,
                max(case when parameter = 'weight' and value <> 1 then 1 else 0 end) as is_weighted,
                count(distinct case when parameter = 'centroid' then segment_id end) as segments,
                max(case when parameter = 'prototype' then 1 else 0 end) as has_prototypes,
                max(case when parameter like 'whitening%' then 1 else 0 end) as has_whitening,
                max(model_version) as model_version
            from {{ model }}
            where segmentation = '{{ name }}'
                and feature is not null
                and model_version = {{ model_version or segmentation.last_version(model, name) }}
            group by feature
        {% endset %}
        {% for row in run_query(query).rows %}
            {% do found.update({row[0]: row.values()}) %}
        {% endfor %}
    {% endif %}
    {% if not found %}
        {% do return(segmentation._shape_of_definition(definition) if model_version is none else none) %}
    {% endif %}

    {% set fitted_features = {} %}
    {% for feature, row in found.items() %}
        {% do fitted_features.update({feature: {"kind": "category" if row[1] == 1 else "number"}}) %}
    {% endfor %}
    {% set fitted, asked = segmentation.feature_labels(fitted_features), segmentation.feature_labels(definition.features) %}
    {% if fitted != asked and model_version is none %}
        {% do segmentation.raise_faults("the model in force does not fit the vars", [
            "segmentation_definitions." ~ name ~ ": it was fitted on " ~ (fitted | join(", ")) ~ ", not on "
            ~ (asked | join(", ")) ~ ". Fit again with dbt build --select +segmentation__model+"
            ~ " (a frozen model: export one of these features)."
        ]) %}
        {% do return(segmentation._shape_of_definition(definition)) %}
    {% endif %}

    {% set features = [] %}
    {% for feature in (definition.features if fitted == asked else fitted_features | sort(case_sensitive=true)) %}
        {% set row = found[feature] %}
        {% do features.append({
            "number": loop.index, "name": feature, "kind": fitted_features[feature].kind, "levels": row[2] | int,
            "is_clipped": row[3] == 1, "is_fenced": row[4] == 1, "is_weighted": row[5] == 1
        }) %}
    {% endfor %}
    {% set rows = found.values() | list %}
    {% do return({
        "features": features,
        "rule": "prototype" if rows | map(attribute=7) | max == 1 else "centroid",
        "segments": [rows | map(attribute=6) | max, 1] | max | int,
        "axes": segmentation.coordinates({"features": features}) | length if rows | map(attribute=8) | max == 1 else 0,
        "model_version": rows[0][9] | int,
    }) %}
{% endmacro %}


{# The names of features {name: {kind, ...}}, sorted; of a category it is said. #}
{% macro feature_labels(features) %}
    {% set labels = [] %}
    {% for feature, how in features.items() %}
        {% do labels.append(feature ~ (" (category)" if how.kind == "category" else "")) %}
    {% endfor %}
    {% do return(labels | sort(case_sensitive=true)) %}
{% endmacro %}


{# The shape that a fit of the definition would give, as far as it can be known. #}
{% macro _shape_of_definition(definition) %}
    {% set features = [] %}
    {% for feature, how in definition.features.items() %}
        {% do features.append({
            "number": loop.index, "name": feature, "kind": how.kind, "levels": 1 if how.kind == "category" else 0,
            "is_clipped": how.clip is not none,
            "is_fenced": definition.outliers is not none and how.kind == "number",
            "is_weighted": how.weight != 1
        }) %}
    {% endfor %}
    {% set is_centroid = definition.algorithm == "kmeans" or (
        definition.algorithm == "hierarchical" and definition.algorithm_options.linkage != "single"
    ) %}
    {% do return({
        "features": features,
        "rule": "centroid" if is_centroid else "prototype",
        "segments": definition.k.max or 1,
        "axes": segmentation.coordinates({"features": features}) | length if definition.algorithm == "gaussian_mixture" else 0,
        "model_version": none,
    }) %}
{% endmacro %}


{#
    The coordinates of scaled space, in order, as [{feature, level, suffix}, ...]: one for a number,
    one a level for a category. The suffix is part of column names; feature is its number from 1.
#}
{% macro coordinates(shape) %}
    {% set coordinates = [] %}
    {% for feature in shape.features %}
        {% set number = feature.number %}
        {% if feature.kind == "category" %}
            {% for level in range(1, feature.levels + 1) %}
                {% do coordinates.append({
                    "name": feature.name, "feature": number, "level": level, "suffix": number ~ "_" ~ level
                }) %}
            {% endfor %}
        {% else %}
            {% do coordinates.append({"name": feature.name, "feature": number, "level": none, "suffix": number | string}) %}
        {% endif %}
    {% endfor %}
    {% do return(coordinates) %}
{% endmacro %}


{# True for the rows of a model that belong to a coordinate. #}
{% macro is_coordinate(coordinate) -%}
    feature = {{ segmentation.text_literal(coordinate.name) }}{% if coordinate.level is not none %} and level_id = {{ coordinate.level }}{% endif %}
{%- endmacro %}
