-- depends_on: {{ ref('segmentation__settings') }}

{%- set input = segmentation.configuration()["input"] %}
{%- set relation = segmentation.transactions_relation() %}
{%- set columns = segmentation.transaction_columns(relation) %}
{%- set mapped = columns.items() | rejectattr("1", "none") | map("first") | list %}
{%- set numbers = ["quantity", "unit_price", "amount"] | select("in", mapped) | list %}
{%- set money = segmentation.line_amount(columns) %}
{%- set order_key = segmentation.clean_id(columns.order_id) if columns.order_id is not none
    else "cast(" ~ segmentation.read_timestamp(columns.ordered_at) ~ " as " ~ dbt.type_string() ~ ")" %}

{#- A line is the same as another by its key or, where none is mapped, by all that is mapped. -#}
{%- set identity = ["line_id"] if columns.line_id is not none else
    ["customer_id", "order_id", "ordered_at"] + (["product_id"] if columns.product_id is not none else []) + numbers %}
{%- set identity_expressions = [segmentation.clean_id(columns.line_id)] if columns.line_id is not none else [] %}
{%- if columns.line_id is none %}
    {%- do identity_expressions.extend([
        segmentation.clean_id(columns.customer_id), order_key, segmentation.read_timestamp(columns.ordered_at)
    ]) %}
    {%- if columns.product_id is not none %}
        {%- do identity_expressions.append(segmentation.clean_id(columns.product_id)) %}
    {%- endif %}
    {%- for number in numbers %}
        {%- do identity_expressions.append(segmentation.read_number(columns[number])) %}
    {%- endfor %}
{%- endif %}
{%- set looks_for_duplicates = input.duplicates == "reject" and relation is not none %}

with

{%- if looks_for_duplicates %}

{# Few lines look like another one; only those are worth ranking. #}
repeated as (

    select {{ segmentation.fingerprint(identity_expressions) }} as fingerprint

    from {{ relation }}

    group by 1

    having count(*) > 1

),

{%- endif %}

typed as (

    select
        ---------- ids
        {{ segmentation.clean_id(columns.customer_id) }} as customer_id,
        {{ order_key }} as order_id,
        {{ segmentation.clean_id(columns.line_id) }} as line_id,
        {{ segmentation.clean_id(columns.product_id) }} as product_id,

        ---------- timestamps
        {{ segmentation.read_timestamp(columns.ordered_at) }} as ordered_at,

        ---------- numbers
        {{ segmentation.read_number(columns.quantity) }} as quantity,
        {{ segmentation.read_number(columns.unit_price) }} as unit_price,
        {{ money }} as amount,

        ---------- what was given
        {%- for name in segmentation.mapped_columns() %}
        {%- set column = columns[name] %}
        {{ "cast(null as " ~ dbt.type_string() ~ ")" if column is none else column.sql }} as input_{{ name }},
        {%- endfor %}

        ---------- booleans
        {%- if input.exclude is none %}
        false as is_excluded,
        {%- else %}
        coalesce(({{ input.exclude }}), false) as is_excluded,
        {%- endif %}
        {%- if looks_for_duplicates %}
        {{ segmentation.fingerprint(identity_expressions) }} as fingerprint
        {%- else %}
        null as fingerprint
        {%- endif %}

    {% if relation is none -%}
    from (
        select
            {%- for name in mapped %}
            cast(null as {{ dbt.type_string() }}) as {{ columns[name].sql }}{{ "," if not loop.last }}
            {%- endfor %}
    ) as nothing

    where false
    {%- else -%}
    from {{ relation }}
    {%- endif %}

),

judged as (

    select
        typed.*,

        {{ "quantity < 0" if "quantity" in mapped else "" }}
        {{- " or " if "quantity" in mapped and "amount" in mapped else "" }}
        {{- "amount < 0" if "amount" in mapped else "" }} as is_return,

        case
            when customer_id is null then 'missing_customer'
            {%- if columns.order_id is not none %}
            when order_id is null then 'missing_order'
            {%- endif %}
            when ordered_at is null then 'unreadable_date'
            when ordered_at < cast('{{ input.earliest_date }}' as {{ dbt.type_timestamp() }})
                or ordered_at >= cast('{{ segmentation._date_plus_days(input.latest_date, 1) }}' as {{ dbt.type_timestamp() }})
                then 'date_out_of_range'
            when {% for number in numbers %}{{ number }} is null or {% endfor %}amount is null
                then 'unreadable_number'
            when is_excluded then 'excluded'
            {%- if "unit_price" in mapped %}
            when unit_price <= 0 then 'non_positive_price'
            {%- endif %}
            {%- if "quantity" in mapped %}
            when quantity = 0 then 'zero_quantity'
            {%- endif %}
        end as line_fault

    from typed

),

{%- if looks_for_duplicates %}

screened as (

    select
        judged.*,
        judged.line_fault is null and repeated.fingerprint is not null as may_be_duplicate

    from judged

    left join repeated
        on judged.fingerprint = repeated.fingerprint

),

{# The order is total: lines that are equal in all of these are the same line. #}
ranked as (

    select
        screened.*,
        row_number() over (
            partition by {{ identity | join(", ") }}
            order by ordered_at, order_id, customer_id, coalesce(product_id, ''), coalesce(quantity, 0), coalesce(unit_price, 0), amount
        ) as copy_number

    from screened

    where may_be_duplicate

),

copies_counted as (

    select
        screened.*,
        1 as copy_number

    from screened

    where not may_be_duplicate

    union all

    select ranked.*

    from ranked

),

{%- else %}

copies_counted as (

    select
        judged.*,
        1 as copy_number

    from judged

),

{%- endif %}

decided as (

    select
        copies_counted.*,
        case
            when line_fault is not null then line_fault
            when copy_number > 1 then 'duplicate'
            {%- if input.returns == "reject" %}
            when is_return then 'return_rejected'
            {%- endif %}
        end as rejection_reason

    from copies_counted

),

final as (

    select
        ---------- ids
        order_id,
        customer_id,
        product_id,

        ---------- timestamps
        ordered_at,

        ---------- numbers
        quantity,
        unit_price,
        coalesce(amount, 0) as amount,

        ---------- booleans
        coalesce(is_return, false) as is_return,

        ---------- text
        rejection_reason,

        ---------- what was given, for rejected lines only: a good line is told by its columns
        {%- for name in segmentation.mapped_columns() %}
        case when rejection_reason is not null then cast(input_{{ name }} as {{ dbt.type_string() }}) end as input_{{ name }}
        {{- "," if not loop.last }}
        {%- endfor %}

    from decided

)

select * from final
