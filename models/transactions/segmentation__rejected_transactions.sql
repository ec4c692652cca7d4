{{ config(materialized='view') }}

with

lines as (

    select * from {{ ref('int_segmentation__lines') }}

),

final as (

    select
        ---------- what was given
        {%- for name in segmentation.mapped_columns() %}
        input_{{ name }} as {{ name }},
        {%- endfor %}

        ---------- text
        rejection_reason

    from lines

    where rejection_reason is not null
        and rejection_reason <> 'erased'

)

select * from final
