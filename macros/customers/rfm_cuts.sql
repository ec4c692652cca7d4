{#
    Where one score ends and the next begins, as SQL of (population, measure, band, cut).

    The score of a value is ceil(bands * (midrank - 0.5) / n): mid-rank quantiles, so equal values
    share a score whatever the order of rows (the mid-rank of ties is that of a rank correlation).
    The cut of a band is the best value that still scores the band or less, in the measure's own
    units; better than the cut (fewer days for recency, more for the others) scores higher. Where
    no value scores so low the cut lies one unit below the worst value.

    measured  SQL of (population, measure, value), one row for each customer and RFM measure
    scheme    relation of `segmentation__rfm_scheme`, which knows the number of bands
#}
{% macro rfm_cuts(measured, scheme) %}
    select
        scored.population,
        scored.measure,
        bands.band,
        max(case when scored.measure = 'recency_days' then -1 else 1 end)
        * coalesce(max(case when scored.score <= bands.band then scored.standing end), min(scored.standing) - 1) as cut

    from (

        select
            ranked.population,
            ranked.measure,
            ranked.standing,
            ceil(
                ranked.bands * (2 * ranked.customers_through - ranked.customers)
                / cast(2 * ranked.all_customers as {{ segmentation.type_double() }})
            ) as score

        from (

            select
                counted.population,
                counted.measure,
                counted.standing,
                counted.customers,
                sum(counted.customers) over (
                    partition by counted.population, counted.measure
                    order by counted.standing
                    rows between unbounded preceding and current row
                ) as customers_through,
                sum(counted.customers) over (partition by counted.population, counted.measure) as all_customers,
                scheme.bands

            from (

                select
                    population,
                    measure,
                    case when measure = 'recency_days' then -1 else 1 end * value as standing,
                    count(*) as customers

                from ({{ measured }}) as measured

                group by 1, 2, 3

            ) as counted

            cross join (select max(bands) as bands from {{ scheme }}) as scheme

        ) as ranked

    ) as scored

    cross join (
        select distinct recency_score as band from {{ scheme }} where recency_score < bands
    ) as bands

    group by
        scored.population,
        scored.measure,
        bands.band
{% endmacro %}


{#
    The score of a value by its cuts: 1 and one more for each cut that it is better than.

    measure  recency_days, frequency or monetary: the column of the value and of the cuts
             (<measure>_cut_1 ..., null beyond the last band)
    value    SQL of the value
#}
{% macro rfm_score(measure, value) %}
    1
    {%- for band in range(1, 9) %}
    + case when {{ value }} {{ "<" if measure == "recency_days" else ">" }} {{ measure }}_cut_{{ band }} then 1 else 0 end
    {%- endfor %}
{% endmacro %}


{# The columns <measure>_cut_1 ... that `rfm_score` compares with, from rows (measure, band, cut). #}
{% macro rfm_cut_columns() %}
    {%- for measure in ["recency_days", "frequency", "monetary"] %}
    {%- set measure_loop = loop %}
    {%- for band in range(1, 9) %}
    max(case when measure = '{{ measure }}' and band = {{ band }} then cut end) as {{ measure }}_cut_{{ band }}
    {{- "" if measure_loop.last and loop.last else "," }}
    {%- endfor %}
    {%- endfor %}
{% endmacro %}
