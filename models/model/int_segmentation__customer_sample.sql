-- depends_on: {{ ref('segmentation__settings') }}

{%- set definitions = segmentation.fitted_definitions() %}
{%- set columns = segmentation.customer_columns(definitions) %}

with

{%- for name, definition in definitions.items() %}

{{ name }}_customers as (

    {{ segmentation.customers(definition, columns[name], segmentation.customers_relation(definition), is_fit=true) }}

),

{{ name }}_ranked as (

    select
        {{ name }}_customers.*,
        {{ dbt.hash("customer_id") }} as customer_hash

    from {{ name }}_customers

    where customer_id is not null

),

{# The hash decides who is in the sample, so it is the same in any order of rows. #}
{{ name }}_sample as (

    select * from {{ name }}_ranked

    order by customer_hash, customer_id

    limit {{ segmentation.sample_size(definition) }}

),

{%- endfor %}

final as (

    {%- for name, definition in definitions.items() %}
    {%- set feature_rows, numbers, texts = [], [], [] %}
    {%- for feature, how in definition.features.items() %}
    {%- do feature_rows.append([segmentation.text_literal(feature), loop.index]) %}
    {%- set branch = "when " ~ loop.index ~ " then feature_" ~ loop.index %}
    {%- do (texts if how.kind == "category" else numbers).append(branch) %}
    {%- endfor %}
    {#- The sample is named once, since an engine may work it out again for each time that it is named. #}
    select
        '{{ name }}' as segmentation,
        customer_id,
        features.feature,
        {%- for branches, type, column in [
            (numbers, segmentation.type_double(), "value"), (texts, dbt.type_string(), "text_value")
        ] %}
        cast({{ "case features.feature_number " ~ branches | join(" ") ~ " end" if branches else "null" }} as {{ type }}) as {{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ name }}_sample

    cross join {{ segmentation.literal_rows(["feature", "feature_number"], feature_rows, "features") }}
    {{ "" if loop.last else "union all" }}
    {%- endfor %}
    {%- if not definitions %}
    {%- set text = dbt.type_string() %}
    {{- segmentation.no_rows({
        "segmentation": text, "customer_id": text, "feature": text, "value": segmentation.type_double(), "text_value": text,
    }) }}
    {%- endif %}

)

select * from final
