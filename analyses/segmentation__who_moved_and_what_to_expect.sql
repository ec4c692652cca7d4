-- Who moved in the last period, and how large each segment will be at the end of the next one.
--
-- Read a row as a balance: customers before, plus those who came, less those who left, are the
-- customers now. What is expected assumes that the same shares move again and that as many new
-- customers come; a segment that is expected to shrink is the place for a campaign.

with

last_period as (

    select * from {{ ref('segmentation__segment_migrations') }}

    where as_of_date = (select max(as_of_date) from {{ ref('segmentation__segment_migrations') }})

),

starts as (

    select
        segmentation,
        from_segment_name as segment_name,
        sum(customers) as customers_before,
        sum(case when to_segment_name <> from_segment_name then customers else 0 end) as customers_left

    from last_period

    where from_segment_id is not null

    group by
        segmentation,
        from_segment_name

),

ends as (

    select
        segmentation,
        to_segment_name as segment_name,
        sum(customers) as customers_now,
        sum(case when from_segment_id is null then customers else 0 end) as customers_new,
        sum(case
            when from_segment_id is not null and to_segment_name <> from_segment_name then customers
            else 0
        end) as customers_came,
        sum(revenue) as revenue_now,
        sum(expected_customers) as expected_customers

    from last_period

    where to_segment_id is not null

    group by
        segmentation,
        to_segment_name

),

final as (

    select
        ---------- ids
        coalesce(ends.segmentation, starts.segmentation) as segmentation,
        coalesce(ends.segment_name, starts.segment_name) as segment_name,

        ---------- customers in the last period
        coalesce(starts.customers_before, 0) as customers_before,
        coalesce(ends.customers_new, 0) as customers_new,
        coalesce(ends.customers_came, 0) as customers_came,
        coalesce(starts.customers_left, 0) as customers_left,
        coalesce(ends.customers_now, 0) as customers_now,
        ends.revenue_now,

        ---------- customers in the next
        cast(ends.expected_customers as decimal(18, 1)) as expected_customers,
        cast(ends.expected_customers - ends.customers_now as decimal(18, 1)) as expected_change

    from ends

    full outer join starts
        on ends.segmentation = starts.segmentation
        and ends.segment_name = starts.segment_name

)

select * from final

order by segmentation, expected_change desc, segment_name
