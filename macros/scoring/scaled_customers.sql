{#
    CTEs from `scaling` (the model's parameters of the features, in one row) to `scaled`: customers
    as points of scaled space, in columns scaled_<suffix> of `coordinates`.

    A number is imputed, clipped where the model clips it, clamped to its transform's domain,
    transformed, scaled and weighted. A category is imputed and gives its weight to the coordinate
    of its level; a level that the fit has not seen gives none to any, as scikit-learn's
    OneHotEncoder(handle_unknown='ignore').

    customers   SQL of (customer_id, feature_1, ..., feature_n)
    shape       of the model, by `model_shape`
    carried     further columns of the customers, see `score_customers`
#}
{% macro scaled_customers(customers, shape, carried=[]) %}
{%- set numbers = shape.features | selectattr("kind", "equalto", "number") | list %}
{%- set categories = shape.features | selectattr("kind", "equalto", "category") | list %}
{%- set clipped = numbers | selectattr("is_clipped") | list %}
{%- set fenced = numbers | selectattr("is_fenced") | list %}

    scaling as (

        select
            {%- for feature in numbers + categories %}
            {%- set is_feature = "feature = " ~ segmentation.text_literal(feature.name) %}
            {%- set parameters = ["weight"] if feature.kind == "category" else (
                ["lambda", "mean", "scale", "minimum", "fill_value"]
                + (["clip_low", "clip_high"] if feature.is_clipped else [])
                + (["fence_low", "fence_high"] if feature.is_fenced else [])
                + (["weight"] if feature.is_weighted else [])
            ) %}
            {%- set text_parameter = "fill_value" if feature.kind == "category" else "transform" %}
            max(case when parameter = '{{ text_parameter }}' and {{ is_feature }} then text_value end) as {{ text_parameter }}_{{ feature.number }},
            {%- for parameter in parameters %}
            max(case when parameter = '{{ parameter }}' and {{ is_feature }} then value end) as {{ parameter }}_{{ feature.number }},
            {%- endfor %}
            {%- for level in range(1, feature.levels + 1) %}
            max(case when parameter = 'level' and level_id = {{ level }} and {{ is_feature }} then text_value end) as level_{{ feature.number }}_{{ level }},
            {%- endfor %}
            {%- endfor %}
            max(model_version) as model_version

        from model

    ),

    customers as (

        {{ customers }}

    ),

    imputed as (

        select
            customers.customer_id,
            {%- for column in carried %}
            customers.{{ column }},
            {%- endfor %}
            {%- for feature in shape.features %}
            coalesce(customers.feature_{{ loop.index }}, scaling.fill_value_{{ loop.index }}) as imputed_{{ loop.index }},
            {%- endfor %}
            {% for feature in shape.features %}customers.feature_{{ loop.index }} is null{{ "" if loop.last else " or " }}{% endfor %} as is_imputed,
            {% for feature in fenced -%}
            coalesce(customers.feature_{{ feature.number }} < scaling.fence_low_{{ feature.number }} or customers.feature_{{ feature.number }} > scaling.fence_high_{{ feature.number }}, false)
            {{- "" if loop.last else "\n            or " }}{% else %}false{% endfor %} as is_outlier,
            scaling.*

        from customers

        cross join scaling

        where scaling.model_version is not null

    ),

    {%- if clipped %}

    clipped as (

        select
            imputed.*
            {%- for feature in clipped %},
            least(greatest(imputed_{{ feature.number }}, clip_low_{{ feature.number }}), clip_high_{{ feature.number }}) as clipped_{{ feature.number }}
            {%- endfor %}

        from imputed

    ),
    {%- endif %}

    clamped as (

        select
            {{ "clipped" if clipped else "imputed" }}.*,
            {%- set changes = [] %}
            {%- for feature in numbers %}
            {%- set value = ("clipped_" if feature.is_clipped else "imputed_") ~ feature.number %}
            {%- set is_outside = segmentation.is_outside_domain(value, "transform_" ~ feature.number) %}
            case
                when {{ is_outside }} then minimum_{{ feature.number }}
                else {{ value }}
            end as clamped_{{ feature.number }},
            {%- if feature.is_clipped %}
            {%- do changes.append("imputed_" ~ feature.number ~ " <> " ~ value) %}
            {%- endif %}
            {%- do changes.append(is_outside) %}
            {%- endfor %}
            {%- set unseen = [] %}
            {%- for feature in categories %}
            {%- set levels = [] %}
            {%- for level in range(1, feature.levels + 1) %}
            {%- do levels.append("level_" ~ feature.number ~ "_" ~ level) %}
            {%- endfor %}
            {%- do unseen.append("imputed_" ~ feature.number ~ " not in (" ~ levels | join(", ") ~ ")") %}
            {%- endfor %}
            {{ changes | join("\n            or ") }} as is_clamped,
            {{ unseen | join("\n            or ") if unseen else "false" }} as has_unseen_level

        from {{ "clipped" if clipped else "imputed" }}

    ),

    {# The bounds keep every distance finite, whatever a customer's numbers are. #}
    scaled as {{ segmentation.materialized() }}(

        select
            customer_id,
            {{ (carried + segmentation.preparation_columns()) | join(",\n            ") }}
            {%- for feature in numbers %},
            least(greatest(
                {{ segmentation.standardized(
                    segmentation.transformed("clamped_" ~ feature.number, "transform_" ~ feature.number, "lambda_" ~ feature.number),
                    "mean_" ~ feature.number, "scale_" ~ feature.number
                ) }}{{ " * weight_" ~ feature.number if feature.is_weighted else "" }}, -1e100), 1e100) as scaled_{{ feature.number }}
            {%- endfor %}
            {%- for feature in categories %}
            {%- for level in range(1, feature.levels + 1) %},
            case when imputed_{{ feature.number }} = level_{{ feature.number }}_{{ level }} then weight_{{ feature.number }} else 0 end as scaled_{{ feature.number }}_{{ level }}
            {%- endfor %}
            {%- endfor %}

        from clamped

    )
{%- endmacro %}
