{#
    What fits the models, `python` or `sql`: the option `trainer`, or with `auto` what the engine can do.
    The property files of the two say the same in one expression, since macros are not there yet.
#}
{% macro trainer() %}
    {% set asked = segmentation.option("trainer") %}
    {% do return(asked if asked != "auto" else ("python" if segmentation.has_python_models() else "sql")) %}
{% endmacro %}


{# The engines that the package runs on. #}
{% macro engines() %}
    {% do return(["duckdb", "postgres", "spark", "snowflake", "bigquery", "redshift", "databricks"]) %}
{% endmacro %}


{# True where dbt has Python models: not on PostgreSQL, Redshift and open-source Spark, and since dbt 2 not on DuckDB. #}
{% macro has_python_models() %}
    {% set engines = ["snowflake", "bigquery", "databricks"] + (["duckdb"] if dbt_version.split(".")[0] == "1" else []) %}
    {% do return(target.type in engines) %}
{% endmacro %}
