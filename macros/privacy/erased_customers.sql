{#
    The customers who asked to be forgotten, as SQL of (customer_id): real ids, cleaned as any id,
    each once. None where the option `erased_customers` names no relation. Raises where that does not
    exist or has no column `customer_id`.
#}
{% macro erased_customers() %}
    {% set said = segmentation.option("erased_customers") %}
    {% if said is none %}
        {% do return(none) %}
    {% endif %}
    {% set relation = segmentation.relation_of(said) %}
    {% set path = "segmentation_options.erased_customers: " %}
    {% set existing = segmentation.relation_columns(relation) %}
    {% set column = segmentation.find_column("customer_id", existing) %}
    {% set faults = [] %}
    {% if relation.is_cte and segmentation.is_input_incremental() and not segmentation.is_unit_test() %}
        {% do faults.append(path ~ relation ~ " is ephemeral, so nobody can ask whether a stored line is of an erased customer; allowed with incremental: a table or a view") %}
    {% endif %}
    {# Of an ephemeral model, and of a fixture, dbt knows no columns. #}
    {% if not existing and not relation.is_cte and not segmentation.is_unit_test() %}
        {% do faults.append(path ~ relation ~ " does not exist") %}
    {% elif column is none %}
        {% do faults.append(path ~ "no column 'customer_id' in " ~ relation ~ "; columns that exist: " ~ (existing.keys() | join(", "))) %}
    {% endif %}
    {% do segmentation.raise_faults("nobody knows whom to forget", faults) %}
    {% set sql %}
        select distinct {{ segmentation.clean_id(column or {"sql": "customer_id", "kind": "other"}) }} as customer_id

        from {{ relation }}
    {% endset %}
    {% do return(sql) %}
{% endmacro %}


{#
    True for a customer who asked to be forgotten; never null.

    customer_id   SQL of a clean id
    erased        SQL of `erased_customers`
#}
{% macro is_erased(customer_id, erased) -%}
    (coalesce({{ customer_id }}, '') in (select erased.customer_id from ({{ erased }}) as erased where erased.customer_id is not null))
{%- endmacro %}


{#
    A column of a judged line, null where the line is of somebody who asked to be forgotten.

    erased       SQL of `erased_customers`, or none
    expression   SQL of the column, beside a column rejection_reason
#}
{% macro unless_erased(erased, expression) -%}
    {%- if erased is none -%}
        {{ expression }}
    {%- else -%}
        case when rejection_reason = 'erased' then null else {{ expression }} end
    {%- endif -%}
{%- endmacro %}
