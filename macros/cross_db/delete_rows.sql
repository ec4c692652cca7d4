{#
    A statement that takes rows out of a table for good; nothing, where the engine needs several, which
    are then run at once.

    condition   SQL that is never null
#}
{% macro delete_rows(relation, condition) %}
    {{- return(adapter.dispatch("delete_rows", "segmentation")(relation, condition)) -}}
{% endmacro %}

{% macro default__delete_rows(relation, condition) -%}
    delete from {{ relation }} where {{ condition }}
{%- endmacro %}

{% macro databricks__delete_rows(relation, condition) -%}
    {{ segmentation.default__delete_rows(relation, condition) }}
{%- endmacro %}

{# A file format that cannot delete is written anew from a copy; one that a killed run left is put back first. #}
{% macro spark__delete_rows(relation, condition) -%}
    {%- if config.get("file_format") in ("delta", "iceberg", "hudi") -%}
        {{ segmentation.default__delete_rows(relation, condition) }}
    {%- else -%}
        {%- set copy = api.Relation.create(schema=relation.schema, identifier=relation.identifier ~ "__rest", type="table") -%}
        {%- if adapter.get_relation(copy.database, copy.schema, copy.identifier) is not none -%}
            {%- do run_query("insert overwrite table " ~ relation ~ " select * from " ~ copy) -%}
            {%- do run_query("drop table if exists " ~ copy) -%}
        {%- endif -%}
        {%- if run_query("select count(*) from " ~ relation ~ " where " ~ condition).rows[0][0] > 0 -%}
            {%- do run_query("create table " ~ copy ~ " using parquet as select * from " ~ relation ~ " where not (" ~ condition ~ ")") -%}
            {%- do run_query("insert overwrite table " ~ relation ~ " select * from " ~ copy) -%}
            {%- do run_query("drop table if exists " ~ copy) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
