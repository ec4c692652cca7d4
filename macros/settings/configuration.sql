{#
    The one accessor of the package's configuration: reads the three vars, merges them over the
    defaults key by key and validates them.

    Gives a dict:
      input        every key of `segmentation_input`, dates as text, latest_date resolved, and
                   is_latest_date_default
      definitions  name -> every key of a definition; features as {name: every key of a feature},
                   algorithm_options with all defaults, k as {min, max, fixed} (nulls where the
                   algorithm finds it), names as {by, order_by, low_to_high}
      options      every key of `segmentation_options`
      faults       list of sentences, empty when the configuration is valid

    Never raises, whatever the vars hold: a package with a faulty configuration still parses and
    documents. `segmentation__settings` raises all faults at once when it is built.
#}
{% macro configuration() %}
    {% set faults = [] %}
    {% set input = segmentation._read_input(faults) %}
    {% set options = segmentation._read_options(faults) %}
    {% set definitions = segmentation._read_definitions(faults, input) %}
    {% do segmentation._check_trainer(options.trainer, definitions, faults) %}
    {% do return({
        "input": input, "definitions": definitions, "options": options, "faults": faults
    }) %}
{% endmacro %}


{# The input alone, without reading all definitions for it. #}
{% macro input() %}
    {% do return(segmentation._read_input([])) %}
{% endmacro %}


{# One option by name: `segmentation.option('seed')`; neither definitions nor other options are read. #}
{% macro option(name) %}
    {% set defaults = segmentation.default_options() %}
    {% set options = segmentation._said_options(defaults, []) %}
    {% do segmentation._read_option(name, options, defaults, []) %}
    {% do return(options[name]) %}
{% endmacro %}


{# True where the demo seeds are the data: this repository, or a project that asks for it. #}
{% macro is_demo() %}
    {% do return(var("segmentation_demo", project_name == "segmentation") | as_bool) %}
{% endmacro %}


{% macro _read_input(faults) %}
    {% set given = segmentation._mapping_var(
        "segmentation_input", segmentation.demo_input() if segmentation.is_demo() else {}, faults
    ) %}
    {% set defaults = segmentation.default_input() %}
    {% set input = segmentation._merged(defaults, given, "segmentation_input", faults) %}

    {% if input.transactions is none %}
        {% do faults.append(
            "segmentation_input.transactions is not set. Name your transactions table: a model ('stg_shop__order_lines'),"
            ~ " a model of a package ('package.model'), a source ({source: shop, table: lines}),"
            ~ " or 'none' to segment customer tables only."
        ) %}
    {% elif input.transactions != "none" %}
        {% do segmentation._check_relation(input.transactions, "segmentation_input.transactions", faults) %}
    {% endif %}

    {% set columns = segmentation._merged(
        defaults.columns,
        segmentation._mapping(given.get("columns"), "segmentation_input.columns", faults),
        "segmentation_input.columns", faults
    ) %}
    {% set named = given.columns if given.columns is mapping else {} %}
    {% for column, source_column in columns.items() %}
        {% if source_column is not none and (source_column is not string or not source_column.strip()) %}
            {% do segmentation._fault(
                faults, "segmentation_input.columns." ~ column, source_column,
                "the name of a column" ~ ("" if column in ["customer_id", "ordered_at"] else ", or null where there is none")
            ) %}
            {% do columns.update({column: defaults.columns[column]}) %}
        {% endif %}
    {% endfor %}
    {# A team that maps `amount` alone need not unmap the two columns that it replaces. #}
    {% if columns.amount is not none %}
        {% for column in ["quantity", "unit_price"] if column not in named %}
            {% do columns.update({column: none}) %}
        {% endfor %}
    {% endif %}
    {% for column in ["customer_id", "ordered_at"] if columns[column] is none %}
        {% do segmentation._fault(faults, "segmentation_input.columns." ~ column, none, "the name of a column: it is required") %}
        {% do columns.update({column: defaults.columns[column]}) %}
    {% endfor %}
    {% if columns.amount is none and (columns.quantity is none or columns.unit_price is none) %}
        {% do faults.append(
            "segmentation_input.columns names no money: got amount null and "
            ~ ("quantity" if columns.quantity is none else "unit_price")
            ~ " null; allowed: amount, or both quantity and unit_price."
        ) %}
        {% do columns.update({"quantity": "quantity", "unit_price": "unit_price"}) %}
    {% endif %}
    {% do input.update({"columns": columns}) %}

    {% do segmentation._check_choice(input, "returns", ["net", "reject"], "segmentation_input", defaults, faults) %}
    {% do segmentation._check_choice(input, "duplicates", ["reject", "keep"], "segmentation_input", defaults, faults) %}
    {% do segmentation._check_condition(input, "exclude", "segmentation_input", faults) %}
    {% do input.update({"incremental": segmentation._read_incremental(input, faults)}) %}
    {% do segmentation._check_date(input, "earliest_date", "segmentation_input", defaults, faults) %}
    {% do segmentation._check_date(input, "latest_date", "segmentation_input", defaults, faults) %}
    {% if input.earliest_date is none %}
        {% do input.update({"earliest_date": defaults.earliest_date}) %}
    {% endif %}
    {% do input.update({"is_latest_date_default": input.latest_date is none}) %}
    {% if input.latest_date is none %}
        {% do input.update({"latest_date": segmentation._date_plus_days(run_started_at.strftime("%Y-%m-%d"), 1)}) %}
    {% endif %}
    {% if input.latest_date < input.earliest_date %}
        {% do segmentation._fault(
            faults, "segmentation_input.latest_date", input.latest_date,
            "a date on or after earliest_date (" ~ input.earliest_date ~ ")"
        ) %}
    {% endif %}
    {% do return(input) %}
{% endmacro %}


{# The input's `incremental` as {loaded_at: a column}; none where everything is read each time. #}
{% macro _read_incremental(input, faults) %}
    {% set path = "segmentation_input.incremental" %}
    {% set said = input.incremental %}
    {% if said is none %}
        {% do return(none) %}
    {% elif said is not mapping %}
        {% do segmentation._fault(faults, path, said, "null, or {loaded_at: the column that says when a line was loaded}") %}
        {% do return(none) %}
    {% endif %}
    {% set incremental = segmentation._merged({"loaded_at": none}, said, path, faults) %}
    {% if incremental.loaded_at is not string or not incremental.loaded_at.strip() %}
        {% do segmentation._fault(faults, path ~ ".loaded_at", incremental.loaded_at, "the name of a column") %}
        {% do return(none) %}
    {% endif %}
    {% if input.duplicates == "keep" and input.columns.line_id is none %}
        {% do faults.append(
            "segmentation_input.duplicates: got 'keep' with incremental and no columns.line_id, so a line that is delivered"
            ~ " twice could not be told from two sales; allowed: reject, or a line_id."
        ) %}
    {% endif %}
    {% do return(incremental) %}
{% endmacro %}


{#
    The option `refit` as {policy: after_days | always | never, after_days: days, or none}. The var
    `segmentation_refit` makes it always for one build: a var of its own, since on the command line
    `segmentation_options` would replace all of the project's options.
#}
{% macro _read_refit(said, path, default, faults) %}
    {% set refit = dict(default) %}
    {% set policy = said if said is string and said in ["always", "never"] else "after_days" %}
    {% if said is mapping %}
        {% set refit = segmentation._merged(default, said, path, faults) %}
        {% do segmentation._check_whole_number(refit, "after_days", 1, 36500, path, default, faults) %}
    {% elif policy == "after_days" %}
        {% do segmentation._fault(faults, path, said, "always, never, or {after_days: 30}") %}
    {% endif %}
    {% set is_asked_for = var("segmentation_refit", false) | string | lower == "true" %}
    {% set policy = "always" if is_asked_for else policy %}
    {% do return({"policy": policy, "after_days": refit.after_days if policy == "after_days" else none}) %}
{% endmacro %}


{# The option `history` as {period: week | month | quarter, periods: how many at the most}. #}
{% macro _read_history(said, path, default, faults) %}
    {% set history = segmentation._merged(default, segmentation._mapping(said, path, faults), path, faults) %}
    {% do segmentation._check_choice(history, "period", ["week", "month", "quarter"], path, default, faults) %}
    {% do segmentation._check_whole_number(history, "periods", 0, 1000, path, default, faults) %}
    {% do return(history) %}
{% endmacro %}


{# The option `drift` as {warn, error}: bounds of the population stability index, none for no bound. #}
{% macro _read_drift(said, path, default, faults) %}
    {% set drift = segmentation._merged(default, segmentation._mapping(said, path, faults), path, faults) %}
    {% for key in ["warn", "error"] %}
        {% do segmentation._check_number(
            drift, key, {"whole": false, "smallest": 0, "largest": 1000, "otherwise": none}, path, default, faults
        ) %}
    {% endfor %}
    {% do return(drift) %}
{% endmacro %}


{% macro _read_options(faults) %}
    {% set defaults = segmentation.default_options() %}
    {% set options = segmentation._said_options(defaults, faults) %}
    {% for name in defaults %}
        {% do segmentation._read_option(name, options, defaults, faults) %}
    {% endfor %}
    {% do return(options) %}
{% endmacro %}


{% macro _said_options(defaults, faults) %}
    {% set path = "segmentation_options" %}
    {% do return(segmentation._merged(defaults, segmentation._mapping_var(path, {}, faults), path, faults)) %}
{% endmacro %}


{# Checks one of the options, and puts it into its final form. #}
{% macro _read_option(name, options, defaults, faults) %}
    {% set root = "segmentation_options" %}
    {% set path = root ~ "." ~ name %}
    {% set said = options[name] %}
    {% if name == "as_of_date" %}
        {% do segmentation._check_date(options, name, root, defaults, faults) %}
    {% elif name == "rfm_scheme" %}
        {% if said is not string or said not in segmentation.rfm_schemes() %}
            {% do segmentation._check_relation(
                said, path, faults,
                "one of " ~ (segmentation.rfm_schemes().keys() | join(", ")) ~ ", or a model or seed with your own rules: "
            ) %}
            {% if not segmentation.is_relation_reference(said) %}
                {% do options.update({name: defaults[name]}) %}
            {% endif %}
        {% endif %}
    {% elif name == "fit_sample_size" %}
        {% do segmentation._check_whole_number(options, name, 100, 10000000, root, defaults, faults) %}
    {% elif name in ["minimum_segment_share", "minimum_stability"] %}
        {% do segmentation._check_share(options, name, root, defaults, faults) %}
    {% elif name == "seed" %}
        {% do segmentation._check_whole_number(options, name, 0, 4294967295, root, defaults, faults) %}
    {% elif name == "trainer" %}
        {% do segmentation._check_choice(options, name, ["auto", "python", "sql"], root, defaults, faults) %}
    {% elif name == "data_test_severity" %}
        {% do segmentation._check_choice(options, name, ["warn", "error"], root, defaults, faults) %}
    {% elif name == "pseudonymize" and said is not none %}
        {% do options.update({name: segmentation._read_pseudonymize(said, path, faults)}) %}
    {% elif name == "erased_customers" and said is not none %}
        {% do segmentation._check_relation(said, path, faults, "null, or ") %}
        {% if not segmentation.is_relation_reference(said) %}
            {% do options.update({name: none}) %}
        {% endif %}
    {% elif name == "suppress_below" %}
        {% do segmentation._check_whole_number(options, name, 0, 1000000000, root, defaults, faults) %}
    {% elif name == "refit" %}
        {% do options.update({name: segmentation._read_refit(said, path, defaults[name], faults)}) %}
    {% elif name == "history" %}
        {% do options.update({name: segmentation._read_history(said, path, defaults[name], faults)}) %}
    {% elif name == "drift" %}
        {% do options.update({name: segmentation._read_drift(said, path, defaults[name], faults)}) %}
    {% endif %}
{% endmacro %}


{#
    The option `pseudonymize` as {salt: a relation}; {salt: none}, which gives no ids at all, where it
    is wrong. Its faults do not show what was got, which may be a salt.
#}
{% macro _read_pseudonymize(said, path, faults) %}
    {% set relation = said.salt if said is mapping else none %}
    {% if said is not mapping %}
        {% do faults.append(path ~ ": is no mapping; allowed: {salt: a relation of one row with a column salt}, or null.") %}
    {% else %}
        {% set unknown = said.keys() | reject("equalto", "salt") | list | length %}
        {% if unknown %}
            {% do faults.append(path ~ ": " ~ unknown ~ " unknown key" ~ ("" if unknown == 1 else "s") ~ "; allowed: salt.") %}
        {% endif %}
        {% if not segmentation.is_relation_reference(relation) %}
            {% do faults.append(
                path ~ ".salt: names no relation; allowed: a relation of one row with a column salt: a model ('my_model'),"
                ~ " a model of a package ('package.model') or a source ({source: shop, table: lines})."
            ) %}
        {% endif %}
    {% endif %}
    {% do return({"salt": relation if segmentation.is_relation_reference(relation) else none}) %}
{% endmacro %}


{% macro _read_definitions(faults, input) %}
    {% set nothing_said = {"rfm": {}} if input.transactions != "none" else {} %}
    {% set given = segmentation._mapping_var("segmentation_definitions", nothing_said, faults) %}
    {% if not given %}
        {% do faults.append(
            "segmentation_definitions names nothing to segment. Write e.g."
            ~ " segmentation_definitions: {buyers: {customers: my_customer_table, features: {spend: auto, visits: auto}}}."
        ) %}
    {% endif %}
    {% set definitions = {} %}
    {% for name, said in given.items() %}
        {% set path = "segmentation_definitions." ~ name %}
        {% if name is not string or not modules.re.match("^[a-z][a-z0-9_]{0,62}$", name) %}
            {% do segmentation._fault(
                faults, "segmentation_definitions", name,
                "names of lower-case letters, digits and underscores that begin with a letter"
            ) %}
        {% else %}
            {% do definitions.update({name: segmentation.read_definition(
                segmentation._mapping(said, path, faults), path, input, faults
            )}) %}
        {% endif %}
    {% endfor %}
    {% do return(definitions) %}
{% endmacro %}
