{%- set features = segmentation.all_features() %}

with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

statistics as (

    select * from {{ ref('int_segmentation__segment_statistics') }}

),

sizes as (

    select
        segmentation,
        segment_id,
        max(customers) as customers,
        max(revenue) as revenue
        {%- for slug, names in features.items() %},
        max(case when {{ segmentation.is_feature(names) }} then median end) as median_{{ slug }}
        {%- endfor %}

    from statistics

    group by
        segmentation,
        segment_id

),

totals as (

    select
        segmentation,
        sum(customers) as customers,
        sum(revenue) as revenue

    from sizes

    group by segmentation

),

measured as (

    select
        segments.segmentation,
        segments.segment_id,
        segments.segment_name,
        segments.model_version,
        cast(coalesce(sizes.customers, 0) as {{ dbt.type_bigint() }}) as customers,
        coalesce(sizes.customers, 0) / cast(totals.customers as {{ segmentation.type_double() }}) as customer_share,
        sizes.revenue,
        case
            when totals.revenue > 0
                then cast(sizes.revenue as {{ segmentation.type_double() }}) / cast(totals.revenue as {{ segmentation.type_double() }})
        end as revenue_share,
        {%- for slug in features %}
        sizes.median_{{ slug }},
        {%- endfor %}
        segments.silhouette,
        segments.mean_distance

    from segments

    inner join totals
        on segments.segmentation = totals.segmentation

    left join sizes
        on segments.segmentation = sizes.segmentation
        and segments.segment_id = sizes.segment_id

),

{%- set statistics = ["customers", "customer_share", "revenue", "revenue_share"] %}
{%- for slug in features %}
    {%- do statistics.append("median_" ~ slug) %}
{%- endfor %}

final as (

    select
        ---------- ids
        segmentation,
        segment_id,
        segment_name,
        model_version,

        ---------- numbers
        {%- for statistic in statistics + ["silhouette", "mean_distance"] %}
        {{ segmentation.unless_suppressed("measured.customers", "measured." ~ statistic) }} as {{ statistic }},
        {%- endfor %}

        ---------- booleans
        {{ segmentation.is_suppressed("measured.customers") }} as is_suppressed

    from measured

)

select * from final
