{#
    How a column of the customer table stands in the condition of a rule, as {plain, clean, is_odd}:

    plain    the column itself, quoted only where that is needed
    clean    SQL of its value as the package reads it: null where not finite, categories as clean text
    is_odd   SQL over the customer table: true where the column itself would not do; none where it
             always does

    column   {sql, kind} of `find_column`
    kind     of the feature: number | category
#}
{% macro condition_column(column, kind) %}
    {% set plain = segmentation.needed_quotes(column.sql) %}
    {% if kind == "number" %}
        {% set double = "cast(" ~ column.sql ~ " as " ~ segmentation.type_double() ~ ")" %}
        {% do return({
            "plain": plain,
            "clean": "case when " ~ plain ~ " > -1e300 and " ~ plain ~ " < 1e300 then " ~ plain ~ " end",
            "is_odd": none if column.kind in ("integer", "decimal") else
                column.sql ~ " is not null and not (" ~ double ~ " > -1.0e300 and " ~ double ~ " < 1.0e300)",
        }) %}
    {% endif %}
    {% set clean = modules.re.sub("\\s*\n\\s*", " ", segmentation.clean_id({"sql": plain, "kind": column.kind}).strip()) %}
    {% if column.kind == "text" %}
        {% do return({
            "plain": plain,
            "clean": clean,
            "is_odd": column.sql ~ " is not null and coalesce(" ~ segmentation.clean_id(column) ~ " <> " ~ column.sql ~ ", true)",
        }) %}
    {% endif %}
    {% do return({"plain": clean, "clean": clean, "is_odd": none}) %}
{% endmacro %}


{# A quoted column name without its quotes, where the engine finds it so. #}
{% macro needed_quotes(quoted) %}
    {% set quotes = adapter.quote("name").split("name") %}
    {% if not quoted.startswith(quotes[0]) or not quoted.endswith(quotes[1]) %}
        {% do return(quoted) %}
    {% endif %}
    {% set name = quoted[quotes[0] | length : -(quotes[1] | length)] %}
    {% set plain_names = "^[A-Z_][A-Z0-9_]*$" if target.type == "snowflake" else "^[a-z_][a-z0-9_]*$" %}
    {% do return(name if modules.re.match(plain_names, name) and name | lower not in segmentation.reserved_words() else quoted) %}
{% endmacro %}


{# Words that one engine or another takes for its own. #}
{% macro reserved_words() %}
    {% do return((
        "account all alter analyse analyze and any array as asc assert_rows_modified asymmetric at authorization between both by"
        ~ " case cast check collate column connect connection constraint contains create cross cube current current_catalog"
        ~ " current_date current_role current_schema current_time current_timestamp current_user database default deferrable"
        ~ " define delete desc describe distinct do drop else end enum escape except exclude exists extract false fetch filter"
        ~ " following for foreign freeze from full glob grant group grouping groups gscluster hash having if ignore ilike in"
        ~ " increment initially inner insert intersect interval into is isnull issue join lambda lateral leading left like limit"
        ~ " localtime localtimestamp lookup map merge minus natural new no not notnull null nulls of offset on only or order"
        ~ " organization outer over overlaps partition pivot pivot_longer pivot_wider placing positional preceding primary proto"
        ~ " qualify range recursive references regexp respect returning revoke right rlike rollup row rows sample schema select"
        ~ " semi session_user set show similar some start struct summarize symmetric system_user table tablesample then to"
        ~ " trailing treat trigger true try_cast unbounded union unique unnest unpivot update user using values variadic verbose"
        ~ " view when whenever where window with within"
    ).split(" ")) %}
{% endmacro %}
