{{ config(pre_hook="{{ segmentation.without_jit() }}", post_hook="{{ segmentation.drop_steps() }}") }}

{%- set features = ref('int_segmentation__fit_sql_features') %}
{%- do segmentation.raise_fit_faults(features) %}
{%- set coordinates = segmentation.coordinate_columns(segmentation.coordinate_count(features)) %}
{%- set text = dbt.type_string() %}
{%- set columns = {"segmentation": text, "customer_id": text, "customer_number": dbt.type_bigint(), "is_fitted": "boolean"} %}
{%- do columns.update(dict.fromkeys(coordinates, segmentation.type_double())) %}

{% call segmentation.when_fitting(features, columns) %}
with

settings as (

    select * from {{ ref('segmentation__settings') }}

),

parameters as (

    select * from {{ features }}

),

fit_sample as (

    select * from {{ ref('int_segmentation__fit_sample') }}

),

coordinates as (

    {{ segmentation.fitted_coordinates("parameters", "settings") }}

),

filled as (

    select
        fit_sample.segmentation,
        fit_sample.customer_id,
        coordinates.coordinate,
        coordinates.level_id,
        coordinates.transform,
        coordinates.lambda_number,
        coordinates.mean_number,
        coordinates.scale_number,
        coordinates.minimum_number,
        coordinates.weight_number,
        coordinates.clip_low_number,
        coordinates.clip_high_number,
        coalesce(fit_sample.value, coordinates.fill_value_number) as value,
        case when coalesce(fit_sample.text_value, coordinates.fill_level) = coordinates.level then 1 else 0 end as is_level,
        case
            when fit_sample.value < coordinates.fence_low_number or fit_sample.value > coordinates.fence_high_number then 1
            else 0
        end as is_outside

    from fit_sample

    inner join coordinates
        on fit_sample.segmentation = coordinates.segmentation
        and fit_sample.feature = coordinates.feature

),

clipped as (

    select
        filled.*,
        least(greatest(value, coalesce(clip_low_number, value)), coalesce(clip_high_number, value)) as clipped_value

    from filled

),

clamped as (

    select
        clipped.*,
        case
            when {{ segmentation.is_outside_domain("clipped_value", "transform") }} then minimum_number
            else clipped_value
        end as clamped_value

    from clipped

),

{# The bounds keep every distance finite, as in scoring. #}
scaled as (

    select
        segmentation,
        customer_id,
        coordinate,
        is_outside,
        case
            when level_id is not null then is_level * weight_number
            else least(greatest(
                ({{ segmentation.transformed("clamped_value", "transform", "lambda_number") }} - mean_number)
                / scale_number * weight_number,
            -1e100), 1e100)
        end as scaled_value

    from clamped

),

customers as (

    select
        segmentation,
        customer_id,
        {{ dbt.hash("customer_id") }} as customer_hash,
        max(is_outside) as is_outlier
        {%- for column in coordinates %},
        coalesce(max(case when coordinate = {{ loop.index }} then scaled_value end), 0) as {{ column }}
        {%- endfor %}

    from scaled

    group by
        segmentation,
        customer_id

),

{# In the order of the hash: the first customers are a sample of them all. #}
final as (

    select
        ---------- ids
        segmentation,
        customer_id,
        row_number() over (
            partition by segmentation
            order by is_outlier, customer_hash, customer_id
        ) as customer_number,

        ---------- booleans
        is_outlier = 0 as is_fitted,

        ---------- numbers
        {{ coordinates | join(",\n        ") }}

    from customers

)

select * from final
{% endcall %}
