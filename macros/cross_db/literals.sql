{# Values of Jinja as SQL literals. #}

{% macro text_literal(value) -%}
    {%- if value is none -%}
        cast(null as {{ dbt.type_string() }})
    {%- else -%}
        cast({{ dbt.string_literal(dbt.escape_single_quotes(value | string)) }} as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}

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
