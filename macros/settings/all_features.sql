{#
    The features of all definitions that are numbers as {slug: [features]}: features whose names differ only in case
    or odd characters, in different definitions, share the columns that are named after them. The
    RFM measures always have theirs, so that what stands on these tables finds them.
#}
{% macro all_features() %}
    {% set features = {"recency_days": [], "frequency": [], "monetary": []} %}
    {% for definition in segmentation.configuration()["definitions"].values() %}
        {% for feature, how in definition.features.items() if how.kind == "number" %}
            {% set same = features.setdefault(segmentation.slug(feature), []) %}
            {% if feature not in same %}
                {% do same.append(feature) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% do return(features) %}
{% endmacro %}


{# A name as part of a column name: lower case, anything but letters, digits and _ as _. #}
{% macro slug(name) %}
    {% do return(modules.re.sub("[^a-z0-9_]", "_", name | lower)) %}
{% endmacro %}


{# True for the rows of some features; of none where there are none. #}
{% macro is_feature(features) -%}
    {%- if features -%}
        feature in ({% for feature in features %}{{ segmentation.text_literal(feature) }}{{ "" if loop.last else ", " }}{% endfor %})
    {%- else -%}
        1 = 0
    {%- endif -%}
{%- endmacro %}
