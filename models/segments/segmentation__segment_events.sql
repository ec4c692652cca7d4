{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns',
        pre_hook="{{ segmentation.forget_customers(this) }}"
    )
}}

{%- do segmentation.raise_faults("the project's configuration would lose the model's history", segmentation.history_faults()) %}
{#- Whom the pre-hook forgets hangs on the options, so they are checked before it runs. -#}
{%- do segmentation.check_privacy() %}
{#- No segment has a number as high: an entry is one number, so that the last is the highest. -#}
{%- set builds_apart = "1000000" %}
{%- set customer_segments = ref('segmentation__customer_segments') %}

with

settings as (

    select * from {{ ref('segmentation__settings') }}

),

placements as (

    select * from {{ customer_segments }}

),

last_model_placements as (

    select * from {{ ref('int_segmentation__last_model_segments') }}

),

names as (

    select
        segmentation,
        model_version,
        segment_id,
        text_value as segment_name

    from {{ ref('segmentation__model') }}

    where parameter = 'segment_name'

),

---------- the two builds that are compared, of each segmentation

placed as (

    select
        segmentation,
        max(model_version) as model_version,
        max(as_of_date) as as_of_date

    from placements

    group by segmentation

),

{%- if is_incremental() %}

told as (

    select
        segmentation,
        max(build_number) as build_number

    from {{ this }}

    group by segmentation

),

{%- endif %}

scored as (

    {{ segmentation.scored_versions(this if is_incremental() else none) }}

),

builds as (

    select
        segmentations.segmentation,
        scored.model_version as last_model_version,
        coalesce(placed.model_version, scored.model_version) as model_version,
        coalesce(placed.as_of_date, {{ segmentation.as_of_date() }}) as as_of_date,
        {{ "coalesce(told.build_number, 0)" if is_incremental() else "0" }} as last_build_number

    from (select distinct segmentation from settings) as segmentations

    left join placed
        on segmentations.segmentation = placed.segmentation

    left join scored
        on segmentations.segmentation = scored.segmentation
    {%- if is_incremental() %}

    left join told
        on segmentations.segmentation = told.segmentation
    {%- endif %}

),

---------- each customer: before, by the last model on today's data, and now

stacked as (

    {%- if is_incremental() %}

    select
        segmentation,
        customer_id,
        case when event = 'entered' then cast(build_number as {{ dbt.type_bigint() }}) * {{ builds_apart }} + segment_id end as entry,
        case when event = 'left' then cast(build_number as {{ dbt.type_bigint() }}) * {{ builds_apart }} end as leaving,
        cast(null as integer) as last_model_segment_id,
        cast(null as integer) as new_segment_id

    from {{ this }}

    union all

    select
        segmentation,
        customer_id,
        cast(null as {{ dbt.type_bigint() }}) as entry,
        cast(null as {{ dbt.type_bigint() }}) as leaving,
        segment_id as last_model_segment_id,
        cast(null as integer) as new_segment_id

    from last_model_placements

    union all

    {%- endif %}

    select
        segmentation,
        customer_id,
        cast(null as {{ dbt.type_bigint() }}) as entry,
        cast(null as {{ dbt.type_bigint() }}) as leaving,
        cast(null as integer) as last_model_segment_id,
        segment_id as new_segment_id

    from placements

),

{# A customer who left and entered in one build has entered last. #}
customers as (

    select
        segmentation,
        customer_id,
        max(entry) as last_entry,
        max(leaving) as last_leaving,
        min(last_model_segment_id) as last_model_segment_id,
        min(new_segment_id) as new_segment_id

    from stacked

    where customer_id is not null

    group by
        segmentation,
        customer_id

),

compared as (

    select
        segmentation,
        customer_id,
        cast(case when last_entry >= coalesce(last_leaving, 0) then mod(last_entry, {{ builds_apart }}) end as integer) as old_segment_id,
        last_model_segment_id,
        new_segment_id

    from customers

),

moved as (

    select
        builds.*,
        compared.customer_id,
        compared.old_segment_id,
        compared.new_segment_id,
        {# The same model gives the new segment; one that cannot score today's data is taken to keep the old. #}
        case
            when builds.last_model_version = builds.model_version then compared.new_segment_id
            else coalesce(compared.last_model_segment_id, compared.old_segment_id)
        end as last_model_segment_id

    from compared

    inner join builds
        on compared.segmentation = builds.segmentation

    where coalesce(compared.old_segment_id, -1) <> coalesce(compared.new_segment_id, -1)

),

---------- leaving is put down to the first step that moved the customer, entering to the last

causes as (

    select
        moved.*,
        case
            when new_segment_id is null then 'customer_gone'
            when last_model_segment_id <> old_segment_id then 'customer_moved'
            else 'model_moved'
        end as leaving_cause,
        case
            when last_build_number = 0 then 'first_build'
            when old_segment_id is null then 'new_customer'
            when last_model_segment_id <> new_segment_id then 'model_moved'
            else 'customer_moved'
        end as entering_cause

    from moved

),

events as (

    select
        segmentation,
        customer_id,
        'left' as event,
        old_segment_id as segment_id,
        last_model_version as segment_model_version,
        new_segment_id as other_segment_id,
        model_version as other_model_version,
        leaving_cause as cause,
        model_version,
        as_of_date,
        last_build_number + 1 as build_number

    from causes

    where old_segment_id is not null

    union all

    select
        segmentation,
        customer_id,
        'entered' as event,
        new_segment_id as segment_id,
        model_version as segment_model_version,
        old_segment_id as other_segment_id,
        last_model_version as other_model_version,
        entering_cause as cause,
        model_version,
        as_of_date,
        last_build_number + 1 as build_number

    from causes

    where new_segment_id is not null

),

final as (

    select
        ---------- ids
        cast(events.segmentation as {{ dbt.type_string() }}) as segmentation,
        cast(events.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(events.build_number as integer) as build_number,
        cast(events.event as {{ dbt.type_string() }}) as event,
        cast(events.segment_id as integer) as segment_id,
        cast(events.other_segment_id as integer) as other_segment_id,
        cast(events.model_version as integer) as model_version,

        ---------- text
        cast(names.segment_name as {{ dbt.type_string() }}) as segment_name,
        cast(other_names.segment_name as {{ dbt.type_string() }}) as other_segment_name,
        cast(events.cause as {{ dbt.type_string() }}) as cause,
        cast({{ segmentation.id_fingerprint() }} as {{ dbt.type_string() }}) as id_fingerprint,

        ---------- dates
        cast(events.as_of_date as date) as as_of_date

    from events

    left join names
        on events.segmentation = names.segmentation
        and events.segment_model_version = names.model_version
        and events.segment_id = names.segment_id

    left join names as other_names
        on events.segmentation = other_names.segmentation
        and events.other_model_version = other_names.model_version
        and events.other_segment_id = other_names.segment_id
    {%- if customer_segments.limit is not none %}

    {# With dbt's --empty there are no customers to be seen; that does not mean that they have gone. #}
    where false
    {%- endif %}

)

select * from final
