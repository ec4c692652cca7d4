{{ config(materialized='view') }}

with

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

final as (

    select
        ---------- ids
        segmentation,
        model_version,
        feature,

        ---------- text
        max(case when parameter = 'transform' then text_value end) as transform,

        ---------- numbers
        {%- for parameter in ["lambda", "mean", "scale", "minimum", "maximum", "fill_value"] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }},
        {%- endfor %}
        {%- for transform in segmentation.transforms() %}
        max(case when parameter = 'skewness_{{ transform }}' then value end) as skewness_{{ transform }}
        {{- "" if loop.last else "," }}
        {%- endfor %}

    from model

    where feature is not null
        and segment_id is null
        and parameter not like 'rfm_cut%'

    group by
        segmentation,
        model_version,
        feature

)

select * from final
