{%- set search = ref('int_segmentation__fit_sql_search') %}
{%- do segmentation.raise_fit_faults(search) %}
{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}

with

points as (

    select * from {{ ref('int_segmentation__fit_sql_points') }}

    where is_fitted

),

wanted as (

    select
        segmentation,
        k

    from {{ search }}

    where parameter = 'is_chosen'
        and value = 1

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
