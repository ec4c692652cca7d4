-- depends_on: {{ ref('segmentation__segment_events') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns'
    )
}}

{%- do segmentation.raise_faults("the project's configuration would lose the model's history", segmentation.history_faults()) %}

with

placements as (

    select * from {{ ref('segmentation__customer_segments') }}

),

current_versions as (

    select
        segmentation,
        max(model_version) as model_version,
        max(as_of_date) as as_of_date

    from placements

    group by segmentation

),

{%- if is_incremental() %}

known_versions as (

    select
        segmentation,
        max(model_version) as model_version

    from {{ this }}

    group by segmentation

),

{%- endif %}

final as (

    select
        cast(current_versions.segmentation as {{ dbt.type_string() }}) as segmentation,
        cast(current_versions.model_version as integer) as model_version,
        cast(current_versions.as_of_date as date) as as_of_date

    from current_versions
    {%- if is_incremental() %}

    left join known_versions
        on current_versions.segmentation = known_versions.segmentation

    where known_versions.model_version is null
        or current_versions.model_version > known_versions.model_version
    {%- endif %}

)

select * from final
