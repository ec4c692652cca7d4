-- The rules by which a campaign tool can select segments, best precision first.
--
-- Put the condition, in brackets, behind `where` on the customer table of the definition (for RFM
-- segmentation__rfm). It reaches customers_in_rule customers: precision of them are in the segment,
-- and coverage of the segment are among them. wasted is how many are reached who are not in it.

with

segment_rules as (

    select * from {{ ref('segmentation__segment_rules') }}

),

final as (

    select
        ---------- ids
        segmentation,
        segment_id,
        segment_name,

        ---------- text
        rule,
        condition,

        ---------- numbers
        customers,
        customers_in_rule,
        cast(round(customers_in_rule * (1 - precision)) as {{ dbt.type_bigint() }}) as wasted,
        cast(precision as decimal(28, 3)) as precision,
        cast(coverage as decimal(28, 3)) as coverage,
        cast(tree_fidelity as decimal(28, 3)) as tree_fidelity

    from segment_rules

    where condition is not null

)

select * from final

order by segmentation, case when precision is null then 1 else 0 end, precision desc, segment_id
