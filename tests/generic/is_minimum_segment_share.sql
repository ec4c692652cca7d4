{# For a column of shares: fails for each segment, noise aside, smaller than the option `minimum_segment_share`. #}
{% test is_minimum_segment_share(model, column_name) %}

select
    segmentation,
    segment_id,
    {{ column_name }}

from {{ model }}

where segment_id > 0
    and {{ column_name }} < {{ segmentation.option("minimum_segment_share") }}

{% endtest %}
