{#
    The last days of the last periods that are complete on a day, as SQL of (as_of_date). A period that
    ends on the day is complete.

    day       SQL of a date
    period    week (Monday to Sunday, as in ISO 8601) | month | quarter
    periods   how many
#}
{% macro period_ends(day, period, periods) %}
    {%- set datepart, size = {"week": ("day", 7), "month": ("month", 1), "quarter": ("month", 3)}[period] %}
    {%- set period_start = dbt.dateadd(datepart, "-" ~ size ~ " * periods_back", "unfinished_period_start") %}
    select cast({{ dbt.dateadd("day", -1, period_start) }} as date) as as_of_date

    from (
        select cast({{ segmentation._period_start(period, "day_after") }} as date) as unfinished_period_start

        from (select cast({{ dbt.dateadd("day", 1, day) }} as date) as day_after) as days_after
    ) as unfinished_periods

    cross join {{ segmentation.literal_rows(["periods_back"], range([periods, 1] | max) | batch(1), "complete_periods") }}

    where complete_periods.periods_back < {{ periods }}
{%- endmacro %}


{# The first day of the period that a day lies in. #}
{% macro _period_start(period, day) %}
    {%- if period == "week" -%}
        {#- A Monday to count from: date_trunc begins weeks on Sunday on some engines. -#}
        {{ dbt.dateadd("day", "-mod(" ~ dbt.datediff(segmentation.date_literal("1753-01-01"), day, "day") ~ ", 7)", day) }}
    {%- else -%}
        {{ dbt.date_trunc(period, day) }}
    {%- endif -%}
{% endmacro %}
