{{ config(materialized=segmentation.view_or_table()) }}

{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}
{%- set model = ref("int_segmentation__current_model") %}

with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

{%- for name, definition in definitions.items() %}
{%- set shape = segmentation.model_shape(name, definition, model) %}

{{ name }}_pulls as (

    {{ segmentation.feature_pulls(
        segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)),
        "(select * from " ~ model ~ " where segmentation = '" ~ name ~ "') as current_model",
        "(select * from " ~ ref("segmentation__customer_segments") ~ " where segmentation = '" ~ name ~ "') as customer_segments",
        shape
    ) }}

),

{{ name }}_pullers as (

    {{ segmentation.strongest_pulls(name ~ "_pulls", shape) }}

),
{%- endfor %}

pullers as (

    {%- for name in definitions %}
    select
        '{{ name }}' as segmentation,
        {{ name }}_pullers.*

    from {{ name }}_pullers
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not definitions %}
    select
        {{ segmentation.text_literal(none) }} as segmentation,
        {{ segmentation.text_literal(none) }} as customer_id,
        null as segment_id,
        null as runner_up_segment_id,
        {{ segmentation.boolean_literal(none) }} as is_current,
        {{ segmentation.boolean_literal(none) }} as is_by_centroids,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as net_pull
        {%- for place in segmentation.pull_places() %},
        {{ segmentation.text_literal(none) }} as {{ place }}_feature,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as {{ place }}_share,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as {{ place }}_value,
        {{ segmentation.text_literal(none) }} as {{ place }}_level
        {%- endfor %}

    from (select 1 as one) as nothing

    where false
    {%- endif %}

),

worded as (

    select
        pullers.*,
        own.segment_name,
        other.segment_name as runner_up_name,
        {%- for place in segmentation.pull_places() %}
        {{ dbt.concat([
            dbt.replace(place ~ "_feature", "'_'", "' '"), "' '",
            "coalesce(" ~ place ~ "_level, " ~ segmentation.rounded_text(place ~ "_value") ~ ", 'unknown')",
        ]) }} as {{ place }}_reason,
        {{ dbt.concat(["' ('", segmentation.decimal_text("100 * " ~ place ~ "_share", 0), "' %)'"]) }} as {{ place }}_percent,
        {%- endfor %}
        {# What does not show as a percent is no reason. #}
        coalesce(second_share >= 0.005, false) as has_second_reason,
        first_share + greatest(coalesce(second_share, 0), 0) > 1.02 as has_counter_pull

    from pullers

    left join segments as own
        on pullers.segmentation = own.segmentation
        and pullers.segment_id = own.segment_id

    left join segments as other
        on pullers.segmentation = other.segmentation
        and pullers.runner_up_segment_id = other.segment_id

),

final as (

    select
        ---------- ids
        segmentation,
        customer_id,
        cast(segment_id as integer) as segment_id,
        cast(runner_up_segment_id as integer) as runner_up_segment_id,

        ---------- what pulls hardest
        first_feature,
        first_share,
        second_feature,
        second_share,

        ---------- text
        case
            when not is_current then 'Scored with an older version of the model.'
            when segment_id = 0 and runner_up_name is null then 'In reach of no segment.'
            when segment_id = 0 then {{ dbt.concat(["'In reach of no segment; nearest is '", "runner_up_name", "'.'"]) }}
            when runner_up_name is null then {{ dbt.concat(["segment_name", "': the only segment.'"]) }}
            when first_share is null and not is_by_centroids then {{ dbt.concat([
                "segment_name", "' rather than '", "runner_up_name", "' by the shape of the segments, not by the distance to their centers.'",
            ]) }}
            when net_pull < -1e-9 then {{ dbt.concat(["segment_name", "' when last scored, nearer to '", "runner_up_name", "' since.'"]) }}
            when first_share is null then {{ dbt.concat(["segment_name", "', but as near to '", "runner_up_name", "'.'"]) }}
            when has_counter_pull then {{ dbt.concat([
                "segment_name", "' rather than '", "runner_up_name", "' mainly because of '", "first_reason",
                "case when has_second_reason then " ~ dbt.concat(["' and '", "second_reason"]) ~ " else '' end",
                "', although '", "counter_reason", "' speaks for '", "runner_up_name", "'.'",
            ]) }}
            else {{ dbt.concat([
                "segment_name", "' rather than '", "runner_up_name", "' mainly because of '", "first_reason", "first_percent",
                "case when has_second_reason then " ~ dbt.concat(["' and '", "second_reason", "second_percent"]) ~ " else '' end",
                "'.'",
            ]) }}
        end as explanation

    from worded

)

select * from final
