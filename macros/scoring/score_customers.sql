{#
    Scores customers with a fitted model, as SQL of (customer_id, segment_id, distance,
    runner_up_segment_id, margin, is_imputed, is_clamped, model_version), one row a customer.

    Each feature is imputed, clamped to its transform's domain, transformed and scaled; the segment
    is that of the nearest centroid (Euclidean distance in scaled space; of equals the lowest id).
    All parameters lie in one row beside each customer, so a customer costs one pass over k
    expressions and no aggregation.

    customers      SQL of (customer_id, feature_1, ..., feature_n) by the macro `customers`
    model          SQL or relation with the rows of one version of `segmentation__model`
    features       names of the features, in order
    most_segments  at least as many as the model has centroids
#}
{% macro score_customers(customers, model, features, most_segments) %}
{%- set positions = range(1, most_segments + 1) %}
    with

    model as (

        select * from {{ model }}

    ),

    scaling as (

        select
            {%- for feature in features %}
            {%- set is_feature = "feature = " ~ segmentation.text_literal(feature) %}
            {%- set number = loop.index %}
            max(case when parameter = 'transform' and {{ is_feature }} then text_value end) as transform_{{ number }},
            {%- for parameter in ["lambda", "mean", "scale", "minimum", "fill_value"] %}
            max(case when parameter = '{{ parameter }}' and {{ is_feature }} then value end) as {{ parameter }}_{{ number }},
            {%- endfor %}
            {%- endfor %}
            max(model_version) as model_version

        from model

    ),

    prototypes as (

        select
            segment_id,
            feature,
            value,
            dense_rank() over (order by segment_id, prototype_id) as position

        from model

        where parameter = 'centroid'

    ),

    centroids as (

        select
            {%- for position in positions %}
            {%- for feature in features %}
            max(case when position = {{ position }} and feature = {{ segmentation.text_literal(feature) }} then value end) as centroid_{{ position }}_{{ loop.index }},
            {%- endfor %}
            max(case when position = {{ position }} then segment_id end) as segment_id_{{ position }}
            {{- "" if loop.last else "," }}
            {%- endfor %}

        from prototypes

    ),

    customers as (

        {{ customers }}

    ),

    imputed as (

        select
            customers.customer_id,
            {%- for feature in features %}
            coalesce(customers.feature_{{ loop.index }}, scaling.fill_value_{{ loop.index }}) as imputed_{{ loop.index }},
            {%- endfor %}
            {% for feature in features %}customers.feature_{{ loop.index }} is null{{ "" if loop.last else " or " }}{% endfor %} as is_imputed,
            scaling.*

        from customers

        cross join scaling

        where scaling.model_version is not null

    ),

    clamped as (

        select
            imputed.*,
            {%- for feature in features %}
            case
                when {{ segmentation.is_outside_domain("imputed_" ~ loop.index, "transform_" ~ loop.index) }} then minimum_{{ loop.index }}
                else imputed_{{ loop.index }}
            end as clamped_{{ loop.index }},
            {%- endfor %}
            {% for feature in features %}{{ segmentation.is_outside_domain("imputed_" ~ loop.index, "transform_" ~ loop.index) }}
            {{- "" if loop.last else "\n            or " }}{% endfor %} as is_clamped

        from imputed

    ),

    {# The bounds keep every distance finite, whatever a customer's numbers are. #}
    scaled as (

        select
            customer_id,
            model_version,
            is_imputed,
            is_clamped,
            {%- for feature in features %}
            least(greatest((
                {{ segmentation.transformed("clamped_" ~ loop.index, "transform_" ~ loop.index, "lambda_" ~ loop.index) }} - mean_{{ loop.index }}
            ) / scale_{{ loop.index }}, -1e100), 1e100) as scaled_{{ loop.index }}{{ "" if loop.last else "," }}
            {%- endfor %}

        from clamped

    ),

    {# A place that the model leaves empty is farther than any customer can be. #}
    measured as (

        select
            scaled.customer_id,
            scaled.model_version,
            scaled.is_imputed,
            scaled.is_clamped,
            {%- for position in positions %}
            coalesce(
                {%- for feature in features %}
                {{ "+ " if not loop.first }}(scaled_{{ loop.index }} - centroid_{{ position }}_{{ loop.index }}) * (scaled_{{ loop.index }} - centroid_{{ position }}_{{ loop.index }})
                {%- endfor %},
                {{ segmentation.out_of_reach() }}
            ) as distance_{{ position }},
            segment_id_{{ position }}{{ "" if loop.last else "," }}
            {%- endfor %}

        from scaled

        cross join centroids

    ),

    nearest as (

        select
            measured.*,
            {{ segmentation.least_of("distance_", positions) }} as nearest_distance

        from measured

    ),

    placed as (

        select
            nearest.*,
            case
                {%- for position in positions %}
                when distance_{{ position }} = nearest_distance then {{ position }}
                {%- endfor %}
            end as nearest_position

        from nearest

    ),

    compared as (

        select
            placed.*,
            {%- set others = [] %}
            {%- for position in positions %}
            {%- do others.append("case when nearest_position = " ~ position ~ " then " ~ segmentation.out_of_reach() ~ " else distance_" ~ position ~ " end") %}
            {%- endfor %}
            {{ "least(" ~ others | join(", ") ~ ")" if others | length > 1 else others[0] }} as runner_up_distance

        from placed

    )

    select
        customer_id,
        case
            {%- for position in positions %}
            when nearest_position = {{ position }} then segment_id_{{ position }}
            {%- endfor %}
        end as segment_id,
        sqrt(nearest_distance) as distance,
        case
            when runner_up_distance < {{ segmentation.out_of_reach() }} then
                case
                    {%- for position in positions %}
                    when nearest_position <> {{ position }} and distance_{{ position }} = runner_up_distance then segment_id_{{ position }}
                    {%- endfor %}
                end
        end as runner_up_segment_id,
        case
            when runner_up_distance >= {{ segmentation.out_of_reach() }} then null
            when runner_up_distance > 0 then (sqrt(runner_up_distance) - sqrt(nearest_distance)) / sqrt(runner_up_distance)
            else 0
        end as margin,
        is_imputed,
        is_clamped,
        model_version

    from compared
{% endmacro %}


{# A squared distance beyond every real one. #}
{% macro out_of_reach() %}1e300{% endmacro %}


{# The least of columns <prefix><position>. #}
{% macro least_of(prefix, positions) -%}
    {%- if positions | length == 1 -%}
        {{ prefix }}{{ positions[0] }}
    {%- else -%}
        least({% for position in positions %}{{ prefix }}{{ position }}{{ "" if loop.last else ", " }}{% endfor %})
    {%- endif -%}
{%- endmacro %}
