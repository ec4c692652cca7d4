{{ config(materialized='view') }}

with

lines as (

    select * from {{ ref('int_segmentation__lines') }}

),

final as (

    select
        ---------- ids
        order_id,
        customer_id,
        product_id,

        ---------- timestamps
        ordered_at,
        {%- if segmentation.is_input_incremental() %}
        loaded_at,
        {%- endif %}

        ---------- numbers
        quantity,
        unit_price,
        amount,

        ---------- booleans
        is_return

    from lines

    where rejection_reason is null

)

select * from final
