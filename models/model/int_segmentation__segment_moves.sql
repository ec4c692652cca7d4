with

parameters as (

    select * from {{ ref('int_segmentation__fit') }}

),

last_version as (

    select * from {{ ref('int_segmentation__last_version') }}

),

---------- how both versions scale a feature

{%- set numbers = ["lambda", "mean", "scale", "weight", "minimum"] %}

{%- for scalings, version, of_no_segment in [
    ("scalings", "parameters", "cluster is null"), ("last_scalings", "last_version", "segment_id is null")
] %}

{{ scalings }} as (

    select
        segmentation,
        feature,
        max(case when parameter = 'transform' then text_value end) as transform,
        {%- for parameter in numbers %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}_value{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ version }}

    where feature is not null
        and {{ of_no_segment }}

    group by
        segmentation,
        feature

),
{%- endfor %}

---------- centroids of the last version, in units that both versions share

last_levels as (

    select
        segmentation,
        feature,
        level_id,
        text_value as level

    from last_version

    where parameter = 'level'

),

{# Unweighted. A feature that weighed nothing has no place in scaled space, but a median. #}
last_centroids as (

    select
        centroids.segmentation,
        centroids.segment_id,
        centroids.feature,
        last_levels.level,
        case
            when last_scalings.weight_value > 0 then centroids.value / last_scalings.weight_value
        end as coordinate,
        medians.value as median,
        last_scalings.transform,
        last_scalings.lambda_value,
        last_scalings.mean_value,
        last_scalings.scale_value

    from last_version as centroids

    inner join last_scalings
        on centroids.segmentation = last_scalings.segmentation
        and centroids.feature = last_scalings.feature

    left join last_levels
        on centroids.segmentation = last_levels.segmentation
        and centroids.feature = last_levels.feature
        and centroids.level_id = last_levels.level_id

    left join last_version as medians
        on centroids.segmentation = medians.segmentation
        and centroids.segment_id = medians.segment_id
        and centroids.feature = medians.feature
        and medians.parameter = 'median'

    where centroids.parameter = 'centroid'
        and centroids.segment_id > 0

),

last_unscaled as (

    select
        last_centroids.*,
        coordinate * scale_value + mean_value as transformed

    from last_centroids

),

{# A number in its own units, the share of customers of a level. #}
last_centers as (

    select
        segmentation,
        segment_id,
        feature,
        level,
        case
            when transform = 'one_hot' then coordinate
            else coalesce({{ segmentation.inverse_transformed("transformed", "transform", "lambda_value") }}, median)
        end as center

    from last_unscaled

),

---------- each cluster against each segment of the last version, as the new fit scales

clusters as (

    select
        centroids.segmentation,
        centroids.cluster,
        centroids.feature,
        levels.text_value as level,
        centroids.value as coordinate,
        scalings.transform,
        scalings.lambda_value,
        scalings.mean_value,
        scalings.scale_value,
        scalings.weight_value,
        scalings.minimum_value

    from parameters as centroids

    inner join scalings
        on centroids.segmentation = scalings.segmentation
        and centroids.feature = scalings.feature

    left join parameters as levels
        on centroids.segmentation = levels.segmentation
        and centroids.feature = levels.feature
        and centroids.level_id = levels.level_id
        and levels.parameter = 'level'

    where centroids.parameter = 'centroid'
        and centroids.cluster >= 0

),

{# Only features of both versions tell how far a segment moved. A level that the last version did not
   have, nobody had. #}
pairs as (

    select
        clusters.*,
        last_segments.segment_id,
        case when clusters.transform = 'one_hot' then coalesce(last_centers.center, 0) else last_centers.center end as last_center

    from clusters

    inner join (select distinct segmentation, segment_id, feature, transform from last_centroids) as last_segments
        on clusters.segmentation = last_segments.segmentation
        and clusters.feature = last_segments.feature
        and (clusters.transform = 'one_hot') = (last_segments.transform = 'one_hot')

    left join last_centers
        on last_segments.segmentation = last_centers.segmentation
        and last_segments.segment_id = last_centers.segment_id
        and last_segments.feature = last_centers.feature
        and coalesce(clusters.level, '') = coalesce(last_centers.level, '')

),

clamped as (

    select
        pairs.*,
        case
            when {{ segmentation.is_outside_domain("last_center", "transform") }} then minimum_value
            else last_center
        end as clamped_center

    from pairs

),

{# The bounds keep every distance finite, as in scoring. #}
scaled as (

    select
        segmentation,
        cluster,
        segment_id,
        coordinate,
        least(greatest(case
            when transform = 'one_hot' then clamped_center * weight_value
            else
                {{ segmentation.standardized(
                    segmentation.transformed("clamped_center", "transform", "lambda_value"), "mean_value", "scale_value"
                ) }} * weight_value
        end, -1e100), 1e100) as last_coordinate

    from clamped

),

final as (

    select
        ---------- ids
        segmentation,
        cluster,
        segment_id,

        ---------- numbers
        sqrt(sum((coordinate - last_coordinate) * (coordinate - last_coordinate))) as distance

    from scaled

    group by
        segmentation,
        cluster,
        segment_id

)

select * from final
