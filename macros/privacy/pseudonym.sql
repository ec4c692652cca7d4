{#
    A customer's id as it stands in the package's tables: the id itself or, with the option
    `pseudonymize`, the SHA-256 of the salt, a colon and the id, as 64 hexadecimal digits. Null stays
    null. The salt is read by the query as it runs, so no SQL text, log or manifest holds it.

    Call it in models of yours that join real ids with the package's tables.

    customer_id   SQL of an id as clean text: trimmed, null where blank
#}
{% macro pseudonym(customer_id) -%}
    {%- set said = segmentation.option("pseudonymize") -%}
    {%- if said is none -%}
        {{ customer_id }}
    {%- elif said.salt is none -%}
        {#- The option is faulty: rather no ids than real ones. -#}
        {{ segmentation.text_literal(none) }}
    {%- else -%}
        {%- set salt = "(select salts.salt from " ~ segmentation.relation_of(said.salt) ~ " as salts)" -%}
        {{ segmentation.sha256(dbt.concat([salt, "':'", customer_id])) }}
    {%- endif -%}
{%- endmacro %}


{# What was given for a mapped column of a judged line, as text; of the customer's id the pseudonym. #}
{% macro given_text(name) -%}
    {%- if name == "customer_id" and segmentation.option("pseudonymize") is not none -%}
        {{ segmentation.pseudonym("customer_id") }}
    {%- else -%}
        cast(input_{{ name }} as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
