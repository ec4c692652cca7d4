{# A relation behind which an alias may stand: with dbt's --empty it is a query that has one already. #}
{% macro aliasable(relation) -%}
    {{ "(select * from " ~ relation ~ ")" if relation.limit is number else relation }}
{%- endmacro %}
