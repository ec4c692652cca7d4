{#
    The one accessor of the package's configuration: reads the three vars, merges them over the
    defaults key by key and validates them.

    Gives a dict:
      input        every key of `segmentation_input`, dates as text, latest_date resolved
      definitions  name -> every key of a definition; features as {name: transform}, k as
                   {min, max, fixed}, names as {by, order_by, low_to_high}
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
    {% do segmentation._check_target(faults) %}
    {% do return({
        "input": input, "definitions": definitions, "options": options, "faults": faults
    }) %}
{% endmacro %}


{# One option by name: `segmentation.option('seed')`. #}
{% macro option(name) %}
    {% do return(segmentation.configuration()["options"][name]) %}
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
    {% do segmentation._check_date(input, "earliest_date", "segmentation_input", defaults, faults) %}
    {% do segmentation._check_date(input, "latest_date", "segmentation_input", defaults, faults) %}
    {% if input.earliest_date is none %}
        {% do input.update({"earliest_date": defaults.earliest_date}) %}
    {% endif %}
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


{% macro _read_options(faults) %}
    {% set path = "segmentation_options" %}
    {% set defaults = segmentation.default_options() %}
    {% set options = segmentation._merged(
        defaults, segmentation._mapping_var(path, {}, faults), path, faults
    ) %}
    {% do segmentation._check_date(options, "as_of_date", path, defaults, faults) %}
    {% do segmentation._check_whole_number(options, "fit_sample_size", 100, 10000000, path, defaults, faults) %}
    {% do segmentation._check_whole_number(options, "seed", 0, 4294967295, path, defaults, faults) %}
    {% do segmentation._check_share(options, "minimum_segment_share", path, defaults, faults) %}
    {% do segmentation._check_share(options, "minimum_stability", path, defaults, faults) %}
    {% do segmentation._check_choice(options, "data_test_severity", ["warn", "error"], path, defaults, faults) %}
    {% if options.rfm_scheme is not string or options.rfm_scheme not in segmentation.rfm_schemes() %}
        {% do segmentation._check_relation(
            options.rfm_scheme, path ~ ".rfm_scheme", faults,
            "one of " ~ (segmentation.rfm_schemes().keys() | join(", ")) ~ ", or a model or seed with your own rules: "
        ) %}
        {% if not segmentation.is_relation_reference(options.rfm_scheme) %}
            {% do options.update({"rfm_scheme": defaults.rfm_scheme}) %}
        {% endif %}
    {% endif %}
    {% do return(options) %}
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
            {% do definitions.update({name: segmentation._read_definition(
                segmentation._mapping(said, path, faults), path, input, faults
            )}) %}
        {% endif %}
    {% endfor %}
    {% do return(definitions) %}
{% endmacro %}


{% macro _read_definition(given, path, input, faults) %}
    {% set defaults = segmentation.default_definition(given.get("customers") or "segmentation__rfm") %}
    {% set definition = segmentation._merged(defaults, given, path, faults) %}

    {% do segmentation._check_relation(definition.customers, path ~ ".customers", faults) %}
    {% if input.transactions == "none" and segmentation.is_own_model(definition.customers) %}
        {% do faults.append(
            path ~ ".customers: got '" ~ definition.customers ~ "', which is not built while segmentation_input.transactions is"
            ~ " 'none'; allowed: a customer table of yours."
        ) %}
        {% do definition.update({"customers": none}) %}
    {% endif %}
    {% for key in ["customer_id", "value"] %}
        {% set column = definition[key] %}
        {% if (column is none and key == "customer_id")
            or (column is not none and (column is not string or not column.strip())) %}
            {% do segmentation._fault(faults, path ~ "." ~ key, column, "the name of a column" ~ (" or null" if key == "value" else "")) %}
            {% do definition.update({key: defaults[key]}) %}
        {% endif %}
    {% endfor %}
    {% do segmentation._check_condition(definition, "where", path, faults) %}
    {% do segmentation._check_choice(definition, "algorithm", ["kmeans"], path, defaults, faults) %}
    {% do definition.update({"features": segmentation._read_features(definition.features, path ~ ".features", faults)}) %}
    {% do definition.update({"k": segmentation._read_k(definition.k, path ~ ".k", faults)}) %}
    {% do definition.update({"names": segmentation._read_names(definition, path ~ ".names", faults)}) %}
    {% do return(definition) %}
{% endmacro %}


{# Features as {name: transform}; a list of names means `auto` for each. #}
{% macro _read_features(said, path, faults) %}
    {% set transforms = segmentation.transforms() %}
    {% set features = {} %}
    {% if said is not mapping and (said is string or said is not sequence) %}
        {% do segmentation._fault(faults, path, said, "a list of columns, or {column: transform}") %}
    {% else %}
        {% for name in said %}
            {% set feature = said[name] if said is mapping else none %}
            {% set transform = feature.get("transform") if feature is mapping else feature %}
            {% if name is not string or not name.strip() %}
                {% do segmentation._fault(faults, path, name, "the name of a column") %}
            {% else %}
                {% if feature is mapping %}
                    {% do segmentation._merged({"transform": "auto"}, feature, path ~ "." ~ name, faults) %}
                {% endif %}
                {% if transform is not none and (transform is not string or transform not in ["auto"] + transforms) %}
                    {% do segmentation._fault(faults, path ~ "." ~ name, transform, "one of auto, " ~ (transforms | join(", "))) %}
                    {% set transform = "auto" %}
                {% endif %}
                {% for other in features if segmentation.slug(other) == segmentation.slug(name) %}
                    {% do faults.append(
                        path ~ ": '" ~ other ~ "' and '" ~ name ~ "' would share the column median_" ~ segmentation.slug(name)
                        ~ "; rename one of them upstream."
                    ) %}
                {% endfor %}
                {% do features.update({name: transform or "auto"}) %}
            {% endif %}
        {% endfor %}
        {% if not said %}
            {% do segmentation._fault(
                faults, path, said, "at least one numeric column of the customer table, e.g. features: {spend: auto, visits: auto}"
            ) %}
        {% endif %}
    {% endif %}
    {% do return(features) %}
{% endmacro %}


{# The number of segments as {min, max, fixed}. #}
{% macro _read_k(said, path, faults) %}
    {% set largest = segmentation.largest_k() %}
    {% set automatic = {"min": 2, "max": 8, "fixed": false} %}
    {% if said == "auto" or said is none %}
        {% do return(automatic) %}
    {% elif said is integer and 1 <= said <= largest %}
        {% do return({"min": said, "max": said, "fixed": true}) %}
    {% elif said is mapping %}
        {% set k = segmentation._merged({"min": 2, "max": 8}, said, path, faults) %}
        {% if k.min is integer and k.max is integer and 1 <= k.min < k.max <= largest %}
            {% do return({"min": k.min, "max": k.max, "fixed": false}) %}
        {% endif %}
    {% endif %}
    {% do segmentation._fault(
        faults, path, said,
        "auto, a whole number from 1 to " ~ largest ~ ", or {min: 2, max: 8} with 1 <= min < max <= " ~ largest
    ) %}
    {% do return(automatic) %}
{% endmacro %}


{#
    How segments are ordered and named, as {by, order_by, low_to_high}; by is rfm | low_to_high |
    auto. Segments are ordered by order_by: the feature named, else the value where it is a
    feature, else the first feature.
#}
{% macro _read_names(definition, path, faults) %}
    {% set features = definition.features %}
    {% set measures = ["recency_days", "frequency", "monetary"] %}
    {% set missing_measures = measures | reject("in", features) | list %}
    {% set said = definition.names %}
    {% set order_by = definition.value if definition.value in features else (features.keys() | first) %}
    {% set names = {
        "by": "auto" if missing_measures else "rfm", "order_by": order_by, "low_to_high": []
    } %}
    {% set allowed = "rfm, auto, or {order_by: a feature, low_to_high: [small, large]}" %}
    {% if said is none %}
    {% elif said == "auto" %}
        {% do names.update({"by": "auto"}) %}
    {% elif said == "rfm" %}
        {% if missing_measures %}
            {% do faults.append(
                path ~ ": got 'rfm', which needs the features " ~ (measures | join(", ")) ~ "; missing: "
                ~ (missing_measures | join(", ")) ~ ". Allowed here: auto, or {order_by: a feature, low_to_high: [small, large]}."
            ) %}
        {% endif %}
    {% elif said is mapping %}
        {% set merged = segmentation._merged({"order_by": order_by, "low_to_high": none}, said, path, faults) %}
        {% if merged.order_by not in features %}
            {% do segmentation._fault(faults, path ~ ".order_by", merged.order_by, "one of the features: " ~ (features.keys() | join(", "))) %}
        {% else %}
            {% do names.update({"order_by": merged.order_by}) %}
        {% endif %}
        {% set labels = merged.low_to_high %}
        {% if labels is string or labels is mapping or labels is not sequence or not labels
            or labels | select("string") | list | length != labels | length
            or labels | map("trim") | select | list | length != labels | length
            or labels | unique(case_sensitive=true) | list | length != labels | length %}
            {% do segmentation._fault(
                faults, path ~ ".low_to_high", labels, "a list of different names, one a segment, from the lowest to the highest"
            ) %}
        {% elif not definition.k.fixed or definition.k.max != labels | length %}
            {% do faults.append(
                path ~ ".low_to_high: got " ~ (labels | length) ~ " names for k: "
                ~ (definition.k.max if definition.k.fixed else "auto or a range")
                ~ "; allowed: as many names as segments. Write k: " ~ (labels | length) ~ "."
            ) %}
        {% else %}
            {% do names.update({"by": "low_to_high", "low_to_high": labels}) %}
        {% endif %}
    {% else %}
        {% do segmentation._fault(faults, path, said, allowed) %}
    {% endif %}
    {% do return(names) %}
{% endmacro %}
