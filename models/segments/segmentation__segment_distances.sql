with

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

segments as (

    select * from {{ ref('segmentation__segments') }}

),

{# A coordinate of scaled space is a feature or, of a category, one of its levels. #}
centroids as (

    select
        segmentation,
        segment_id,
        feature,
        coalesce(level_id, 0) as level_id,
        value

    from model

    where parameter = 'centroid'

),

distances as (

    select
        centroids.segmentation,
        centroids.segment_id,
        others.segment_id as other_segment_id,
        sqrt(sum((centroids.value - others.value) * (centroids.value - others.value))) as distance

    from centroids

    inner join centroids as others
        on centroids.segmentation = others.segmentation
        and centroids.feature = others.feature
        and centroids.level_id = others.level_id
        and centroids.segment_id <> others.segment_id

    where centroids.segment_id > 0
        and others.segment_id > 0

    group by
        centroids.segmentation,
        centroids.segment_id,
        others.segment_id

),

final as (

    select
        ---------- ids
        distances.segmentation,
        distances.segment_id,
        segments.segment_name,
        distances.other_segment_id,
        others.segment_name as other_segment_name,
        segments.model_version,

        ---------- numbers
        distances.distance

    from distances

    inner join segments
        on distances.segmentation = segments.segmentation
        and distances.segment_id = segments.segment_id

    inner join segments as others
        on distances.segmentation = others.segmentation
        and distances.other_segment_id = others.segment_id

)

select * from final
