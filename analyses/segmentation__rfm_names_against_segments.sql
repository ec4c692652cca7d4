-- RFM names against segments: how the customers of each fitted segment spread over the names of
-- the RFM scheme.
--
-- The RFM scheme cuts customers by fixed rules, the fitted segments follow where customers really
-- lie. Where one segment holds many names, one campaign may serve all of them; where one name is
-- split over segments, look at the segment before you write to everybody in it.

with

customer_segments as (

    select * from {{ ref('segmentation__customer_segments') }}

    where segmentation = 'rfm'

),

rfm_scores as (

    select * from {{ ref('segmentation__rfm_scores') }}

),

crossed as (

    select
        customer_segments.segment_id,
        customer_segments.segment_name,
        rfm_scores.rfm_segment,
        count(*) as customers,
        sum(rfm_scores.monetary) as monetary

    from customer_segments

    inner join rfm_scores
        on customer_segments.customer_id = rfm_scores.customer_id

    group by
        customer_segments.segment_id,
        customer_segments.segment_name,
        rfm_scores.rfm_segment

),

final as (

    select
        ---------- ids
        segment_id,
        segment_name,
        rfm_segment,

        ---------- numbers
        customers,
        cast(1.0 * customers / sum(customers) over (partition by segment_id) as decimal(18, 3))
            as share_of_segment,
        cast(1.0 * customers / sum(customers) over (partition by rfm_segment) as decimal(18, 3))
            as share_of_rfm_segment,
        monetary

    from crossed

)

select * from final

order by segment_id desc, customers desc, rfm_segment
