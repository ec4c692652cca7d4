with

transactions as (

    select * from {{ ref('segmentation__transactions') }}

),

final as (

    select
        ---------- ids
        customer_id,
        order_id,

        ---------- dates and timestamps
        cast(ordered_at as date) as order_date,
        min(ordered_at) as ordered_at,

        ---------- numbers
        sum(amount) as amount,
        sum(case when is_return then -amount else 0 end) as returned_amount,
        count(*) as line_count,
        sum(case when is_return then 0 else 1 end) as purchase_line_count

    from transactions

    group by
        customer_id,
        order_id,
        cast(ordered_at as date)

)

select * from final
