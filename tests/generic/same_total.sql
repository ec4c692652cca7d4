{#
    Fails where an expression does not sum to the same over two relations, to the last digit. The
    expression 1 counts rows.

    unless   a condition on the rows of the model: where it is true of any, nothing is compared
#}
{% test same_total(model, expression, compare_to, compare_expression, unless=none) %}

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
    {%- if unless is not none %}
    and not exists (select 1 from {{ model }} where {{ unless }})
    {%- endif %}

{% endtest %}
