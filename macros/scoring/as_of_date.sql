{# The day that a build looks at, as SQL of one date: the option, else that of the RFM table. #}
{% macro as_of_date() %}
    {%- set as_of_date = segmentation.option("as_of_date") -%}
    {%- if as_of_date is none and segmentation.input()["transactions"] != "none" -%}
        (select max(as_of_date) from {{ ref('segmentation__rfm') }})
    {%- else -%}
        {{ segmentation.date_literal(as_of_date) }}
    {%- endif -%}
{% endmacro %}
