{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set transforms = segmentation.transforms() %}
{%- set double = segmentation.type_double() %}
{%- set text = dbt.type_string() %}
{%- set columns = {
    "segmentation": text, "parameter": text, "feature": text, "level_id": dbt.type_bigint(), "value": double, "text_value": text,
} %}

{% call segmentation.when_fitting(ref('int_segmentation__fit_sample'), columns) %}
with

settings as (

    select * from {{ ref('segmentation__settings') }}

),

{# Beyond these bounds the values cannot be summed up; they are faults where no transform tames them. #}
fit_sample as (

    select
        fit_sample.segmentation,
        fit_sample.customer_id,
        fit_sample.feature,
        {{ segmentation.summable("fit_sample.value") }} as value,
        fit_sample.text_value,
        settings.kind

    from {{ segmentation.aliasable(ref('int_segmentation__fit_sample')) }} as fit_sample

    inner join settings
        on fit_sample.segmentation = settings.segmentation
        and fit_sample.feature = settings.feature

),

repeated_customers as (

    select
        segmentation,
        min(customer_id) as customer_id

    from (

        select
            segmentation,
            customer_id

        from fit_sample

        group by
            segmentation,
            customer_id,
            feature

        having count(*) > 1

    ) as repeated

    group by segmentation

),

---------- who is fitted: customers within the fences

sample_counts as (

    select
        segmentation,
        feature,
        value,
        count(*) as customers

    from fit_sample

    where value is not null

    group by
        segmentation,
        feature,
        value

),

sample_ranks as (

    {{ segmentation.with_customers_before("sample_counts") }}

),

fence_quantiles as (

    select
        segmentation,
        feature,
        max(outlier_fence) as outlier_fence,
        {{ segmentation.quantile_of_counts("value", "outlier_low") }} as low,
        {{ segmentation.quantile_of_counts("value", "outlier_high") }} as high

    from (

        select
            sample_ranks.*,
            settings.outlier_low,
            settings.outlier_high,
            settings.outlier_fence

        from sample_ranks

        inner join settings
            on sample_ranks.segmentation = settings.segmentation
            and sample_ranks.feature = settings.feature

        where settings.outlier_fence is not null

    ) as fenced

    group by
        segmentation,
        feature

),

fences as (

    select
        segmentation,
        feature,
        low - outlier_fence * (high - low) as fence_low,
        high + outlier_fence * (high - low) as fence_high

    from fence_quantiles

),

outliers as (

    select distinct
        fit_sample.segmentation,
        fit_sample.customer_id

    from fit_sample

    inner join fences
        on fit_sample.segmentation = fences.segmentation
        and fit_sample.feature = fences.feature

    where fit_sample.value < fences.fence_low
        or fit_sample.value > fences.fence_high

),

fitted_counts as (

    select
        fit_sample.segmentation,
        fit_sample.feature,
        fit_sample.kind,
        fit_sample.value,
        fit_sample.text_value,
        count(*) as customers

    from fit_sample

    left join outliers
        on fit_sample.segmentation = outliers.segmentation
        and fit_sample.customer_id = outliers.customer_id

    where outliers.customer_id is null

    group by
        fit_sample.segmentation,
        fit_sample.feature,
        fit_sample.kind,
        fit_sample.value,
        fit_sample.text_value

),

---------- numbers: filled and clipped

number_counts as (

    select
        segmentation,
        feature,
        value,
        customers

    from fitted_counts

    where kind = 'number'

),

number_ranks as (

    {{ segmentation.with_customers_before("number_counts") }}

),

described_numbers as (

    select
        segmentation,
        feature,
        {{ segmentation.quantile_of_counts("value", "0.5") }} as median,
        sum(value * (customers / all_customers)) as mean,
        min(case when frequency_rank = 1 then value end) as most_frequent,
        case when max(clip_low) is not null then {{ segmentation.quantile_of_counts("value", "clip_low") }} end as clip_low,
        case when max(clip_high) is not null then {{ segmentation.quantile_of_counts("value", "clip_high") }} end as clip_high

    from (

        select
            number_ranks.*,
            row_number() over (
                partition by number_ranks.segmentation, number_ranks.feature
                order by number_ranks.customers desc, number_ranks.value
            ) as frequency_rank,
            settings.clip_low,
            settings.clip_high

        from number_ranks

        inner join settings
            on number_ranks.segmentation = settings.segmentation
            and number_ranks.feature = settings.feature

    ) as number_settings

    group by
        segmentation,
        feature

),

numbers as (

    select
        fitted.segmentation,
        fitted.feature,
        settings.transform as asked_transform,
        settings.impute,
        settings.scaler,
        settings.weight,
        case settings.impute
            when 'median' then described_numbers.median
            when 'mean' then described_numbers.mean
            when 'most_frequent' then described_numbers.most_frequent
            else cast(settings.fill_value as {{ double }})
        end as fill_value,
        described_numbers.clip_low,
        described_numbers.clip_high

    from (select distinct segmentation, feature from number_counts) as fitted

    inner join settings
        on fitted.segmentation = settings.segmentation
        and fitted.feature = settings.feature

    left join described_numbers
        on fitted.segmentation = described_numbers.segmentation
        and fitted.feature = described_numbers.feature

),

prepared_counts as (

    select
        segmentation,
        feature,
        value,
        sum(customers) as customers

    from (

        select
            number_counts.segmentation,
            number_counts.feature,
            number_counts.customers,
            least(
                greatest(
                    coalesce(number_counts.value, numbers.fill_value),
                    coalesce(numbers.clip_low, -1e300)
                ),
                coalesce(numbers.clip_high, 1e300)
            ) as value

        from number_counts

        inner join numbers
            on number_counts.segmentation = numbers.segmentation
            and number_counts.feature = numbers.feature

        where numbers.fill_value is not null

    ) as prepared

    group by
        segmentation,
        feature,
        value

),

---------- transforms: those whose domain holds every value, and the one that is asked for

transforms as (

    {%- set rows = [] %}
    {%- for transform in transforms %}
        {%- do rows.append([segmentation.text_literal(transform), loop.index]) %}
    {%- endfor %}
    select * from {{ segmentation.literal_rows(["transform", "position"], rows, "listed_transforms") }}

),

domains as (

    select
        prepared_counts.segmentation,
        prepared_counts.feature,
        transforms.transform,
        transforms.position,
        min(prepared_counts.value) as lowest,
        max(prepared_counts.value) as maximum,
        min(case
            when not {{ segmentation.is_outside_domain("prepared_counts.value", "transforms.transform") }} then prepared_counts.value
        end) as minimum

    from prepared_counts

    cross join transforms

    group by
        prepared_counts.segmentation,
        prepared_counts.feature,
        transforms.transform,
        transforms.position

),

candidates as (

    select
        domains.*,
        numbers.asked_transform,
        case when domains.lowest = domains.minimum then 1 else 0 end as is_whole

    from domains

    inner join numbers
        on domains.segmentation = numbers.segmentation
        and domains.feature = numbers.feature

    where domains.minimum is not null
        and (domains.lowest = domains.minimum or numbers.asked_transform = domains.transform)

),

candidate_values as (

    select
        candidates.segmentation,
        candidates.feature,
        candidates.transform,
        greatest(prepared_counts.value, candidates.minimum) as value,
        prepared_counts.customers

    from candidates

    inner join prepared_counts
        on candidates.segmentation = prepared_counts.segmentation
        and candidates.feature = prepared_counts.feature

),

---------- lambda

logs as (

    select
        segmentation,
        feature,
        transform,
        case when transform = 'box_cox' then ln(value) else ln(1 + abs(value)) end as log_value,
        case when transform = 'yeo_johnson' and value < 0 then 1 else 0 end as is_below,
        customers

    from candidate_values

    where transform in ('box_cox', 'yeo_johnson')

),

described_logs as (

    select
        segmentation,
        feature,
        transform,
        cast(sum(customers) as {{ double }}) as all_customers,
        sum(customers * log_value) / sum(customers) as mean_log,
        sum(customers * case when is_below = 1 then -log_value else log_value end) / sum(customers) as mean_signed_log,
        case when min(is_below) < max(is_below) then 1 else 0 end as is_mixed,
        coalesce(max(case when is_below = 0 then abs(log_value) end), 0) as largest_log_above,
        coalesce(max(case when is_below = 1 then log_value end), 0) as largest_log_below

    from logs

    group by
        segmentation,
        feature,
        transform

),

power_reaches as (

    select
        described_logs.*,
        case
            when transform = 'box_cox' then -700 / greatest(largest_log_above, 1)
            else 2 - 700 / greatest(largest_log_below, 1)
        end as lowest_reach,
        700 / greatest(largest_log_above, 1) as highest_reach

    from described_logs

),

power_bounds as (

    select
        power_reaches.*,
        least(greatest(-5, lowest_reach), least(5, highest_reach)) as lowest_power,
        greatest(greatest(-5, lowest_reach), least(5, highest_reach)) as highest_power

    from power_reaches

),

power_grid_1 as (

    {{ segmentation.first_power_grid("power_bounds") }}

),

{%- for grid in range(1, 5) %}

powers_{{ grid }} as (

    {{ segmentation.grid_powers("power_grid_" ~ grid, "power_bounds") }}

),

power_terms_{{ grid }} as {{ segmentation.materialized() }}(

    {{ segmentation.power_terms("powers_" ~ grid, "logs") }}

),

power_costs_{{ grid }} as (

    {{ segmentation.power_costs("power_terms_" ~ grid) }}

),
{%- if not loop.last %}

power_grid_{{ grid + 1 }} as (

    {{ segmentation.next_power_grid("power_costs_" ~ grid) }}

),
{%- endif %}
{%- endfor %}

best_powers as (

    {{ segmentation.best_power("power_costs_4") }}

),

{# A constant has lambda 1. #}
powers as (

    select
        candidates.*,
        case
            when candidates.transform not in ('box_cox', 'yeo_johnson') then null
            when candidates.minimum = candidates.maximum then 1
            else best_powers.power
        end as power

    from candidates

    left join best_powers
        on candidates.segmentation = best_powers.segmentation
        and candidates.feature = best_powers.feature
        and candidates.transform = best_powers.transform

),

---------- skewness under each transform

transformed as (

    select
        powers.segmentation,
        powers.feature,
        powers.transform,
        candidate_values.customers,
        {{ segmentation.transformed("candidate_values.value", "powers.transform", "powers.power") }} as value

    from powers

    inner join candidate_values
        on powers.segmentation = candidate_values.segmentation
        and powers.feature = candidate_values.feature
        and powers.transform = candidate_values.transform

),

transformed_units as (

    select
        segmentation,
        feature,
        transform,
        cast(sum(customers) as {{ double }}) as all_customers,
        min(value) as least_value,
        max(value) as largest_value,
        max(abs(value)) as largest_size,
        {{ segmentation.deviation_unit("max(abs(value))") }} as unit

    from transformed

    group by
        segmentation,
        feature,
        transform

),

transformed_means as (

    select
        transformed_units.*,
        case
            when least_value = largest_value then least_value
            else unit * mean_in_units
        end as mean

    from (

        select
            transformed.segmentation,
            transformed.feature,
            transformed.transform,
            sum(transformed.customers * {{ segmentation.ratio("transformed.value", "transformed_units.unit") }})
            / max(transformed_units.all_customers) as mean_in_units

        from transformed

        inner join transformed_units
            on transformed.segmentation = transformed_units.segmentation
            and transformed.feature = transformed_units.feature
            and transformed.transform = transformed_units.transform

        group by
            transformed.segmentation,
            transformed.feature,
            transformed.transform

    ) as means

    inner join transformed_units
        on means.segmentation = transformed_units.segmentation
        and means.feature = transformed_units.feature
        and means.transform = transformed_units.transform

),

deviations as (

    select
        transformed.segmentation,
        transformed.feature,
        transformed.transform,
        transformed.customers,
        transformed_means.all_customers,
        transformed_means.mean,
        greatest(
            transformed_means.largest_value - transformed_means.mean,
            transformed_means.mean - transformed_means.least_value
        ) as largest_deviation,
        transformed.value - transformed_means.mean as deviation

    from transformed

    inner join transformed_means
        on transformed.segmentation = transformed_means.segmentation
        and transformed.feature = transformed_means.feature
        and transformed.transform = transformed_means.transform

    where transformed_means.least_value < transformed_means.largest_value

),

raw_moments as (

    select
        segmentation,
        feature,
        transform,
        max(largest_deviation) as largest_deviation,
        sum(customers * ratio) / max(all_customers) as first_moment,
        sum(customers * ratio * ratio) / max(all_customers) as second_moment,
        sum(customers * ratio * ratio * ratio) / max(all_customers) as third_moment

    from (

        select
            deviations.*,
            {{ segmentation.ratio("deviation", "largest_deviation") }} as ratio

        from deviations

        where largest_deviation > 0

    ) as ratios

    group by
        segmentation,
        feature,
        transform

),

{# What rounding errors left of the mean is taken out. #}
moments as (

    select
        segmentation,
        feature,
        transform,
        largest_deviation,
        first_moment * largest_deviation as mean_error,
        second_moment - first_moment * first_moment as second_moment,
        third_moment - 3 * first_moment * second_moment + 2 * first_moment * first_moment * first_moment as third_moment

    from raw_moments

),

{# log and its kin add or subtract 1: a spread much smaller than that is made of rounding errors. #}
spreads as (

    select
        powers.*,
        transformed_means.all_customers,
        transformed_means.least_value,
        transformed_means.largest_value,
        transformed_means.largest_size,
        transformed_means.mean + coalesce(moments.mean_error, 0) as mean,
        moments.largest_deviation,
        coalesce(moments.largest_deviation * sqrt(moments.second_moment), 1) as deviation,
        case
            when moments.second_moment > 0
                and transformed_means.largest_size < 1e300
                and moments.largest_deviation * sqrt(moments.second_moment)
                > case when powers.transform in ('log', 'box_cox', 'yeo_johnson') then 1e-8 else 0 end
                * greatest(1, transformed_means.largest_size)
                then moments.third_moment / (moments.second_moment * sqrt(moments.second_moment))
        end as biased_skewness

    from powers

    inner join transformed_means
        on powers.segmentation = transformed_means.segmentation
        and powers.feature = transformed_means.feature
        and powers.transform = transformed_means.transform

    left join moments
        on powers.segmentation = moments.segmentation
        and powers.feature = moments.feature
        and powers.transform = moments.transform

),

skewnesses as (

    select
        spreads.*,
        case
            when is_whole = 0 then null
            when all_customers > 2
                then biased_skewness * sqrt(all_customers * (all_customers - 1)) / (all_customers - 2)
            else biased_skewness
        end as skewness

    from spreads

),

chosen_transforms as (

    select *

    from (

        select
            tied.*,
            row_number() over (
                partition by segmentation, feature
                order by
                    case when transform = asked_transform or (asked_transform = 'auto' and is_least = 1) then 0 else 1 end,
                    position
            ) as place

        from (

            select
                skewnesses.*,
                case
                    when abs(skewness) <= min(abs(skewness)) over (partition by segmentation, feature) + 1e-9 then 1
                    else 0
                end as is_least

            from skewnesses

        ) as tied

    ) as placed

    where place = 1

),

---------- scaling

chosen_counts as (

    select
        transformed.segmentation,
        transformed.feature,
        transformed.value,
        sum(transformed.customers) as customers

    from transformed

    inner join chosen_transforms
        on transformed.segmentation = chosen_transforms.segmentation
        and transformed.feature = chosen_transforms.feature
        and transformed.transform = chosen_transforms.transform

    inner join numbers
        on transformed.segmentation = numbers.segmentation
        and transformed.feature = numbers.feature

    where numbers.scaler = 'robust'

    group by
        transformed.segmentation,
        transformed.feature,
        transformed.value

),

chosen_ranks as (

    {{ segmentation.with_customers_before("chosen_counts") }}

),

quartiles as (

    select
        segmentation,
        feature,
        {{ segmentation.quantile_of_counts("value", "0.25") }} as lower_quartile,
        {{ segmentation.quantile_of_counts("value", "0.5") }} as median,
        {{ segmentation.quantile_of_counts("value", "0.75") }} as upper_quartile

    from chosen_ranks

    group by
        segmentation,
        feature

),

scaled_numbers as (

    select
        numbers.*,
        chosen_transforms.transform,
        chosen_transforms.power,
        chosen_transforms.minimum,
        chosen_transforms.maximum,
        chosen_transforms.largest_size,
        chosen_transforms.largest_value - chosen_transforms.least_value as spread,
        case numbers.scaler
            when 'standard' then chosen_transforms.mean
            when 'robust' then quartiles.median
            when 'min_max' then chosen_transforms.least_value
            else 0
        end as mean,
        coalesce(nullif(case numbers.scaler
            when 'standard' then chosen_transforms.deviation
            when 'robust' then quartiles.upper_quartile - quartiles.lower_quartile
            when 'min_max' then chosen_transforms.largest_value - chosen_transforms.least_value
            else 1
        end, 0), 1) as scale

    from numbers

    inner join chosen_transforms
        on numbers.segmentation = chosen_transforms.segmentation
        and numbers.feature = chosen_transforms.feature

    left join quartiles
        on numbers.segmentation = quartiles.segmentation
        and numbers.feature = quartiles.feature

),

---------- categories

level_counts as (

    select
        segmentation,
        feature,
        text_value,
        customers

    from fitted_counts

    where kind = 'category'

),

categories as (

    select
        fitted.segmentation,
        fitted.feature,
        settings.impute,
        settings.scaler,
        settings.weight,
        case when settings.impute = 'constant' then settings.fill_value else frequent.text_value end as fill_value

    from (select distinct segmentation, feature from level_counts) as fitted

    inner join settings
        on fitted.segmentation = settings.segmentation
        and fitted.feature = settings.feature

    left join (

        select
            segmentation,
            feature,
            text_value,
            row_number() over (
                partition by segmentation, feature
                order by customers desc, {{ segmentation.in_byte_order("text_value") }}
            ) as place

        from level_counts

        where text_value is not null

    ) as frequent
        on fitted.segmentation = frequent.segmentation
        and fitted.feature = frequent.feature
        and frequent.place = 1

),

levels as (

    select
        segmentation,
        feature,
        level,
        row_number() over (
            partition by segmentation, feature
            order by {{ segmentation.in_byte_order("level") }}
        ) as level_id,
        customers / cast(sum(customers) over (partition by segmentation, feature) as {{ double }}) as share

    from (

        select
            level_counts.segmentation,
            level_counts.feature,
            coalesce(level_counts.text_value, categories.fill_value) as level,
            sum(level_counts.customers) as customers

        from level_counts

        inner join categories
            on level_counts.segmentation = categories.segmentation
            and level_counts.feature = categories.feature

        where categories.fill_value is not null

        group by
            level_counts.segmentation,
            level_counts.feature,
            coalesce(level_counts.text_value, categories.fill_value)

    ) as filled_levels

),

---------- what cannot be fitted

faults as (

    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "' has customer '", "chr(39)", "customer_id",
            "chr(39)", "' more than once: give it a table with one row per customer'",
        ]) }} as fault

    from repeated_customers

    union all

    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "': every customer of its fit sample has a value outside the fences: '",
            "'raise outliers.fence, or leave features out of the segmentation'",
        ]) }} as fault

    from (select distinct segmentation from fit_sample) as sampled

    where segmentation not in (select segmentation from fitted_counts)

    union all

    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "', feature '", "chr(39)", "feature",
            "chr(39)", "': no customer of the fit sample has a value: leave the feature out or fill it upstream'",
        ]) }} as fault

    from (
        select segmentation, feature from numbers where fill_value is null
        union all
        select segmentation, feature from categories where fill_value is null
    ) as without_values

    union all

    select
        domains.segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "domains.segmentation", "chr(39)", "', feature '", "chr(39)", "domains.feature",
            "chr(39)", "': no value of the fit sample lies in the domain of '", "domains.transform", "': say auto, none, cbrt or yeo_johnson'",
        ]) }} as fault

    from domains

    inner join numbers
        on domains.segmentation = numbers.segmentation
        and domains.feature = numbers.feature
        and domains.transform = numbers.asked_transform

    where domains.minimum is null

    union all

    {# Squares of coordinates up to 1e100 stay finite; logarithms tell without an overflow. #}
    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "', feature '", "chr(39)", "feature",
            "chr(39)", "': its values are too large for transform '", "transform", "': say auto or log, or divide the feature upstream'",
        ]) }} as fault

    from scaled_numbers

    where largest_size >= 1e300
        or (
            spread > 0
            and weight > 0
            and ln(case when spread > 0 then spread else 1 end) - ln(scale) + ln(case when weight > 0 then weight else 1 end)
            > {{ 100 * 2.302585092994046 }}
        )

    union all

    select
        segmentation,
        {{ dbt.concat([
            "'segmentation '", "chr(39)", "segmentation", "chr(39)", "', feature '", "chr(39)", "feature",
            "chr(39)", "' has '", "cast(count(*) as " ~ dbt.type_string() ~ ")",
            "' different values; allowed at most 50: group them upstream, or leave it out'",
        ]) }} as fault

    from levels

    group by
        segmentation,
        feature

    having count(*) > 50

),

