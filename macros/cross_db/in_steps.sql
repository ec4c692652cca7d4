{#
    A query of CTEs that lean on each other, each used by several: as it is, where the engine computes
    a CTE once. Spark writes it out at each use, which multiplies from one to the next. There the CTEs
    that would be written out often are computed first, as tables beside the model's, and the query
    reads those. The model drops them by the post-hook `drop_steps`.

    {% call segmentation.in_steps() %} with ... select ... {% endcall %}
#}
{% macro in_steps() %}
    {{- return(adapter.dispatch("in_steps", "segmentation")(caller())) -}}
{% endmacro %}

{% macro default__in_steps(query) %}{{ query }}{% endmacro %}

{# On Databricks Python fits, and its tables have no file format to be named. #}
{% macro databricks__in_steps(query) %}{{ query }}{% endmacro %}

{% macro spark__in_steps(query) %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() %}
        {% do return(query) %}
    {% endif %}
    {% set ctes, last_select = segmentation._ctes_of(query) %}
    {% do segmentation._drop_relations(segmentation._step_relations()) %}
    {# How many relations a plan would have for each CTE; of one that is a table already, one. #}
    {% set weights = {} %}
    {% set bodies = {} %}
    {% for name, body in ctes %}
        {% set later_bodies = [last_select] %}
        {% for later_name, later_body in ctes[loop.index:] %}
            {% do later_bodies.append(later_body * (segmentation._iteration_of(later_body) or [1])[0]) %}
        {% endfor %}
        {% set weight = [1] %}
        {% for other in weights %}
            {% do weight.append(weights[other] * segmentation._uses_of(other, body)) %}
        {% endfor %}
        {% set is_iterated = segmentation._iteration_of(body) is not none %}
        {% if is_iterated or weight | sum * segmentation._uses_of(name, later_bodies | join("\n")) > 12 %}
            {% set step = segmentation._take_steps(name, body, bodies) if is_iterated
                else segmentation._create_step(name, segmentation._with_ctes(bodies, body)) %}
            {% do weights.update({name: 1}) %}
            {% do bodies.update({name: "select * from " ~ step}) %}
        {% else %}
            {% do weights.update({name: weight | sum}) %}
            {% do bodies.update({name: body}) %}
        {% endif %}
    {% endfor %}
    {% do return(segmentation._with_ctes(bodies, last_select)) %}
{% endmacro %}


{# The post-hook of a model with `in_steps`: drops what stands beside it, of a killed build too. #}
{% macro drop_steps() %}
    {{- return(adapter.dispatch("drop_steps", "segmentation")()) -}}
{% endmacro %}

{% macro default__drop_steps() %}{% endmacro %}

{% macro spark__drop_steps() %}
    {% if segmentation.is_building() %}
        {% do segmentation._drop_relations(segmentation._step_relations()) %}
    {% endif %}
{% endmacro %}


{% macro _create_step(name, query) %}
    {% set step = this.incorporate(path={"identifier": this.identifier ~ "__step__" ~ name}) %}
    {% do run_query("create table " ~ step ~ " using parquet as\n" ~ query) %}
    {% do return(step) %}
{% endmacro %}


{% macro _step_relations() %}
    {% set relations = [] %}
    {% for row in run_query("show tables in " ~ this.schema ~ " like '" ~ this.identifier ~ "__step__*'").rows %}
        {% do relations.append(this.incorporate(path={"identifier": row[1]})) %}
    {% endfor %}
    {% do return(relations) %}
{% endmacro %}


{% macro _drop_relations(relations) %}
    {% for relation in relations %}
        {% do run_query("drop table if exists " ~ relation) %}
    {% endfor %}
{% endmacro %}


{# The CTEs of a query as a list of (name, body), and the select behind them. #}
{% macro _ctes_of(query) %}
    {% set ctes = [] %}
    {% set state = namespace(depth=0, name=none, begin=0, rest=modules.re.search("\\bwith\\b", query).end(), is_over=false) %}
    {# Texts, quoted names and comments are passed over, whatever stands in them. #}
    {% set pattern = "'(?:[^'\\\\]|\\\\.)*'|`[^`]*`|--[^\\n]*|(?s:/\\*.*?\\*/)|[()]" %}
    {% for token in modules.re.finditer(pattern, query) if token.start() >= state.rest and not state.is_over %}
        {% if token.group() == "(" %}
            {% if state.depth == 0 %}
                {% set opening = modules.re.search("(\\w+)\\s+as\\s*$", query[state.rest:token.start()]) %}
                {% set state.name = opening.group(1) if opening else none %}
                {% set state.is_over = opening is none %}
                {% set state.begin = token.end() %}
            {% endif %}
            {% set state.depth = state.depth + 1 %}
        {% elif token.group() == ")" %}
            {% set state.depth = state.depth - 1 %}
            {% if state.depth == 0 %}
                {% do ctes.append((state.name, query[state.begin:token.start()])) %}
                {% set state.rest = token.end() %}
                {% set state.is_over = not query[token.end():].lstrip().startswith(",") %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% do return((ctes, query[state.rest:])) %}
{% endmacro %}


{% macro _uses_of(name, sql) %}
    {% do return(modules.re.findall("(?:from|join)\\s+" ~ name ~ "\\b", sql) | length) %}
{% endmacro %}


{# A select behind those CTEs that it needs, and that these need. #}
{% macro _with_ctes(bodies, select) %}
    {% set needed = [] %}
    {% for name in bodies | reverse %}
        {% if segmentation._uses_of(name, select ~ needed | map("last") | join("\n")) %}
            {% do needed.append((name, bodies[name])) %}
        {% endif %}
    {% endfor %}
    {% set ctes = [] %}
    {% for name, body in needed | reverse %}
        {% do ctes.append(name ~ " as (" ~ body ~ ")") %}
    {% endfor %}
    {% do return(("with\n\n" ~ ctes | join(",\n\n") if ctes else "") ~ "\n\n" ~ select) %}
{% endmacro %}
