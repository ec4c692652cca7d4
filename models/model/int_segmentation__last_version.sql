-- depends_on: {{ ref('segmentation__settings') }}

{#- Before the first version there is no history: the right columns and no row. -#}
{%- set history = segmentation.built_relation("segmentation__model") %}

with

{%- if history is not none %}

history as (

    select * from {{ history }}

),

last_versions as (

    {{ segmentation.last_versions("history") }}

),

parameters as (

    select history.*

    from history

    inner join last_versions
        on history.segmentation = last_versions.segmentation
        and history.model_version = last_versions.model_version

),

{# No id is given twice, so the next one counts from the largest that any version had. #}
largest_ids as (

    select
        history.segmentation,
        max(last_versions.model_version) as model_version,
        max(history.segment_id) as largest_id

    from history

    inner join last_versions
        on history.segmentation = last_versions.segmentation

    group by history.segmentation

),

{%- endif %}

final as (

    {%- if history is not none %}
    select
        segmentation,
        model_version
        {%- for column in segmentation.model_columns() if column != "segmentation" %},
        {{ column }}
        {%- endfor %}

    from parameters

    union all

    select
        segmentation,
        model_version,
        'largest_segment_id' as parameter
        {%- for column, type in segmentation.model_columns().items() if column not in ["segmentation", "parameter"] %},
        {{ "cast(largest_id as " ~ type ~ ")" if column == "value" else "null" }} as {{ column }}
        {%- endfor %}

    from largest_ids
    {%- else %}
    {%- set columns = {"segmentation": dbt.type_string(), "model_version": "integer"} %}
    {%- do columns.update(segmentation.model_columns()) %}
    {{- segmentation.no_rows(columns) }}
    {%- endif %}

)

select * from final
