{#
    The rules of a naming scheme as SQL of (bands, rfm_segment, recency_from, recency_to,
    frequency_from, frequency_to, monetary_from, monetary_to), one row a rule.

    scheme  the name of a scheme that ships, or the user's own relation with the columns bands,
            rfm_segment and either rfm_score (a cell as 543, a point for any score) or the six
            from and to columns (null: no bound). Raises when its columns are missing.
#}
{% macro rfm_scheme_rules(scheme) %}
    {% set shipped = segmentation.rfm_schemes().get(scheme) if scheme is string %}
    {% if shipped %}
        {% set rules = [] %}
        {% for name, cells in shipped.cells.items() %}
            {% for cell in cells.split() %}
                {% do rules.append([shipped.bands, segmentation.text_literal(name), "'" ~ cell ~ "'"]) %}
            {% endfor %}
        {% endfor %}
        {% do return(segmentation._ranges_of_cells(
            segmentation.literal_rows(["bands", "rfm_segment", "rfm_score"], rules, "cells")
        )) %}
    {% endif %}

    {% set relation = segmentation.relation_of(scheme) %}
    {% set columns = segmentation.relation_columns(relation) %}
    {% set names = columns.keys() | map("lower") | list %}
    {% set ranges = [] %}
    {% for measure in ["recency", "frequency", "monetary"] %}
        {% do ranges.extend([measure ~ "_from", measure ~ "_to"]) %}
    {% endfor %}
    {% set missing = (["bands", "rfm_segment"] + ([] if "rfm_score" in names else ranges)) | reject("in", names) | list %}
    {% if columns and missing %}
        {% do segmentation.raise_faults("the naming rules " ~ relation ~ " lack columns", [
            "missing: " ~ (missing | join(", ")),
        ], [
            "needed: bands, rfm_segment, and rfm_score or " ~ (ranges | join(", ")),
            "columns that exist: " ~ (columns.keys() | join(", ")),
        ]) %}
    {% endif %}
    {% if "rfm_score" in names or not columns %}
        {% do return(segmentation._ranges_of_cells(relation | string)) %}
    {% endif %}
    {% do return("select bands, rfm_segment, " ~ (ranges | join(", ")) ~ " from " ~ relation) %}
{% endmacro %}


{# Rules by cell, as what stands behind `from`, as rules by range. #}
{% macro _ranges_of_cells(cells) %}
    {% set rules %}
        select
            bands,
            rfm_segment
            {%- for measure in ["recency", "frequency", "monetary"] %}
            {%- set digit = "substring(cast(rfm_score as " ~ dbt.type_string() ~ "), " ~ loop.index ~ ", 1)" %},
            cast(nullif({{ digit }}, '.') as integer) as {{ measure }}_from,
            cast(nullif({{ digit }}, '.') as integer) as {{ measure }}_to
            {%- endfor %}
        from {{ cells }}
    {% endset %}
    {% do return(rules) %}
{% endmacro %}


{#
    The cells that rules cover, as SQL of (bands, recency_score, frequency_score, monetary_score,
    rfm_segment): one row for each cell and rule; a cell that no rule covers once, with a null
    name.
#}
{% macro rfm_scheme_cells(rules) %}
with

rules as (

    {{ rules }}

),

digits as (

    select score from {{ segmentation.literal_rows(["score"], range(1, 10) | batch(1), "digits") }}

),

scores as (

    select
        digits.score,
        bands.bands

    from digits

    inner join (select max(bands) as bands from rules) as bands
        on digits.score <= bands.bands

),

final as (

    select
        recency.bands,
        recency.score as recency_score,
        frequency.score as frequency_score,
        monetary.score as monetary_score,
        rules.rfm_segment

    from scores as recency

    cross join scores as frequency

    cross join scores as monetary

    left join rules
        on recency.score between coalesce(rules.recency_from, 1) and coalesce(rules.recency_to, 9)
        and frequency.score between coalesce(rules.frequency_from, 1) and coalesce(rules.frequency_to, 9)
        and monetary.score between coalesce(rules.monetary_from, 1) and coalesce(rules.monetary_to, 9)

)
{% endmacro %}
