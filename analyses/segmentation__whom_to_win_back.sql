-- Whom to win back: good customers who have stayed away for longer than is usual for them.
--
-- A customer is overdue when twice the customer's own rhythm has passed without an order, so a
-- weekly buyer is missed after two weeks and a yearly buyer after two years. The most valuable
-- come first: start at the top of the list.

with

rfm as (

    select * from {{ ref('segmentation__rfm') }}

),

rfm_scores as (

    select * from {{ ref('segmentation__rfm_scores') }}

),

customer_segments as (

    select * from {{ ref('segmentation__customer_segments') }}

    where segmentation = 'rfm'

),

rhythms as (

    select
        customer_id,
        last_order_date,
        recency_days,
        frequency,
        monetary,
        days_between_orders,
        recency_days / days_between_orders as times_overdue

    from rfm

    -- fewer than three orders, or all of them within a day or two, show no rhythm
    where frequency >= 3
        and days_between_orders >= 2

),

final as (

    select
        ---------- ids
        rhythms.customer_id,

        ---------- text
        customer_segments.segment_name,
        rfm_scores.rfm_segment,

        ---------- dates
        rhythms.last_order_date,

        ---------- numbers
        rhythms.recency_days,
        cast(rhythms.days_between_orders as decimal(18, 1)) as usual_days_between_orders,
        cast(rhythms.times_overdue as decimal(18, 1)) as times_overdue,
        rhythms.frequency,
        rhythms.monetary

    from rhythms

    inner join rfm_scores
        on rhythms.customer_id = rfm_scores.customer_id

    inner join customer_segments
        on rhythms.customer_id = customer_segments.customer_id

    where rhythms.times_overdue >= 2
        and rhythms.monetary > 0

)

select * from final

order by monetary desc, customer_id
