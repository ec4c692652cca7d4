{{ config(materialized=segmentation.view_or_table()) }}

with

history as (

    select * from {{ ref('segmentation__model') }}

),

versions as (

    select
        segmentation,
        model_version,
        as_of_date,
        lag(model_version) over (partition by segmentation order by model_version) as previous_version,
        lead(model_version) over (partition by segmentation order by model_version) as next_version

    from {{ ref('segmentation__model_versions') }}

),

segments as (

    select
        segmentation,
        model_version,
        segment_id,
        max(case when parameter = 'segment_name' then text_value end) as segment_name,
        max(case when parameter = 'size' then value end) as size,
        max(case when parameter = 'distance_moved' then value end) as distance_moved

    from history

    {# Noise is no segment that comes and goes. #}
    where segment_id > 0

    group by
        segmentation,
        model_version,
        segment_id

),

present as (

    select
        segments.segmentation,
        segments.model_version,
        versions.as_of_date,
        segments.segment_id,
        segments.segment_name,
        previous_segments.segment_name as previous_segment_name,
        case when previous_segments.segment_id is null then 'new' else 'kept' end as status,
        segments.distance_moved,
        segments.size,
        previous_segments.size as previous_size

    from segments

    inner join versions
        on segments.segmentation = versions.segmentation
        and segments.model_version = versions.model_version

    left join segments as previous_segments
        on segments.segmentation = previous_segments.segmentation
        and segments.segment_id = previous_segments.segment_id
        and versions.previous_version = previous_segments.model_version

),

{# A segment is retired by the first version that does not have it. #}
retired as (

    select
        segments.segmentation,
        versions.next_version as model_version,
        next_versions.as_of_date,
        segments.segment_id,
        {{ segmentation.text_literal(none) }} as segment_name,
        segments.segment_name as previous_segment_name,
        'retired' as status,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as distance_moved,
        {{ segmentation.number_literal(none, segmentation.type_double()) }} as size,
        segments.size as previous_size

    from segments

    inner join versions
        on segments.segmentation = versions.segmentation
        and segments.model_version = versions.model_version

    inner join versions as next_versions
        on versions.segmentation = next_versions.segmentation
        and versions.next_version = next_versions.model_version

    left join segments as next_segments
        on segments.segmentation = next_segments.segmentation
        and segments.segment_id = next_segments.segment_id
        and versions.next_version = next_segments.model_version

    where next_segments.segment_id is null

),

stacked as (

    select * from present

    union all

    select * from retired

),

final as (

    select
        ---------- ids
        segmentation,
        model_version,
        segment_id,

        ---------- dates
        as_of_date,

        ---------- text
        status,
        segment_name,
        previous_segment_name,

        ---------- numbers
        distance_moved,
        cast(size as {{ dbt.type_bigint() }}) as sample_customers,
        cast(previous_size as {{ dbt.type_bigint() }}) as previous_sample_customers,

        ---------- booleans
        status = 'kept' and segment_name <> previous_segment_name as is_renamed

    from stacked

)

select * from final
