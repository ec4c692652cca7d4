{#
    Fails for each group whose shares do not sum to 1 (within 1e-9); a group of nulls passes.

    unless   a condition on its rows: a group where it is true of any passes
#}
{% test sums_to_one(model, column_name, group_by, unless=none) %}

select
    {{ group_by }},
    sum({{ column_name }}) as total

from {{ model }}

group by {{ group_by }}

having abs(sum({{ column_name }}) - 1) > 1e-9
    {%- if unless is not none %}
    and max(case when {{ unless }} then 1 else 0 end) = 0
    {%- endif %}

{% endtest %}
