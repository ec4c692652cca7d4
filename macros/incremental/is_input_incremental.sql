{# True where `segmentation_input.incremental` says which lines are new. #}
{% macro is_input_incremental() %}
    {% do return(segmentation.input()["incremental"] is not none) %}
{% endmacro %}


{# True for a table whose touched rows are replaced: where lines come in increments and the engine can. #}
{% macro is_replacing() %}
    {% do return(segmentation.is_input_incremental() and segmentation.replace_strategy() is not none) %}
{% endmacro %}


{# dbt's strategy that replaces rows by their key on this engine; none where there is none. #}
{% macro replace_strategy() %}
    {% do return(adapter.dispatch("replace_strategy", "segmentation")()) %}
{% endmacro %}

{% macro default__replace_strategy() %}{% do return(none) %}{% endmacro %}
{% macro duckdb__replace_strategy() %}{% do return("delete+insert") %}{% endmacro %}
{% macro postgres__replace_strategy() %}{% do return("delete+insert") %}{% endmacro %}
{% macro redshift__replace_strategy() %}{% do return("delete+insert") %}{% endmacro %}
{% macro snowflake__replace_strategy() %}{% do return("delete+insert") %}{% endmacro %}
{% macro bigquery__replace_strategy() %}{% do return("merge") %}{% endmacro %}
{% macro databricks__replace_strategy() %}{% do return("merge") %}{% endmacro %}
