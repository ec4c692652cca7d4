{#
    Scores the customers of any relation with the last model of a segmentation, as a whole query
    that a model, a view or an analysis may consist of:

        {{ segmentation.score(ref('prospects'), 'wholesale') }}

    Gives customer_id, segment_id, segment_name, runner_up_segment_id, distance, margin,
    model_version, is_outlier, is_imputed, is_clamped and has_unseen_level, one row a row of the
    relation; nothing while there is no model. What is built of it keeps to the version that it was
    built with. Raises where the relation lacks the definition's customer_id or features, all in
    one error, and where the model was fitted on other features.

    relation   with the columns that the definition names; its `where` is not applied
    name       of an entry of `segmentation_definitions`
    model      a relation with the columns of `segmentation__model`, another project's for example;
               default: this project's
#}
{% macro score(relation, name, model=none) %}
{%- set models = model or ref("segmentation", "segmentation__model") %}
{%- set definitions = segmentation.configuration()["definitions"] %}
{%- if name not in definitions %}
    {%- do segmentation.raise_faults("score() knows no such segmentation", [
        "got '" ~ name ~ "'; allowed: " ~ (definitions.keys() | join(", ")) ~ "."
    ]) %}
    {%- do return("select * from " ~ models ~ " where false") %}
{%- endif %}
{#- All but what belongs to the definition's own customer table. -#}
{%- set definition = dict(definitions[name], customers=none, where=none, value=none) %}
{%- set columns = segmentation.customer_columns({name: definition}, instead=relation)[name] %}
{%- set shape = segmentation.model_shape(name, definition, models) %}
{%- set version %}
    (
        select * from {{ models }}

        where segmentation = '{{ name }}'
            and model_version = {% if shape.model_version is none -%}
                {{ segmentation.last_version(models, name) }}
            {%- else -%}
                {{ shape.model_version }}
            {%- endif %}
    )
{%- endset -%}
{#- Prototypes are compared customer by customer, and any relation may have an id twice, or none. -#}
{%- set is_numbered = shape.rule == "prototype" %}
{%- set features = [] %}
{%- for feature in shape.features %}
    {%- do features.append("feature_" ~ loop.index) %}
{%- endfor -%}
with

given_customers as (

    {{ segmentation.customers(definition, columns, relation) }}

),

{%- if is_numbered %}

numbered_customers as (

    select
        given_customers.*,
        row_number() over (
            order by customer_id, {{ features | join(", ") }}
        ) as customer_number

    from given_customers

),
{%- endif %}

scores as (

    {{ segmentation.score_customers(
        "select " ~ ("customer_number as " if is_numbered else "") ~ "customer_id, " ~ features | join(", ")
        ~ " from " ~ ("numbered_customers" if is_numbered else "given_customers"),
        version ~ " as model", shape
    ) }}

),

names as (

    select
        segment_id,
        text_value as segment_name

    from {{ version }} as model

    where parameter = 'segment_name'

),

final as (

    select
        {{ "numbered_customers" if is_numbered else "scores" }}.customer_id,
        cast(scores.segment_id as integer) as segment_id,
        names.segment_name,
        cast(scores.runner_up_segment_id as integer) as runner_up_segment_id,
        scores.distance,
        scores.margin,
        {%- for column in segmentation.preparation_columns() %}
        scores.{{ column }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from scores
    {%- if is_numbered %}

    inner join numbered_customers
        on scores.customer_id = numbered_customers.customer_number
    {%- endif %}

    left join names
        on scores.segment_id = names.segment_id

)

select * from final
{%- endmacro %}
