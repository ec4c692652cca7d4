{#
    Pre-hook of a table that is only appended to, with a column `customer_id` of the package's ids and
    a column `id_fingerprint`: takes out the rows of customers who asked to be forgotten, and all rows
    whose ids are of another kind than today's, since pseudonyms were switched on or off or have
    another salt. In one transaction with what is appended, where the engine has them.
#}
{% macro forget_customers(relation) %}
    {#- First, so that dbt sees what these read as it parses. -#}
    {%- set fingerprint = segmentation.id_fingerprint() %}
    {%- set erased = segmentation.erased_customers() %}
    {%- set conditions = ["coalesce(id_fingerprint, '') <> " ~ fingerprint] %}
    {%- if erased is not none %}
        {%- do conditions.append(segmentation.is_erased("customer_id",
            "select " ~ segmentation.pseudonym("listed.customer_id") ~ " as customer_id from (" ~ erased ~ ") as listed"
        )) %}
    {%- endif %}
    {%- if execute and load_cached_relation(relation) is not none %}
        {{- segmentation.delete_rows(relation, conditions | join(" or ")) }}
    {%- endif %}
{% endmacro %}


{#
    What tells under which pseudonyms a row was written, as SQL: 'plain' for real ids, else 16 digits of
    the pseudonym of a blank, which no id is.
#}
{% macro id_fingerprint() -%}
    {%- if segmentation.option("pseudonymize") is none -%}
        'plain'
    {%- else -%}
        substring({{ segmentation.pseudonym("' '") }}, 1, 16)
    {%- endif -%}
{%- endmacro %}
