{#
    For `segmentation__customer_explanations`: fails for each customer whose shares over all features
    do not sum to 1 (within 1e-6; nulls pass), whose first two are not the two largest, or who has no
    explanation. It looks at one customer for each segment and runner-up, so it costs little.
#}
{% test is_explained_in_full(model) %}
{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}
{%- set parameters = ref("segmentation", "int_segmentation__current_model") %}
{%- set placements = ref("segmentation", "segmentation__customer_segments") %}

with

looked_at as (

    select
        segmentation,
        min(customer_id) as customer_id

    from {{ placements }}

    group by
        segmentation,
        segment_id,
        runner_up_segment_id

),

{%- for name, definition in definitions.items() %}
{%- set shape = segmentation.model_shape(name, definition, parameters) %}
{%- set here %}
    (
        select * from {{ placements }}

        where segmentation = '{{ name }}'
            and customer_id in (select customer_id from looked_at where segmentation = '{{ name }}')
    ) as customer_segments
{%- endset %}

{{ name }}_pulls as (

    {{ segmentation.feature_pulls(
        segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)),
        "(select * from " ~ parameters ~ " where segmentation = '" ~ name ~ "') as current_model",
        here, shape
    ) }}

),
{%- endfor %}

shares as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- for feature in definition.features %}
    select
        '{{ name }}' as segmentation,
        customer_id,
        share_{{ loop.index }} as share

    from {{ name }}_pulls
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    select
        {{ segmentation.text_literal(none) }} as segmentation,
        {{ segmentation.text_literal(none) }} as customer_id,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as share

    from (select 1 as one) as nothing

    where false
    {%- endif %}

),

totals as (

    select
        segmentation,
        customer_id,
        sum(share) as total,
        max(share) as largest_share

    from shares

    group by
        segmentation,
        customer_id

)

select
    totals.segmentation,
    totals.customer_id,
    totals.total,
    totals.largest_share,
    explanations.first_share,
    explanations.second_share,
    explanations.explanation

from totals

left join {{ model }} as explanations
    on totals.segmentation = explanations.segmentation
    and totals.customer_id = explanations.customer_id

where explanations.explanation is null
    or abs(totals.total - 1) > 1e-6
    or coalesce(abs(explanations.first_share - totals.largest_share) > 1e-9 * abs(totals.largest_share), false)
    or coalesce(explanations.second_share > explanations.first_share, false)

{% endtest %}
