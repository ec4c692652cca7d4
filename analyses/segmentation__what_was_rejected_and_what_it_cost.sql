-- What was rejected and what it cost: each outcome of the input lines, in lines and in money, and
-- what may be done about it.
--
-- The lines sum to the input exactly. Money is what the lines say, so a credit note without a
-- customer counts below zero, and a line whose amount cannot be read counts 0.

with

transaction_audit as (

    select * from {{ ref('segmentation__transaction_audit') }}

),

totals as (

    select
        cast(sum(row_count) as {{ segmentation.type_double() }}) as row_count,
        cast(sum(amount) as {{ segmentation.type_double() }}) as amount

    from transaction_audit

),

final as (

    select
        ---------- text
        transaction_audit.outcome,

        ---------- numbers
        transaction_audit.row_count,
        cast(transaction_audit.row_count / totals.row_count as decimal(18, 4)) as row_share,
        transaction_audit.amount,
        cast(
            cast(transaction_audit.amount as {{ segmentation.type_double() }})
            / nullif(totals.amount, 0) as decimal(18, 4)
        ) as amount_share,

        ---------- text
        case transaction_audit.outcome
            when 'kept' then 'nothing: this is what segments are made of'
            when 'missing_customer' then 'sales to nobody known: ask for a login or a loyalty card'
            when 'missing_order' then 'find out where the source loses the order number'
            when 'unreadable_date' then 'bring dates to yyyy-mm-dd upstream'
            when 'date_out_of_range' then 'check the clocks, or earliest_date and latest_date'
            when 'unreadable_number' then 'bring numbers to plain digits with a point upstream'
            when 'excluded' then 'nothing: you said that this is not trade'
            when 'non_positive_price' then 'gifts or corrections: check that none was a sale'
            when 'zero_quantity' then 'empty lines: check that none was a sale'
            when 'duplicate' then 'delivered twice, or map line_id if equal lines are real'
            when 'return_rejected' then 'say returns: net to take returns off the money instead'
        end as what_to_do

    from transaction_audit

    cross join totals

)

select * from final

order by case when outcome = 'kept' then 0 else 1 end, row_count desc, outcome
