with

customer_sample as (

    select * from {{ ref('int_segmentation__customer_sample') }}

),

fits_due as (

    select * from {{ ref('int_segmentation__fits_due') }}

),

{# Nobody where no fit is due: the fit then has nothing to learn, and the last version stays. #}
final as (

    select customer_sample.*

    from customer_sample

    inner join fits_due
        on customer_sample.segmentation = fits_due.segmentation

    where fits_due.is_due

)

select * from final
