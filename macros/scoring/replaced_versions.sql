{#
    The segmentations whose model has changed since events were last told, as {name: the version of
    that time}; empty where nothing is being read.

    placements   relation of `segmentation__customer_segments`
#}
{% macro replaced_versions(placements) %}
    {% set replaced = {} %}
    {% if segmentation.is_querying() and not segmentation.is_unit_test() %}
        {% set query %}
            select
                scored.segmentation,
                scored.model_version

            from ({{ segmentation.scored_versions(segmentation.built_relation("segmentation__segment_events")) }}) as scored

            inner join (
                select segmentation, max(model_version) as model_version from {{ placements }} group by segmentation
            ) as placed
                on scored.segmentation = placed.segmentation

            where scored.model_version <> placed.model_version
        {% endset %}
        {% for row in run_query(query).rows %}
            {% do replaced.update({row[0]: row[1] | int}) %}
        {% endfor %}
    {% endif %}
    {% do return(replaced) %}
{% endmacro %}
