-- What defines each segment: the features in which its customers differ most from all customers.
--
-- The first line of a segment is what to tell a colleague about it. Half of the customers of the
-- segment lie between p25 and p75, in the feature's own units (days, orders, money). A category has
-- a line for each level: population_mean is the share of all customers who have it.

with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

segment_profiles as (

    select * from {{ ref('segmentation__segment_profiles') }}

),

final as (

    select
        ---------- ids
        segment_profiles.segmentation,
        segment_profiles.segment_id,
        segment_profiles.segment_name,
        segment_profiles.feature,
        segment_profiles.level,

        ---------- text
        case
            when segment_profiles.mean_z >= 1 then 'far above average'
            when segment_profiles.mean_z >= 0.25 then 'above average'
            when segment_profiles.mean_z > -0.25 then 'about average'
            when segment_profiles.mean_z > -1 then 'below average'
            else 'far below average'
        end as standing,

        ---------- numbers
        cast(segment_profiles.mean_z as decimal(28, 2)) as mean_z,
        cast(segment_profiles.p25 as decimal(28, 2)) as p25,
        cast(segment_profiles.median as decimal(28, 2)) as median,
        cast(segment_profiles.p75 as decimal(28, 2)) as p75,
        cast(segment_profiles.population_mean as decimal(28, 2)) as population_mean,

        ---------- text
        segments.naming_evidence

    from segment_profiles

    inner join segments
        on segment_profiles.segmentation = segments.segmentation
        and segment_profiles.segment_id = segments.segment_id

)

select * from final

order by segmentation, segment_id desc, abs(mean_z) desc, feature, level
