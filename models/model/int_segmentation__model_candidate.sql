{{ config(post_hook="{{ segmentation.drop_steps() }}") }}

{%- set frozen_models = segmentation.frozen_models() %}
{%- set matched_segments = segmentation.matched_segments(ref('int_segmentation__segment_moves')) %}

{% call segmentation.in_steps() %}
with

parameters as (

    select * from {{ ref('int_segmentation__fit') }}

),

fit_sample as (

    select * from {{ ref('int_segmentation__fit_sample') }}

),

settings as (

    select * from {{ ref('segmentation__settings') }}

),

last_version as (

    select * from {{ ref('int_segmentation__last_version') }}

),

scheme as (

    select * from {{ ref('segmentation__rfm_scheme') }}

),

segmentations as (

    select distinct
        segmentation,
        naming,
        order_by_feature,
        settings_hash

    from settings

),

---------- segments in order: from the lowest centre of the feature that orders them

clusters as (

    select
        centers.segmentation,
        centers.cluster,
        centers.value as order_value,
        sizes.value as size,
        segmentations.naming,
        segmentations.order_by_feature

    from segmentations

    inner join parameters as centers
        on segmentations.segmentation = centers.segmentation
        and segmentations.order_by_feature = centers.feature
        and centers.parameter = 'center'
        and centers.cluster >= 0

    inner join parameters as sizes
        on centers.segmentation = sizes.segmentation
        and centers.cluster = sizes.cluster
        and sizes.parameter = 'size'

),

ordered_clusters as (

    select
        clusters.*,
        cast(row_number() over (
            partition by segmentation
            order by order_value, size desc, cluster
        ) as integer) as position,
        count(*) over (partition by segmentation) as segment_count

    from clusters

),

---------- ids that last: a cluster keeps the id of the segment that it continues, others get new ones

matches as (

    {%- for name, cluster, segment_id, distance in matched_segments or [(none, none, none, none)] %}
    select
        {{ segmentation.text_literal(name) }} as segmentation,
        {{ segmentation.number_literal(cluster, dbt.type_bigint()) }} as cluster,
        {{ segmentation.number_literal(segment_id, "integer") }} as segment_id,
        {{ segmentation.number_literal(distance, segmentation.type_double()) }} as distance
    {{ "" if loop.last else "union all" }}
    {%- endfor %}

),

largest_ids as (

    select
        segmentation,
        value as largest_id

    from last_version

    where parameter = 'largest_segment_id'

),

segments as (

    select
        ordered_clusters.*,
        matches.distance as distance_moved,
        coalesce(
            matches.segment_id,
            cast(
                coalesce(largest_ids.largest_id, 0)
                + row_number() over (
                    partition by
                        ordered_clusters.segmentation,
                        case when matches.segment_id is null then 1 else 0 end
                    order by ordered_clusters.position
                )
                as integer
            )
        ) as segment_id

    from ordered_clusters

    left join matches
        on ordered_clusters.segmentation = matches.segmentation
        and ordered_clusters.cluster = matches.cluster

    left join largest_ids
        on ordered_clusters.segmentation = largest_ids.segmentation

),

---------- names by RFM: where the typical customer stands in the scheme

rfm_cuts as (

    {% set measured %}
        select
            fit_sample.segmentation as population,
            fit_sample.feature as measure,
            fit_sample.value

        from fit_sample

        where fit_sample.feature in ('recency_days', 'frequency', 'monetary')
            and fit_sample.value is not null
    {% endset %}
    {{- segmentation.rfm_cuts(measured, ref('segmentation__rfm_scheme')) }}

),

rfm_cut_columns as (

    select
        population as segmentation,
        {{ segmentation.rfm_cut_columns() }}

    from rfm_cuts

    group by population

),

typical_customers as (

    select
        segments.segmentation,
        segments.cluster,
        max(case when medians.feature = 'recency_days' then medians.value end) as recency_days,
        max(case when medians.feature = 'frequency' then medians.value end) as frequency,
        max(case when medians.feature = 'monetary' then medians.value end) as monetary

    from segments

    inner join parameters as medians
        on segments.segmentation = medians.segmentation
        and segments.cluster = medians.cluster
        and medians.parameter = 'median'

    where segments.naming = 'rfm'

    group by
        segments.segmentation,
        segments.cluster

),

typical_scores as (

    select
        typical_customers.segmentation,
        typical_customers.cluster,
        typical_customers.recency_days,
        typical_customers.frequency,
        typical_customers.monetary,
        {%- for measure in ["recency_days", "frequency", "monetary"] %}
        {{ segmentation.rfm_score(measure, "typical_customers." ~ measure) }} as {{ measure | replace("_days", "") }}_score
        {{- "" if loop.last else "," }}
        {%- endfor %}

    from typical_customers

    inner join rfm_cut_columns
        on typical_customers.segmentation = rfm_cut_columns.segmentation

),

