{#
    The parameters that say how a version came about, as an SQL list: those that `segmentation__model`
    writes anew for each, and others that are named.
#}
{% macro version_remarks(others=[]) -%}
    ('{{ (["fitted_at", "as_of_date", "fit_reason", "dbt_version", "parameter_count"] + others) | join("', '") }}')
{%- endmacro %}
