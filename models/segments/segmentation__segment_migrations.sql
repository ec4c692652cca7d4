{%- set with_value = [] %}
{%- for name, definition in segmentation.history_definitions().items() if definition.value is not none %}
    {%- do with_value.append("'" ~ name ~ "'") %}
{%- endfor %}
{#- Money of customers whose value is missing is 0; a definition without a value has none. -#}
{%- set has_value = "segmentation in (" ~ with_value | join(", ") ~ ")" if with_value else "false" %}

with

segment_history as (

    select * from {{ ref('segmentation__segment_history') }}

),

{# Of the RFM table, where nobody is ever left out: a segmentation may have periods without anybody. #}
periods as (

    select
        as_of_date,
        lag(as_of_date) over (order by as_of_date) as previous_as_of_date,
        lead(as_of_date) over (order by as_of_date) as next_as_of_date

    from (select distinct as_of_date from {{ ref('segmentation__rfm_history') }}) as as_of_dates

),

segments as (

    select * from {{ ref('segmentation__segments') }}

),

{# The one step over all customers. #}
counted as (

    select
        segmentation,
        as_of_date,
        previous_segment_id,
        segment_id,
        is_in_next_period,
        count(*) as customers,
        sum(previous_value) as previous_revenue,
        sum(value) as revenue

    from segment_history

    group by
        segmentation,
        as_of_date,
        previous_segment_id,
        segment_id,
        is_in_next_period

),

flows as (

    select
        segmentation,
        as_of_date,
        previous_segment_id as from_segment_id,
        segment_id as to_segment_id,
        sum(customers) as customers,
        sum(previous_revenue) as previous_revenue,
        sum(revenue) as revenue

    from counted

    group by
        segmentation,
        as_of_date,
        previous_segment_id,
        segment_id

    union all

    select
        counted.segmentation,
        periods.next_as_of_date as as_of_date,
        counted.segment_id as from_segment_id,
        cast(null as integer) as to_segment_id,
        sum(counted.customers) as customers,
        sum(counted.revenue) as previous_revenue,
        cast(null as {{ dbt.type_numeric() }}) as revenue

    from counted

    inner join periods
        on counted.as_of_date = periods.as_of_date

    where not counted.is_in_next_period
        and periods.next_as_of_date is not null

    group by
        counted.segmentation,
        periods.next_as_of_date,
        counted.segment_id

),

sizes as (

    select
        segmentation,
        as_of_date,
        to_segment_id as segment_id,
        sum(customers) as customers

    from flows

    where to_segment_id is not null

    group by
        segmentation,
        as_of_date,
        to_segment_id

),

previous_sizes as (

    select
        segmentation,
        as_of_date,
        from_segment_id as segment_id,
        sum(customers) as customers

    from flows

    where from_segment_id is not null

    group by
        segmentation,
        as_of_date,
        from_segment_id

),

{# Nobody was in these segments before, so nothing is known of who leaves them: expected to stay. #}
first_filled as (

    select
        sizes.segmentation,
        sizes.as_of_date,
        sizes.segment_id as from_segment_id,
        sizes.segment_id as to_segment_id,
        0 as customers,
        cast(null as {{ dbt.type_numeric() }}) as previous_revenue,
        cast(null as {{ dbt.type_numeric() }}) as revenue

    from sizes

    left join previous_sizes
        on sizes.segmentation = previous_sizes.segmentation
        and sizes.as_of_date = previous_sizes.as_of_date
        and sizes.segment_id = previous_sizes.segment_id

    where previous_sizes.segment_id is null

),

all_flows as (

    select * from flows

    union all

    select * from first_filled

),

shares as (

    select
        all_flows.*,
        periods.previous_as_of_date,
        coalesce(sizes.customers, 0) as from_segment_customers,
        all_flows.customers / cast(previous_sizes.customers as {{ segmentation.type_double() }}) as transition_share

    from all_flows

    inner join periods
        on all_flows.as_of_date = periods.as_of_date

    left join previous_sizes
        on all_flows.segmentation = previous_sizes.segmentation
        and all_flows.as_of_date = previous_sizes.as_of_date
        and all_flows.from_segment_id = previous_sizes.segment_id

    left join sizes
        on all_flows.segmentation = sizes.segmentation
        and all_flows.as_of_date = sizes.as_of_date
        and all_flows.from_segment_id = sizes.segment_id

    {# At the first period end everybody is new, which says nothing of the next. #}
    where periods.previous_as_of_date is not null
        or all_flows.customers > 0

),

measured as (

    select
        shares.*,
        {%- for revenue in ["previous_revenue", "revenue"] %}
        case when {{ has_value }} then cast(coalesce({{ revenue }}, 0) as {{ dbt.type_numeric() }}) end as {{ revenue }}_or_none,
        {%- endfor %}
        case
            when previous_as_of_date is null then null
            when from_segment_id is null then cast(customers as {{ segmentation.type_double() }})
            else coalesce(transition_share, 1) * from_segment_customers
        end as expected_customers

    from shares

),

{%- set statistics = {
    "customers": "cast(customers as " ~ dbt.type_bigint() ~ ")",
    "previous_revenue": "previous_revenue_or_none",
    "revenue": "revenue_or_none",
    "transition_share": "transition_share",
    "expected_customers": "expected_customers",
} %}

final as (

    select
        ---------- ids
        measured.segmentation,
        measured.from_segment_id,
        coalesce(from_segments.segment_name, '(new)') as from_segment_name,
        measured.to_segment_id,
        coalesce(to_segments.segment_name, '(lapsed)') as to_segment_name,

        ---------- dates
        measured.as_of_date,
        measured.previous_as_of_date,

        ---------- numbers
        {%- for statistic, sql in statistics.items() %}
        {{ segmentation.unless_suppressed("measured.customers", sql) }} as {{ statistic }},
        {%- endfor %}

        ---------- booleans
        {{ segmentation.is_suppressed("measured.customers") }} as is_suppressed

    from measured

    left join segments as from_segments
        on measured.segmentation = from_segments.segmentation
        and measured.from_segment_id = from_segments.segment_id

    left join segments as to_segments
        on measured.segmentation = to_segments.segmentation
        and measured.to_segment_id = to_segments.segment_id

)

select * from final
