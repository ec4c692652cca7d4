{{ config(materialized=segmentation.view_or_table()) }}

with

history as (

    select * from {{ ref('segmentation__model') }}

),

settings as (

    select * from {{ ref('segmentation__settings') }}

),

current_versions as (

    {{ segmentation.last_versions("history") }}

),

final as (

    select history.*

    from history

    inner join current_versions
        on history.segmentation = current_versions.segmentation
        and history.model_version = current_versions.model_version

    where history.segmentation in (select segmentation from settings)

)

select * from final
