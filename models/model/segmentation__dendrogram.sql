{{ config(materialized=segmentation.view_or_table()) }}

with

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

nodes as (

    select
        segmentation,
        model_version,
        node_id,
        max(segment_id) as segment_id,
        {%- for parameter in ["left", "right", "height", "size", "position"] %}
        max(case when parameter = 'dendrogram_{{ parameter }}' then value end) as {{ parameter }}_value{{ "" if loop.last else "," }}
        {%- endfor %}

    from model

    where parameter like 'dendrogram%'

    group by
        segmentation,
        model_version,
        node_id

),

trees as (

    select
        segmentation,
        value as cophenetic_correlation

    from model

    where parameter = 'cophenetic_correlation'

),

final as (

    select
        ---------- ids
        nodes.segmentation,
        nodes.model_version,
        nodes.node_id,
        cast(nodes.left_value as integer) as left_node_id,
        cast(nodes.right_value as integer) as right_node_id,
        nodes.segment_id,

        ---------- numbers
        nodes.height_value as height,
        cast(nodes.size_value as {{ dbt.type_bigint() }}) as size,
        nodes.position_value as leaf_position,
        trees.cophenetic_correlation

    from nodes

    left join trees
        on nodes.segmentation = trees.segmentation

)

select * from final
