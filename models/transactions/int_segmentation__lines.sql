-- depends_on: {{ ref('segmentation__settings') }}

{%- do segmentation.check_privacy() %}
{%- set input = segmentation.configuration()["input"] %}
{%- set relation = segmentation.transactions_relation() %}
{%- set columns = segmentation.transaction_columns(relation) %}
{%- set looks_for_duplicates = input.duplicates == "reject" and relation is not none %}
{%- set erased = segmentation.erased_customers() %}
{%- set fingerprint = segmentation.fingerprint(segmentation.line_identity(columns)) %}
{%- set clean_identity = ["line_id"] if columns.line_id is not none
    else ["customer_id", "order_id", "ordered_at", "product_id", "quantity", "unit_price", "amount"] %}

with

{%- if erased is not none %}

erased_customers as (

    select erased.customer_id as erased_customer_id

    from (
        {{ erased }}
    ) as erased

),
{%- endif %}

{%- if looks_for_duplicates %}

{# Few lines look like another one, and only those are ranked: on the rest no time is lost. #}
repeated as (

    select {{ fingerprint }} as segmentation__fingerprint

    from {{ relation }}

    group by 1

    having count(*) > 1

),

alone as (

    select lines.*

    from {{ relation }} as lines

    left join repeated
        on {{ fingerprint }} = repeated.segmentation__fingerprint

    where repeated.segmentation__fingerprint is null

),

alike as (

    select lines.*

    from {{ relation }} as lines

    inner join repeated
        on {{ fingerprint }} = repeated.segmentation__fingerprint

),

judged_alone as (

    {{ segmentation.judged_lines("alone", columns, input, erased is not none) }}

),

judged_alike as (

    {{ segmentation.judged_lines("alike", columns, input, erased is not none) }}

),

{# The order is total: lines that are equal in all of these are the same line. A line without its
   key is like no other. #}
ranked as (

    select
        judged_alike.*,
        case
            when {{ "line_id is null" if columns.line_id is not none else "false" }} then 1
            else row_number() over (
                partition by line_fault, {{ clean_identity | join(", ") }}
                order by
                    ordered_at, order_id, customer_id, coalesce(product_id, ''),
                    coalesce(quantity, 0), coalesce(unit_price, 0), amount
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

decided as (

    select
        judged.*,
        case
            when line_fault is not null then line_fault
            when copy_number > 1 then 'duplicate'
            {%- if input.returns == "reject" %}
            when is_return then 'return_rejected'
            {%- endif %}
        end as rejection_reason

    from judged

),

{# Of a line of somebody who asked to be forgotten only its money stays, for the audit. #}
final as (

    select
        ---------- ids
        {{ segmentation.unless_erased(erased, "order_id") }} as order_id,
        {{ segmentation.unless_erased(erased, segmentation.pseudonym("customer_id")) }} as customer_id,
        {{ segmentation.unless_erased(erased, "product_id") }} as product_id,

        ---------- timestamps
        {{ segmentation.unless_erased(erased, "ordered_at") }} as ordered_at,

        ---------- numbers
        {{ segmentation.unless_erased(erased, "quantity") }} as quantity,
        {{ segmentation.unless_erased(erased, "unit_price") }} as unit_price,
        coalesce(amount, 0) as amount,

        ---------- booleans
        coalesce(is_return, false) as is_return,

        ---------- text
        rejection_reason,

        ---------- what was given, for rejected lines only: a good line is told by its columns
        {%- for name in segmentation.mapped_columns() %}
        case
            when rejection_reason <> 'erased'
                then {{ segmentation.given_text(name) }}
        end as input_{{ name }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from decided

)

select * from final
