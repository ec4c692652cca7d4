with

order_days as (

    select * from {{ ref('int_segmentation__order_days') }}

),

final as (

    select
        ---------- ids
        customer_id,
        order_id,

        ---------- timestamps
        min(ordered_at) as ordered_at,

        ---------- numbers
        cast(sum(amount) as {{ dbt.type_numeric() }}) as amount,
        cast(sum(returned_amount) as {{ dbt.type_numeric() }}) as returned_amount,
        cast(sum(line_count) as {{ dbt.type_bigint() }}) as line_count,

        ---------- booleans
        sum(purchase_line_count) > 0 as is_purchase

    from order_days

    group by
        customer_id,
        order_id

)

select * from final
