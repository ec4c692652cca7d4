{{ config(post_hook="{{ segmentation.drop_steps() }}") }}

{%- set definitions = segmentation.configuration()["definitions"] %}
{%- set columns = segmentation.customer_columns(definitions) %}
{%- set measures = ["recency_days", "frequency", "monetary"] %}

{% call segmentation.in_steps() %}
with

segments as (

    select * from {{ ref('segmentation__segments') }}

),

placements as (

    select * from {{ ref('segmentation__customer_segments') }}

),

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

---------- the customer tables: who stands in which leaf, and how conditions name their columns

{%- for name, definition in definitions.items() %}
{%- set relation = segmentation.customers_relation(definition) %}

{{ name }}_counts as (

    {{ segmentation.rule_counts(
        segmentation.customers(definition, columns[name], relation),
        "(select * from " ~ ref("int_segmentation__current_model") ~ " where segmentation = '" ~ name ~ "') as current_model",
        "(select * from " ~ ref("segmentation__customer_segments") ~ " where segmentation = '" ~ name ~ "') as customer_segments",
        definition.features
    ) }}

),

{# Some values may not stand in a condition as they are: not finite, or with blanks around them. #}
{{ name }}_oddities as (

    select
        {%- for feature, how in definition.features.items() %}
        {%- set column = columns[name].features.get(feature, {"sql": "null", "kind": "other"}) %}
        {%- set is_odd = segmentation.condition_column(column, how.kind).is_odd %}
        {{ "0" if is_odd is none or relation is none else "coalesce(max(case when " ~ is_odd ~ " then 1 else 0 end), 0)" }} as is_odd_{{ loop.index }},
        {%- endfor %}
        count(*) as customers

    {% if relation is none -%}
    from (select 1 as nobody) as nothing
    {%- else -%}
    from {{ relation }}
    {%- endif %}

),
{%- endfor %}

leaf_counts as (

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
        null as node_id,
        null as segment_id,
        null as customers

    from (select 1 as one) as nothing

    where false
    {%- endif %}

),

features as (

    {%- for name, definition in definitions.items() %}
    {%- set definition_loop = loop %}
    {%- set is_own = segmentation.is_own_model(definition.customers) %}
    {%- for feature, how in definition.features.items() %}
    {%- set column = columns[name].features.get(feature, {"sql": feature, "kind": "other"}) %}
    {%- set in_condition = segmentation.condition_column(column, how.kind) %}
    select
        '{{ name }}' as segmentation,
        {{ segmentation.text_literal(feature) }} as feature,
        {{ loop.index }} as feature_position,
        {{ segmentation.text_literal(feature | replace("_", " ")) }} as feature_words,
        {{ segmentation.text_literal("category" if how.kind == "category" else segmentation.phrase_of(feature, column, is_own)) }} as phrase,
        {{ segmentation.boolean_literal(is_own and feature in measures) }} as is_measure,
        case
            when is_odd_{{ loop.index }} = 1 then {{ segmentation.text_literal(in_condition.clean) }}
            else {{ segmentation.text_literal(in_condition.plain) }}
        end as column_sql

    from {{ name }}_oddities
    {{ "" if definition_loop.last and loop.last else "union all" }}
    {%- endfor %}
    {%- endfor %}
    {%- if not definitions %}
    select
        {%- for column in ["segmentation", "feature", "feature_words", "phrase", "column_sql"] %}
        {{ segmentation.text_literal(none) }} as {{ column }},
        {%- endfor %}
        null as feature_position,
        {{ segmentation.boolean_literal(none) }} as is_measure

    from (select 1 as one) as nothing

    where false
    {%- endif %}

),

{# What the definition itself asks of a customer, which the campaign tool must ask too. #}
populations as (

    {%- for name, definition in definitions.items() %}
    select
        '{{ name }}' as segmentation,
        {{ segmentation.text_literal(segmentation.population_condition(definition, columns[name])) }} as population_condition
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not definitions %}
    {{- segmentation.no_rows({"segmentation": dbt.type_string(), "population_condition": dbt.type_string()}) }}
    {%- endif %}

),

---------- the leaf that speaks for a segment: of its leaves the one with the most of the sample

leaves as (

    select
        segmentation,
        segment_id,
        node_id,
        row_number() over (
            partition by segmentation, segment_id
            order by value desc, node_id
        ) as place

    from model

    where parameter = 'rule_leaf_size'

),

bounds as (

    select
        segmentation,
        node_id,
        feature,
        max(case when parameter = 'rule_above' then value end) as above,
        max(case when parameter = 'rule_at_most' then value end) as at_most

    from model

    where parameter in ('rule_above', 'rule_at_most', 'rule_is')

    group by
        segmentation,
        node_id,
        feature

),

---------- categories: one level that a leaf asks for, or several that it leaves out

levels as (

    select
        segmentation,
        feature,
        level_id,
        text_value as level

    from model

    where parameter = 'level'

),

level_bounds as (

    select
        model.segmentation,
        model.node_id,
        model.feature,
        model.level_id,
        model.value as must_have,
        levels.level,
        max(model.value) over (partition by model.segmentation, model.node_id, model.feature) as has_one

    from model

    inner join levels
        on model.segmentation = levels.segmentation
        and model.feature = levels.feature
        and model.level_id = levels.level_id

    where model.parameter = 'rule_is'

),

{# Where one is asked for, it is idle to say which others are not. #}
telling_levels as (

    select
        level_bounds.*,
        row_number() over (partition by segmentation, node_id, feature order by level_id) as position,
        count(*) over (partition by segmentation, node_id, feature) as level_count

    from level_bounds

    where must_have = has_one

),

level_lists as (

    select
        segmentation,
        node_id,
        feature,
        max(has_one) as has_one,
        max(level_count) as level_count,
        {{ segmentation.listed(
            dbt.concat(["case when position = 1 then '' when position = level_count then ' or ' else ', ' end", "level"]),
            "''", "level_id"
        ) }} as levels_in_words,
        {{ segmentation.listed(segmentation.quoted_text("level"), "', '", "level_id") }} as levels_in_sql

    from telling_levels

    group by
        segmentation,
        node_id,
        feature

),

{# What replaces a missing value: where the rule holds for it, the condition must. #}
fill_values as (

    select
        model.segmentation,
        model.feature,
        model.value as fill_value,
        model.text_value as fill_level,
        levels.level_id as fill_level_id

    from model

    left join levels
        on model.segmentation = levels.segmentation
        and model.feature = levels.feature
        and model.text_value = levels.level

    where model.parameter = 'fill_value'

),

fill_levels_bound as (

    select
        level_bounds.segmentation,
        level_bounds.node_id,
        level_bounds.feature,
        max(level_bounds.must_have) as must_have

    from level_bounds

    inner join fill_values
        on level_bounds.segmentation = fill_values.segmentation
        and level_bounds.feature = fill_values.feature
        and level_bounds.level_id = fill_values.fill_level_id

    group by
        level_bounds.segmentation,
        level_bounds.node_id,
        level_bounds.feature

),

---------- what a leaf says of each feature, in words and in SQL

told as (

    select
        bounds.segmentation,
        bounds.node_id,
        bounds.above,
        bounds.at_most,
        {{ segmentation.number_text("bounds.above") }} as above_text,
        {{ segmentation.number_text("bounds.at_most") }} as at_most_text,
        features.feature_position,
        features.feature_words,
        features.phrase,
        features.is_measure,
        features.column_sql,
        level_lists.has_one,
        level_lists.level_count,
        level_lists.levels_in_words,
        level_lists.levels_in_sql,
        case
            when features.is_measure then false
            when features.phrase = 'category' then
                fill_values.fill_level is not null
                and case
                    when level_lists.has_one = 1 then coalesce(fill_levels_bound.must_have, 0) = 1
                    else fill_levels_bound.must_have is null
                end
            else
                fill_values.fill_value is not null
                and coalesce(fill_values.fill_value > bounds.above, true)
                and coalesce(fill_values.fill_value <= bounds.at_most, true)
        end as holds_for_missing

    from bounds

    inner join features
        on bounds.segmentation = features.segmentation
        and bounds.feature = features.feature

    left join level_lists
        on bounds.segmentation = level_lists.segmentation
        and bounds.node_id = level_lists.node_id
        and bounds.feature = level_lists.feature

    left join fill_values
        on bounds.segmentation = fill_values.segmentation
        and bounds.feature = fill_values.feature

    left join fill_levels_bound
        on bounds.segmentation = fill_levels_bound.segmentation
        and bounds.node_id = fill_levels_bound.node_id
        and bounds.feature = fill_levels_bound.feature

),

worded as (

    select
        told.*,
        case
            when phrase = 'category' and has_one = 1 then {{ dbt.concat(["feature_words", "' is '", "levels_in_words"]) }}
            when phrase = 'category' then {{ dbt.concat(["feature_words", "' is not '", "levels_in_words"]) }}
            else {{ segmentation.rule_phrase() }}
        end as rule,
        case
            when phrase = 'category' and has_one = 1 then {{ dbt.concat(["column_sql", "' = '", "levels_in_sql"]) }}
            when phrase = 'category' and level_count = 1 then {{ dbt.concat(["column_sql", "' <> '", "levels_in_sql"]) }}
            when phrase = 'category' then {{ dbt.concat(["column_sql", "' not in ('", "levels_in_sql", "')'"]) }}
            when above is not null and at_most is not null then
                {{ dbt.concat(["column_sql", "' > '", "above_text", "' and '", "column_sql", "' <= '", "at_most_text"]) }}
            when above is not null then {{ dbt.concat(["column_sql", "' > '", "above_text"]) }}
            else {{ dbt.concat(["column_sql", "' <= '", "at_most_text"]) }}
        end as condition

    from told

),

{# A missing value fails every condition by itself. #}
parts as (

    select
        segmentation,
        node_id,
        feature_position,
        rule,
        case
            when holds_for_missing then {{ dbt.concat(["'('", "condition", "' or '", "column_sql", "' is null)'"]) }}
            else condition
        end as condition

    from worded

),

sentences as (

    select
        segmentation,
        node_id,
        {{ segmentation.listed("rule", "' and '", "feature_position") }} as rule,
        {{ segmentation.listed("condition", "' and '", "feature_position") }} as condition

    from parts

    group by
        segmentation,
        node_id

),

rules as (

    select
        leaves.segmentation,
        leaves.segment_id,
        leaves.node_id,
        coalesce(sentences.rule, 'all customers') as rule,
        case
            when sentences.condition is not null and populations.population_condition is not null
                then {{ dbt.concat(["sentences.condition", "' and '", "populations.population_condition"]) }}
            else coalesce(sentences.condition, populations.population_condition, '1 = 1')
        end as condition

    from leaves

    inner join populations
        on leaves.segmentation = populations.segmentation

    left join sentences
        on leaves.segmentation = sentences.segmentation
        and leaves.node_id = sentences.node_id

    where leaves.place = 1

),

---------- how well the rules hold, over all customers

sizes as (

    select
        segmentation,
        segment_id,
        count(*) as customers

    from placements

    group by
        segmentation,
        segment_id

),

rule_sizes as (

    select
        rules.segmentation,
        rules.segment_id,
        sum(leaf_counts.customers) as customers_in_rule,
        sum(case when leaf_counts.segment_id = rules.segment_id then leaf_counts.customers else 0 end) as customers_in_both

    from rules

    inner join leaf_counts
        on rules.segmentation = leaf_counts.segmentation
        and rules.node_id = leaf_counts.node_id

    group by
        rules.segmentation,
        rules.segment_id

),

agreements as (

    select
        leaves.segmentation,
        coalesce(sum(leaf_counts.customers), 0) as customers

    from leaves

    left join leaf_counts
        on leaves.segmentation = leaf_counts.segmentation
        and leaves.node_id = leaf_counts.node_id
        and leaves.segment_id = leaf_counts.segment_id

    group by leaves.segmentation

),

fidelities as (

    select
        agreements.segmentation,
        agreements.customers / cast(sum(sizes.customers) as {{ segmentation.type_double() }}) as tree_fidelity

    from agreements

    inner join sizes
        on agreements.segmentation = sizes.segmentation

    group by
        agreements.segmentation,
        agreements.customers

),

measured as (

    select
        segments.segmentation,
        segments.segment_id,
        segments.segment_name,
        case
            when rules.rule is not null then rules.rule
            when agreements.segmentation is not null then 'no short rule finds this segment'
        end as rule,
        rules.condition,
        coalesce(sizes.customers, 0) as customers,
        case when agreements.segmentation is not null then coalesce(rule_sizes.customers_in_rule, 0) end as customers_in_rule,
        case
            when agreements.segmentation is null then null
            when rules.rule is null then 0
            else coalesce(rule_sizes.customers_in_both, 0) / nullif(cast(sizes.customers as {{ segmentation.type_double() }}), 0)
        end as coverage,
        rule_sizes.customers_in_both / nullif(cast(rule_sizes.customers_in_rule as {{ segmentation.type_double() }}), 0) as precision,
        fidelities.tree_fidelity

    from segments

    {# A model that was fitted before there were rules has none. #}
    left join agreements
        on segments.segmentation = agreements.segmentation

    left join rules
        on segments.segmentation = rules.segmentation
        and segments.segment_id = rules.segment_id

    left join sizes
        on segments.segmentation = sizes.segmentation
        and segments.segment_id = sizes.segment_id

    left join rule_sizes
        on segments.segmentation = rule_sizes.segmentation
        and segments.segment_id = rule_sizes.segment_id

    left join fidelities
        on segments.segmentation = fidelities.segmentation

),

final as (

    select
        ---------- ids
        measured.segmentation,
        measured.segment_id,
        measured.segment_name,

        ---------- text
        {{ segmentation.unless_suppressed("measured.customers", "measured.rule") }} as rule,
        {{ segmentation.unless_suppressed("measured.customers", "measured.condition") }} as condition,

        ---------- numbers
        {%- for count in ["customers", "customers_in_rule"] %}
        cast({{ segmentation.unless_suppressed("measured.customers", "measured." ~ count) }} as {{ dbt.type_bigint() }}) as {{ count }},
        {%- endfor %}
        {%- for share in ["coverage", "precision", "tree_fidelity"] %}
        {{ segmentation.unless_suppressed("measured.customers", "measured." ~ share) }} as {{ share }},
        {%- endfor %}

        ---------- booleans
        {{ segmentation.is_suppressed("measured.customers") }} as is_suppressed

    from measured

)

select * from final
{% endcall %}
