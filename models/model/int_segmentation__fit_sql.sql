{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}
{%- set double = segmentation.type_double() %}
{%- set bigint = dbt.type_bigint() %}
{%- set text = dbt.type_string() %}
{%- set columns = {
    "segmentation": text, "parameter": text, "k": bigint, "cluster": bigint, "prototype": bigint,
    "feature": text, "level_id": bigint, "node_id": bigint, "value": double, "text_value": text,
} %}

{% call segmentation.when_fitting(ref('int_segmentation__fit_sql_features'), columns) %}
with

settings as (

    select * from {{ ref('segmentation__settings') }}

),

fit_sample as (

    select * from {{ ref('int_segmentation__fit_sample') }}

),

features as (

    select * from {{ ref('int_segmentation__fit_sql_features') }}

),

search as (

    select * from {{ ref('int_segmentation__fit_sql_search') }}

),

points as (

    select * from {{ ref('int_segmentation__fit_sql_points') }}

),

centroids as (

    select * from {{ ref('int_segmentation__fit_sql_centroids') }}

),

coordinates as (

    {{ segmentation.fitted_coordinates("features", "settings") }}

),

---------- who is in which cluster, outliers too

labels as (

    {{ segmentation.nearest_centroids("points", "centroids", coordinates) }}

),

customers as (

    select
        labels.*,
        points.customer_id,
        points.is_fitted

    from labels

    inner join points
        on labels.segmentation = points.segmentation
        and labels.customer_number = points.customer_number

),

samples as (

    select
        segmentation,
        count(*) as customers,
        sum(case when is_fitted then 1 else 0 end) as fitted_customers

    from customers

    group by segmentation

),

clusters as (

    select
        customers.segmentation,
        customers.cluster,
        sum(case when customers.is_fitted then 1 else 0 end) as size,
        avg(case when customers.is_fitted then sqrt(customers.squared_distance) end) as mean_distance,
        count(*) / cast(max(samples.customers) as {{ double }}) as scored_share

    from customers

    inner join samples
        on customers.segmentation = samples.segmentation

    group by
        customers.segmentation,
        customers.cluster

),

judged_labels as (

    select *

    from customers

    where is_fitted
        and customer_number <= {{ segmentation.training_sizes()["silhouettes"] }}

),

silhouettes as (

    {{ segmentation.silhouettes("judged_labels", coordinates) }}

),

---------- where clusters stand, in scaled space

members as (

    select
        segmentation,
        cluster,
        {%- for coordinate in coordinates %}
        avg({{ coordinate }}) as {{ coordinate }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from customers

    where is_fitted

    group by
        segmentation,
        cluster

),

everybody as (

    select
        segmentation,
        {%- for coordinate in coordinates %}
        avg({{ coordinate }}) as mean_{{ coordinate }},
        case when min({{ coordinate }}) < max({{ coordinate }}) then stddev_pop({{ coordinate }}) else 1 end as deviation_{{ coordinate }}
        {{- "" if loop.last else "," }}
        {%- endfor %}

    from customers

    where is_fitted

    group by segmentation

),

positions as (

    {%- for coordinate in coordinates %}
    select
        centroids.segmentation,
        centroids.cluster,
        {{ loop.index }} as coordinate,
        centroids.{{ coordinate }} as centroid,
        (members.{{ coordinate }} - everybody.mean_{{ coordinate }}) / everybody.deviation_{{ coordinate }} as deviation

    from centroids

    inner join members
        on centroids.segmentation = members.segmentation
        and centroids.cluster = members.cluster

    inner join everybody
        on centroids.segmentation = everybody.segmentation
    {{ "" if loop.last else "union all" }}
    {%- endfor %}

),

---------- where they stand, in own units

own_counts as (

    select
        customers.segmentation,
        customers.cluster,
        coordinates.feature,
        coordinates.level_id,
        coalesce(
            case
                when coordinates.level_id is null then coalesce({{ segmentation.summable("fit_sample.value") }}, coordinates.fill_value_number)
                when coalesce(fit_sample.text_value, coordinates.fill_level) = coordinates.level then 1
            end,
            0
        ) as value,
        count(*) as customers

    from customers

    inner join fit_sample
        on customers.segmentation = fit_sample.segmentation
        and customers.customer_id = fit_sample.customer_id

    inner join coordinates
        on fit_sample.segmentation = coordinates.segmentation
        and fit_sample.feature = coordinates.feature

    where customers.is_fitted

    group by 1, 2, 3, 4, 5

),

own_ranks as (

    {{ segmentation.with_customers_before("own_counts", keys=["segmentation", "cluster", "feature", "level_id"]) }}

),

centers as (

    select
        segmentation,
        cluster,
        feature,
        level_id,
        sum(value * (customers / all_customers)) as center,
        {{ segmentation.quantile_of_counts("value", "0.5") }} as median

    from own_ranks

    group by
        segmentation,
        cluster,
        feature,
        level_id

),

faults as (

    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "': kmeans with k = '", "cast(max(k) as " ~ dbt.type_string() ~ ")",
            "' leaves a segment without customers: lower k'",
        ]) }} as fault

    from (

        select
            centroids.segmentation,
            centroids.k,
            clusters.size

        from centroids

        left join clusters
            on centroids.segmentation = clusters.segmentation
            and centroids.cluster = clusters.cluster

    ) as sizes

    group by segmentation

    having min(coalesce(size, 0)) = 0

),

