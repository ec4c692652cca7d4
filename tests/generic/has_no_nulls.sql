{#
    Fails where one of the columns holds a null; gives how many nulls each of them holds. It reads the
    table once, however many columns it looks at.
#}
{% test has_no_nulls(model, columns) %}

with

null_counts as (

    select
        {%- for column in columns %}
        sum(case when {{ column }} is null then 1 else 0 end) as {{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ model }}

)

select * from null_counts

where {{ columns | join(" + ") }} > 0

{% endtest %}
