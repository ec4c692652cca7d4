{#
    How many customers there are now in each bin of the fit sample, as SQL of (feature, bin_id,
    customers, all_customers). Numbers are counted in one pass over the customers, categories in one
    each. With all cuts in one row beside each customer that takes 0.3 s for three numbers of 2,000,000
    customers on DuckDB with two threads; a join with the bins takes 1.5 s.

    customers   SQL of (customer_id, feature_1, ..., feature_n) by the macro `customers`
    bins        SQL or relation of (feature, bin_id, bin_upper, level), of one segmentation
    features    the definition's features
#}
{% macro bin_counts(customers, bins, features) %}
{%- set positions = range(1, segmentation.most_cuts() + 1) %}
{%- set numbers = [] %}
{%- set categories = [] %}
{%- for feature, how in features.items() %}
    {%- do (categories if how.kind == "category" else numbers).append({
        "number": loop.index, "is_it": "feature = " ~ segmentation.text_literal(feature)
    }) %}
{%- endfor %}
    {#- No name of the model that this stands in: Spark calls such names ambiguous. #}
    with

    feature_bins as (

        select * from {{ bins }}

    ),

    customers as (

        select *

        from (
            {{ customers }}
        ) as everybody

        where customer_id is not null

    ),

    cuts as (

        select
            {%- for feature in numbers %}
            {%- for position in positions %}
            max(case when bin_id = {{ position }} and {{ feature.is_it }} then bin_upper end) as cut_{{ feature.number }}_{{ position }},
            {%- endfor %}
            {%- endfor %}
            count(*) as bin_count

        from feature_bins

    ),

    {# In one pass. Up to each cut: what a bin holds is the difference to the cut before. #}
    counts as {{ segmentation.materialized() }}(

        select
            {%- for feature in numbers %}
            count(feature_{{ feature.number }}) as present_{{ feature.number }},
            {%- for position in positions %}
            sum(case when feature_{{ feature.number }} <= cut_{{ feature.number }}_{{ position }} then 1 else 0 end) as through_{{ feature.number }}_{{ position }},
            {%- endfor %}
            {%- endfor %}
            {%- for feature in categories %}
            count(feature_{{ feature.number }}) as present_{{ feature.number }},
            {%- endfor %}
            count(*) as all_customers

        from customers

        cross join cuts

    ),

    {%- for feature in categories %}

    levels_{{ feature.number }} as (

        select
            feature_{{ feature.number }} as level,
            count(*) as customers

        from customers

        group by feature_{{ feature.number }}

    ),

    placed_{{ feature.number }} as (

        select
            feature_bins.feature,
            feature_bins.bin_id,
            feature_bins.level,
            coalesce(levels_{{ feature.number }}.customers, 0) as customers

        from feature_bins

        left join levels_{{ feature.number }}
            on feature_bins.level = levels_{{ feature.number }}.level

        where feature_bins.{{ feature.is_it }}

    ),
    {%- endfor %}

    filled as (

        select
            feature_bins.feature,
            feature_bins.bin_id,
            case
                {%- for feature in numbers %}
                when {{ feature.is_it }} then case
                    when feature_bins.bin_id = 0 then counts.all_customers - counts.present_{{ feature.number }}
                    else
                        case
                            when feature_bins.bin_upper is null then counts.present_{{ feature.number }}
                            {%- for position in positions %}
                            when feature_bins.bin_id = {{ position }} then counts.through_{{ feature.number }}_{{ position }}
                            {%- endfor %}
                        end - case
                            {%- for position in positions %}
                            when feature_bins.bin_id = {{ position + 1 }} then counts.through_{{ feature.number }}_{{ position }}
                            {%- endfor %}
                            else 0
                        end
                end
                {%- endfor %}
            end as customers,
            counts.all_customers

        from feature_bins

        cross join counts

        where
            {%- for feature in numbers %}
            {{ "" if loop.first else "or " }}{{ feature.is_it }}
            {%- endfor %}
        {%- for feature in categories %}

        union all

        select
            placed.feature,
            placed.bin_id,
            case
                when placed.bin_id = 0 then counts.all_customers - counts.present_{{ feature.number }}
                when placed.level is null then counts.present_{{ feature.number }} - sum(placed.customers) over ()
                else placed.customers
            end as customers,
            counts.all_customers

        from placed_{{ feature.number }} as placed

        cross join counts
        {%- endfor %}

    )

    select * from filled
{% endmacro %}