final as (

    select
        segmentation,
        parameter,
        cast(null as {{ bigint }}) as k,
        cast(null as {{ bigint }}) as cluster,
        feature,
        level_id,
        value,
        text_value

    from features

    union all

    select segmentation, parameter, k, null, null, null, value, text_value
    from search

    {%- for parameter in ["size", "mean_distance", "scored_share"] %}

    union all

    select segmentation, '{{ parameter }}', null, cluster, null, null, {{ parameter }}, null
    from clusters
    {%- endfor %}

    {# Scoring goes by the nearest centroid, and so does the fit. #}
    union all

    select segmentation, 'agreement', null, cluster, null, null, 1, null
    from clusters

    union all

    select segmentation, 'silhouette', null, cluster, null, null, avg(silhouette), null
    from silhouettes
    group by
        segmentation,
        cluster

    {%- for parameter in ["centroid", "deviation"] %}

    union all

    select positions.segmentation, '{{ parameter }}', null, positions.cluster, coordinates.feature, coordinates.level_id, positions.{{ parameter }}, null
    from positions
    inner join coordinates
        on positions.segmentation = coordinates.segmentation
        and positions.coordinate = coordinates.coordinate
    {%- endfor %}

    union all

    select segmentation, 'center', null, cluster, feature, level_id, center, null
    from centers

    union all

    select segmentation, 'median', null, cluster, feature, null, median, null
    from centers
    where level_id is null

    union all

    select segmentation, 'chosen_k', null, null, null, null, max(k), null
    from centroids
    group by segmentation

    union all

    select segmentation, 'sample_size', null, null, null, null, fitted_customers, null
    from samples

    union all

    select segmentation, 'sample_outliers', null, null, null, null, customers - fitted_customers, null
    from samples

    {%- for parameter in ["algorithm", "algorithm_options"] %}

    union all

    select settings.segmentation, '{{ parameter }}', null, null, null, null, null, max(settings.{{ parameter }})
    from settings
    inner join samples
        on settings.segmentation = samples.segmentation
    group by settings.segmentation
    {%- endfor %}

    union all

    select settings.segmentation, 'seed', null, null, null, null, max(settings.seed), null
    from settings
    inner join samples
        on settings.segmentation = samples.segmentation
    group by settings.segmentation

    union all

    select segmentation, 'fault', null, null, null, null, null, fault
    from faults

)

select
    segmentation,
    parameter,
    cast(k as {{ bigint }}) as k,
    cast(cluster as {{ bigint }}) as cluster,
    cast(null as {{ bigint }}) as prototype,
    feature,
    cast(level_id as {{ bigint }}) as level_id,
    cast(null as {{ bigint }}) as node_id,
    cast(value as {{ double }}) as value,
    text_value

from final
{% endcall %}
