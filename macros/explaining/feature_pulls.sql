{#
    What pulls each customer towards its segment and away from the runner-up, as SQL of
    (customer_id, segment_id, runner_up_segment_id, is_current, net_pull, and for each feature n:
    value_n, a number, or level_n, a category, in own units, and share_n), one row a customer.

    The pull of a coordinate is (x - centroid of the runner-up)^2 - (x - centroid of the segment)^2 in
    scaled space; a feature's is that of its coordinates together; its share is that of the sum over
    the features. The shares of a customer sum to 1, or are null: of noise, without a runner-up, where
    the features together pull no way or the other way, and where the customer was scored with another
    version of the model (is_current is false). net_pull says how much of the pulls is left when they
    are set off against each other, -1 to 1.

    customers    SQL of (customer_id, feature_1, ..., feature_n) by the macro `customers`
    model        SQL or relation with the rows of one version of `segmentation__model`
    placements   SQL or relation with columns of `segmentation__customer_segments`, of one segmentation
    shape        of the model, by `model_shape`
#}
{% macro feature_pulls(customers, model, placements, shape) %}
{%- set coordinates = segmentation.coordinates(shape) %}
    with

    model as (

        select * from {{ model }}

    ),

    placements as (

        select * from {{ placements }}

    ),

    {{- segmentation.scaled_customers(customers, shape) }},

    centroids as (

        select
            segment_id
            {%- for coordinate in coordinates %},
            max(case when {{ segmentation.is_coordinate(coordinate) }} then value end) as centroid_{{ coordinate.suffix }}
            {%- endfor %}

        from model

        where parameter = 'centroid'

        group by segment_id

    ),

    pulls as (

        select
            placements.customer_id,
            placements.segment_id,
            placements.runner_up_segment_id,
            placements.model_version = scaled.model_version as is_current
            {%- for feature in shape.features %},
            customers.feature_{{ feature.number }} as {{ "level" if feature.kind == "category" else "value" }}_{{ feature.number }},
            {%- for coordinate in coordinates if coordinate.feature == feature.number %}
            {%- set own = "own.centroid_" ~ coordinate.suffix %}
            {%- set other = "other.centroid_" ~ coordinate.suffix %}
            {{ "+ " if not loop.first }}({{ other }} - {{ own }}) * ({{ other }} + {{ own }} - 2 * scaled.scaled_{{ coordinate.suffix }})
            {%- endfor %} as pull_{{ feature.number }}
            {%- endfor %}

        from placements

        inner join scaled
            on placements.customer_id = scaled.customer_id

        {# Own units are read from the customers that were scaled, a CTE of the macro above. #}
        inner join customers
            on placements.customer_id = customers.customer_id

        left join centroids as own
            on placements.segment_id = own.segment_id

        left join centroids as other
            on placements.runner_up_segment_id = other.segment_id
            and placements.model_version = scaled.model_version

    ),

    totals as (

        select
            pulls.*,
            {% for feature in shape.features %}pull_{{ feature.number }}{{ "" if loop.last else " + " }}{% endfor %} as total_pull,
            {% for feature in shape.features %}abs(pull_{{ feature.number }}){{ "" if loop.last else " + " }}{% endfor %} as total_strength

        from pulls

    )

    {# A total that is a rounding error of its parts has no shares. #}
    select
        customer_id,
        segment_id,
        runner_up_segment_id,
        is_current,
        case when total_strength = 0 then 0 else total_pull / total_strength end as net_pull
        {%- for feature in shape.features %},
        {{ "level" if feature.kind == "category" else "value" }}_{{ feature.number }},
        case when total_pull > 1e-9 * total_strength then pull_{{ feature.number }} / total_pull end as share_{{ feature.number }}
        {%- endfor %}

    from totals
{% endmacro %}
