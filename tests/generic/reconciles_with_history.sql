{#
    Fails for each segment and period end whose customers or money in segment migrations differ, to the
    last digit, from those in the history: of the to segments at the period end, of the from segments at
    the previous one. A period of a segmentation with a suppressed row passes.

    history   segmentation__segment_history
#}
{% test reconciles_with_history(model, history) %}

with

migrations as (

    select * from {{ model }}

),

history as (

    select
        segmentation,
        as_of_date,
        segment_id,
        count(*) as customers,
        coalesce(sum(value), 0) as revenue

    from {{ history }}

    group by
        segmentation,
        as_of_date,
        segment_id

),

periods as (

    select distinct
        as_of_date,
        previous_as_of_date

    from migrations

),

suppressed as (

    select distinct
        segmentation,
        as_of_date

    from migrations

    where is_suppressed

),

differences as (

    select segmentation, as_of_date, 'to' as node, to_segment_id as segment_id, customers, revenue

    from migrations

    where to_segment_id is not null

    union all

    select segmentation, as_of_date, 'to' as node, segment_id, -customers as customers, -revenue as revenue

    from history

    union all

    select segmentation, as_of_date, 'from' as node, from_segment_id as segment_id, customers, previous_revenue as revenue

    from migrations

    where from_segment_id is not null

    union all

    select
        history.segmentation,
        periods.as_of_date,
        'from' as node,
        history.segment_id,
        -history.customers as customers,
        -history.revenue as revenue

    from history

    inner join periods
        on history.as_of_date = periods.previous_as_of_date

)

select
    differences.segmentation,
    differences.as_of_date,
    differences.node,
    differences.segment_id,
    sum(differences.customers) as customers_too_many,
    sum(differences.revenue) as revenue_too_much

from differences

left join suppressed
    on differences.segmentation = suppressed.segmentation
    and differences.as_of_date = suppressed.as_of_date

where suppressed.segmentation is null

group by
    differences.segmentation,
    differences.as_of_date,
    differences.node,
    differences.segment_id

having sum(differences.customers) <> 0
    or coalesce(sum(differences.revenue), 0) <> 0

{% endtest %}
