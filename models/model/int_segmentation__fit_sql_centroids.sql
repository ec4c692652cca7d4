{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set search = ref('int_segmentation__fit_sql_search') %}
{%- do segmentation.raise_fit_faults(search) %}
{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}

{% call segmentation.when_fitting(search, segmentation.centroid_columns(coordinates)) %}
with

points as (

    select * from {{ ref('int_segmentation__fit_sql_points') }}

    where is_fitted

),

starts as (

    select centroids.*

    from {{ segmentation.aliasable(ref('int_segmentation__fit_sql_search_centroids')) }} as centroids

    inner join {{ segmentation.aliasable(search) }} as search
        on centroids.segmentation = search.segmentation
        and centroids.k = search.k

    where search.parameter = 'is_chosen'
        and search.value = 1

),

wanted as (

    select distinct
        segmentation,
        k,
        start_id

    from starts

),

{{- segmentation.k_means(
    "points", "wanted", "starts", coordinates, segmentation.largest_searched_k(), segmentation.training_iterations()["final"]
) }},

final as (

    {{ segmentation.kept_centroids("centroids", coordinates) }}

)

select * from final
{% endcall %}
