{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}
{%- set points = segmentation.aliasable(ref('int_segmentation__fit_sql_points')) %}
{%- set settings = segmentation.aliasable(ref('segmentation__settings')) %}

{% call segmentation.when_fitting(ref('int_segmentation__fit_sql_features'), segmentation.centroid_columns(coordinates)) %}
with

points as (

    {{ segmentation.first_points(points, settings, coordinates, segmentation.training_sizes()["search"]) }}

),

starts as (

    select * from {{ ref('int_segmentation__fit_sql_starts') }}

),

wanted as (

    select distinct
        segmentation,
        k,
        start_id

    from starts

),

{{- segmentation.k_means(
    "points", "wanted", "starts", coordinates, segmentation.largest_searched_k(), segmentation.training_iterations()["search"]
) }},

final as (

    {{ segmentation.kept_centroids("centroids", coordinates) }}

)

select * from final
{% endcall %}
