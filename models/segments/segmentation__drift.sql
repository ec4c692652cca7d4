{%- set double = segmentation.type_double() %}

with

bins as (

    select * from {{ ref('int_segmentation__drift_bins') }}

),

as_of_dates as (

    select {{ segmentation.as_of_date() }} as as_of_date

),

{# An empty bin counts as half a customer of the smaller side, and as one in 10,000 at least. #}
shares as (

    select
        bins.*,
        customers / cast(all_customers as {{ double }}) as customer_share,
        greatest(
            cast(0.0001 as {{ double }}),
            0.5 / cast(least(all_customers, sample_customers) as {{ double }})
        ) as smallest_share

    from bins

),

floored as (

    select
        shares.*,
        greatest(sample_share, smallest_share) as expected,
        greatest(customer_share, smallest_share) as actual

    from shares

),

shifts as (

    select
        floored.*,
        (actual - expected) * ln(actual / expected) as shift

    from floored

),

ranked as (

    select
        shifts.*,
        row_number() over (
            partition by segmentation, subject, feature
            order by {{ segmentation.fixed_point("shift", 9) }} desc, bin_id
        ) as place

    from shifts

),

indices as (

    select
        segmentation,
        model_version,
        subject,
        feature,
        max(all_customers) as customers,
        max(sample_customers) as sample_customers,
        sum(shift) as population_stability_index,
        (count(case when sample_share > 0 or customer_share > 0 then 1 end) - 1)
        * (1 / cast(max(sample_customers) as {{ double }}) + 1 / cast(max(all_customers) as {{ double }})) as expected_by_chance,
        max(case
            when place = 1 and shift > 0 and not ({{ segmentation.is_suppressed("customers") }})
                then {{ dbt.concat([
                    "case when feature is null then '' else " ~ dbt.concat([dbt.replace("feature", "'_'", "' '"), "' '"]) ~ " end",
                    "bin", "': '", segmentation.decimal_text("100 * sample_share", 1), "' % of the sample, '",
                    segmentation.decimal_text("100 * customer_share", 1), "' % now'",
                ]) }}
        end) as largest_shift

    from ranked

    group by
        segmentation,
        model_version,
        subject,
        feature

),

final as (

    select
        ---------- ids
        indices.segmentation,
        indices.model_version,
        indices.subject,
        indices.feature,

        ---------- dates
        as_of_dates.as_of_date,

        ---------- text
        case
            when indices.population_stability_index < 0.1 then 'none'
            when indices.population_stability_index < 0.25 then 'moderate'
            else 'major'
        end as drift,
        indices.largest_shift,

        ---------- numbers
        indices.population_stability_index,
        indices.expected_by_chance,
        indices.customers,
        indices.sample_customers

    from indices

    cross join as_of_dates

)

select * from final
