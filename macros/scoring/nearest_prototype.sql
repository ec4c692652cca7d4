{#
    The segment of the nearest prototype that reaches the customer, else noise, from the CTEs
    `model` and `scaled` on. A prototype is a core point, which reaches as far as its radius, a
    customer of a single-linkage fit, which reaches everybody, or a component of a mixture, whose
    whitening turns Euclidean into Mahalanobis distance, to whose square its offset is added
    (-2 ln(weight * density), less a constant: the least is scikit-learn's predict).

    The distance is that to the deciding prototype, of noise to the nearest; the runner-up is the
    segment of the nearest prototype of another segment, in reach or not.

    shape     of the model, by `model_shape`
    carried   further columns of `scaled`, see `score_customers`
#}
{% macro nearest_prototype(shape, carried=[]) %}
{%- set coordinates = segmentation.coordinates(shape) %}
{%- set axes = range(1, shape.axes + 1) %}
{%- set preparation = (carried + segmentation.preparation_columns()) | join(",\n            ") %}
{%- set row_key = (["customer_id"] + carried) | join(", ") %}

    prototypes as (

        select
            prototype_id,
            max(segment_id) as segment_id,
            max(case when parameter = 'radius' then value end) as radius,
            coalesce(max(case when parameter = 'offset' then value end), 0) as distance_offset
            {%- for coordinate in coordinates %},
            max(case when parameter = 'prototype' and {{ segmentation.is_coordinate(coordinate) }} then value end) as prototype_{{ coordinate.suffix }}
            {%- for axis in axes %},
            coalesce(max(case when parameter = 'whitening_{{ axis }}' and {{ segmentation.is_coordinate(coordinate) }} then value end), 0) as whitening_{{ axis }}_{{ coordinate.suffix }}
            {%- endfor %}
            {%- endfor %}

        from model

        where prototype_id is not null
            and parameter <> 'centroid'

        group by prototype_id

    ),

    {%- set differences = [] %}
    {%- for coordinate in coordinates %}
        {%- do differences.append("(scaled_" ~ coordinate.suffix ~ " - prototype_" ~ coordinate.suffix ~ ")") %}
    {%- endfor %}

    measured as (

        select
            scaled.customer_id,
            {%- for column in carried + segmentation.preparation_columns() %}
            scaled.{{ column }},
            {%- endfor %}
            prototypes.segment_id,
            prototypes.radius * prototypes.radius as squared_radius,
            prototypes.distance_offset
            {%- if not axes %}
            {%- for difference in differences %}
            + {{ difference }} * {{ difference }}
            {%- endfor %}
            {%- endif %}
            {%- for axis in axes %}
            {%- set terms = [] %}
            {%- for coordinate in coordinates %}
            {%- do terms.append(differences[loop.index0] ~ " * whitening_" ~ axis ~ "_" ~ coordinate.suffix) %}
            {%- endfor %}
            + power({{ terms | join(" + ") }}, 2)
            {%- endfor %} as squared_distance

        from scaled

        cross join prototypes

    ),

    by_segment as (

        select
            customer_id,
            {{ preparation }},
            segment_id,
            min(squared_distance) as squared_distance,
            min(case when squared_radius is null or squared_distance <= squared_radius then squared_distance end) as reached_distance

        from measured

        group by
            customer_id,
            {{ preparation }},
            segment_id

    ),

    ranked as (

        select
            by_segment.*,
            row_number() over (
                partition by {{ row_key }}
                order by squared_distance, segment_id
            ) as nearness,
            row_number() over (
                partition by {{ row_key }}
                order by case when reached_distance is null then 1 else 0 end, reached_distance, segment_id
            ) as claim

        from by_segment

    ),

    placed as (

        select
            customer_id,
            {{ preparation }},
            max(case when claim = 1 and reached_distance is not null then segment_id end) as own_id,
            max(case when claim = 1 then reached_distance end) as own_distance,
            max(case when nearness = 1 then segment_id end) as nearest_id,
            max(case when nearness = 1 then squared_distance end) as nearest_distance,
            max(case when nearness = 2 then segment_id end) as second_id,
            max(case when nearness = 2 then squared_distance end) as second_distance

        from ranked

        group by
            customer_id,
            {{ preparation }}

    ),

    compared as (

        select
            placed.*,
            case when own_id = nearest_id then second_id else nearest_id end as runner_up_segment_id,
            case when own_id = nearest_id then second_distance else nearest_distance end as runner_up_distance

        from placed

    )

    select
        customer_id,
        coalesce(own_id, 0) as segment_id,
        sqrt(coalesce(own_distance, nearest_distance)) as distance,
        runner_up_segment_id,
        case
            when own_id is null or runner_up_distance is null then null
            when runner_up_distance > own_distance then (sqrt(runner_up_distance) - sqrt(own_distance)) / sqrt(runner_up_distance)
            else 0
        end as margin,
        {{ (carried + segmentation.preparation_columns()) | join(",\n        ") }}

    from compared
{%- endmacro %}
