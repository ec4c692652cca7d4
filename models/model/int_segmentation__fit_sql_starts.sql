{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}
{%- set points = segmentation.aliasable(ref('int_segmentation__fit_sql_points')) %}
{%- set settings = segmentation.aliasable(ref('segmentation__settings')) %}

{% call segmentation.when_fitting(ref('int_segmentation__fit_sql_features'), segmentation.centroid_columns(coordinates)) %}
with

points as (

    {{ segmentation.first_points(points, settings, coordinates, segmentation.training_sizes()["starts"]) }}

),

wanted as (

    select
        searched.segmentation,
        searched.k,
        starts.start_id

    from ({{ segmentation.searched_k(points, settings, coordinates) }}) as searched

    inner join (
        select
            segmentation,
            count(*) as coordinates

        from ({{ segmentation.fitted_coordinates(segmentation.aliasable(ref('int_segmentation__fit_sql_features')), settings) }}) as coordinates

        group by segmentation
    ) as counted
        on searched.segmentation = counted.segmentation

    inner join {{ segmentation.literal_rows(["start_id"], range(segmentation.starts(coordinates)) | batch(1), "starts") }}
        on starts.start_id <= counted.coordinates

),

starts as {{ segmentation.materialized() }}(

    {{ segmentation.start_centroids("points", "wanted", coordinates) }}

),

{{- segmentation.k_means(
    "points", "wanted", "starts", coordinates, segmentation.largest_searched_k(), segmentation.training_iterations()["starts"]
) }},

inertias as (

    select
        segmentation,
        k,
        start_id,
        sum(squared_distance) as inertia

    from ({{ segmentation.nearest_centroids("points", "centroids", coordinates) }}) as nearest

    group by
        segmentation,
        k,
        start_id

),

{# The first of those that are as good as the best. #}
best_starts as (

    select
        segmentation,
        k,
        min(start_id) as start_id

    from (

        select
            inertias.*,
            min(inertia) over (partition by segmentation, k) as least_inertia

        from inertias

    ) as compared

    where inertia <= least_inertia * (1 + 1e-9)

    group by
        segmentation,
        k

),

best_centroids as (

    select centroids.*

    from centroids

    inner join best_starts
        on centroids.segmentation = best_starts.segmentation
        and centroids.k = best_starts.k
        and centroids.start_id = best_starts.start_id

),

final as (

    {{ segmentation.kept_centroids("best_centroids", coordinates) }}

)

select * from final
{% endcall %}
