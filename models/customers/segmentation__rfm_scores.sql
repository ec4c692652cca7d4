{%- set measured %}
        {%- for measure in ["recency_days", "frequency", "monetary"] %}
        select
            'rfm' as population,
            '{{ measure }}' as measure,
            cast({{ measure }} as {{ segmentation.type_double() }}) as value

        from {{ ref('segmentation__rfm') }}
        {{ "" if loop.last else "union all" }}
        {%- endfor %}
{%- endset %}

with

rfm as (

    select * from {{ ref('segmentation__rfm') }}

),

scheme as (

    select * from {{ ref('segmentation__rfm_scheme') }}

),

cuts as (

    {{ segmentation.rfm_cuts(measured, ref('segmentation__rfm_scheme')) }}

),

cut_columns as (

    select
        {{- segmentation.rfm_cut_columns() }}

    from cuts

),

scored as (

    select
        rfm.customer_id,
        rfm.as_of_date,
        rfm.recency_days,
        rfm.frequency,
        rfm.monetary,
        {{ segmentation.rfm_score("recency_days", "rfm.recency_days") }} as recency_score,
        {{ segmentation.rfm_score("frequency", "rfm.frequency") }} as frequency_score,
        {{ segmentation.rfm_score("monetary", "cast(rfm.monetary as " ~ segmentation.type_double() ~ ")") }} as monetary_score

    from rfm

    cross join cut_columns

),

final as (

    select
        ---------- ids
        scored.customer_id,

        ---------- dates
        scored.as_of_date,

        ---------- numbers
        scored.recency_days,
        scored.frequency,
        scored.monetary,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,

        ---------- text
        scheme.rfm_score,
        scheme.rfm_segment

    from scored

    inner join scheme
        on scored.recency_score = scheme.recency_score
        and scored.frequency_score = scheme.frequency_score
        and scored.monetary_score = scheme.monetary_score

)

select * from final
