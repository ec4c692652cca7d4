{#
    The search for lambda: the power whose transformed values, brought to the scale of the data, vary
    least, which is where the likelihood of Box and Cox (1964), Yeo and Johnson (2000) is largest.

    Costs are 2/n of the negative likelihood but for a constant. Of values of one sign they are the
    logarithm of the variance of (x / g)^lambda / lambda, g being the geometric mean, which neither
    overflows nor loses digits; of values of both signs each power is divided by the largest.
#}

{#
    The first grid, as SQL of (segmentation, feature, transform, center, step): eleven powers between
    the bounds.

    bounds   relation of (segmentation, feature, transform, lowest_power, highest_power)
#}
{% macro first_power_grid(bounds) %}
    select
        segmentation,
        feature,
        transform,
        (lowest_power + highest_power) / 2 as center,
        (highest_power - lowest_power) / 10 as step

    from {{ bounds }}
{% endmacro %}


{#
    The powers of a grid, eleven at the most, as SQL of (segmentation, feature, transform, step, power,
    shift, unit_of_shift, offset_of_power, <the columns of bounds>).

    grid      relation of (segmentation, feature, transform, center, step)
    bounds    relation of (segmentation, feature, transform, lowest_power, highest_power, is_mixed,
              mean_log, mean_signed_log, largest_log_above, largest_log_below, all_customers)
#}
{% macro grid_powers(grid, bounds) %}
    select
        shifted.*,
        {{ segmentation._bounded_exp("-shift") }} as unit_of_shift,
        case when is_mixed = 1 then 2 * shift - 2 * (power - 1) * mean_signed_log else 0 end as offset_of_power

    from (

        select
            powers.*,
            greatest(power * largest_log_above, (2 - power) * largest_log_below, 0) as shift

        from (

            select
                bounds.*,
                grid.step,
                least(greatest(grid.center + grid.step * offsets.number, bounds.lowest_power), bounds.highest_power) as power

            from {{ grid }} as grid

            inner join {{ bounds }} as bounds
                on grid.segmentation = bounds.segmentation
                and grid.feature = bounds.feature
                and grid.transform = bounds.transform

            cross join (
                {%- for number in range(-5, 6) %}
                select {{ number }} as number{{ "" if loop.last else " union all" }}
                {%- endfor %}
            ) as offsets

            where grid.center + grid.step * offsets.number > bounds.lowest_power - grid.step / 2
                and grid.center + grid.step * offsets.number < bounds.highest_power + grid.step / 2

        ) as powers

    ) as shifted
{% endmacro %}


{# Too small a power of e counts as nothing, too large a one makes its lambda impossible: squares stay within doubles. #}
{% macro _bounded_exp(exponent) -%}
    case when {{ exponent }} < -300 then 0 when {{ exponent }} > 300 then null else exp({{ exponent }}) end
{%- endmacro %}


{#
    Each value under each power, brought to scale, as SQL of (segmentation, feature, transform, step,
    power, offset_of_power, all_customers, customers, term).

    powers   relation as of `grid_powers`
    logs     relation of (segmentation, feature, transform, log_value, is_below, customers)
#}
{% macro power_terms(powers, logs) %}
    select
        logs.segmentation,
        logs.feature,
        logs.transform,
        powers.step,
        powers.power,
        powers.offset_of_power,
        powers.all_customers,
        logs.customers,
        {%- set own = "case when logs.is_below = 1 then 2 - powers.power else powers.power end" %}
        case when logs.is_below = 1 then -1 else 1 end * case
            when abs({{ own }}) < 1e-9
                then case when powers.is_mixed = 1 then logs.log_value * powers.unit_of_shift else logs.log_value - powers.mean_log end
            when powers.is_mixed = 1
                then ({{ segmentation._bounded_exp(own ~ " * logs.log_value - powers.shift") }} - powers.unit_of_shift) / ({{ own }})
            else ({{ segmentation._bounded_exp(own ~ " * (logs.log_value - powers.mean_log)") }} - 1) / ({{ own }})
        end as term

    from {{ logs }} as logs

    inner join {{ powers }} as powers
        on logs.segmentation = powers.segmentation
        and logs.feature = powers.feature
        and logs.transform = powers.transform
{% endmacro %}


{#
    What each power costs, as SQL of (segmentation, feature, transform, step, power, cost).

    terms    relation as of `power_terms`
#}
{% macro power_costs(terms) %}
    select
        segmentation,
        feature,
        transform,
        step,
        power,
        case when term_count = row_count and variance > 0 then ln(case when variance > 0 then variance else 1 end) + offset_of_power end as cost

    from (

        select
            segmentation,
            feature,
            transform,
            step,
            power,
            max(offset_of_power) as offset_of_power,
            count(term) as term_count,
            count(*) as row_count,
            sum(customers * term * term) / max(all_customers)
            - sum(customers * term) / max(all_customers) * (sum(customers * term) / max(all_customers)) as variance

        from {{ terms }}

        group by
            segmentation,
            feature,
            transform,
            step,
            power

    ) as variances
{% endmacro %}


{#
    The grid around the cheapest power of another, five times as fine, as SQL of (segmentation, feature,
    transform, center, step).

    costs    relation as of `power_costs`
#}
{% macro next_power_grid(costs) %}
    select
        segmentation,
        feature,
        transform,
        power as center,
        step / 5 as step

    from ({{ segmentation._ordered_powers(costs) }}) as ordered_powers

    where place = 1
{% endmacro %}


{#
    The power at the vertex of the parabola through the cheapest power and its neighbors, rounded to
    four decimals, as SQL of (segmentation, feature, transform, power).

    costs    relation as of `power_costs`
#}
{% macro best_power(costs) %}
    select
        segmentation,
        feature,
        transform,
        {# Adding 0 makes 0 of -0. #}
        round((power + coalesce(case
            when before_cost - cost + (after_cost - cost) > 0
                then (
                    (after_power - power) * (after_power - power) * (before_cost - cost)
                    - (before_power - power) * (before_power - power) * (after_cost - cost)
                ) / (2 * (
                    (after_power - power) * (before_cost - cost)
                    - (before_power - power) * (after_cost - cost)
                ))
        end, 0)) * 10000) / 10000 + 0 as power

    from ({{ segmentation._ordered_powers(costs) }}) as ordered_powers

    where place = 1
{% endmacro %}


{% macro _ordered_powers(costs) %}
    select
        costs.*,
        {%- for column in ["power", "cost"] %}
        lag({{ column }}) over (partition by segmentation, feature, transform order by power) as before_{{ column }},
        lead({{ column }}) over (partition by segmentation, feature, transform order by power) as after_{{ column }},
        {%- endfor %}
        row_number() over (
            partition by segmentation, feature, transform
            order by case when cost is null then 1 else 0 end, cost, abs(power - 1), power
        ) as place

    from {{ costs }} as costs
{% endmacro %}
