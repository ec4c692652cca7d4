{#
    The customers of a definition in one shape, as SQL of (customer_id, value, feature_1, ...,
    feature_n): ids as clean text, or the pseudonyms of these, features in the order of the definition,
    numbers as doubles (null where missing or not finite) and categories as clean text, the value as
    fixed-point. Customers who asked to be forgotten are left out.

    definition  a definition of `configuration`
    columns     its columns by `customer_columns`
    relation    the customer table that these are of; ids of the package's own are taken as they are
    is_fit      only the customers who may be in the fit
    carried     further columns of the relation, behind the features
#}
{% macro customers(definition, columns, relation, is_fit=false, carried=[]) %}
    {#- Ids in the package's own tables are clean, hashed, and of nobody who asked to be forgotten. -#}
    {%- set clean_id = segmentation.clean_id(columns.customer_id) %}
    {%- set erased = none if columns.is_own else segmentation.erased_customers() %}
    select
        {{ columns.customer_id.sql if columns.is_own else segmentation.pseudonym(clean_id) }} as customer_id,
        {{ segmentation.read_number(columns.value) }} as value
        {%- for feature, how in definition.features.items() %}
        {%- set column = columns.features.get(feature) if relation is not none else none %},
        {%- if how.kind == "category" %}
        {{ segmentation.clean_id(column) }} as feature_{{ loop.index }}
        {%- else %}
        {#- As a double first: fixed-point is compared with no such bound on some engines. -#}
        {%- set double = "cast(" ~ ("null" if column is none else column.sql) ~ " as " ~ segmentation.type_double() ~ ")" %}
        case
            when {{ double }} > -1.0e300 and {{ double }} < 1.0e300 then {{ double }}
        end as feature_{{ loop.index }}
        {%- endif %}
        {%- endfor %}
        {%- for column in carried %},
        {{ column }}
        {%- endfor %}

    {% if relation is none -%}
    from (select null as {{ definition.customer_id }}) as nothing

    where false
    {%- else -%}
    from {{ relation }}
    {%- set conditions = [
        definition.where,
        definition.fit_where if is_fit else none,
        none if erased is none else "not " ~ segmentation.is_erased(clean_id, erased)
    ] | reject("none") | list %}
    {%- for condition in conditions %}
    {{ "where" if loop.first else "    and" }} (
        {{ condition }}
    )
    {%- endfor %}
    {%- endif %}
{% endmacro %}
