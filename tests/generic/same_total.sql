{#
    Fails where an expression does not sum to the same over two relations, to the last digit. The
    expression 1 counts rows.
#}
{% test same_total(model, expression, compare_to, compare_expression) %}

with

here as (

    select coalesce(sum({{ expression }}), 0) as total from {{ model }}

),

there as (

    select coalesce(sum({{ compare_expression }}), 0) as total from {{ compare_to }}

)

select
    here.total as total_here,
    there.total as total_there

from here

cross join there

where here.total <> there.total

{% endtest %}
