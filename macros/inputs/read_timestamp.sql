{#
    A point in time as a timestamp, null where it cannot be read. Text is ISO 8601: a date, or a
    date and a time of day with a blank or T between; a zone at the end is left off, since
    timestamps are taken as given. Dates that do not exist (2025-02-30) cannot be read. A typed
    timestamp with time zone, which holds no zone of its own, is taken in UTC.

    column  {sql, kind} of `find_column`
#}
{% macro read_timestamp(column) %}
    {%- if column.kind in ("date", "timestamp", "timestamp with time zone") -%}
        {{ segmentation.as_timestamp(column) }}
    {%- else -%}
        {%- set text = segmentation.trim_blanks("cast(" ~ column.sql ~ " as " ~ dbt.type_string() ~ ")") -%}
        {%- set date_pattern = "[0-9][0-9][0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])" -%}
        {%- set time_pattern = "([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?( ?(Z|[+-][0-9][0-9](:?[0-9][0-9])?))?)?" -%}
        case
            when {{ segmentation.matches(text, "^" ~ date_pattern ~ time_pattern ~ "$") }}
                then {{ segmentation.iso_text_to_timestamp(text) }}
        end
    {%- endif -%}
{% endmacro %}


{# A typed date or timestamp as a timestamp without time zone, null where it is beyond its range. #}
{% macro as_timestamp(column) %}
    {{- return(adapter.dispatch("as_timestamp", "segmentation")(column)) -}}
{% endmacro %}

{% macro default__as_timestamp(column) -%}
    {%- set utc = "(" ~ column.sql ~ " at time zone 'UTC')" if column.kind == "timestamp with time zone" else column.sql -%}
    cast({{ utc }} as {{ dbt.type_timestamp() }})
{%- endmacro %}

{% macro duckdb__as_timestamp(column) -%}
    {%- set utc = "timezone('UTC', " ~ column.sql ~ ")" if column.kind == "timestamp with time zone" else column.sql -%}
    try_cast({{ utc }} as {{ dbt.type_timestamp() }})
{%- endmacro %}

{% macro snowflake__as_timestamp(column) -%}
    {%- set utc = "convert_timezone('UTC', " ~ column.sql ~ ")" if column.kind == "timestamp with time zone" else column.sql -%}
    cast({{ utc }} as timestamp_ntz)
{%- endmacro %}

{# BigQuery and Spark know one kind of timestamp, an instant; sessions run in UTC by default. #}
{% macro bigquery__as_timestamp(column) %}cast({{ column.sql }} as {{ dbt.type_timestamp() }}){% endmacro %}
{% macro spark__as_timestamp(column) %}cast({{ column.sql }} as {{ dbt.type_timestamp() }}){% endmacro %}


{#
    ISO text that matches the pattern of `read_timestamp` to a timestamp, null where the calendar
    has no such day. Without a safe cast the day is compared with the length of its month first.
#}
{% macro iso_text_to_timestamp(text) %}
    {{- return(adapter.dispatch("iso_text_to_timestamp", "segmentation")(text)) -}}
{% endmacro %}

{% macro default__iso_text_to_timestamp(text) -%}
    {%- set year = "cast(substring(" ~ text ~ ", 1, 4) as integer)" -%}
    {%- set month = "cast(substring(" ~ text ~ ", 6, 2) as integer)" -%}
    {%- set day = "cast(substring(" ~ text ~ ", 9, 2) as integer)" -%}
    case
        when {{ year }} > 0 and {{ day }} <= case
            when {{ month }} in (4, 6, 9, 11) then 30
            when {{ month }} <> 2 then 31
            when mod({{ year }}, 4) = 0 and (mod({{ year }}, 100) <> 0 or mod({{ year }}, 400) = 0) then 29
            else 28
        end
            then cast({{ segmentation.without_zone(text) }} as {{ dbt.type_timestamp() }})
    end
{%- endmacro %}

{% macro duckdb__iso_text_to_timestamp(text) -%}
    try_cast({{ segmentation.without_zone(text) }} as {{ dbt.type_timestamp() }})
{%- endmacro %}


{# ISO text without its zone, T as a blank. The zone begins after the minute or the second. #}
{% macro without_zone(text) -%}
    {%- set from_minute = "substring(" ~ text ~ ", 17)" -%}
    {%- set no_plus = dbt.split_part("replace(" ~ from_minute ~ ", 'Z', '')", "'+'", 1) -%}
    trim(concat(replace(substring({{ text }}, 1, 16), 'T', ' '), {{ dbt.split_part(no_plus, "'-'", 1) }}))
{%- endmacro %}
