{%- set configuration = segmentation.configuration() %}
{%- do segmentation.raise_faults("the vars are not right", configuration.faults) %}
{%- do segmentation.raise_faults("the project's configuration would lose the model's history", segmentation.history_faults()) %}
{%- do segmentation.raise_faults("the project's configuration would make incremental tables wrong", segmentation.incremental_faults()) %}
{%- set options = configuration.options %}
{#- What a model depends on: not the day that is looked at, not how tests report. -#}
{%- set lasting_options = options.items() | rejectattr("0", "in", [
    "as_of_date", "data_test_severity", "erased_customers", "suppress_below", "refit", "history", "drift", "trainer"
]) | list %}
{#- The trainer counts by what it is, whether asked for or found by `auto`. -#}
{%- set trainer = segmentation.trainer() %}
{%- set lasting = lasting_options + ([("trainer", "sql")] if trainer == "sql" else []) %}
{%- set rows = [] %}
{%- for name, definition in configuration.definitions.items() %}
    {%- for feature in definition.features %}
        {%- do rows.append((name, definition, feature, loop.index)) %}
    {%- endfor %}
{%- endfor %}
{#- A faulty configuration still compiles: to the right columns and no row. -#}
{%- set nothing = [(none, segmentation.read_definition({}, "", configuration.input, []), "monetary", none)] %}

with

final as (

    {%- for name, definition, feature, position in rows or nothing %}
    {%- set how = definition.features[feature] %}
    select
        ---------- ids
        {{ segmentation.text_literal(name) }} as segmentation,
        {{ segmentation.text_literal(feature) }} as feature,
        {{ segmentation.number_literal(position, "integer") }} as feature_position,

        ---------- what to segment
        {{ segmentation.text_literal(definition.customers) }} as customers,
        {{ segmentation.text_literal(definition.customer_id) }} as customer_id_column,
        {{ segmentation.text_literal(definition.where) }} as where_condition,
        {{ segmentation.text_literal(definition.fit_where) }} as fit_where_condition,
        {{ segmentation.text_literal(definition.value) }} as value_column,

        ---------- how the feature is prepared
        {{ segmentation.text_literal(how.kind) }} as kind,
        {{ segmentation.text_literal(how.transform) }} as transform,
        {{ segmentation.text_literal(how.impute) }} as impute,
        {{ segmentation.text_literal(how.fill_value) }} as fill_value,
        {{ segmentation.number_literal(how.clip[0] if how.clip else none, segmentation.type_double()) }} as clip_low,
        {{ segmentation.number_literal(how.clip[1] if how.clip else none, segmentation.type_double()) }} as clip_high,
        {{ segmentation.text_literal(how.scale) }} as scaler,
        {{ segmentation.number_literal(how.weight, segmentation.type_double()) }} as weight,

        ---------- how the segmentation is fitted and named
        {%- for key in ["low", "high", "fence"] %}
        {{ segmentation.number_literal(definition.outliers[key] if definition.outliers else none, segmentation.type_double()) }} as outlier_{{ key }},
        {%- endfor %}
        {{ segmentation.text_literal(definition.algorithm) }} as algorithm,
        {{ segmentation.text_literal(tojson(definition.algorithm_options)) }} as algorithm_options,
        {{ segmentation.number_literal(definition.k.min, "integer") }} as k_min,
        {{ segmentation.number_literal(definition.k.max, "integer") }} as k_max,
        {{ segmentation.boolean_literal(definition.k.fixed) }} as is_k_fixed,
        {{ segmentation.text_literal(definition.names.by) }} as naming,
        {{ segmentation.text_literal(definition.names.order_by) }} as order_by_feature,
        {{ segmentation.text_literal(definition.names.low_to_high | join(" < ") or none) }} as names_low_to_high,
        {{ segmentation.text_literal(definition.frozen_model) }} as frozen_model,

        ---------- options
        {{ segmentation.text_literal(options.rfm_scheme) }} as rfm_scheme,
        {{ segmentation.number_literal(segmentation.sample_size(definition), "integer") }} as fit_sample_size,
        {{ segmentation.number_literal(options.minimum_segment_share, segmentation.type_double()) }} as minimum_segment_share,
        {{ segmentation.number_literal(options.minimum_stability, segmentation.type_double()) }} as minimum_stability,
        {{ segmentation.number_literal(options.seed, dbt.type_bigint()) }} as seed,
        {{ segmentation.text_literal(trainer) }} as trainer,
        {{ segmentation.text_literal(options.refit.policy) }} as refit,
        {{ segmentation.number_literal(options.refit.after_days, "integer") }} as refit_after_days,
        {{ segmentation.text_literal(options.history.period) }} as history_period,
        {{ segmentation.number_literal(options.history.periods, "integer") }} as history_periods,
        {{ segmentation.number_literal(options.drift.warn, segmentation.type_double()) }} as drift_warn,
        {{ segmentation.number_literal(options.drift.error, segmentation.type_double()) }} as drift_error,
        {{ segmentation.text_literal(local_md5(tojson([definition, lasting]))) }} as settings_hash
    {{ "" if loop.last else "union all" }}
    {%- endfor %}

)

select * from final
{%- if not rows %} where false{% endif %}
