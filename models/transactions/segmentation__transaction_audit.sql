with

lines as (

    select * from {{ ref('int_segmentation__lines') }}

),

orders as (

    select * from {{ ref('segmentation__orders') }}

),

outcomes as (

    select
        coalesce(rejection_reason, 'kept') as outcome,
        count(*) as row_count,
        sum(amount) as amount,
        cast(sum(case when is_return then 1 else 0 end) as {{ dbt.type_bigint() }}) as return_row_count

    from lines

    group by 1

),

customers as (

    select
        customer_id,
        max(case when is_purchase then 1 else 0 end) as has_purchase

    from orders

    group by customer_id

),

customer_counts as (

    select
        count(*) as customer_count,
        cast(coalesce(sum(1 - has_purchase), 0) as {{ dbt.type_bigint() }}) as return_only_customer_count

    from customers

),

final as (

    select
        outcomes.outcome,
        outcomes.row_count,
        cast(outcomes.amount as {{ dbt.type_numeric() }}) as amount,
        outcomes.return_row_count,
        case when outcomes.outcome = 'kept' then customer_counts.customer_count end as customer_count,
        case
            when outcomes.outcome = 'kept' then customer_counts.return_only_customer_count
        end as return_only_customer_count

    from outcomes

    cross join customer_counts

)

select * from final
