{#
    For `segmentation__drift`: fails for each row whose population stability index is at or above a
    bound of the option `drift`; a bound of null passes.

    level   which bound: warn or error
#}
{% test has_not_drifted(model, level) %}
{%- set bound = segmentation.option("drift")[level] %}

select
    segmentation,
    subject,
    feature,
    population_stability_index,
    largest_shift

from {{ model }}

where {{ "1 = 0" if bound is none else "population_stability_index >= " ~ bound }}

{% endtest %}
