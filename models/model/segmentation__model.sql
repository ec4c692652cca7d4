{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns'
    )
}}

{%- do segmentation.raise_faults("the project's configuration would lose the model's history", segmentation.history_faults()) %}

{#- What says how a version came about, or puts its numbers in words, makes no new version. -#}
{%- set unlike = segmentation.version_remarks(["reason", "naming_evidence", "distance_moved"]) %}
{%- set key = segmentation.model_columns().keys() | reject("in", ["value", "text_value"]) | list %}

with

candidate as (

    select * from {{ ref('int_segmentation__model_candidate') }}

),

fits_due as (

    select * from {{ ref('int_segmentation__fits_due') }}

),

{%- if is_incremental() %}

last_versions as (

    {{ segmentation.last_versions(this) }}

),

{# A number is not given twice, not even one of a version that was written in part. #}
largest_versions as (

    select
        segmentation,
        max(model_version) as model_version

    from {{ this }}

    group by segmentation

),

last_parameters as (

    select history.*

    from {{ this }} as history

    inner join last_versions
        on history.segmentation = last_versions.segmentation
        and history.model_version = last_versions.model_version

),

stacked as (

    select {{ key | join(", ") }}, value, text_value from candidate

    union all

    select {{ key | join(", ") }}, value, text_value from last_parameters

),

{# A parameter of equal content stands on both sides, alike but for the last digits. #}
compared as (

    select
        segmentation,
        count(*) as occurrences,
        count(value) as values_given,
        max(value) - min(value) as difference,
        1e-9 * max(abs(value)) + 1e-12 as tolerance,
        count(text_value) as texts_given,
        count(distinct text_value) as texts

    from stacked

    where parameter not in {{ unlike }}

    group by {{ key | join(", ") }}

),

changed as (

    select distinct segmentation

    from compared

    where occurrences <> 2
        or values_given = 1
        or difference > tolerance
        or texts_given = 1
        or texts > 1

),

{%- endif %}

due as (

    select
        fitted.segmentation,
        {{ "coalesce(largest_versions.model_version, 0) + 1" if is_incremental() else "1" }} as model_version

    from (select distinct segmentation from candidate) as fitted

    {%- if is_incremental() %}

    inner join changed
        on fitted.segmentation = changed.segmentation

    left join largest_versions
        on fitted.segmentation = largest_versions.segmentation
    {%- endif %}

),

{# Beside what was learned: when, why and by what, and how many rows make the version whole. #}
parameters as (

    select
        {{ key | join(",\n        ") }},
        value,
        text_value

    from candidate

    union all

    select segmentation, 'fitted_at', null, null, null, null, null, null, null, '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}'
    from due

    union all

    select segmentation, 'as_of_date', null, null, null, null, null, null, null, cast({{ segmentation.as_of_date() }} as {{ dbt.type_string() }})
    from due
    where segmentation not in (select segmentation from candidate where parameter = 'as_of_date')

    union all

    select segmentation, 'fit_reason', null, null, null, null, null, null, null, reason
    from fits_due

    union all

    select segmentation, 'dbt_version', null, null, null, null, null, null, null, '{{ dbt_version }}'
    from due

),

counted as (

    select * from parameters

    union all

    select segmentation, 'parameter_count', null, null, null, null, null, null, count(*) + 1, null
    from parameters
    group by segmentation

),

final as (

    select
        cast(counted.segmentation as {{ dbt.type_string() }}) as segmentation,
        cast(due.model_version as integer) as model_version
        {%- for column, type in segmentation.model_columns().items() if column != "segmentation" %},
        cast(counted.{{ column }} as {{ type }}) as {{ column }}
        {%- endfor %}

    from counted

    inner join due
        on counted.segmentation = due.segmentation

)

select * from final
