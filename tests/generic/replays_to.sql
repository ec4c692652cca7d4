{#
    For a table of events with the columns segmentation, customer_id, event ('entered' or 'left') and
    segment_id: fails for each customer and segment whose events, one taken off the other, do not leave
    the customer where the other table has them. Segmentations that are no longer defined are left out.

    compare_to   relation with segmentation, customer_id and segment_id
#}
{% test replays_to(model, compare_to) %}
{%- set names = segmentation.configuration()["definitions"].keys() | list %}

with

stacked as (

    select
        segmentation,
        customer_id,
        segment_id,
        case when event = 'entered' then 1 else -1 end as step,
        0 as place

    from {{ model }}

    union all

    select
        segmentation,
        customer_id,
        segment_id,
        0 as step,
        1 as place

    from {{ compare_to }}

)

select
    segmentation,
    customer_id,
    segment_id,
    sum(step) as replayed,
    sum(place) as placed

from stacked

where segmentation in ({% for name in names %}'{{ name }}'{{ "" if loop.last else ", " }}{% else %}''{% endfor %})

group by
    segmentation,
    customer_id,
    segment_id

having sum(step) <> sum(place)

{% endtest %}
