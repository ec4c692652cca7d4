{#
    Fails for each number in the column that no version of its segmentation's model has as a segment,
    retired segments among them.

    models   relation with the columns of `segmentation__model`
#}
{% test is_segment_of_a_version(model, column_name, models) %}

with

found as (

    select distinct
        segmentation,
        {{ column_name }} as segment_id

    from {{ model }}

    where {{ column_name }} is not null

),

known as (

    select distinct
        segmentation,
        segment_id

    from {{ models }}

)

select found.*

from found

left join known
    on found.segmentation = known.segmentation
    and found.segment_id = known.segment_id

where known.segment_id is null

{% endtest %}
