{#
    What the judged lines are built on, as {appends, is_stale, reason, after, rebuilt_at}:
      appends   whether the table stands and only new lines are added to it
      is_stale  whether it stands and has to be emptied first, since a full build would give other rows
      reason    why it is stale, in words
      after     where it appends, the second in which its last line was loaded, as text
      rebuilt_at  where it appends, when the table was last built in full, as text

    Nothing is kept beside the table: whatever was interrupted, the table itself says what is in it.
#}
{% macro lines_state() %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() or not is_incremental() %}
        {% do return(segmentation._state(none)) %}
    {% endif %}
    {% set columns = segmentation.transaction_columns(segmentation.transactions_relation()) %}
    {% set needed = ["loaded_at", "input_hash", "rebuilt_at"] + (["line_id"] if columns.line_id is not none else []) %}
    {% if segmentation._lacks(needed) %}
        {% do return(segmentation._state("it was built without incremental")) %}
    {% endif %}
    {% set query %}
        select
            count(*) as row_count,
            max(stored.loaded_at) as last_loaded_at,
            max(stored.rebuilt_at) as rebuilt_at,
            sum(case when stored.input_hash = in_force.input_hash then 0 else 1 end) as other_row_count

        from {{ this }} as stored

        cross join (select {{ segmentation.input_hash(columns) }} as input_hash) as in_force
    {% endset %}
    {% set row_count, last_loaded_at, rebuilt_at, other_row_count = run_query(query).rows[0] %}
    {% if not row_count %}
        {% do return(segmentation._state("it is empty")) %}
    {% elif other_row_count %}
        {% do return(segmentation._state("the settings of the input changed")) %}
    {% elif last_loaded_at is none %}
        {% do return(segmentation._state("no loaded_at of its lines can be read")) %}
    {% elif segmentation._holds_erased_customers() %}
        {% do return(segmentation._state("a customer of it is erased")) %}
    {% endif %}
    {% do return(segmentation._state(none, last_loaded_at, rebuilt_at)) %}
{% endmacro %}


{#
    The same for a table that is summed up from another one: it follows that table's rebuilds.

    source   the relation it is summed up from, with rebuilt_at
    basis    text of what else its rows hang on, which stands in its column basis; none for nothing else
    stands   whether the table is there to go on with; as dbt's is_incremental, where nothing is said
#}
{% macro summed_state(source, basis=none, stands=none) %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() or not (is_incremental() if stands is none else stands) %}
        {% do return(segmentation._state(none)) %}
    {% endif %}
    {% if segmentation._lacks(["loaded_at", "rebuilt_at"] + (["basis"] if basis is not none else [])) %}
        {% do return(segmentation._state("it was built without incremental")) %}
    {% endif %}
    {% set query %}
        select
            count(*) as row_count,
            max(stored.loaded_at) as last_loaded_at,
            sum(case when stored.rebuilt_at = source.rebuilt_at then 0 else 1 end) as other_row_count,
            sum(case when {{ "true" if basis is none else "stored.basis = " ~ segmentation.text_literal(basis) }} then 0 else 1 end) as other_basis_count

        from {{ this }} as stored

        cross join (select max(rebuilt_at) as rebuilt_at from {{ source }}) as source
    {% endset %}
    {% set row_count, last_loaded_at, other_row_count, other_basis_count = run_query(query).rows[0] %}
    {% if not row_count %}
        {% do return(segmentation._state("it is empty")) %}
    {% elif other_row_count %}
        {% do return(segmentation._state("what it is summed up from was rebuilt")) %}
    {% elif other_basis_count %}
        {% do return(segmentation._state("it stands on another basis than " ~ basis)) %}
    {% elif last_loaded_at is none %}
        {% do return(segmentation._state("no loaded_at of its lines can be read")) %}
    {% endif %}
    {% do return(segmentation._state(none, last_loaded_at)) %}
{% endmacro %}


{# What is_incremental says of an incremental table, of a plain one, which may read its last state while it is made anew. #}
{% macro is_standing_table() %}
    {% set relation = load_relation(this) %}
    {% do return(
        relation is not none and relation.type == "table"
        and model.config.materialized == "table" and not should_full_refresh()
    ) %}
{% endmacro %}


{#
    A comment for the model's SQL where the table is stale. The table is emptied by a pre-hook, in one
    transaction with the insert, and the hook goes by this comment: asked once more, the tables could
    give another answer than the SQL was written for.
#}
{% macro stale_mark(state) %}
    {%- if state.is_stale -%}
        {%- do log("segmentation: " ~ this.identifier ~ " is rebuilt: " ~ state.reason, info=true) -%}
        {{ segmentation._stale_mark() }}: {{ state.reason }}
    {%- endif -%}
{% endmacro %}

{% macro _stale_mark() %}{% do return("-- segmentation: the rows that stand are deleted first") %}{% endmacro %}


{# The pre-hook: SQL that empties the table that a model calls stale; else none. #}
{% macro empty_if_stale() %}
    {% if segmentation.is_building() and is_incremental() %}
        {% set code = model.get("compiled_code") %}
        {% if code is none %}
            {% do exceptions.raise_compiler_error(
                "segmentation: this dbt does not show a model's SQL to its hooks, so it cannot build incrementally"
            ) %}
        {% elif segmentation._stale_mark() in code %}
            {{- adapter.dispatch("empty_table", "segmentation")(this) -}}
        {% endif %}
    {% endif %}
{% endmacro %}

{% macro default__empty_table(relation) %}delete from {{ relation }} where true{% endmacro %}
{# Spark deletes from few kinds of tables, but truncates them all. #}
{% macro spark__empty_table(relation) %}truncate table {{ relation }}{% endmacro %}


{# The condition of rows loaded after all of the table's: the text lets an engine skip files, the table decides. #}
{% macro is_loaded_after(loaded_at, state) -%}
    {{ loaded_at }} >= cast('{{ state.after }}' as {{ dbt.type_timestamp() }})
        and {{ loaded_at }} > (select max(stored.loaded_at) from {{ this }} as stored)
{%- endmacro %}


{% macro _state(reason, last_loaded_at=none, rebuilt_at=none) %}
    {% do return({
        "appends": last_loaded_at is not none,
        "is_stale": reason is not none,
        "reason": reason,
        "after": (last_loaded_at | string)[:19],
        "rebuilt_at": (rebuilt_at | string)[:26],
    }) %}
{% endmacro %}


{% macro _lacks(columns) %}
    {% set existing = segmentation.relation_columns(this) | map("lower") | list %}
    {% do return(columns | reject("in", existing) | list | length > 0) %}
{% endmacro %}


{# True where a line that is stored with its customer is of somebody who asked to be forgotten since. #}
{% macro _holds_erased_customers() %}
    {% set erased = segmentation.erased_customers() %}
    {% if erased is none %}
        {% do return(false) %}
    {% endif %}
    {% set query %}
        select count(*) as row_count

        from {{ this }} as stored

        inner join (
            select {{ segmentation.pseudonym("customer_id") }} as customer_id

            from (
                {{ erased }}
            ) as forgotten
        ) as erased
            on stored.customer_id = erased.customer_id
    {% endset %}
    {% do return(run_query(query).rows[0][0] > 0) %}
{% endmacro %}
