{#
    The two features that pull each customer hardest towards its segment, and the one that pulls
    hardest the other way, as SQL of (customer_id, segment_id, runner_up_segment_id, is_current,
    is_by_centroids, net_pull, and first_, second_ and counter_ feature, share, value and level). Of
    equals the first of the definition; counter_ is null where all pull one way.

    pulls   relation with the columns of `feature_pulls`
    shape   of the model, by `model_shape`
#}
{% macro strongest_pulls(pulls, shape) %}
{%- set positions = range(1, shape.features | length + 1) %}
    with

    ranked as (

        select
            pulls.*
            {%- for position in positions %},
            case when share_{{ position }} < 0 then -share_{{ position }} end as counter_share_{{ position }}
            {%- endfor %},
            {{ segmentation._place_of_most("share_", positions) }} as first_place

        from {{ pulls }} as pulls

    ),

    left_over as (

        select
            ranked.*
            {%- for position in positions %},
            case when first_place <> {{ position }} then share_{{ position }} end as left_over_{{ position }}
            {%- endfor %}

        from ranked

    ),

    placed as (

        select
            left_over.*,
            {{ segmentation._place_of_most("left_over_", positions) }} as second_place,
            {{ segmentation._place_of_most("counter_share_", positions) }} as counter_place

        from left_over

    )

    select
        customer_id,
        segment_id,
        runner_up_segment_id,
        is_current,
        {{ segmentation.boolean_literal(shape.rule == "centroid") }} as is_by_centroids,
        net_pull
        {%- for place in segmentation.pull_places() %},
        case {{ place }}_place
            {%- for feature in shape.features %}
            when {{ feature.number }} then {{ segmentation.text_literal(feature.name) }}
            {%- endfor %}
        end as {{ place }}_feature,
        case {{ place }}_place
            {%- for feature in shape.features %}
            when {{ feature.number }} then share_{{ feature.number }}
            {%- endfor %}
        end as {{ place }}_share,
        case {{ place }}_place
            {%- for feature in shape.features %}
            when {{ feature.number }} then {{ segmentation.number_literal(none, segmentation.type_double()) if feature.kind == "category" else "value_" ~ feature.number }}
            {%- endfor %}
        end as {{ place }}_value,
        case {{ place }}_place
            {%- for feature in shape.features %}
            when {{ feature.number }} then {{ "level_" ~ feature.number if feature.kind == "category" else segmentation.text_literal(none) }}
            {%- endfor %}
        end as {{ place }}_level
        {%- endfor %}

    from placed
{% endmacro %}


{# What an explanation may name: the two that pull hardest, and the hardest that pulls the other way. #}
{% macro pull_places() %}
    {% do return(["first", "second", "counter"]) %}
{% endmacro %}


{# The position whose column <prefix><position> is the greatest, of equals the lowest; nulls do not count. #}
{% macro _place_of_most(prefix, positions) -%}
    {%- set columns = [] -%}
    {%- for position in positions -%}
        {%- do columns.append("coalesce(" ~ prefix ~ position ~ ", -" ~ segmentation.out_of_reach() ~ ")") -%}
    {%- endfor -%}
    {%- set most = "greatest(" ~ columns | join(", ") ~ ")" if columns | length > 1 else columns[0] -%}
    case
        {%- for position in positions %}
        when {{ prefix }}{{ position }} = {{ most }} then {{ position }}
        {%- endfor %}
    end
{%- endmacro %}
