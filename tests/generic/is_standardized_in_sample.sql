{#
    For the parameters of a fit: fails for each number scaled as `standard` whose fitted sample,
    prepared by them in SQL, has not a mean within 1e-6 of 0 and a deviation within 1e-6 of 1
    (0 for a constant feature), or within the rounding errors of a mean that is large against the
    deviation. Customers outside the fences were left out of the fit and are left out here.
#}
{% test is_standardized_in_sample(model) %}

with

scaling as (

    select
        segmentation,
        feature,
        max(case when parameter = 'transform' then text_value end) as transform,
        max(case when parameter = 'scaler' then text_value end) as scaler,
        max(case when parameter = 'lambda' then value end) as power,
        {%- for parameter in [
            "mean", "scale", "minimum", "fill_value", "clip_low", "clip_high", "fence_low", "fence_high"
        ] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ model }}

    where feature is not null
        and segment_id is null

    group by
        segmentation,
        feature

),

sampled as (

    select
        scaling.*,
        fit_sample.customer_id,
        fit_sample.value,
        max(case
            when fit_sample.value < scaling.fence_low or fit_sample.value > scaling.fence_high then 1
            else 0
        end) over (partition by fit_sample.segmentation, fit_sample.customer_id) as is_outlier

    from {{ segmentation.aliasable(ref('int_segmentation__fit_sample')) }} as fit_sample

    inner join scaling
        on fit_sample.segmentation = scaling.segmentation
        and fit_sample.feature = scaling.feature

),

clipped as (

    select
        sampled.*,
        case
            when value is null and fill_value < clip_low then clip_low
            when value is null and fill_value > clip_high then clip_high
            when value is null then fill_value
            when value < clip_low then clip_low
            when value > clip_high then clip_high
            else value
        end as clipped_value

    from sampled

    where is_outlier = 0
        and transform <> 'one_hot'
        and scaler = 'standard'

),

clamped as (

    select
        clipped.*,
        case when {{ segmentation.is_outside_domain("clipped_value", "transform") }} then minimum else clipped_value end as clamped_value

    from clipped

),

scaled as (

    select
        segmentation,
        feature,
        ({{ segmentation.transformed("clamped_value", "transform", "power") }} - mean) / scale as scaled_value,
        abs(mean / scale) as magnitude

    from clamped

),

{# A double has some 16 digits: of values that hardly differ, the mean is known to fewer than 6. #}
moments as (

    select
        segmentation,
        feature,
        avg(scaled_value) as scaled_mean,
        stddev_pop(scaled_value) as scaled_deviation,
        1e-6 + 1e-15 * max(magnitude) as tolerance

    from scaled

    group by
        segmentation,
        feature

)

select *

from moments

where scaled_mean is null
    or abs(scaled_mean) > tolerance
    or (abs(scaled_deviation - 1) > tolerance and abs(scaled_deviation) > tolerance)

{% endtest %}
