{#
    The customers of a definition in one shape, as SQL of (customer_id, value, feature_1, ...,
    feature_n): ids as clean text, features as doubles in the order of the definition (null where
    missing or not finite), the value as fixed-point.

    definition  a definition of `configuration`
    columns     its columns by `customer_columns`
    relation    the customer table
#}
{% macro customers(definition, columns, relation) %}
    {#- Ids in the package's own tables are clean, and cleaning costs a fifth of scoring. -#}
    {%- set is_own = segmentation.is_own_model(definition.customers) %}
    select
        {{ columns.customer_id.sql if is_own else segmentation.clean_id(columns.customer_id) }} as customer_id,
        {{ segmentation.read_number(columns.value) }} as value
        {%- for feature in definition.features %}
        {%- set sql = columns.features[feature].sql if relation is not none else "null" %},
        case
            when {{ sql }} > -1.0e300 and {{ sql }} < 1.0e300
                then cast({{ sql }} as {{ segmentation.type_double() }})
        end as feature_{{ loop.index }}
        {%- endfor %}

    {% if relation is none -%}
    from (select null as {{ definition.customer_id }}) as nothing

    where false
    {%- else -%}
    from {{ relation }}
    {%- if definition.where is not none %}

    where (
        {{ definition.where }}
    )
    {%- endif %}
    {%- endif %}
{% endmacro %}
