-- Who stands between two segments: customers almost as near to another segment as to their own.
--
-- A nudge may move them up; neglect may move them down. A margin of 0 is exactly between the two,
-- 1 is at the very center of the customer's own segment; below 0.1 a customer is as good as in
-- both, and the first to change segment. Here are the 200 closest.

with

customer_segments as (

    select * from {{ ref('segmentation__customer_segments') }}

    where segmentation = 'rfm'

),

segments as (

    select * from {{ ref('segmentation__segments') }}

),

rfm as (

    select * from {{ ref('segmentation__rfm') }}

),

placed as (

    select
        customer_segments.*,
        row_number() over (order by margin, customer_id) as place

    from customer_segments

    where margin is not null

),

final as (

    select
        ---------- ids
        placed.customer_id,

        ---------- text
        placed.segment_name,
        runner_up.segment_name as runner_up_segment_name,
        case
            when placed.runner_up_segment_id > placed.segment_id
                then 'could move up'
            else 'could move down'
        end as direction,

        ---------- numbers
        placed.place,
        cast(placed.margin as decimal(18, 3)) as margin,
        rfm.recency_days,
        rfm.frequency,
        rfm.monetary

    from placed

    inner join segments as runner_up
        on placed.segmentation = runner_up.segmentation
        and placed.runner_up_segment_id = runner_up.segment_id

    inner join rfm
        on placed.customer_id = rfm.customer_id

    where placed.place <= 200

)

select * from final

order by place
