{%- set configuration = segmentation.configuration() %}
{%- do segmentation.raise_faults("the vars are not right", configuration.faults) %}
{%- do segmentation.raise_faults("the project's configuration would lose the model's history", segmentation.history_faults()) %}
{%- set options = configuration.options %}
{#- What a model depends on: not the day that is looked at, not how tests report. -#}
{%- set lasting_options = options.items() | rejectattr("0", "in", ["as_of_date", "data_test_severity"]) | list %}
{%- set rows = [] %}
{%- for name, definition in configuration.definitions.items() %}
    {%- for feature in definition.features %}
        {%- do rows.append((name, definition, feature, loop.index)) %}
    {%- endfor %}
{%- endfor %}
{#- A faulty configuration still compiles: to the right columns and no row. -#}
{%- set nothing = [(none, segmentation._read_definition({}, "", configuration.input, []), "monetary", none)] %}

with

final as (

    {%- for name, definition, feature, position in rows or nothing %}
    select
        ---------- ids
        {{ segmentation.text_literal(name) }} as segmentation,
        {{ segmentation.text_literal(feature) }} as feature,
        {{ segmentation.number_literal(position, "integer") }} as feature_position,

        ---------- what to segment
        {{ segmentation.text_literal(definition.customers) }} as customers,
        {{ segmentation.text_literal(definition.customer_id) }} as customer_id_column,
        {{ segmentation.text_literal(definition.where) }} as where_condition,
        {{ segmentation.text_literal(definition.value) }} as value_column,

        ---------- how
        {{ segmentation.text_literal(definition.features[feature]) }} as transform,
        cast('median' as {{ dbt.type_string() }}) as impute,
        {{ segmentation.text_literal(definition.algorithm) }} as algorithm,
        {{ segmentation.number_literal(definition.k.min, "integer") }} as k_min,
        {{ segmentation.number_literal(definition.k.max, "integer") }} as k_max,
        {{ segmentation.boolean_literal(definition.k.fixed) }} as is_k_fixed,
        {{ segmentation.text_literal(definition.names.by) }} as naming,
        {{ segmentation.text_literal(definition.names.order_by) }} as order_by_feature,
        {{ segmentation.text_literal(definition.names.low_to_high | join(" < ") or none) }} as names_low_to_high,

        ---------- options
        {{ segmentation.text_literal(options.rfm_scheme) }} as rfm_scheme,
        {{ segmentation.number_literal(options.fit_sample_size, "integer") }} as fit_sample_size,
        {{ segmentation.number_literal(options.minimum_segment_share, segmentation.type_double()) }} as minimum_segment_share,
        {{ segmentation.number_literal(options.minimum_stability, segmentation.type_double()) }} as minimum_stability,
        {{ segmentation.number_literal(options.seed, dbt.type_bigint()) }} as seed,
        {{ segmentation.text_literal(local_md5(tojson([definition, lasting_options]))) }} as settings_hash
    {{ "" if loop.last else "union all" }}
    {%- endfor %}

)

select * from final
{%- if not rows %} where false{% endif %}
