{#
    The texts of a group in one, in order. dbt's own listagg has no order on Spark.

    text        SQL of a text; nulls are left out
    delimiter   an SQL literal
    order_by    SQL of what orders them
#}
{% macro listed(text, delimiter, order_by) %}
    {{- return(adapter.dispatch("listed", "segmentation")(text, delimiter, order_by)) -}}
{% endmacro %}

{% macro default__listed(text, delimiter, order_by) -%}
    {{ dbt.listagg(text, delimiter, "order by " ~ order_by) }}
{%- endmacro %}

{% macro spark__listed(text, delimiter, order_by) -%}
    array_join(
        transform(
            array_sort(collect_list(struct({{ order_by }} as place, {{ text }} as said))),
            entry -> entry.said
        ),
        {{ delimiter }}
    )
{%- endmacro %}
