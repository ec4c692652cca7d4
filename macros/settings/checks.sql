{# The parts that `configuration` is made of. Each appends to `faults` and repairs the value. #}

{# One sentence a fault: where, what was got, what is allowed. #}
{% macro _fault(faults, path, got, allowed) %}
    {% set shown = "null" if got is none else ("'" ~ got ~ "'" if got is string else got | string) %}
    {% do faults.append(path ~ ": got " ~ shown ~ "; allowed: " ~ allowed ~ ".") %}
{% endmacro %}


{# The var as a mapping; `otherwise` where nothing is said. #}
{% macro _mapping_var(name, otherwise, faults) %}
    {% set said = var(name, none) %}
    {% do return(otherwise if said is none else segmentation._mapping(said, name, faults)) %}
{% endmacro %}


{% macro _mapping(said, path, faults) %}
    {% if said is none or said is mapping %}
        {% do return(said or {}) %}
    {% endif %}
    {% do segmentation._fault(faults, path, said, "keys with values, as in " ~ path ~ ": {key: value}") %}
    {% do return({}) %}
{% endmacro %}


{# Defaults overlaid with what was said, as a new dict; a key that has no default is a fault. #}
{% macro _merged(defaults, given, path, faults) %}
    {% set merged = {} %}
    {% do merged.update(defaults) %}
    {% for key, value in given.items() %}
        {% if key in defaults %}
            {% do merged.update({key: value}) %}
        {% else %}
            {% do faults.append(path ~ ": unknown key '" ~ key ~ "'; allowed: " ~ (defaults.keys() | join(", ")) ~ ".") %}
        {% endif %}
    {% endfor %}
    {% do return(merged) %}
{% endmacro %}


{% macro _check_choice(values, key, choices, path, defaults, faults) %}
    {% if values[key] is not string or values[key] not in choices %}
        {% do segmentation._fault(faults, path ~ "." ~ key, values[key], "one of " ~ (choices | join(", "))) %}
        {% do values.update({key: defaults[key]}) %}
    {% endif %}
{% endmacro %}


{% macro _check_whole_number(values, key, smallest, largest, path, defaults, faults) %}
    {% if values[key] is not integer or not smallest <= values[key] <= largest %}
        {% do segmentation._fault(
            faults, path ~ "." ~ key, values[key], "a whole number from " ~ smallest ~ " to " ~ largest
        ) %}
        {% do values.update({key: defaults[key]}) %}
    {% endif %}
{% endmacro %}


{# A number between two bounds, whole where asked for, or the one other value allowed. #}
{% macro _check_number(values, key, allowed, path, defaults, faults) %}
    {% set value = values[key] %}
    {% set is_other = "otherwise" in allowed and value == allowed.otherwise %}
    {% set is_number = value is number and value is not boolean and (value is integer or not allowed.whole) %}
    {% if not is_other and (not is_number or not allowed.smallest <= value <= allowed.largest) %}
        {% set other = "" if "otherwise" not in allowed else ("null or " if allowed.otherwise is none else allowed.otherwise ~ " or ") %}
        {% do segmentation._fault(
            faults, path ~ "." ~ key, value, other ~ ("a whole number" if allowed.whole else "a number")
            ~ " from " ~ allowed.smallest ~ " to " ~ allowed.largest
        ) %}
        {% do values.update({key: defaults[key]}) %}
    {% endif %}
{% endmacro %}


{% macro _check_share(values, key, path, defaults, faults) %}
    {% set value = values[key] %}
    {% if value is not number or value is boolean or not 0 <= value <= 1 %}
        {% do segmentation._fault(faults, path ~ "." ~ key, value, "a number from 0 to 1") %}
        {% do values.update({key: defaults[key]}) %}
    {% endif %}
{% endmacro %}


{# A date or null; kept as text. YAML gives dates as dates, the command line as text. #}
{% macro _check_date(values, key, path, defaults, faults) %}
    {% set said = values[key] %}
    {% if said is not none %}
        {% set text = (said | string).strip() %}
        {% set is_date = false %}
        {% if modules.re.match("^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", text) and text[:4] != "0000" %}
            {% set year, month, day = text[:4] | int, text[5:7] | int, text[8:] | int %}
            {% set is_leap_year = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 %}
            {% set is_date = day <= [31, 29 if is_leap_year else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] %}
        {% endif %}
        {% if is_date %}
            {% do values.update({key: text}) %}
        {% else %}
            {% do segmentation._fault(faults, path ~ "." ~ key, said, "a date as 2024-12-31, or null") %}
            {% do values.update({key: defaults[key]}) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro _check_condition(values, key, path, faults) %}
    {% set said = values[key] %}
    {% if said is not none and (
        said is not string or not said.strip() or said.strip().endswith(";") or "{{" in said or "{%" in said
    ) %}
        {% do segmentation._fault(
            faults, path ~ "." ~ key, said, "an SQL condition as text, without a semicolon at its end and without Jinja, or null"
        ) %}
        {% do values.update({key: none}) %}
    {% endif %}
{% endmacro %}


{# A relation is named as a model, package.model or {source: ..., table: ...}. #}
{% macro _check_relation(reference, path, faults, before="") %}
    {% if not segmentation.is_relation_reference(reference) %}
        {% do segmentation._fault(
            faults, path, reference,
            before ~ "a model ('my_model'), a model of a package ('package.model') or a source ({source: shop, table: lines})"
        ) %}
    {% endif %}
{% endmacro %}


{# The engine must be one of ours, and be able to do what the fit needs; SQL fits k-means alone. #}
{% macro _check_trainer(asked, definitions, faults) %}
    {% set engines = segmentation.engines() %}
    {% set has_python = segmentation.has_python_models() %}
    {% set which_engine = "target type '" ~ target.type ~ "' with dbt " ~ dbt_version %}
    {% if target.type not in engines %}
        {% do faults.append(
            "target type '" ~ target.type ~ "' is not supported; allowed: " ~ (engines | join(", ")) ~ "."
        ) %}
    {% elif asked == "python" and not has_python %}
        {% do faults.append(
            "segmentation_options.trainer: got 'python', but " ~ which_engine ~ " has no Python models; allowed here: auto, sql."
        ) %}
    {% elif asked == "sql" or not has_python %}
        {% set why = "trainer is sql" if asked == "sql" else which_engine ~ " has no Python models" %}
        {% for name, definition in definitions.items() if definition.frozen_model is none and definition.algorithm != "kmeans" %}
            {% do faults.append(
                "segmentation_definitions." ~ name ~ ".algorithm: got '" ~ definition.algorithm ~ "', which SQL does not fit ("
                ~ why ~ "); allowed: kmeans"
                ~ (", or trainer: auto" if has_python else ", or a frozen_model that was fitted elsewhere") ~ "."
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{# date (text) + days as text. #}
{% macro _date_plus_days(date, days) %}
    {% set moved = modules.datetime.datetime.strptime(date, "%Y-%m-%d") + modules.datetime.timedelta(days=days) %}
    {% do return(moved.strftime("%Y-%m-%d")) %}
{% endmacro %}
