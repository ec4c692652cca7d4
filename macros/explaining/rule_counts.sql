{#
    How many customers of each segment stand in each leaf of the rule tree, as SQL of (node_id,
    segment_id, customers), over all customers of a segmentation in one pass. A missing value is
    imputed first, as for scoring. Customers are joined with the leaves' bounds: on 1,000,000
    customers and 16 leaves of four features that takes 0.5 s on DuckDB with two threads, as long as
    with all bounds in one row.

    customers    SQL of (customer_id, feature_1, ..., feature_n) by the macro `customers`
    model        SQL or relation with the rows of one version of `segmentation__model`
    placements   SQL or relation with columns of `segmentation__customer_segments`, of one segmentation
    features     the definition's features
#}
{% macro rule_counts(customers, model, placements, features) %}
{%- set numbers = [] %}
{%- set categories = [] %}
{%- for feature, how in features.items() %}
    {%- do (categories if how.kind == "category" else numbers).append({
        "number": loop.index, "is_it": "feature = " ~ segmentation.text_literal(feature)
    }) %}
{%- endfor %}
    {#- No name of the model that this stands in: Spark calls such names ambiguous. #}
    with

    own_model as (

        select * from {{ model }}

    ),

    own_placements as (

        select * from {{ placements }}

    ),

    fill_values as (

        select
            {%- for feature in numbers %}
            max(case when {{ feature.is_it }} then value end) as fill_value_{{ feature.number }}{{ "," if not loop.last or categories }}
            {%- endfor %}
            {%- for feature in categories %}
            max(case when {{ feature.is_it }} then text_value end) as fill_value_{{ feature.number }}{{ "," if not loop.last }}
            {%- endfor %}

        from own_model

        where parameter = 'fill_value'

    ),

    customers as (

        {{ customers }}

    ),

    imputed as (

        select
            own_placements.segment_id
            {%- for feature in numbers + categories %},
            coalesce(customers.feature_{{ feature.number }}, fill_values.fill_value_{{ feature.number }}) as imputed_{{ feature.number }}
            {%- endfor %}

        from customers

        inner join own_placements
            on customers.customer_id = own_placements.customer_id

        cross join fill_values

    ),

    {# A category: whether the leaf says which level it must have (1), or which it must not (0). #}
    level_bounds as (

        select
            own_model.node_id,
            own_model.feature,
            own_model.value as must_have,
            levels.text_value as level

        from own_model

        inner join own_model as levels
            on own_model.feature = levels.feature
            and own_model.level_id = levels.level_id
            and levels.parameter = 'level'

        where own_model.parameter = 'rule_is'

    ),

    leaves as (

        select
            node_id
            {%- for feature in numbers %},
            coalesce(max(case when parameter = 'rule_above' and {{ feature.is_it }} then value end), -1e300) as above_{{ feature.number }},
            coalesce(max(case when parameter = 'rule_at_most' and {{ feature.is_it }} then value end), 1e300) as at_most_{{ feature.number }}
            {%- endfor %}

        from own_model

        where parameter in ('rule_leaf_size', 'rule_above', 'rule_at_most')

        group by node_id

    ),

    {%- for feature in categories %}

    required_{{ feature.number }} as (

        select
            node_id,
            level

        from level_bounds

        where must_have = 1
            and {{ feature.is_it }}

    ),

    excluded_{{ feature.number }} as (

        select
            node_id,
            level

        from level_bounds

        where must_have = 0
            and {{ feature.is_it }}

    ),
    {%- endfor %}

    held as (

        select
            leaves.node_id,
            imputed.segment_id

        from imputed

        cross join leaves
        {%- for feature in categories %}

        left join required_{{ feature.number }}
            on leaves.node_id = required_{{ feature.number }}.node_id

        left join excluded_{{ feature.number }}
            on leaves.node_id = excluded_{{ feature.number }}.node_id
            and imputed.imputed_{{ feature.number }} = excluded_{{ feature.number }}.level
        {%- endfor %}

        where true
            {%- for feature in numbers %}
            and imputed.imputed_{{ feature.number }} > leaves.above_{{ feature.number }}
            and imputed.imputed_{{ feature.number }} <= leaves.at_most_{{ feature.number }}
            {%- endfor %}
            {%- for feature in categories %}
            and (required_{{ feature.number }}.level is null or required_{{ feature.number }}.level = imputed.imputed_{{ feature.number }})
            and excluded_{{ feature.number }}.level is null
            {%- endfor %}

    )

    select
        node_id,
        segment_id,
        count(*) as customers

    from held

    group by
        node_id,
        segment_id
{% endmacro %}
