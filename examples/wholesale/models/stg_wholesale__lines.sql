-- The file has no ids: the number of the line is the firm's.
with

lines as (

    select
        row_number() over () as firm_id,
        *

    from read_csv('{{ var("wholesale_file") }}', header = true)

),

final as (

    select
        firm_id,
        "Fresh" as fresh,
        "Milk" as milk,
        "Grocery" as grocery,
        "Frozen" as frozen,
        "Detergents_Paper" as detergents_paper,
        "Delicassen" as delicatessen,
        "Fresh" + "Milk" + "Grocery" + "Frozen" + "Detergents_Paper" + "Delicassen" as total_spend

    from lines

)

select * from final
