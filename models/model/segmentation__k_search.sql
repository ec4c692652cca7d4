{{ config(materialized=segmentation.view_or_table()) }}

with

model as (

    select * from {{ ref('int_segmentation__current_model') }}

),

final as (

    select
        ---------- ids
        segmentation,
        model_version,
        k,

        ---------- numbers
        {%- for parameter in [
            "inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "smallest_share", "stability", "bic"
        ] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }},
        {%- endfor %}

        ---------- booleans
        max(case when parameter = 'is_chosen' then value end) = 1 as is_chosen,

        ---------- text
        max(case when parameter = 'reason' then text_value end) as reason

    from model

    where k is not null

    group by
        segmentation,
        model_version,
        k

)

select * from final
