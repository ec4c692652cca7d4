{#
    One text for all that decides how a line is judged and stored, as SQL: lines judged under another
    one are judged again. In it are the keys of `segmentation_input` but the default latest_date,
    which moves every day, the types of the mapped columns, whether customers are erased, and with
    pseudonyms that of a fixed text, so that another salt is another hash and nothing shows the salt.

    columns  what `transaction_columns` gives
#}
{% macro input_hash(columns) -%}
    {%- set input = segmentation.input() -%}
    {%- set judged_by = {} -%}
    {%- for key, value in input.items() if key != "latest_date" or not input.is_latest_date_default -%}
        {%- do judged_by.update({key: value}) -%}
    {%- endfor -%}
    {%- do judged_by.update({
        "found_columns": columns,
        "is_erasing": segmentation.option("erased_customers") is not none,
        "layout": segmentation._lines_layout(),
    }) -%}
    {%- set settings = segmentation.text_literal(local_md5(tojson(judged_by, sort_keys=true))) -%}
    {%- if segmentation.option("pseudonymize") is none -%}
        {{ settings }}
    {%- else -%}
        {{ dbt.hash(dbt.concat([settings, segmentation.pseudonym("'segmentation'")])) }}
    {%- endif -%}
{%- endmacro %}


{# Counts up when a version of this package judges lines in another way, or stores them in other columns. #}
{% macro _lines_layout() %}{% do return(1) %}{% endmacro %}
