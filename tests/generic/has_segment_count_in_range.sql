{#
    For a table with one row per segmentation and segment: fails for each segmentation with fewer
    or more segments, noise aside, than the range of k in its definition. None at all passes: no
    customers.
#}
{% test has_segment_count_in_range(model) %}

with

counts as (

    select
        segmentation,
        count(*) as segment_count

    from {{ model }}

    where segment_id > 0

    group by segmentation

),

asked_for as (

    select distinct
        segmentation,
        k_min,
        k_max

    from {{ ref('segmentation__settings') }}

    where frozen_model is null

)

select
    counts.segmentation,
    counts.segment_count,
    asked_for.k_min,
    asked_for.k_max

from counts

inner join asked_for
    on counts.segmentation = asked_for.segmentation

where counts.segment_count < asked_for.k_min
    or counts.segment_count > asked_for.k_max

{% endtest %}
