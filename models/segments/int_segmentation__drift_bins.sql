{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}

with

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

placements as (

    select * from {{ ref('segmentation__customer_segments') }}

),

---------- features: bins of the sample

bins as (

    select
        segmentation,
        model_version,
        feature,
        level_id as bin_id,
        max(case when parameter = 'bin_share' then value end) as sample_share,
        max(case when parameter = 'bin_upper' then value end) as bin_upper,
        max(case when parameter = 'level' then text_value end) as level

    from model

    where parameter in ('bin_share', 'bin_upper', 'level')

    group by
        segmentation,
        model_version,
        feature,
        level_id

    having count(case when parameter = 'bin_share' then 1 end) > 0

),

worded as (

    select
        bins.*,
        {{ segmentation.rounded_text("bin_upper") }} as upper_text

    from bins

),

bounded as (

    select
        worded.*,
        lag(upper_text) over (partition by segmentation, feature order by bin_id) as lower_text,
        lead(upper_text) over (partition by segmentation, feature order by bin_id) as next_text,
        min(case when bin_id = 1 then sample_share end) over (partition by segmentation, feature) as first_share

    from worded

),

{# Where the first bin holds nobody it lies below the smallest value, which is all of the second. #}
described as (

    select
        bounded.*,
        case
            when bin_id = 0 then 'missing'
            when level is not null then level
            when upper_text is null and lower_text is null then 'any other value'
            when upper_text is null then {{ dbt.concat(["'above '", "lower_text"]) }}
            when bin_id = 1 and first_share = 0 then {{ dbt.concat(["'below '", "next_text"]) }}
            when bin_id = 1 then {{ dbt.concat(["'up to '", "upper_text"]) }}
            when bin_id = 2 and first_share = 0 then upper_text
            else {{ dbt.concat(["'above '", "lower_text", "' up to '", "upper_text"]) }}
        end as bin

    from bounded

),

---------- features: customers now

{%- for name, definition in definitions.items() %}

{{ name }}_counts as (

    {{ segmentation.bin_counts(
        segmentation.customers(definition, columns[name], segmentation.customers_relation(definition)),
        "(select * from bins where segmentation = '" ~ name ~ "') as own_bins",
        definition.features
    ) }}

),
{%- endfor %}

counts as (

    {%- for name in definitions %}
    select
        '{{ name }}' as segmentation,
        {{ name }}_counts.*

    from {{ name }}_counts
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not definitions %}
    select
        {{ segmentation.text_literal(none) }} as segmentation,
        {{ segmentation.text_literal(none) }} as feature,
        null as bin_id,
        null as customers,
        null as all_customers

    from (select 1 as one) as nothing

    where false
    {%- endif %}

),

---------- segments: a bin each, of those whom this version has scored

segment_bins as (

    select
        segmentation,
        model_version,
        segment_id,
        max(case when parameter = 'scored_share' then value end) as sample_share,
        max(case when parameter = 'segment_name' then text_value end) as segment_name

    from model

    where parameter in ('scored_share', 'segment_name')

    group by
        segmentation,
        model_version,
        segment_id

    having count(case when parameter = 'scored_share' then 1 end) > 0

),

segment_counts as (

    select
        segmentation,
        model_version,
        segment_id,
        count(*) as customers

    from placements

    group by
        segmentation,
        model_version,
        segment_id

),

segment_totals as (

    select
        segmentation,
        model_version,
        sum(customers) as all_customers

    from segment_counts

    group by
        segmentation,
        model_version

),

---------- both

samples as (

    select
        segmentation,
        sum(value) as sample_customers

    from model

    where parameter in ('sample_size', 'sample_outliers')

    group by segmentation

),

compared as (

    select
        described.segmentation,
        described.model_version,
        'feature' as subject,
        described.feature,
        described.bin_id,
        described.bin,
        described.sample_share,
        counts.customers,
        counts.all_customers

    from described

    inner join counts
        on described.segmentation = counts.segmentation
        and described.feature = counts.feature
        and described.bin_id = counts.bin_id

    union all

    select
        segment_bins.segmentation,
        segment_bins.model_version,
        'segments' as subject,
        {{ segmentation.text_literal(none) }} as feature,
        segment_bins.segment_id as bin_id,
        segment_bins.segment_name as bin,
        segment_bins.sample_share,
        coalesce(segment_counts.customers, 0) as customers,
        segment_totals.all_customers

    from segment_bins

    inner join segment_totals
        on segment_bins.segmentation = segment_totals.segmentation
        and segment_bins.model_version = segment_totals.model_version

    left join segment_counts
        on segment_bins.segmentation = segment_counts.segmentation
        and segment_bins.model_version = segment_counts.model_version
        and segment_bins.segment_id = segment_counts.segment_id

),

final as (

    select
        ---------- ids
        compared.segmentation,
        compared.model_version,
        compared.subject,
        compared.feature,
        cast(compared.bin_id as integer) as bin_id,

        ---------- text
        cast(compared.bin as {{ dbt.type_string() }}) as bin,

        ---------- numbers
        compared.sample_share,
        cast(samples.sample_customers as {{ dbt.type_bigint() }}) as sample_customers,
        cast(compared.customers as {{ dbt.type_bigint() }}) as customers,
        cast(compared.all_customers as {{ dbt.type_bigint() }}) as all_customers

    from compared

    inner join samples
        on compared.segmentation = samples.segmentation

    where compared.all_customers > 0

)

select * from final
