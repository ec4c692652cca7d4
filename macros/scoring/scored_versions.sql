{#
    The last version of each segmentation that events have been told by, as SQL of (segmentation,
    model_version): of the events themselves and, where a version moved nobody, of the log downstream.
    A version's number is never used twice, so the last is the highest; a build that was killed between
    the two tables needs no mending.

    events   relation of `segmentation__segment_events`, or none where there is none yet
#}
{% macro scored_versions(events) %}
    {%- set relations = [events, segmentation.built_relation("int_segmentation__scored_versions")] | reject("none") | list %}
    select
        segmentation,
        cast(max(model_version) as integer) as model_version

    from (
        {%- for relation in relations %}
        select segmentation, model_version from {{ relation }}
        {{ "" if loop.last else "union all" }}
        {%- endfor %}
        {%- if not relations %}
        {{- segmentation.no_rows({"segmentation": dbt.type_string(), "model_version": "integer"}) }}
        {%- endif %}
    ) as scored

    group by segmentation
{% endmacro %}