final as (

    {%- for parameter in ["transform", "scaler", "impute"] %}
    select
        segmentation,
        '{{ parameter }}' as parameter,
        feature,
        cast(null as {{ dbt.type_bigint() }}) as level_id,
        cast(null as {{ double }}) as value,
        {{ parameter }} as text_value

    from scaled_numbers

    union all

    select segmentation, '{{ parameter }}', feature, null, null, {{ "'one_hot'" if parameter == "transform" else parameter }}
    from categories

    union all
    {%- endfor %}
    {%- for parameter, column in [("lambda", "power"), ("mean", "mean"), ("scale", "scale"), ("minimum", "minimum"), ("maximum", "maximum"),
        ("weight", "weight"), ("fill_value", "fill_value"), ("clip_low", "clip_low"), ("clip_high", "clip_high")] %}

    select segmentation, '{{ parameter }}', feature, null, {{ column }}, null
    from scaled_numbers
    where {{ column }} is not null

    union all
    {%- endfor %}
    {%- for transform in transforms %}

    select segmentation, 'skewness_{{ transform }}', feature, null, skewness, null
    from skewnesses
    where transform = '{{ transform }}'
        and skewness is not null

    union all
    {%- endfor %}
    {%- for parameter in ["fence_low", "fence_high"] %}

    select segmentation, '{{ parameter }}', feature, null, {{ parameter }}, null
    from fences

    union all
    {%- endfor %}
    {%- for parameter, value in [("mean", 0), ("scale", 1), ("weight", "weight")] %}

    select segmentation, '{{ parameter }}', feature, null, {{ value }}, null
    from categories

    union all
    {%- endfor %}

    select segmentation, 'fill_value', feature, null, null, fill_value
    from categories
    where fill_value is not null

    union all

    select segmentation, 'level', feature, level_id, share, level
    from levels

    union all

    select segmentation, 'fault', null, null, null, fault
    from faults

)

select
    segmentation,
    parameter,
    feature,
    cast(level_id as {{ dbt.type_bigint() }}) as level_id,
    cast(value as {{ double }}) as value,
    text_value

from final
{% endcall %}
