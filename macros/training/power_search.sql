{#
    The search for lambda: the power whose transformed values, brought to the scale of the data, vary
    least, which is where the likelihood of Box and Cox (1964), Yeo and Johnson (2000) is largest.

    Costs are 2/n of the negative likelihood but for a constant. Of values of one sign they are the
    logarithm of the variance of (x / g)^lambda / lambda, g being the geometric mean, which neither
    overflows nor loses digits; of values of both signs each power is divided by the largest.
#}

{# The bound of an exponent: what is beyond counts as nothing, or makes a power impossible. #}
{% macro _exponential(exponent) -%}
    case when {{ exponent }} < -600 then 0 when {{ exponent }} > 300 then null else exp({{ exponent }}) end
{%- endmacro %}


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
    What each power of a grid costs, as SQL of (segmentation, feature, transform, step, power, cost).

    grid      relation of (segmentation, feature, transform, center, step)
    bounds    relation of (segmentation, feature, transform, lowest_power, highest_power, is_mixed,
              mean_log, mean_signed_log, largest_log_above, largest_log_below, all_customers)
    logs      relation of (segmentation, feature, transform, log_value, is_below, customers)
#}
{% macro power_costs(grid, bounds, logs) %}
    select
        segmentation,
        feature,
        transform,
        step,
        power,
        case
            when count(term) = count(*) and {{ segmentation._weighted_variance() }} > 0
                then ln({{ segmentation._weighted_variance() }}) + max(offset_of_power)
        end as cost

    from (

        select
            segmentation,
            feature,
            transform,
            step,
            power,
            customers,
            all_customers,
            offset_of_power,
            case when abs(full_term) < 1e-140 then 0 else full_term end as term

        from (

            select
                shifted.*,
                case when is_mixed = 1 then 2 * shift - 2 * (power - 1) * mean_signed_log else 0 end as offset_of_power,
                case when is_below = 1 then -1 else 1 end * case
                    when abs(own_power) < 1e-9 and is_mixed = 1 then log_value * {{ segmentation._exponential("-shift") }}
                    when abs(own_power) < 1e-9 then log_value - mean_log
                    when is_mixed = 1
                        then ({{ segmentation._exponential("own_power * log_value - shift") }} - {{ segmentation._exponential("-shift") }}) / own_power
                    else ({{ segmentation._exponential("own_power * (log_value - mean_log)") }} - 1) / own_power
                end as full_term

            from (

                select
                    logs.segmentation,
                    logs.feature,
                    logs.transform,
                    logs.log_value,
                    logs.is_below,
                    logs.customers,
                    powers.step,
                    powers.power,
                    powers.is_mixed,
                    powers.mean_log,
                    powers.mean_signed_log,
                    powers.all_customers,
                    case when logs.is_below = 1 then 2 - powers.power else powers.power end as own_power,
                    greatest(powers.power * powers.largest_log_above, (2 - powers.power) * powers.largest_log_below, 0) as shift

                from {{ logs }} as logs

                inner join (

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
                    on logs.segmentation = powers.segmentation
                    and logs.feature = powers.feature
                    and logs.transform = powers.transform

            ) as shifted

        ) as terms

    ) as bounded_terms

    group by
        segmentation,
        feature,
        transform,
        step,
        power
{% endmacro %}


{% macro _weighted_variance() -%}
    (sum(customers * term * term) / max(all_customers) - sum(customers * term) / max(all_customers) * (sum(customers * term) / max(all_customers)))
{%- endmacro %}


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
