{{ config(materialized=segmentation.view_or_table()) }}

{%- set features = segmentation.all_features() %}

with

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

segmentations as (

    select
        segmentation,
        max(case when parameter = 'algorithm' then text_value end) as algorithm,
        max(case when parameter = 'sample_size' then value end) as sample_size

    from model

    group by segmentation

),

segments as (

    select
        segmentation,
        model_version,
        segment_id,
        max(case when parameter = 'segment_name' then text_value end) as segment_name,
        max(case when parameter = 'naming_evidence' then text_value end) as naming_evidence,
        max(case when parameter = 'size' then value end) as size,
        {%- for parameter in ["silhouette", "mean_distance", "agreement"] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ "" if loop.last else "," }}
        {%- endfor %}
        {%- for slug, names in features.items() %},
        max(case when parameter = 'center' and {{ segmentation.is_feature(names) }} then value end) as center_{{ slug }}
        {%- endfor %}

    from model

    where segment_id is not null

    group by
        segmentation,
        model_version,
        segment_id

),

final as (

    select
        ---------- ids
        segments.segmentation,
        segments.model_version,
        segments.segment_id,

        ---------- text
        segments.segment_name,
        segments.naming_evidence,
        segmentations.algorithm,

        ---------- numbers
        cast(segments.size as {{ dbt.type_bigint() }}) as sample_customers,
        segments.size / segmentations.sample_size as sample_share,
        segments.silhouette,
        segments.mean_distance,
        segments.agreement
        {%- for slug in features %},
        segments.center_{{ slug }}
        {%- endfor %}

    from segments

    inner join segmentations
        on segments.segmentation = segmentations.segmentation

)

select * from final
