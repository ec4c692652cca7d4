{#
    What a fit sample looked like, as SQL of (segmentation, feature, bin_id, bin_upper, share): bins
    and the share of the sample in each, so that drift is measured later without the sample.

    A number has bins between the deciles of its values, counted from 1; ties merge bins, so there are
    as many as there are different deciles. `bin_upper` is the largest value of a bin, null for the
    last. Where the smallest value alone makes a whole bin, as frequency 1 does, a first bin of nobody
    lies below it, so that values that fall out of the sample's range are seen. A category has a bin
    for each level and a last one for every other level. Bin 0 holds the missing values.

    sample      SQL of (segmentation, feature, value, text_value), one row a customer and feature
    parameters  SQL of (segmentation, parameter, feature, level_id, text_value): of the fit, to know
                which features are categories, and their levels
#}
{% macro sample_bins(sample, parameters) %}
    with

    counted as (

        select
            sampled.segmentation,
            sampled.feature,
            max(transforms.text_value) as transform,
            sampled.value,
            sampled.text_value,
            count(*) as customers

        from {{ sample }} as sampled

        inner join {{ parameters }} as transforms
            on sampled.segmentation = transforms.segmentation
            and sampled.feature = transforms.feature
            and transforms.parameter = 'transform'

        group by
            sampled.segmentation,
            sampled.feature,
            sampled.value,
            sampled.text_value

    ),

    totals as (

        select
            segmentation,
            feature,
            max(transform) as transform,
            sum(customers) as customers,
            sum(case when value is null and text_value is null then customers else 0 end) as missing

        from counted

        group by
            segmentation,
            feature

    ),

    ---------- numbers: between the deciles

    ranked as (

        select
            segmentation,
            feature,
            value,
            customers,
            sum(customers) over (
                partition by segmentation, feature
                order by value
                rows between unbounded preceding and current row
            ) as customers_through,
            sum(customers) over (partition by segmentation, feature) as all_customers

        from counted

        where value is not null

    ),

    tenths as (

        select
            ranked.*,
            floor(10 * customers_through / cast(all_customers as {{ segmentation.type_double() }})) as tenths_through,
            floor(10 * (customers_through - customers) / cast(all_customers as {{ segmentation.type_double() }})) as tenths_before

        from ranked

    ),

    number_bins as (

        {# A value is a decile where it takes the sample past another tenth. #}
        select
            segmentation,
            feature,
            value as bin_upper,
            customers_through

        from tenths

        where least(tenths_through, 9) > tenths_before

        union all

        {# The last digit of a double below the smallest value. #}
        select
            segmentation,
            feature,
            value - abs(value) * 2.3e-16 - 1e-300,
            0

        from tenths

        where customers_through = customers
            and tenths_through >= 1

        union all

        select
            segmentation,
            feature,
            null,
            customers - missing

        from totals

        where transform <> 'one_hot'

    ),

    numbered as (

        select
            segmentation,
            feature,
            row_number() over (partition by segmentation, feature order by bin_upper nulls last) as bin_id,
            bin_upper,
            customers_through
            - coalesce(lag(customers_through) over (partition by segmentation, feature order by bin_upper nulls last), 0) as customers

        from number_bins

    ),

    ---------- categories: a bin for each level

    levels as (

        select
            levels.segmentation,
            levels.feature,
            levels.level_id as bin_id,
            coalesce(counted.customers, 0) as customers

        from {{ parameters }} as levels

        left join counted
            on levels.segmentation = counted.segmentation
            and levels.feature = counted.feature
            and levels.text_value = counted.text_value

        where levels.parameter = 'level'

    ),

    level_totals as (

        select
            segmentation,
            feature,
            max(bin_id) as bins,
            sum(customers) as customers

        from levels

        group by
            segmentation,
            feature

    ),

    bins as (

        select segmentation, feature, bin_id, bin_upper, customers from numbered

        union all

        select segmentation, feature, bin_id, null, customers from levels

        union all

        select
            totals.segmentation,
            totals.feature,
            level_totals.bins + 1,
            null,
            totals.customers - totals.missing - level_totals.customers

        from totals

        inner join level_totals
            on totals.segmentation = level_totals.segmentation
            and totals.feature = level_totals.feature

        union all

        select segmentation, feature, 0, null, missing from totals

    )

    select
        bins.segmentation,
        bins.feature,
        bins.bin_id,
        bins.bin_upper,
        bins.customers / cast(totals.customers as {{ segmentation.type_double() }}) as share

    from bins

    inner join totals
        on bins.segmentation = totals.segmentation
        and bins.feature = totals.feature
{% endmacro %}
