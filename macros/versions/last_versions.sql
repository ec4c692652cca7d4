{#
    The last version of each segmentation, as SQL of (segmentation, model_version). A version counts
    once all of its rows are there, as many as its `parameter_count` says: one that was written in
    part, by a killed run on an engine without transactions, is passed over.

    history   SQL or relation with the columns of `segmentation__model`
#}
{% macro last_versions(history) %}
    select
        complete.segmentation,
        max(complete.model_version) as model_version

    from (

        select
            versions.segmentation,
            versions.model_version

        from {{ segmentation.aliasable(history) }} as versions

        group by
            versions.segmentation,
            versions.model_version

        having count(*) = max(case when versions.parameter = 'parameter_count' then versions.value end)

    ) as complete

    group by complete.segmentation
{% endmacro %}


{# The number of the last version of one segmentation, as SQL of one value. #}
{% macro last_version(history, name) -%}
    (
        select last_versions.model_version

        from ({{ segmentation.last_versions(history) }}) as last_versions

        where last_versions.segmentation = {{ segmentation.text_literal(name) }}
    )
{%- endmacro %}
