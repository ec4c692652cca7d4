{{
    config(
        materialized='incremental' if segmentation.is_input_incremental() else 'table',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        pre_hook="{{ segmentation.empty_if_stale() }}"
    )
}}

-- depends_on: {{ ref('segmentation__settings') }}

{%- do segmentation.check_privacy() %}
{%- set input = segmentation.input() %}
{%- set relation = segmentation.transactions_relation() %}
{%- set columns = segmentation.transaction_columns(relation) %}
{%- set is_incremental_input = input.incremental is not none %}
{#- A load may be repeated, so there a line_id that comes twice is the same line under `keep` too. -#}
{%- set looks_for_duplicates = relation is not none and (input.duplicates == "reject" or is_incremental_input) %}
{%- set state = segmentation.lines_state() %}
{%- set rebuilt_at = state.rebuilt_at if state.appends else run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") %}
{%- set source_lines = "new_lines" if state.appends else segmentation.aliasable(relation) %}
{%- set decided_lines = "compared" if state.appends else "judged" %}
{%- set erased = segmentation.erased_customers() %}
{%- set fingerprint = segmentation.fingerprint(segmentation.line_identity(columns)) %}
{%- set identity = segmentation.stored_identity(columns) %}
{%- set clean_identity = ["line_id"] if columns.line_id is not none
    else ["customer_id", "order_id", "ordered_at", "product_id", "quantity", "unit_price", "amount"] %}

{{ segmentation.stale_mark(state) }}

with

{%- if erased is not none %}

erased_customers as (

    select erased.customer_id as erased_customer_id

    from (
        {{ erased }}
    ) as erased

),
{%- endif %}

{%- if is_incremental_input %}

{# What stands beside each line, so that the next build can tell whether its rows are still right. #}
build as (
    select
        {{ segmentation.input_hash(columns) }} as input_hash,
        cast('{{ rebuilt_at }}' as {{ dbt.type_timestamp() }}) as rebuilt_at

),
{%- endif %}

{%- if state.appends %}

new_lines as (

    select *

    from {{ relation }}

    where {{ segmentation.is_loaded_after(segmentation.read_timestamp(columns.loaded_at), state) }}

),
{%- endif %}

{%- if looks_for_duplicates %}

{# Few lines look like another one, and only those are ranked: on the rest no time is lost. #}
repeated as (

    select {{ fingerprint }} as segmentation__fingerprint

    from {{ source_lines }} as lines

    group by 1

    having count(*) > 1

),

alone as (

    select lines.*

    from {{ source_lines }} as lines

    left join repeated
        on {{ fingerprint }} = repeated.segmentation__fingerprint

    where repeated.segmentation__fingerprint is null

),

alike as (

    select lines.*

    from {{ source_lines }} as lines

    inner join repeated
        on {{ fingerprint }} = repeated.segmentation__fingerprint

),

judged_alone as (

    {{ segmentation.judged_lines("alone", columns, input, erased is not none) }}

),

judged_alike as (

    {{ segmentation.judged_lines("alike", columns, input, erased is not none) }}

),

{# The order is total: lines that are equal in all of these, down to how they were written, are the
   same line. A line without its key is like no other. What was loaded first survives, so that a later
   load changes no stored line. #}
ranked as (

    select
        judged_alike.*,
        case
            when {{ "line_id is null" if columns.line_id is not none else "false" }} then 1
            else row_number() over (
                partition by line_fault, {{ clean_identity | join(", ") }}
                order by
                    {%- if is_incremental_input %}
                    case when loaded_at is null then 0 else 1 end, loaded_at,
                    {%- endif %}
                    ordered_at, order_id, customer_id, coalesce(product_id, ''),
                    coalesce(quantity, 0), coalesce(unit_price, 0), amount
                    {%- for name in segmentation.mapped_columns() if columns[name] is not none %},
                    coalesce(cast(input_{{ name }} as {{ dbt.type_string() }}), '')
                    {%- endfor %}
            )
        end as copy_number

    from judged_alike

),

judged as (

    select
        judged_alone.*,
        1 as copy_number

    from judged_alone

    union all

    select * from ranked

),

{%- else %}

judged as (

    select
        judged_lines.*,
        1 as copy_number

    from (
        {{ segmentation.judged_lines(relation or segmentation.no_lines(columns), columns, input, erased is not none) }}
    ) as judged_lines

),

{%- endif %}

{%- if state.appends %}

{# Few stored lines are of the same second as a new one, which is quicker to tell than all that they say. #}
stored_lines as (

    select *

    from {{ this }}
    {%- if "ordered_at" in identity %}

    where ordered_at in (select ordered_at from judged)
    {%- endif %}

),

{# Which of the new lines say what a stored one says that nothing but its copies speaks against. #}
stored_twins as (

    select distinct
        {%- for name in identity %}
        {{ segmentation.identity_value("judged", name) }} as twin_{{ name }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from stored_lines as stored

    inner join judged
        on
        {%- for name in identity %}
            {%- set new_value = segmentation.identity_value("judged", name) %}
            {%- set stored_form = segmentation.pseudonym(new_value) if name == "customer_id" else new_value %}
            {{ segmentation.identity_value("stored", name) }} = {{ stored_form }}{{ "" if loop.last else " and" }}
        {%- endfor %}

    where judged.line_fault is null
        and coalesce(stored.rejection_reason, 'duplicate') in ('duplicate', 'return_rejected')

),

compared as (

    select
        judged.*,
        stored_twins.twin_{{ identity[0] }} is not null as is_stored

    from judged

    left join stored_twins
        on
        {%- for name in identity %}
            {{ segmentation.identity_value("judged", name) }} = stored_twins.twin_{{ name }}{{ "" if loop.last else " and" }}
        {%- endfor %}

),
{%- endif %}

decided as (

    select
        {{ decided_lines }}.*,
        case
            when line_fault is not null then line_fault
            when copy_number > 1 then 'duplicate'
            {%- if state.appends %}
            when is_stored then 'duplicate'
            {%- endif %}
            {%- if input.returns == "reject" %}
            when is_return then 'return_rejected'
            {%- endif %}
        end as rejection_reason

    from {{ decided_lines }}

),

{# Of a line of somebody who asked to be forgotten only its money stays, for the audit. #}
final as (

    select
        ---------- ids
        {{ segmentation.unless_erased(erased, "order_id") }} as order_id,
        {{ segmentation.unless_erased(erased, segmentation.pseudonym("customer_id")) }} as customer_id,
        {{ segmentation.unless_erased(erased, "product_id") }} as product_id,
        {%- if is_incremental_input and columns.line_id is not none %}
        {{ segmentation.unless_erased(erased, "line_id") }} as line_id,
        {%- endif %}

        ---------- timestamps
        {{ segmentation.unless_erased(erased, "ordered_at") }} as ordered_at,
        {%- if is_incremental_input %}
        loaded_at,
        build.rebuilt_at,
        {%- endif %}

        ---------- numbers
        {{ segmentation.unless_erased(erased, "quantity") }} as quantity,
        {{ segmentation.unless_erased(erased, "unit_price") }} as unit_price,
        coalesce(amount, 0) as amount,

        ---------- booleans
        coalesce(is_return, false) as is_return,

        ---------- text
        rejection_reason,
        {%- if is_incremental_input %}
        build.input_hash,
        {%- endif %}

        ---------- what was given, for rejected lines only: a good line is told by its columns
        {%- for name in segmentation.mapped_columns() if columns[name] is not none %}
        case
            when rejection_reason <> 'erased'
                then {{ segmentation.given_text(name) }}
        end as input_{{ name }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from decided
    {%- if is_incremental_input %}

    cross join build
    {%- endif %}

)

select * from final
