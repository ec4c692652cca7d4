{#- All customers: the segments of a feature, or of a level of it, together. -#}
{%- set population = "over (partition by segmentation, feature, level)" %}

with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

statistics as (

    select * from {{ ref('int_segmentation__segment_statistics') }}

),

{# The mean of equal means may differ from them in its last digit, which would make a deviation. #}
centered as (

    select
        statistics.*,
        case
            when min(mean) {{ population }} = max(mean) {{ population }} then min(mean) {{ population }}
            else sum(mean * customers_with_value) {{ population }} / nullif(sum(customers_with_value) {{ population }}, 0)
        end as population_mean

    from statistics

),

measured as (

    select
        centered.*,
        {%- set largest = "max(greatest(deviation, abs(mean - population_mean))) " ~ population %}
        {{ segmentation.deviation_unit(largest) }} as unit

    from centered

),

{# The variance of all customers is that within the segments and that between their means. #}
compared as (

    select
        measured.*,
        {%- set within = segmentation.in_units("deviation", "unit") %}
        {%- set between = segmentation.in_units("mean - population_mean", "unit") %}
        unit * sqrt(
            sum(
                customers_with_value
                * (
                    {{ within }} * ({{ within }})
                    + {{ between }} * ({{ between }})
                )
            ) {{ population }}
            / nullif(sum(customers_with_value) {{ population }}, 0)
        ) as population_deviation

    from measured

),

standing as (

    select
        compared.*,
        case
            when population_deviation > 0 then (mean - population_mean) / population_deviation
            when mean is not null then 0
        end as mean_z,
        case
            when mean is not null then row_number() over (
                partition by segmentation, feature, level
                order by case when mean is null then 1 else 0 end, mean desc, segment_id
            )
        end as rank

    from compared

),

final as (

    select
        ---------- ids
        standing.segmentation,
        standing.segment_id,
        segments.segment_name,
        standing.feature,
        standing.level,

        ---------- numbers
        {%- for statistic in [
            "mean", "median", "p25", "p75", "population_mean", "mean_z", "share_above_median"
        ] %}
        {{ segmentation.unless_suppressed("standing.customers", "standing." ~ statistic) }} as {{ statistic }},
        {%- endfor %}
        cast({{ segmentation.unless_suppressed("standing.customers", "standing.rank") }} as integer) as rank,

        ---------- booleans
        {{ segmentation.is_suppressed("standing.customers") }} as is_suppressed

    from standing

    inner join segments
        on standing.segmentation = segments.segmentation
        and standing.segment_id = segments.segment_id

)

select * from final