rfm_names as (

    select
        typical_scores.segmentation,
        typical_scores.cluster,
        scheme.rfm_segment as base_name,
        {{ dbt.concat([
            "'typical customer: recency '", segmentation.decimal_text("typical_scores.recency_days", 0),
            "' days, frequency '", segmentation.decimal_text("typical_scores.frequency", 1),
            "', monetary '", segmentation.decimal_text("typical_scores.monetary", 2),
            "'; RFM score '", "scheme.rfm_score",
        ]) }} as evidence

    from typical_scores

    inner join scheme
        on typical_scores.recency_score = scheme.recency_score
        and typical_scores.frequency_score = scheme.frequency_score
        and typical_scores.monetary_score = scheme.monetary_score

),

---------- names given by the user, from low to high

given_names as (

    select
        segments.segmentation,
        segments.cluster,
        names.base_name,
        {{ dbt.concat([
            "'number '", "cast(segments.position as " ~ dbt.type_string() ~ ")",
            "' of '", "cast(segments.segment_count as " ~ dbt.type_string() ~ ")",
            "' by '", "segments.order_by_feature", "', mean '", segmentation.decimal_text("segments.order_value", 2),
        ]) }} as evidence

    from segments

    inner join (
        {%- set given = [] %}
        {%- for name, definition in segmentation.configuration()["definitions"].items() %}
            {%- for label in definition.names.low_to_high %}
                {%- do given.append((name, loop.index, label)) %}
            {%- endfor %}
        {%- endfor %}
        {%- for name, position, label in given or [(none, none, none)] %}
        select
            {{ segmentation.text_literal(name) }} as segmentation,
            {{ segmentation.number_literal(position, "integer") }} as position,
            {{ segmentation.text_literal(label) }} as base_name
        {{ "" if loop.last else "union all" }}
        {%- endfor %}
    ) as names
        on segments.segmentation = names.segmentation
        and segments.position = names.position

),

---------- names by the feature in which a segment stands out most

