{{ config(materialized='ephemeral') }}

{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set models = ref("segmentation__model") %}
{%- set scores = {} %}
{%- for name, version in segmentation.replaced_versions(ref("segmentation__customer_segments")).items() if name in definitions %}
    {%- set score = segmentation.score_by_version(name, definitions[name], models, version) %}
    {%- if score is not none %}
        {%- do scores.update({name: score}) %}
    {%- endif %}
{%- endfor %}
{#- dbt must see as it parses what scoring reads as it runs. -#}
{%- if not execute %}
    {%- do segmentation.customer_columns(definitions) %}
    {%- for definition in definitions.values() %}
        {%- do segmentation.customers_relation(definition) %}
    {%- endfor %}
    {%- do segmentation.erased_customers() %}
    {%- do segmentation.pseudonym("customer_id") %}
{%- endif %}

with

{%- for name, score in scores.items() %}

{{ name }}_scores as (

    {{ score }}

),

{%- endfor %}

final as (

    {%- for name in scores %}
    select
        {{ segmentation.text_literal(name) }} as segmentation,
        customer_id,
        cast(segment_id as integer) as segment_id

    from {{ name }}_scores
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not scores %}
    {{- segmentation.no_rows({"segmentation": dbt.type_string(), "customer_id": dbt.type_string(), "segment_id": "integer"}) }}
    {%- endif %}

)

select * from final
