-- The file has no ids: the number of the line is the borrower's. Income is given as its logarithm.
with

loans as (

    select
        row_number() over () as borrower_id,
        *

    from read_csv('{{ var("loan_file") }}', header = true)

),

final as (

    select
        borrower_id,
        purpose,
        exp("log.annual.inc") as annual_income,
        fico,
        "revol.util" as revolving_utilization,
        dti as debt_to_income,
        "int.rate" as interest_rate,
        "credit.policy" = 1 as meets_credit_policy,
        "not.fully.paid" = 1 as has_defaulted

    from loans

)

select * from final
