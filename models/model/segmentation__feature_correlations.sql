with

settings as (

    select * from {{ ref('segmentation__settings') }}

),

customer_sample as (

    select * from {{ ref('int_segmentation__customer_sample') }}

),

pairs as (

    select
        settings.segmentation,
        settings.feature,
        others.feature as other_feature

    from settings

    inner join settings as others
        on settings.segmentation = others.segmentation
        and settings.feature_position < others.feature_position

    where settings.frozen_model is null
        and settings.kind = 'number'
        and others.kind = 'number'

),

complete_pairs as (

    select
        pairs.segmentation,
        pairs.feature,
        pairs.other_feature,
        customer_sample.value as left_value,
        others.value as right_value

    from pairs

    inner join customer_sample
        on pairs.segmentation = customer_sample.segmentation
        and pairs.feature = customer_sample.feature

    inner join customer_sample as others
        on pairs.segmentation = others.segmentation
        and pairs.other_feature = others.feature
        and customer_sample.customer_id = others.customer_id

    where customer_sample.value is not null
        and others.value is not null

),

{# The mid-rank of a value: half the way between the first and the last rank of its equals. #}
ranked as (

    select
        complete_pairs.*,
        {%- for side in ["left", "right"] %}
        (
            rank() over (partition by segmentation, feature, other_feature order by {{ side }}_value)
            + cume_dist() over (partition by segmentation, feature, other_feature order by {{ side }}_value)
            * count(*) over (partition by segmentation, feature, other_feature)
        ) / 2 as {{ side }}_rank{{ "" if loop.last else "," }}
        {%- endfor %}

    from complete_pairs

),

{# Deviations are measured in the largest of them, so no square overflows; a constant has none. #}
bounds as (

    select
        segmentation,
        feature,
        other_feature,
        {%- for column in ["left_value", "right_value", "left_rank", "right_rank"] %}
        {{ segmentation.mean(column) }} as {{ column }}_mean,
        case
            when min({{ column }}) < max({{ column }})
                then greatest(max({{ column }}) - {{ segmentation.mean(column) }}, {{ segmentation.mean(column) }} - min({{ column }}))
        end as {{ column }}_largest,
        {%- endfor %}
        count(*) as customers

    from ranked

    group by
        segmentation,
        feature,
        other_feature

),

deviations as (

    select
        bounds.segmentation,
        bounds.feature,
        bounds.other_feature,
        bounds.customers,
        {%- for column in ["left_value", "right_value", "left_rank", "right_rank"] %}
        {{ segmentation.in_units("ranked." ~ column ~ " - bounds." ~ column ~ "_mean", "bounds." ~ column ~ "_largest") }} as {{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from ranked

    inner join bounds
        on ranked.segmentation = bounds.segmentation
        and ranked.feature = bounds.feature
        and ranked.other_feature = bounds.other_feature

),

correlations as (

    select
        segmentation,
        feature,
        other_feature,
        max(customers) as customers,
        {%- for coefficient, column in {"pearson": "value", "spearman": "rank"}.items() %}
        sum(left_{{ column }} * right_{{ column }})
        / sqrt(sum(left_{{ column }} * left_{{ column }}) * sum(right_{{ column }} * right_{{ column }})) as {{ coefficient }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from deviations

    group by
        segmentation,
        feature,
        other_feature

),

final as (

    select
        ---------- ids
        pairs.segmentation,
        pairs.feature,
        pairs.other_feature,

        ---------- numbers
        cast(coalesce(correlations.customers, 0) as {{ dbt.type_bigint() }}) as customers,
        {%- for coefficient in ["pearson", "spearman"] %}
        case
            when correlations.{{ coefficient }} > 1 then 1
            when correlations.{{ coefficient }} < -1 then -1
            else correlations.{{ coefficient }}
        end as {{ coefficient }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from pairs

    left join correlations
        on pairs.segmentation = correlations.segmentation
        and pairs.feature = correlations.feature
        and pairs.other_feature = correlations.other_feature

)

select * from final
