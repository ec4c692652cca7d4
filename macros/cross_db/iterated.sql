{#
    CTEs that take a step again and again, the last of them called `name`; each reads the one before it.
    In a query `in_steps` Spark takes the steps one by one, and no more once they move nothing.

    name         of the CTE, and of what the step reads: <name>_before
    start        CTE or relation that the first step reads
    step         SQL of one step, with the columns that it reads
    iterations   how many steps, at the most
    compared     SQL of what tells whether a step has moved anything, a list
#}
{% macro iterated(name, start, step, iterations, compared) %}
    {{- return(adapter.dispatch("iterated", "segmentation")(name, start, step, iterations, compared)) -}}
{% endmacro %}

{% macro default__iterated(name, start, step, iterations, compared) %}
    {%- for iteration in range(1, iterations + 1) %}

    {{ name }}_{{ iteration }} as {{ segmentation.materialized() }}(

        {{ step | replace(name ~ "_before", start if loop.first else name ~ "_" ~ (iteration - 1)) }}

    ),
    {%- endfor %}

    {{ name }} as (

        select * from {{ name }}_{{ iterations }}

    )
{% endmacro %}

{% macro spark__iterated(name, start, step, iterations, compared) %}
    {%- if not segmentation.is_building() or segmentation.is_unit_test() %}
    {{- segmentation.default__iterated(name, start, step, iterations, compared) }}
    {%- else %}

    {{ name }} as (

        /* {{ iterations }} steps from {{ start }}, until these stand still: {{ compared | join(", ") }} */
        {{ step }}

    )
    {%- endif %}
{% endmacro %}

{% macro databricks__iterated(name, start, step, iterations, compared) %}
    {{- segmentation.default__iterated(name, start, step, iterations, compared) }}
{% endmacro %}


{# The steps and their start in the body of a CTE that Spark takes them for, as (how many, start, compared); else none. #}
{% macro _iteration_of(body) %}
    {% set found = modules.re.search("/\\* (\\d+) steps from (\\w+), until these stand still: (.+) \\*/", body) %}
    {% do return(none if found is none else (found.group(1) | int, found.group(2), found.group(3))) %}
{% endmacro %}


{# Takes the steps, each into a table; gives the relation of the last. #}
{% macro _take_steps(name, body, bodies) %}
    {% set iterations, start, compared = segmentation._iteration_of(body) %}
    {% set state = namespace(last=none, is_still=false) %}
    {% for iteration in range(1, iterations + 1) %}
        {% if not state.is_still %}
            {% set known = dict(bodies) %}
            {% do known.update({name ~ "_before": "select * from " ~ (state.last or start)}) %}
            {% set step = segmentation._create_step(name ~ "_" ~ iteration, segmentation._with_ctes(known, body)) %}
            {% if state.last is not none %}
                {% set state.is_still = run_query(
                    "select count(*) from (select " ~ compared ~ " from " ~ step ~ " except select " ~ compared ~ " from " ~ state.last ~ ") as moved"
                ).rows[0][0] == 0 %}
                {% do segmentation._drop_relations([state.last]) %}
            {% endif %}
            {% set state.last = step %}
        {% endif %}
    {% endfor %}
    {% do return(state.last) %}
{% endmacro %}
