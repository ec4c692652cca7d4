{# Values of Jinja as SQL literals. #}

{% macro text_literal(value) -%}
    {%- if value is none -%}
        cast(null as {{ dbt.type_string() }})
    {%- else -%}
        {#- Few texts need an escape, and there are many: dbt need not look up how it is written for each. -#}
        {%- set text = value | string %}
        {%- set text = segmentation.escaped(text) if "'" in text or "\\" in text else text -%}
        cast({{ dbt.string_literal(text) }} as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}

{# A text as it stands between single quotes. #}
{% macro escaped(text) %}
    {%- do return(adapter.dispatch("escaped", "segmentation")(text)) -%}
{% endmacro %}

{% macro default__escaped(text) %}{% do return(dbt.escape_single_quotes(text)) %}{% endmacro %}

{# Where a backslash escapes it is doubled. #}
{% macro snowflake__escaped(text) %}{% do return(dbt.escape_single_quotes(text | replace("\\", "\\\\"))) %}{% endmacro %}
{% macro bigquery__escaped(text) %}{% do return(dbt.escape_single_quotes(text | replace("\\", "\\\\"))) %}{% endmacro %}
{% macro spark__escaped(text) %}{% do return(dbt.escape_single_quotes(text | replace("\\", "\\\\"))) %}{% endmacro %}

{% macro number_literal(value, type) -%}
    cast({{ "null" if value is none else value }} as {{ type }})
{%- endmacro %}

{% macro boolean_literal(value) -%}
    cast({{ "true" if value else "false" }} as boolean)
{%- endmacro %}

{# A date given as text, yyyy-mm-dd, or none. #}
{% macro date_literal(value) -%}
    cast({{ "null" if value is none else "'" ~ value ~ "'" }} as date)
{%- endmacro %}
