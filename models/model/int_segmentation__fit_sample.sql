-- depends_on: {{ ref('segmentation__settings') }}

{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set sample_size = segmentation.option("fit_sample_size") %}
{%- set columns = segmentation.customer_columns(definitions) %}

with

{%- for name, definition in definitions.items() %}

{{ name }}_customers as (

    {{ segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)) }}

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

    limit {{ sample_size }}

),

{%- endfor %}

final as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- for feature in definition.features %}
    select
        '{{ name }}' as segmentation,
        customer_id,
        {{ segmentation.text_literal(feature) }} as feature,
        feature_{{ loop.index }} as value

    from {{ name }}_sample
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    select
        {{ segmentation.text_literal(none) }} as segmentation,
        {{ segmentation.text_literal(none) }} as customer_id,
        {{ segmentation.text_literal(none) }} as feature,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as value

    where false
    {%- endif %}

)

select * from final
