{#
    Scores customers with a fitted model, as SQL of (customer_id, segment_id, distance,
    runner_up_segment_id, margin, is_outlier, is_imputed, is_clamped, has_unseen_level,
    model_version), one row a customer: `scaled_customers`, then `nearest_centroid` or
    `nearest_prototype`.

    customers   SQL of (customer_id, feature_1, ..., feature_n) by the macro `customers`
    model       SQL or relation with the rows of one version of `segmentation__model`
    shape       of that version, by `model_shape`
    carried     further columns of the customers that come out as they are; with them a customer may
                have several rows, if no two are equal in all of these
#}
{% macro score_customers(customers, model, shape, carried=[]) %}
    with

    model as (

        select * from {{ model }}

    ),

    {{- segmentation.scaled_customers(customers, shape, carried) }},

    {%- if shape.rule == "centroid" %}
    {{- segmentation.nearest_centroid(shape, carried) }}
    {%- else %}
    {{- segmentation.nearest_prototype(shape, carried) }}
    {%- endif %}
{% endmacro %}


{# What scoring says of how a customer was prepared; carried from `scaled_customers` to its end. #}
{% macro preparation_columns() %}
    {% do return(["model_version", "is_outlier", "is_imputed", "is_clamped", "has_unseen_level"]) %}
{% endmacro %}
