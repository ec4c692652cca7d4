{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}

with

points as (

    {{ segmentation.searched_points(ref('int_segmentation__fit_sql_points'), ref('segmentation__settings'), coordinates) }}

),

wanted as (

    {{ segmentation.searched_k(ref('int_segmentation__fit_sql_points'), ref('segmentation__settings'), coordinates) }}

),

{{- segmentation.k_means("points", "wanted", segmentation.largest_searched_k(), coordinates, segmentation.iterations()) }},

final as (

    select
        ---------- ids
        segmentation,
        cast(k as integer) as k,
        cast(cluster as integer) as cluster,

        ---------- numbers
        {{ coordinates | join(",\n        ") }}

    from centroids

)

select * from final
