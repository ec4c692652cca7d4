{#
    The segment of the nearest centroid (Euclidean distance; of equals the lowest id), from the CTEs
    `model` and `scaled` on. All centroids lie in one row beside each customer, so a customer costs
    one pass over as many expressions and no aggregation.

    shape     of the model, by `model_shape`
    carried   further columns of `scaled`, see `score_customers`
#}
{% macro nearest_centroid(shape, carried=[]) %}
{%- set coordinates = segmentation.coordinates(shape) %}
{%- set positions = range(1, shape.segments + 1) %}

    prototypes as (

        select
            segment_id,
            feature,
            level_id,
            value,
            dense_rank() over (order by segment_id) as position

        from model

        where parameter = 'centroid'

    ),

    centroids as (

        select
            {%- for position in positions %}
            {%- for coordinate in coordinates %}
            max(case when position = {{ position }} and {{ segmentation.is_coordinate(coordinate) }} then value end) as centroid_{{ position }}_{{ coordinate.suffix }},
            {%- endfor %}
            max(case when position = {{ position }} then segment_id end) as segment_id_{{ position }}
            {{- "" if loop.last else "," }}
            {%- endfor %}

        from prototypes

    ),

    {# A place that the model leaves empty is farther than any customer can be. #}
    measured as {{ segmentation.materialized() }}(

        select
            scaled.customer_id,
            {%- for column in carried + segmentation.preparation_columns() %}
            scaled.{{ column }},
            {%- endfor %}
            {%- for position in positions %}
            coalesce(
                {%- for coordinate in coordinates %}
                {%- set difference = "(scaled_" ~ coordinate.suffix ~ " - centroid_" ~ position ~ "_" ~ coordinate.suffix ~ ")" %}
                {{ "+ " if not loop.first }}{{ difference }} * {{ difference }}
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

    placed as {{ segmentation.materialized() }}(

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
        {{ (carried + segmentation.preparation_columns()) | join(",\n        ") }}

    from compared
{%- endmacro %}


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
