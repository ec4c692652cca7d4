{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(ref('int_segmentation__fit_sql_features'))) %}
{%- set text = dbt.type_string() %}
{%- set columns = {"segmentation": text, "parameter": text, "k": "integer", "value": segmentation.type_double(), "text_value": text} %}

{% call segmentation.when_fitting(ref('int_segmentation__fit_sql_features'), columns) %}
with

settings as (

    select distinct
        segmentation,
        k_min,
        k_max,
        minimum_segment_share

    from {{ ref('segmentation__settings') }}

    where k_max is not null

),

points as (

    select * from {{ ref('int_segmentation__fit_sql_points') }}

    where is_fitted

),

centroids as (

    select * from {{ ref('int_segmentation__fit_sql_search_centroids') }}

),

labels as (

    select * from {{ ref('int_segmentation__fit_sql_search_labels') }}

),

---------- how good k segments are

clusters as (

    select
        centroids.segmentation,
        centroids.k,
        centroids.cluster,
        {%- for coordinate in coordinates %}
        centroids.{{ coordinate }},
        {%- endfor %}
        members.customers,
        members.inertia,
        members.mean_distance

    from centroids

    inner join (

        select
            segmentation,
            k,
            cluster,
            count(*) as customers,
            sum(squared_distance) as inertia,
            avg(sqrt(squared_distance)) as mean_distance

        from labels

        group by
            segmentation,
            k,
            cluster

    ) as members
        on centroids.segmentation = members.segmentation
        and centroids.k = members.k
        and centroids.cluster = members.cluster

),

means as (

    select * from clusters

    where k = 1

),

totals as (

    select
        clusters.segmentation,
        clusters.k,
        count(*) as cluster_count,
        sum(clusters.customers) as customers,
        sum(clusters.inertia) as inertia,
        min(clusters.customers) as smallest_size,
        sum(clusters.customers * ({{ segmentation._squared_distance(coordinates, "clusters", "means") }})) as dispersion

    from clusters

    inner join means
        on clusters.segmentation = means.segmentation

    group by
        clusters.segmentation,
        clusters.k

),

