{{ config(materialized=segmentation.view_or_table()) }}

with

history as (

    select * from {{ ref('segmentation__model') }}

),

last_versions as (

    {{ segmentation.last_versions("history") }}

),

versions as (

    select
        segmentation,
        model_version,
        {%- for parameter in ["fitted_at", "as_of_date", "fit_reason", "settings_hash", "algorithm", "dbt_version", "scikit_learn_version"] %}
        max(case when parameter = '{{ parameter }}' then text_value end) as {{ parameter }},
        {%- endfor %}
        {%- for parameter in ["sample_size", "chosen_k", "parameter_count"] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }},
        {%- endfor %}
        count(*) as rows_written

    from history

    group by
        segmentation,
        model_version

),

{# What the search said of the number of segments that was taken. #}
chosen as (

    select
        history.segmentation,
        history.model_version,
        {%- for parameter in ["inertia", "silhouette", "stability"] %}
        max(case when history.parameter = '{{ parameter }}' then history.value end) as {{ parameter }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from history

    inner join versions
        on history.segmentation = versions.segmentation
        and history.model_version = versions.model_version
        and history.k = versions.chosen_k

    group by
        history.segmentation,
        history.model_version

),

final as (

    select
        ---------- ids
        versions.segmentation,
        versions.model_version,

        ---------- dates and timestamps
        cast(versions.as_of_date as date) as as_of_date,
        cast(versions.fitted_at as {{ dbt.type_timestamp() }}) as fitted_at,

        ---------- text
        versions.fit_reason,
        versions.algorithm,
        versions.settings_hash,
        versions.dbt_version,
        versions.scikit_learn_version,

        ---------- numbers
        cast(versions.sample_size as {{ dbt.type_bigint() }}) as sample_size,
        cast(versions.chosen_k as integer) as k,
        chosen.inertia,
        chosen.silhouette,
        chosen.stability,

        ---------- booleans
        last_versions.model_version is not null as is_current

    from versions

    left join chosen
        on versions.segmentation = chosen.segmentation
        and versions.model_version = chosen.model_version

    left join last_versions
        on versions.segmentation = last_versions.segmentation
        and versions.model_version = last_versions.model_version

    where versions.rows_written = versions.parameter_count

)

select * from final
