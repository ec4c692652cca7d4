{{ config(materialized='view') }}

{%- set columns = segmentation.input().columns %}

with

lines as (

    select * from {{ ref('int_segmentation__lines') }}

),

final as (

    select
        ---------- what was given
        {%- for name in segmentation.mapped_columns() %}
        {{ segmentation.text_literal(none) if columns[name] is none else "input_" ~ name }} as {{ name }},
        {%- endfor %}

        ---------- text
        rejection_reason

    from lines

    where rejection_reason is not null
        and rejection_reason <> 'erased'

)

select * from final