{# Of a category only a level that is more frequent than elsewhere says what a segment is. #}
standings as (

    select
        segments.segmentation,
        segments.cluster,
        segments.segment_count,
        deviations.feature,
        deviations.value as deviations,
        levels.text_value as level,
        levels.value as level_share,
        centers.value as own_level_share,
        row_number() over (
            partition by segments.segmentation, segments.cluster
            order by
                case when levels.level_id is null then abs(deviations.value) else deviations.value end desc,
                settings.feature_position,
                levels.level_id
        ) as prominence

    from segments

    inner join parameters as deviations
        on segments.segmentation = deviations.segmentation
        and segments.cluster = deviations.cluster
        and deviations.parameter = 'deviation'

    inner join settings
        on deviations.segmentation = settings.segmentation
        and deviations.feature = settings.feature

    left join parameters as levels
        on deviations.segmentation = levels.segmentation
        and deviations.feature = levels.feature
        and deviations.level_id = levels.level_id
        and levels.parameter = 'level'

    left join parameters as centers
        on deviations.segmentation = centers.segmentation
        and deviations.cluster = centers.cluster
        and deviations.feature = centers.feature
        and deviations.level_id = centers.level_id
        and centers.parameter = 'center'

    where segments.naming = 'auto'

),

standout_names as (

    select
        segmentation,
        cluster,
        case
            when segment_count = 1 then 'all customers'
            when level is not null then {{ dbt.concat([dbt.replace("feature", "'_'", "' '"), "' '", "level"]) }}
            else {{ dbt.concat([
                "case when abs(deviations) < 0.25 then 'average ' when deviations < 0 then 'low ' else 'high ' end",
                dbt.replace("feature", "'_'", "' '"),
            ]) }}
        end as base_name,
        case
            when level is not null then {{ dbt.concat([
                "feature", "' is '", "level", "' for '", segmentation.decimal_text("100 * own_level_share", 1),
                "' % of the segment and '", segmentation.decimal_text("100 * level_share", 1), "' % of all customers'",
            ]) }}
            else {{ dbt.concat([
                "feature", "' lies '", segmentation.decimal_text("abs(deviations)", 2),
                "' standard deviations '", "case when deviations < 0 then 'below' else 'above' end", "' the average customer'",
            ]) }}
        end as evidence

    from standings

    where prominence = 1

),

---------- never two the same: the highest keeps the plain name, the others say their place

names as (

    select * from rfm_names

    union all

    select * from given_names

    union all

    select * from standout_names

),

name_places as (

    select
        segments.segmentation,
        segments.cluster,
        segments.segment_id,
        segments.order_by_feature,
        names.base_name,
        names.evidence,
        cast(row_number() over (
            partition by segments.segmentation, names.base_name
            order by segments.position desc
        ) as integer) as place

    from segments

    inner join names
        on segments.segmentation = names.segmentation
        and segments.cluster = names.cluster

),

named as (

    select
        segmentation,
        cluster,
        segment_id,
        case
            when place = 1 then base_name
            else {{ dbt.concat([
                "base_name", "' ('", "cast(place as " ~ dbt.type_string() ~ ")",
                "case when place = 2 then 'nd' when place = 3 then 'rd' else 'th' end",
                "' by '", dbt.replace("order_by_feature", "'_'", "' '"), "')'",
            ]) }}
        end as segment_name,
        evidence

    from name_places

),

---------- all together

prototype_models as (

    select distinct segmentation

    from parameters

    where parameter = 'prototype'

),

{# Noise is segment 0. Where scoring goes by the nearest centroid, the centroids are the prototypes. #}
fitted as (

    select
        parameters.segmentation,
        parameters.parameter,
        cast(parameters.k as integer) as k,
        case when parameters.cluster = -1 then 0 else segments.segment_id end as segment_id,
        case
            when parameters.parameter = 'centroid' and prototype_models.segmentation is null then segments.segment_id
            else cast(parameters.prototype as integer)
        end as prototype_id,
        parameters.feature,
        cast(parameters.level_id as integer) as level_id,
        cast(parameters.node_id as integer) as node_id,
        parameters.value,
        parameters.text_value

    from parameters

    left join segments
        on parameters.segmentation = segments.segmentation
        and parameters.cluster = segments.cluster

    left join prototype_models
        on parameters.segmentation = prototype_models.segmentation

),

noise as (

    select segmentation

    from parameters

    where cluster = -1
        and parameter = 'size'

),

frozen_cuts as (

    select
        rfm_cuts.population as segmentation,
        {{ dbt.concat(["'rfm_cut_'", "cast(rfm_cuts.band as " ~ dbt.type_string() ~ ")"]) }} as parameter,
        rfm_cuts.measure as feature,
        rfm_cuts.cut as value

    from rfm_cuts

    inner join segmentations
        on rfm_cuts.population = segmentations.segmentation

    where segmentations.naming = 'rfm'

),

---------- what the sample looked like, to measure drift from it

sample_bins as (

    {{ segmentation.sample_bins("fit_sample", "parameters") }}

),

final as (

    select * from fitted

    union all

    select segmentation, 'segment_name', null, segment_id, null, null, null, null, null, segment_name
    from named

    union all

    select segmentation, 'naming_evidence', null, segment_id, null, null, null, null, null, evidence
    from named

    union all

    select segmentation, 'distance_moved', null, segment_id, null, null, null, null, distance_moved, null
    from segments
    where distance_moved is not null

    union all

    select segmentation, 'segment_name', null, 0, null, null, null, null, null, 'noise'
    from noise

    union all

    select segmentation, 'naming_evidence', null, 0, null, null, null, null, null, 'out of the reach of every segment'
    from noise

    union all

    select segmentation, parameter, null, null, null, feature, null, null, value, null
    from frozen_cuts

    union all

    select segmentation, 'bin_share', null, null, null, feature, bin_id, null, share, null
    from sample_bins

    union all

    select segmentation, 'bin_upper', null, null, null, feature, bin_id, null, bin_upper, null
    from sample_bins
    where bin_upper is not null

    union all

    select segmentation, 'settings_hash', null, null, null, null, null, null, null, settings_hash
    from segmentations
    where segmentation in (select segmentation from fitted)

    {%- for name, relation in frozen_models.items() %}

    union all

    {# A seed gives an empty column the type that it likes, and in a text column blanks for nulls. #}
    select
        '{{ name }}' as segmentation
        {%- for column, type in segmentation.model_columns().items() if column != "segmentation" %},
        {%- set cell = "cast(" ~ column ~ " as " ~ type ~ ")" %}
        {{ "nullif(" ~ cell ~ ", '')" if type == dbt.type_string() else cell }} as {{ column }}
        {%- endfor %}

    from {{ relation }}

    where parameter = 'as_of_date'
        or parameter not in {{ segmentation.version_remarks(['distance_moved']) }}
    {%- endfor %}

)

select
    {%- for column, type in segmentation.model_columns().items() %}
    cast({{ column }} as {{ type }}) as {{ column }}{{ "" if loop.last else "," }}
    {%- endfor %}

from final
{% endcall %}
