{#
    Lines of the input mapped, typed and judged, as SQL: the columns of
    `segmentation__transactions`, line_id, what was given (input_<mapped column>) and line_fault, the
    first reason to reject the line for what it says itself; null for none. Whether it is a
    duplicate is not known here. With `incremental`, loaded_at too.

    source       where the lines are, with the input's own columns
    columns      what `transaction_columns` gives
    input        the input of `configuration`
    is_erasing   whether a CTE erased_customers of (erased_customer_id) stands before it
#}
{% macro judged_lines(source, columns, input, is_erasing) %}
{%- set numbers = ["quantity", "unit_price", "amount"] | reject("in", columns.items() | selectattr("1", "none") | map("first") | list) | list %}
    select
        typed.*,

        {% for number in ["quantity", "amount"] if number in numbers -%}
        {{ "" if loop.first else " or " }}{{ number }} < 0
        {%- endfor %} as is_return,

        case
            {%- if is_erasing %}
            when erased_customer_id is not null then 'erased'
            {%- endif %}
            when customer_id is null then 'missing_customer'
            {%- if columns.order_id is not none %}
            when order_id is null then 'missing_order'
            {%- endif %}
            when ordered_at is null then 'unreadable_date'
            when ordered_at < cast('{{ input.earliest_date }}' as {{ dbt.type_timestamp() }})
                or cast(ordered_at as date) > {{ segmentation.date_literal(input.latest_date) }}
                then 'date_out_of_range'
            when {% for number in numbers if number != "amount" %}{{ number }} is null or {% endfor %}amount is null
                then 'unreadable_number'
            when is_excluded then 'excluded'
            {%- if "unit_price" in numbers %}
            when unit_price <= 0 then 'non_positive_price'
            {%- endif %}
            {%- if "quantity" in numbers %}
            when quantity = 0 then 'zero_quantity'
            {%- endif %}
        end as line_fault

    from (

        select
            ---------- ids
            {{ segmentation.clean_id(columns.customer_id) }} as customer_id,
            {% if columns.order_id is not none -%}
            {{ segmentation.clean_id(columns.order_id) }} as order_id,
            {%- else -%}
            cast({{ segmentation.read_timestamp(columns.ordered_at) }} as {{ dbt.type_string() }}) as order_id,
            {%- endif %}
            {{ segmentation.clean_id(columns.line_id) }} as line_id,
            {{ segmentation.clean_id(columns.product_id) }} as product_id,

            ---------- timestamps
            {{ segmentation.read_timestamp(columns.ordered_at) }} as ordered_at,
            {%- if "loaded_at" in columns %}
            {{ segmentation.read_timestamp(columns.loaded_at) }} as loaded_at,
            {%- endif %}

            ---------- numbers
            {{ segmentation.read_number(columns.quantity) }} as quantity,
            {{ segmentation.read_number(columns.unit_price) }} as unit_price,
            {{ segmentation.line_amount(columns) }} as amount,

            ---------- what was given
            {%- for name in segmentation.mapped_columns() if columns[name] is not none %}
            {{ columns[name].sql }} as input_{{ name }},
            {%- endfor %}

            ---------- booleans
            {% if input.exclude is none -%}
            false as is_excluded
            {%- else -%}
            coalesce((
                {{ input.exclude }}
            ), false) as is_excluded
            {%- endif %}

        from {{ source }}

    ) as typed
    {%- if is_erasing %}

    left join erased_customers
        on typed.customer_id = erased_customers.erased_customer_id
    {%- endif %}
{% endmacro %}
