{#
    For the parameters of a fit: fails for each feature whose sample, transformed and scaled by
    them in SQL, has not a mean within 1e-6 of 0 and a deviation within 1e-6 of 1 (0 for a
    constant feature).
#}
{% test is_standardized_in_sample(model) %}

with

scaling as (

    select
        segmentation,
        feature,
        max(case when parameter = 'transform' then text_value end) as transform,
        max(case when parameter = 'lambda' then value end) as power,
        {%- for parameter in ["mean", "scale", "minimum", "fill_value"] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ model }}

    where feature is not null
        and segment_id is null

    group by
        segmentation,
        feature

),

imputed as (

    select
        scaling.*,
        coalesce(sample.value, scaling.fill_value) as imputed

    from {{ ref('int_segmentation__fit_sample') }} as sample

    inner join scaling
        on sample.segmentation = scaling.segmentation
        and sample.feature = scaling.feature

),

clamped as (

    select
        imputed.*,
        case when {{ segmentation.is_outside_domain("imputed", "transform") }} then minimum else imputed end as clamped

    from imputed

),

moments as (

    select
        segmentation,
        feature,
        avg(({{ segmentation.transformed("clamped", "transform", "power") }} - mean) / scale) as scaled_mean,
        stddev_pop(({{ segmentation.transformed("clamped", "transform", "power") }} - mean) / scale) as scaled_deviation

    from clamped

    group by
        segmentation,
        feature

)

select *

from moments

where scaled_mean is null
    or abs(scaled_mean) > 1e-6
    or (abs(scaled_deviation - 1) > 1e-6 and abs(scaled_deviation) > 1e-6)

{% endtest %}
