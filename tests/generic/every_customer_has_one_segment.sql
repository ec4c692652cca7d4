{#
    For a table with the columns segmentation and customer_id: fails for each segmentation whose
    customers do not stand in it exactly once each, as many as its customer table has.
#}
{% test every_customer_has_one_segment(model) %}
{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}

with

expected as (

    {%- for name, definition in definitions.items() %}
    select
        '{{ name }}' as segmentation,
        count(*) as customers

    from (
        {{ segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)) }}
    ) as customers
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not definitions %}
    select 'nothing' as segmentation, 0 as customers from (select 1 as one) as nothing where false
    {%- endif %}

),

found as (

    select
        segmentation,
        count(*) as customers,
        count(distinct customer_id) as different_customers

    from {{ model }}

    group by segmentation

)

select
    expected.segmentation,
    expected.customers,
    found.customers as customers_found,
    found.different_customers

from expected

left join found
    on expected.segmentation = found.segmentation

where expected.customers <> coalesce(found.customers, 0)
    or expected.customers <> coalesce(found.different_customers, 0)

{% endtest %}
