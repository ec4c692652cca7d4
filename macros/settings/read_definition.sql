{#
    One entry of `segmentation_definitions`, merged over its defaults and validated; see
    `configuration` for its shape.

    given   what the user said, a mapping
    path    where, for the faults
    input   the input as `configuration` reads it
#}
{% macro read_definition(given, path, input, faults) %}
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
    {% for key in ["where", "fit_where"] %}
        {% do segmentation._check_condition(definition, key, path, faults) %}
    {% endfor %}
    {% if definition.frozen_model is not none %}
        {% do segmentation._check_relation(definition.frozen_model, path ~ ".frozen_model", faults, "null, or ") %}
        {% if not segmentation.is_relation_reference(definition.frozen_model) %}
            {% do definition.update({"frozen_model": none}) %}
        {% endif %}
    {% endif %}
    {% do segmentation._check_choice(
        definition, "algorithm", segmentation.algorithms().keys() | list, path, defaults, faults
    ) %}
    {# What is said of an algorithm that there is not cannot be judged. #}
    {% if definition.algorithm != given.get("algorithm", definition.algorithm) %}
        {% do definition.update({"algorithm_options": {}}) %}
    {% endif %}
    {% do definition.update({"features": segmentation._read_features(definition.features, path ~ ".features", faults)}) %}
    {% do definition.update({"outliers": segmentation._read_outliers(definition.outliers, path ~ ".outliers", faults)}) %}
    {% do definition.update({"algorithm_options": segmentation._read_algorithm_options(definition, path ~ ".algorithm_options", faults)}) %}
    {% do definition.update({"k": segmentation._read_k(definition, path ~ ".k", faults)}) %}
    {% do definition.update({"names": segmentation._read_names(definition, path ~ ".names", faults)}) %}
    {% do return(definition) %}
{% endmacro %}


{# Features as {name: every key of a feature}; a list of names means the defaults for each. #}
{% macro _read_features(said, path, faults) %}
    {% set features = {} %}
    {% if said is not mapping and (said is string or said is not sequence) %}
        {% do segmentation._fault(faults, path, said, "a list of columns, {column: transform}, or {column: {kind: number, transform: auto}}") %}
    {% else %}
        {% for name in said %}
            {% if name is not string or not name.strip() %}
                {% do segmentation._fault(faults, path, name, "the name of a column") %}
            {% else %}
                {% set feature = segmentation._read_feature(said[name] if said is mapping else none, path ~ "." ~ name, faults) %}
                {% for other, how in features.items()
                    if how.kind == "number" and feature.kind == "number" and segmentation.slug(other) == segmentation.slug(name) %}
                    {% do faults.append(
                        path ~ ": '" ~ other ~ "' and '" ~ name ~ "' would share the column median_" ~ segmentation.slug(name)
                        ~ "; rename one of them upstream."
                    ) %}
                {% endfor %}
                {% do features.update({name: feature}) %}
            {% endif %}
        {% endfor %}
        {% if not said %}
            {% do segmentation._fault(
                faults, path, said, "at least one numeric column of the customer table, e.g. features: {spend: auto, visits: auto}"
            ) %}
        {% elif features and not features.values() | selectattr("kind", "equalto", "number") | list %}
            {% do faults.append(
                path ~ ": all are of kind category; allowed: at least one of kind number, by which segments are ordered."
            ) %}
        {% elif features and features.values() | map(attribute="weight") | max == 0 %}
            {% do faults.append(path ~ ": all weights are 0; allowed: at least one above 0.") %}
        {% endif %}
    {% endif %}
    {% do return(features) %}
{% endmacro %}


{# One feature: a mapping, or its transform alone. #}
{% macro _read_feature(said, path, faults) %}
    {% set transforms = ["auto"] + segmentation.transforms() %}
    {% set defaults = segmentation.default_feature("number") %}
    {% if said is not mapping %}
        {% if said is not none and (said is not string or said not in transforms) %}
            {% do segmentation._fault(faults, path, said, "one of " ~ (transforms | join(", "))) %}
            {% do return(defaults) %}
        {% endif %}
        {% do return(segmentation._merged(defaults, {"transform": said or "auto"}, path, faults)) %}
    {% endif %}

    {% set kind = said.get("kind", "number") %}
    {% if kind is not string or kind not in ["number", "category"] %}
        {% do segmentation._fault(faults, path ~ ".kind", kind, "one of number, category") %}
        {% do return(defaults) %}
    {% endif %}
    {% set defaults = segmentation.default_feature(kind) %}
    {% set feature = segmentation._merged(defaults, said, path, faults) %}
    {% if kind == "number" %}
        {% do feature.update({"transform": "auto" if feature.transform is none else feature.transform}) %}
        {% do segmentation._check_choice(feature, "transform", transforms, path, defaults, faults) %}
        {% do segmentation._check_choice(feature, "scale", segmentation.scalers(), path, defaults, faults) %}
        {% do segmentation._check_clip(feature, path, faults) %}
    {% else %}
        {% do feature.update({"transform": "one_hot", "scale": "none", "clip": none}) %}
    {% endif %}
    {% do segmentation._check_choice(feature, "impute", segmentation.imputers(kind), path, defaults, faults) %}
    {% set filled = feature.fill_value %}
    {% if feature.impute != said.get("impute", feature.impute) %}
        {# What an imputer that there is not fills in cannot be judged. #}
        {% do feature.update({"fill_value": none}) %}
    {% elif feature.impute != "constant" %}
        {% if filled is not none %}
            {% do segmentation._fault(faults, path ~ ".fill_value", filled, "null, unless impute is constant") %}
            {% do feature.update({"fill_value": none}) %}
        {% endif %}
    {% elif kind == "number" and (filled is not number or filled is boolean or not -1e300 < filled < 1e300) %}
        {% do segmentation._fault(faults, path ~ ".fill_value", filled, "a number, which impute: constant needs") %}
        {% do feature.update({"fill_value": 0}) %}
    {% elif kind == "category" and (filled is not string or not filled.strip()) %}
        {% do segmentation._fault(faults, path ~ ".fill_value", filled, "a text, which impute: constant needs") %}
        {% do feature.update({"fill_value": "missing"}) %}
    {% endif %}
    {% if feature.weight is not number or feature.weight is boolean or not 0 <= feature.weight <= 1e6 %}
        {% do segmentation._fault(faults, path ~ ".weight", feature.weight, "a number from 0 to 1000000") %}
        {% do feature.update({"weight": 1}) %}
    {% endif %}
    {% do return(feature) %}
{% endmacro %}


{# Two percentiles as shares, between which values are kept; null for none. #}
{% macro _check_clip(feature, path, faults) %}
    {% set clip = feature.clip %}
    {% if clip is not none %}
        {% set is_pair = clip is sequence and clip is not string and clip is not mapping and clip | length == 2
            and clip | select("number") | reject("boolean") | list | length == 2 %}
        {% if not is_pair or not 0 <= clip[0] < clip[1] <= 1 %}
            {% do segmentation._fault(
                faults, path ~ ".clip", clip, "two percentiles as shares from 0 to 1, the lower first, as [0.01, 0.99], or null"
            ) %}
            {% do feature.update({"clip": none}) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{# The fences of outliers as {low, high, fence}; none where none are flagged. #}
{% macro _read_outliers(said, path, faults) %}
    {% if said is none %}
        {% do return(none) %}
    {% endif %}
    {% if said is not mapping %}
        {% do segmentation._fault(faults, path, said, "null, or {low: 0.05, high: 0.95, fence: 1.5}") %}
        {% do return(none) %}
    {% endif %}
    {% set defaults = {"low": 0.05, "high": 0.95, "fence": 1.5} %}
    {% set outliers = segmentation._merged(defaults, said, path, faults) %}
    {% for key in ["low", "high"] %}
        {% do segmentation._check_share(outliers, key, path, defaults, faults) %}
    {% endfor %}
    {% do segmentation._check_number(
        outliers, "fence", {"whole": false, "smallest": 0, "largest": 1000}, path, defaults, faults
    ) %}
    {% set is_low_said, is_high_said = outliers.low == said.get("low", defaults.low), outliers.high == said.get("high", defaults.high) %}
    {% if is_low_said and is_high_said and outliers.low >= outliers.high %}
        {% do segmentation._fault(faults, path ~ ".low", outliers.low, "a share below high (" ~ outliers.high ~ ")") %}
        {% do outliers.update(defaults) %}
    {% endif %}
    {% do return(outliers) %}
{% endmacro %}


{# The options of the algorithm, all of them, in scikit-learn's names. #}
{% macro _read_algorithm_options(definition, path, faults) %}
    {% set allowed = segmentation.algorithms()[definition.algorithm].options %}
    {% set defaults = {} %}
    {% for name, option in allowed.items() %}
        {% do defaults.update({name: option.default}) %}
    {% endfor %}
    {% set options = segmentation._merged(
        defaults, segmentation._mapping(definition.algorithm_options, path, faults), path, faults
    ) %}
    {% for name, option in allowed.items() %}
        {% if option.choices is defined %}
            {% do segmentation._check_choice(options, name, option.choices, path, defaults, faults) %}
        {% else %}
            {% do segmentation._check_number(options, name, option, path, defaults, faults) %}
        {% endif %}
    {% endfor %}
    {% do return(options) %}
{% endmacro %}


{# The number of segments as {min, max, fixed}; nulls where the algorithm finds it. #}
{% macro _read_k(definition, path, faults) %}
    {% set said = definition.k %}
    {% if not segmentation.algorithms()[definition.algorithm].has_k %}
        {% if said != "auto" and said is not none %}
            {% do segmentation._fault(faults, path, said, "auto, since " ~ definition.algorithm ~ " finds the number of segments itself") %}
        {% endif %}
        {% do return({"min": none, "max": none, "fixed": false}) %}
    {% endif %}
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
    {% set features = [] %}
    {% for name, feature in definition.features.items() if feature.kind == "number" %}
        {% do features.append(name) %}
    {% endfor %}
    {% set measures = ["recency_days", "frequency", "monetary"] %}
    {% set missing_measures = measures | reject("in", features) | list %}
    {% set said = definition.names %}
    {% set order_by = definition.value if definition.value in features else (features[0] if features else none) %}
    {% set names = {
        "by": "auto" if missing_measures else "rfm", "order_by": order_by, "low_to_high": []
    } %}
    {% set allowed = "rfm, auto, {order_by: a feature}, or {order_by: a feature, low_to_high: [small, large]}" %}
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
        {% if merged.order_by in features %}
            {% do names.update({"order_by": merged.order_by}) %}
        {% elif features or "order_by" in said %}
            {% do segmentation._fault(
                faults, path ~ ".order_by", merged.order_by,
                "one of the features that are numbers" ~ (": " ~ (features | join(", ")) if features else ", of which there is none")
            ) %}
        {% endif %}
        {% set labels = merged.low_to_high %}
        {% if labels is none and ("order_by" in said or definition.k.max is none) %}
            {% do names.update({"by": "auto"}) %}
        {% elif definition.k.max is none %}
            {% do segmentation._fault(
                faults, path ~ ".low_to_high", labels, "null, since " ~ definition.algorithm ~ " finds the number of segments itself"
            ) %}
        {% elif labels is string or labels is mapping or labels is not sequence or not labels
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
