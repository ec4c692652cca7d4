{#
    How a model is kept whose rows others give anew with little work: as a view. Spark would plan and
    compute it anew for each that reads it, all that is beneath it in one plan: there it is a table.
#}
{% macro view_or_table() %}
    {% do return(adapter.dispatch("view_or_table", "segmentation")()) %}
{% endmacro %}

{% macro default__view_or_table() %}{% do return("view") %}{% endmacro %}
{% macro spark__view_or_table() %}{% do return("table") %}{% endmacro %}
