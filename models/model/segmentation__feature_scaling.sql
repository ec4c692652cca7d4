{{ config(materialized=segmentation.view_or_table()) }}

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
        {%- for parameter in ["transform", "scaler", "impute"] %}
        max(case when parameter = '{{ parameter }}' then text_value end) as {{ parameter }},
        {%- endfor %}
        max(case when parameter = 'fill_value' then text_value end) as fill_level,

        ---------- numbers
        count(case when parameter = 'level' then 1 end) as levels,
        {%- for parameter in [
            "lambda", "mean", "scale", "weight", "minimum", "maximum", "fill_value", "clip_low", "clip_high", "fence_low", "fence_high"
        ] %}
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
