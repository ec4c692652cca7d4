-- Where revenue concentrates: what each segment brings, the one whose customers are worth most
-- first.
--
-- An index of 1 means that a segment brings as much as its size would suggest, 4 four times as
-- much. The running shares read like the 80/20 rule: so many customers bring so much revenue.

with

segment_summary as (

    select * from {{ ref('segmentation__segment_summary') }}

    -- a segmentation without a value has no revenue
    where customers > 0
        and revenue_share is not null

),

indexed as (

    select
        segmentation,
        segment_id,
        segment_name,
        customers,
        revenue,
        customer_share,
        revenue_share,
        revenue_share / customer_share as revenue_index

    from segment_summary

),

final as (

    select
        ---------- ids
        segmentation,
        segment_id,
        segment_name,

        ---------- numbers
        customers,
        revenue,
        cast(revenue / customers as decimal(18, 2)) as revenue_per_customer,
        cast(customer_share as decimal(18, 4)) as customer_share,
        cast(revenue_share as decimal(18, 4)) as revenue_share,
        cast(revenue_index as decimal(18, 2)) as revenue_index,
        cast(
            sum(customer_share) over (
                partition by segmentation
                order by revenue_index desc, segment_id
                rows between unbounded preceding and current row
            ) as decimal(18, 4)
        ) as running_customer_share,
        cast(
            sum(revenue_share) over (
                partition by segmentation
                order by revenue_index desc, segment_id
                rows between unbounded preceding and current row
            ) as decimal(18, 4)
        ) as running_revenue_share

    from indexed

)

select * from final

order by segmentation, revenue_index desc, segment_id
