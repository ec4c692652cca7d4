-- depends_on: {{ ref('segmentation__settings') }}

{%- set definitions = segmentation.fitted_definitions() %}
{%- set columns = segmentation.customer_columns(definitions) %}

with

{%- for name, definition in definitions.items() %}

{{ name }}_customers as (

    {{ segmentation.customers(definition, columns[name], segmentation.customers_relation(definition), is_fit=true) }}

),

{{ name }}_ranked as (

    select
        {{ name }}_customers.*,
        {{ dbt.hash("customer_id") }} as customer_hash

    from {{ name }}_customers

    where customer_id is not null

),

{# The hash decides who is in the sample, so it is the same in any order of rows. #}
{{ name }}_sample as (

    select * from {{ name }}_ranked

    order by customer_hash, customer_id

    limit {{ segmentation.sample_size(definition) }}

),

{%- endfor %}

final as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- for feature, how in definition.features.items() %}
    {%- set value = "feature_" ~ loop.index %}
    select
        '{{ name }}' as segmentation,
        customer_id,
        {{ segmentation.text_literal(feature) }} as feature,
        {{ segmentation.number_literal(none if how.kind == "category" else value, segmentation.type_double()) }} as value,
        {{ value if how.kind == "category" else segmentation.text_literal(none) }} as text_value

    from {{ name }}_sample
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    select
        {{ segmentation.text_literal(none) }} as segmentation,
        {{ segmentation.text_literal(none) }} as customer_id,
        {{ segmentation.text_literal(none) }} as feature,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as value,
        {{ segmentation.text_literal(none) }} as text_value

    from (select 1 as one) as nothing

    where false
    {%- endif %}

)

select * from final
