with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

statistics as (

    select * from {{ ref('int_segmentation__segment_statistics') }}

),

populations as (

    select
        segmentation,
        feature,
        sum(mean * customers_with_value) / nullif(sum(customers_with_value), 0) as mean

    from statistics

    group by
        segmentation,
        feature

),

{# The variance of all customers is that within the segments and that between their means. #}
population_deviations as (

    select
        statistics.segmentation,
        statistics.feature,
        sqrt(
            sum(
                statistics.customers_with_value
                * (statistics.variance + (statistics.mean - populations.mean) * (statistics.mean - populations.mean))
            ) / nullif(sum(statistics.customers_with_value), 0)
        ) as deviation

    from statistics

    inner join populations
        on statistics.segmentation = populations.segmentation
        and statistics.feature = populations.feature

    group by
        statistics.segmentation,
        statistics.feature

),

final as (

    select
        ---------- ids
        statistics.segmentation,
        statistics.segment_id,
        segments.segment_name,
        statistics.feature,

        ---------- numbers
        statistics.mean,
        statistics.median,
        statistics.p25,
        statistics.p75,
        populations.mean as population_mean,
        case
            when population_deviations.deviation > 0
                then (statistics.mean - populations.mean) / population_deviations.deviation
            when statistics.mean is not null then 0
        end as mean_z

    from statistics

    inner join segments
        on statistics.segmentation = segments.segmentation
        and statistics.segment_id = segments.segment_id

    inner join populations
        on statistics.segmentation = populations.segmentation
        and statistics.feature = populations.feature

    inner join population_deviations
        on statistics.segmentation = population_deviations.segmentation
        and statistics.feature = population_deviations.feature

)

select * from final