{# Of each cluster the likeness to the one most alike (Davies and Bouldin 1979). #}
likenesses as (

    select
        clusters.segmentation,
        clusters.k,
        clusters.cluster,
        max((clusters.mean_distance + others.mean_distance) / nullif(
            sqrt({{ segmentation._squared_distance(coordinates, "clusters", "others") }}), 0
        )) as likeness

    from clusters

    inner join clusters as others
        on clusters.segmentation = others.segmentation
        and clusters.k = others.k
        and clusters.cluster <> others.cluster

    group by
        clusters.segmentation,
        clusters.k,
        clusters.cluster

),

davies_bouldin as (

    select
        segmentation,
        k,
        avg(coalesce(likeness, 0)) as davies_bouldin

    from likenesses

    group by
        segmentation,
        k

),

judged_labels as (

    select * from labels

    where customer_number <= {{ segmentation.training_sizes()["silhouettes"] }}

),

silhouettes as (

    {{ segmentation.silhouettes("judged_labels", coordinates) }}

),

mean_silhouettes as (

    select
        segmentation,
        k,
        avg(silhouette) as silhouette

    from silhouettes

    group by
        segmentation,
        k

),

qualities as (

    select
        totals.segmentation,
        totals.k,
        totals.inertia,
        mean_silhouettes.silhouette,
        case
            when totals.cluster_count between 2 and totals.customers - 1 then
                case
                    {# What rounding errors make of customers who are all alike in their segments. #}
                    when totals.inertia <= 1e-20 * totals.dispersion then 1
                    else totals.dispersion * (totals.customers - totals.cluster_count) / (totals.inertia * (totals.cluster_count - 1))
                end
        end as calinski_harabasz,
        case when totals.cluster_count between 2 and totals.customers - 1 then davies_bouldin.davies_bouldin end as davies_bouldin,
        case
            when totals.cluster_count < totals.k then 0
            else totals.smallest_size / cast(totals.customers as {{ segmentation.type_double() }})
        end as smallest_share

    from totals

    left join mean_silhouettes
        on totals.segmentation = mean_silhouettes.segmentation
        and totals.k = mean_silhouettes.k

    left join davies_bouldin
        on totals.segmentation = davies_bouldin.segmentation
        and totals.k = davies_bouldin.k

),

---------- the choice of k

{# How far the curve of inertias, both axes from 0 to 1, lies below its chord (Satopaa et al. 2011). #}
curves as (

    select
        qualities.*,
        case
            when max(k) over (partition by segmentation) >= 3
                and max(inertia) over (partition by segmentation) > 0
                and first_inertia > last_inertia
                then 1
                - (k - 1) / cast(max(k) over (partition by segmentation) - 1 as {{ segmentation.type_double() }})
                - (inertia - last_inertia) / (first_inertia - last_inertia)
        end as below_chord

    from (

        select
            qualities.*,
            first_value(inertia) over (
                partition by segmentation order by k rows between unbounded preceding and unbounded following
            ) as first_inertia,
            first_value(inertia) over (
                partition by segmentation order by k desc rows between unbounded preceding and unbounded following
            ) as last_inertia

        from qualities

    ) as qualities

),

knees as (

    select
        segmentation,
        min(k) as knee

    from (

        select
            curves.*,
            max(below_chord) over (partition by segmentation) as farthest

        from curves

    ) as measured_curves

    where farthest > 1e-9
        and below_chord >= farthest - 1e-9

    group by segmentation

),

judged as (

    select
        qualities.*,
        settings.k_min,
        settings.k_max,
        settings.minimum_segment_share,
        differing.different_customers,
        knees.knee,
        case when qualities.k between settings.k_min and settings.k_max then 1 else 0 end as is_asked,
        case
            when smallest_share = 0 then 'a segment holds no customers'
            when smallest_share < minimum_segment_share - 1e-9 then {{ dbt.concat([
                "'smallest segment holds '", segmentation.missed_share("smallest_share", "minimum_segment_share"),
                "' % of customers, below '", segmentation.number_text("round(minimum_segment_share * 100000000) / 1000000"), "' %'",
            ]) }}
        end as missed,
        {{ dbt.concat(["'smallest segment '", segmentation.decimal_text("100 * smallest_share", 1), "' %'"]) }} as described

    from qualities

    inner join settings
        on qualities.segmentation = settings.segmentation

    inner join (
        {{ segmentation.different_customers("points", coordinates) }}
    ) as differing
        on qualities.segmentation = differing.segmentation

    left join knees
        on qualities.segmentation = knees.segmentation

),

{# The first k of those that are as good as the best, by each of the rules. #}
ranked as (

    select
        judged.*,
        case
            when is_passing = 1 and coalesce(silhouette, -2) >= max(case when is_passing = 1 then coalesce(silhouette, -2) end)
                over (partition by segmentation) - 1e-9 then k
        end as best_k,
        case
            when is_asked = 1 and smallest_share >= max(case when is_asked = 1 then smallest_share end)
                over (partition by segmentation) - 1e-9 then k
        end as largest_smallest_k

    from (

        select
            judged.*,
            case when is_asked = 1 and missed is null then 1 else 0 end as is_passing

        from judged

    ) as judged

),

choices as (

    select
        segmentation,
        case
            when max(k_min) = max(k_max) then max(k_min)
            when max(different_customers) <= max(k_min) then max(different_customers)
            when max(case when k = knee then is_passing end) = 1 then max(knee)
            else coalesce(min(best_k), min(largest_smallest_k))
        end as chosen,
        case
            when max(k_min) = max(k_max) then 'asked for'
            when max(different_customers) <= max(k_min) then {{ dbt.concat([
                "'the fit sample holds only '", segmentation.customers_text("max(different_customers)"),
            ]) }}
            when max(case when k = knee then is_passing end) = 1 then 'knee of the inertia curve'
            when min(best_k) is not null then 'best silhouette of those that pass the guards'
            else 'warning: no k passes the guards, this one has the largest smallest segment'
        end as why

    from ranked

    group by segmentation

),

reasons as (

    select
        ranked.segmentation,
        ranked.k,
        case when ranked.k = choices.chosen then 1 else 0 end as is_chosen,
        case
            when ranked.k = choices.chosen then
                case
                    when missed is null then {{ dbt.concat(["why", "', '", "described", "case when ranked.k > 1 then ', stability not measured' else '' end"]) }}
                    when why like 'warning%' then {{ dbt.concat(["why", "'; '", "missed"]) }}
                    else {{ dbt.concat(["why", "'; warning: '", "missed"]) }}
                end
            when k_min = k_max then {{ dbt.concat([
                "'not asked for (k = '", "cast(chosen as " ~ text ~ ")", "' is), '", "described",
                "case when ranked.k > 1 then ', stability not measured' else '' end",
            ]) }}
            when is_asked = 0 then {{ dbt.concat([
                "case when ranked.k = knee then 'knee of the inertia curve, but ' else '' end", "'outside the range '",
                "cast(k_min as " ~ text ~ ")", "' to '", "cast(k_max as " ~ text ~ ")",
            ]) }}
            when missed is not null then {{ dbt.concat([
                "case when ranked.k = knee then 'knee of the inertia curve, but ' else '' end", "missed",
            ]) }}
            when chosen = knee then {{ dbt.concat([
                "'not the knee of the inertia curve, which is at k = '", "cast(knee as " ~ text ~ ")",
            ]) }}
            else {{ dbt.concat([
                "'silhouette '", "coalesce(" ~ segmentation.decimal_text("ranked.silhouette", 3) ~ ", 'nan')",
                "', not above the '", "coalesce(" ~ segmentation.decimal_text("best.silhouette", 3) ~ ", 'nan')",
                "' of k = '", "cast(chosen as " ~ text ~ ")",
            ]) }}
        end as reason

    from ranked

    inner join choices
        on ranked.segmentation = choices.segmentation

    left join qualities as best
        on choices.segmentation = best.segmentation
        and choices.chosen = best.k

),

faults as (

    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "' asks for k = '", "cast(max(k_max) as " ~ text ~ ")",
            "' but its fit sample holds only '", segmentation.customers_text("max(different_customers)"), "': lower k or say k: auto'",
        ]) }} as fault

    from judged

    group by segmentation

    having max(k_min) = max(k_max)
        and max(k_max) > max(different_customers)

),

final as (

    {%- for measure in ["inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "smallest_share"] %}
    select
        segmentation,
        '{{ measure }}' as parameter,
        k,
        cast({{ measure }} as {{ segmentation.type_double() }}) as value,
        cast(null as {{ text }}) as text_value

    from qualities

    where {{ measure }} is not null

    union all
    {%- endfor %}

    select segmentation, 'is_chosen', k, is_chosen, null
    from reasons

    union all

    select segmentation, 'reason', k, null, reason
    from reasons

    union all

    select segmentation, 'fault', null, null, fault
    from faults

)

select * from final
{% endcall %}
