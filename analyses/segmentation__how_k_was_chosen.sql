-- How the number of segments was chosen: every number that was tried, how well it did, and why it
-- was taken or left.
--
-- More segments always lower the inertia (the spread inside segments); the question is after
-- which number a further segment stops paying. A good number also survives resampling (stability
-- near 1) and leaves no segment too small to be worth a campaign.

with

k_search as (

    select * from {{ ref('segmentation__k_search') }}

),

final as (

    select
        ---------- ids
        segmentation,
        k,

        ---------- booleans
        is_chosen,

        ---------- numbers
        cast(inertia as decimal(18, 1)) as inertia,
        cast(
            1 - inertia / nullif(lag(inertia) over (partition by segmentation order by k), 0)
            as decimal(18, 3)
        ) as share_of_inertia_saved,
        cast(silhouette as decimal(18, 3)) as silhouette,
        cast(stability as decimal(18, 2)) as stability,
        cast(smallest_share as decimal(18, 4)) as smallest_share,

        ---------- text
        reason

    from k_search

)

select * from final

order by segmentation, k
