{#
    For an audit with the columns row_count and amount: fails where rows or money do not sum to
    those of the transactions that the var `segmentation_input` names.
#}
{% test balances_with_input(model) %}
{%- set relation = segmentation.transactions_relation() %}
{%- if relation is none %}

select 1 as nothing_to_balance from (select 1 as one) as nothing where false

{%- else %}

with

input as (

    select
        count(*) as row_count,
        coalesce(sum({{ segmentation.line_amount(segmentation.transaction_columns(relation)) }}), 0) as amount

    from {{ relation }}

),

audit as (

    select
        coalesce(sum(row_count), 0) as row_count,
        coalesce(sum(amount), 0) as amount

    from {{ model }}

)

select
    input.row_count as input_row_count,
    audit.row_count as audit_row_count,
    input.amount as input_amount,
    audit.amount as audit_amount

from input

cross join audit

where input.row_count <> audit.row_count
    or input.amount <> audit.amount

{%- endif %}

{% endtest %}
