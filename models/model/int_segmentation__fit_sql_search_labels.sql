{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}
{%- set columns = {"segmentation": dbt.type_string(), "k": "integer", "customer_number": dbt.type_bigint(), "cluster": "integer"} %}
{%- do columns.update(dict.fromkeys(coordinates + ["squared_distance"], segmentation.type_double())) %}

{% call segmentation.when_fitting(ref('int_segmentation__fit_sql_features'), columns) %}
with

points as (

    {{ segmentation.first_points(
        segmentation.aliasable(ref('int_segmentation__fit_sql_points')), segmentation.aliasable(ref('segmentation__settings')), coordinates, segmentation.training_sizes()["search"]
    ) }}

),

centroids as (

    select * from {{ ref('int_segmentation__fit_sql_search_centroids') }}

),

nearest as (

    {{ segmentation.nearest_centroids("points", "centroids", coordinates) }}

),

final as (

    select
        ---------- ids
        segmentation,
        k,
        customer_number,
        cluster,

        ---------- numbers
        {{ coordinates | join(",\n        ") }},
        squared_distance

    from nearest

)

select * from final
{% endcall %}
