"""Gate 1: every wrong var, key and value has its sentence, all of them in one error.

Each round is one `dbt run` on one set of vars; its faults must be exactly those listed, no more.
"""

from datetime import date

import pytest
from consumer import Consumer, faults

NOT_SET = (
    "segmentation_input.transactions is not set. Name your transactions table: a model "
    "('stg_shop__order_lines'), a model of a package ('package.model'), a source ({source: shop, "
    "table: lines}), or 'none' to segment customer tables only."
)
NOTHING_TO_SEGMENT = (
    "segmentation_definitions names nothing to segment. Write e.g. segmentation_definitions: "
    "{buyers: {customers: my_customer_table, features: {spend: auto, visits: auto}}}."
)
RELATION = (
    "a model ('my_model'), a model of a package ('package.model') or a source ({source: shop, "
    "table: lines})"
)
SCHEME = f"one of eleven, ten, six, or a model or seed with your own rules: {RELATION}"
MAPPING = "keys with values, as in {path}: {{key: value}}"
DATE = "a date as 2024-12-31, or null"
CONDITION = "an SQL condition as text, without a semicolon at its end and without Jinja, or null"
COLUMN = "the name of a column"
LOADED_AT = "null, or {loaded_at: the column that says when a line was loaded}"
COLUMN_OR_NULL = "the name of a column, or null where there is none"
INPUT_KEYS = (
    "transactions, columns, exclude, returns, duplicates, earliest_date, latest_date, incremental"
)
COLUMN_KEYS = "customer_id, ordered_at, order_id, line_id, product_id, quantity, unit_price, amount"
OPTION_KEYS = (
    "as_of_date, rfm_scheme, fit_sample_size, minimum_segment_share, minimum_stability, seed, "
    "trainer, data_test_severity, pseudonymize, erased_customers, suppress_below, refit, history, "
    "drift"
)
DEFINITION_KEYS = (
    "customers, customer_id, where, features, value, outliers, algorithm, algorithm_options, k, "
    "names, fit_where, frozen_model"
)
FEATURES = "a list of columns, {column: transform}, or {column: {kind: number, transform: auto}}"
NUMBER_KEYS = "kind, transform, impute, fill_value, clip, scale, weight"
CATEGORY_KEYS = "kind, impute, fill_value, weight"
KINDS = "one of number, category"
NUMBER_IMPUTERS = "one of median, mean, most_frequent, constant"
CATEGORY_IMPUTERS = "one of most_frequent, constant"
SCALERS = "one of standard, robust, min_max, none"
CLIP = "two percentiles as shares from 0 to 1, the lower first, as [0.01, 0.99], or null"
WEIGHT = "a number from 0 to 1000000"
NO_FILL_VALUE = "null, unless impute is constant"
FILL_NUMBER = "a number, which impute: constant needs"
FILL_TEXT = "a text, which impute: constant needs"
OUTLIERS = "null, or {low: 0.05, high: 0.95, fence: 1.5}"
SHARE = "a number from 0 to 1"
ALGORITHMS = "one of kmeans, hierarchical, dbscan, hdbscan, gaussian_mixture"
LINKAGES = "one of ward, complete, average, single"
COVARIANCES = "one of full, tied, diag, spherical"
TRANSFORMS = "one of auto, none, log, sqrt, cbrt, box_cox, yeo_johnson"
K = "auto, a whole number from 1 to 50, or {min: 2, max: 8} with 1 <= min < max <= 50"
NAMES = "rfm, auto, {order_by: a feature}, or {order_by: a feature, low_to_high: [small, large]}"
LABELS = "a list of different names, one a segment, from the lowest to the highest"
DEFINITION_NAME = "names of lower-case letters, digits and underscores that begin with a letter"


def fault(path, got, allowed):
    """Gives the sentence of a wrong value; got as the error shows it."""
    return f"{path}: got {got}; allowed: {allowed}."


def unknown(path, key, allowed):
    """Gives the sentence of an unknown key."""
    return f"{path}: unknown key '{key}'; allowed: {allowed}."


def of_input(key, got, allowed):
    """Gives the sentence of a wrong value under segmentation_input."""
    return fault(f"segmentation_input.{key}", got, allowed)


def of_option(key, got, allowed):
    """Gives the sentence of a wrong value under segmentation_options."""
    return fault(f"segmentation_options.{key}", got, allowed)


INPUT = {"transactions": "lines"}

# (name, vars, expected sentences)
ROUNDS = [
    (
        "vars that are no mappings",
        {
            "segmentation_input": "orders",
            "segmentation_definitions": ["a", "b"],
            "segmentation_options": 7,
        },
        [
            fault("segmentation_input", "'orders'", MAPPING.format(path="segmentation_input")),
            NOT_SET,
            fault(
                "segmentation_definitions",
                "['a', 'b']",
                MAPPING.format(path="segmentation_definitions"),
            ),
            NOTHING_TO_SEGMENT,
            fault("segmentation_options", "7", MAPPING.format(path="segmentation_options")),
        ],
    ),
    (
        "values of refit, history, drift and incremental",
        {
            "segmentation_input": INPUT | {"incremental": "loaded"},
            "segmentation_options": {
                "refit": "monthly",
                "history": {"period": "day", "periods": -1, "from": "2024-01-01"},
                "drift": {"warn": "low", "error": -1},
            },
        },
        [
            of_input("incremental", "'loaded'", LOADED_AT),
            of_option("refit", "'monthly'", "always, never, or {after_days: 30}"),
            unknown("segmentation_options.history", "from", "period, periods"),
            of_option("history.period", "'day'", "one of week, month, quarter"),
            of_option("history.periods", "-1", "a whole number from 0 to 1000"),
            of_option("drift.warn", "'low'", "null or a number from 0 to 1000"),
            of_option("drift.error", "-1", "null or a number from 0 to 1000"),
        ],
    ),
    (
        "keys of refit, history, drift and incremental",
        {
            "segmentation_input": INPUT
            | {"incremental": {"loaded_at": 3, "since": 1}, "duplicates": "keep"},
            "segmentation_options": {"refit": {"after_days": 0, "days": 1}, "history": 3, "drift": 0.1},
        },
        [
            unknown("segmentation_input.incremental", "since", "loaded_at"),
            of_input("incremental.loaded_at", "3", COLUMN),
            unknown("segmentation_options.refit", "days", "after_days"),
            of_option("refit.after_days", "0", "a whole number from 1 to 36500"),
            of_option("history", "3", MAPPING.format(path="segmentation_options.history")),
            of_option("drift", "0.1", MAPPING.format(path="segmentation_options.drift")),
        ],
    ),
    (
        "a trainer that there is not",
        {"segmentation_input": INPUT, "segmentation_options": {"trainer": "sklearn"}},
        [of_option("trainer", "'sklearn'", "one of auto, python, sql")],
    ),
    (
        "algorithms that SQL does not fit",
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {
                "tiers": {"algorithm": "hierarchical"},
                "dense": {"algorithm": "dbscan"},
                "usual": {"algorithm": "kmeans"},
                "frozen": {"algorithm": "dbscan", "frozen_model": "lines"},
            },
            "segmentation_options": {"trainer": "sql"},
        },
        [
            fault(
                f"segmentation_definitions.{name}.algorithm",
                f"'{algorithm}', which SQL does not fit (trainer is sql)",
                "kmeans, or trainer: auto",
            )
            for name, algorithm in (("tiers", "hierarchical"), ("dense", "dbscan"))
        ],
    ),
    (
        "incremental and duplicates: keep without a line_id",
        {
            "segmentation_input": INPUT
            | {"incremental": {"loaded_at": "loaded_at"}, "duplicates": "keep"}
        },
        [
            (
                "segmentation_input.duplicates: got 'keep' with incremental and no "
                "columns.line_id, so a line that is delivered twice could not be told from two "
                "sales; allowed: reject, or a line_id."
            )
        ],
    ),
    (
        "vars that are empty",
        {"segmentation_input": {}, "segmentation_definitions": {}, "segmentation_options": {}},
        [NOT_SET, NOTHING_TO_SEGMENT],
    ),
    (
        "input: values of the wrong kind",
        {
            "segmentation_input": {
                "transactions": "a b",
                "colums": {"customer_id": "buyer"},
                "columns": "buyer",
                "exclude": 5,
                "returns": "drop",
                "duplicates": True,
                "earliest_date": "2024-13-01",
                "latest_date": "tomorrow",
            },
            "segmentation_options": {
                "as_of_date": "2023-02-29",
                "rfm_scheme": "my scheme",
                "fit_sample_size": 99,
                "minimum_segment_share": 1.5,
                "minimum_stability": "high",
                "seed": -1,
                "data_test_severity": "fatal",
                "fit_size": 3,
            },
        },
        [
            unknown("segmentation_input", "colums", INPUT_KEYS),
            of_input("transactions", "'a b'", RELATION),
            of_input("columns", "'buyer'", MAPPING.format(path="segmentation_input.columns")),
            of_input("returns", "'drop'", "one of net, reject"),
            of_input("duplicates", "True", "one of reject, keep"),
            of_input("exclude", "5", CONDITION),
            of_input("earliest_date", "'2024-13-01'", DATE),
            of_input("latest_date", "'tomorrow'", DATE),
            unknown("segmentation_options", "fit_size", OPTION_KEYS),
            of_option("as_of_date", "'2023-02-29'", DATE),
            of_option("fit_sample_size", "99", "a whole number from 100 to 10000000"),
            of_option("seed", "-1", "a whole number from 0 to 4294967295"),
            of_option("minimum_segment_share", "1.5", "a number from 0 to 1"),
            of_option("minimum_stability", "'high'", "a number from 0 to 1"),
            of_option("data_test_severity", "'fatal'", "one of warn, error"),
            of_option("rfm_scheme", "'my scheme'", SCHEME),
        ],
    ),
    (
        "input: columns",
        {
            "segmentation_input": {
                "transactions": {"source": "shop"},
                "columns": {
                    "customer": "buyer",
                    "customer_id": None,
                    "ordered_at": 5,
                    "order_id": ["a"],
                    "product_id": "  ",
                    "quantity": None,
                },
                "exclude": " ",
                "returns": None,
                "duplicates": None,
                "earliest_date": date(2025, 1, 2),
                "latest_date": date(2025, 1, 1),
            },
            "segmentation_options": {
                "as_of_date": 20240101,
                "rfm_scheme": None,
                "fit_sample_size": 10_000_001,
                "minimum_segment_share": True,
                "minimum_stability": None,
                "seed": 4_294_967_296,
                "data_test_severity": None,
            },
        },
        [
            of_input("transactions", "{'source': 'shop'}", RELATION),
            unknown("segmentation_input.columns", "customer", COLUMN_KEYS),
            of_input("columns.ordered_at", "5", COLUMN),
            of_input("columns.order_id", "['a']", COLUMN_OR_NULL),
            of_input("columns.product_id", "'  '", COLUMN_OR_NULL),
            of_input("columns.customer_id", "null", f"{COLUMN}: it is required"),
            (
                "segmentation_input.columns names no money: got amount null and quantity null; "
                "allowed: amount, or both quantity and unit_price."
            ),
            of_input("returns", "null", "one of net, reject"),
            of_input("duplicates", "null", "one of reject, keep"),
            of_input("exclude", "' '", CONDITION),
            of_input(
                "latest_date", "'2025-01-01'", "a date on or after earliest_date (2025-01-02)"
            ),
            of_option("as_of_date", "20240101", DATE),
            of_option("fit_sample_size", "10000001", "a whole number from 100 to 10000000"),
            of_option("seed", "4294967296", "a whole number from 0 to 4294967295"),
            of_option("minimum_segment_share", "True", "a number from 0 to 1"),
            of_option("minimum_stability", "null", "a number from 0 to 1"),
            of_option("data_test_severity", "null", "one of warn, error"),
            of_option("rfm_scheme", "null", SCHEME),
        ],
    ),
    (
        "input: a required column again, money again, dates again",
        {
            "segmentation_input": {
                "transactions": 5,
                "columns": {"ordered_at": None, "customer_id": "", "unit_price": None},
                "earliest_date": "0000-01-01",
                "latest_date": "2024-1-1",
                "exclude": True,
            },
            "segmentation_options": {
                "as_of_date": "2024-04-31",
                "rfm_scheme": 11,
                "fit_sample_size": "1000",
                "minimum_segment_share": -0.1,
                "minimum_stability": float("nan"),
                "seed": 1.5,
                "data_test_severity": ["warn"],
            },
        },
        [
            of_input("transactions", "5", RELATION),
            of_input("columns.customer_id", "''", COLUMN),
            of_input("columns.ordered_at", "null", f"{COLUMN}: it is required"),
            (
                "segmentation_input.columns names no money: got amount null and unit_price null; "
                "allowed: amount, or both quantity and unit_price."
            ),
            of_input("exclude", "True", CONDITION),
            of_input("earliest_date", "'0000-01-01'", DATE),
            of_input("latest_date", "'2024-1-1'", DATE),
            of_option("as_of_date", "'2024-04-31'", DATE),
            of_option("fit_sample_size", "'1000'", "a whole number from 100 to 10000000"),
            of_option("seed", "1.5", "a whole number from 0 to 4294967295"),
            of_option("minimum_segment_share", "-0.1", "a number from 0 to 1"),
            of_option("minimum_stability", "nan", "a number from 0 to 1"),
            of_option("data_test_severity", "['warn']", "one of warn, error"),
            of_option("rfm_scheme", "11", SCHEME),
        ],
    ),
    (
        "input: more wrong relations",
        {
            "segmentation_input": {"transactions": "one.two.three"},
            "segmentation_options": {"rfm_scheme": {"source": "shop", "tabel": "rules"}},
        },
        [
            of_input("transactions", "'one.two.three'", RELATION),
            of_option("rfm_scheme", "{'source': 'shop', 'tabel': 'rules'}", SCHEME),
        ],
    ),
    (
        "no transactions, and nothing else said",
        {"segmentation_input": {"transactions": "none"}},
        [NOTHING_TO_SEGMENT],
    ),
    (
        "no transactions, but customers of them",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                "rfm": {},
                "own": {"customers": "lines", "features": ["x"]},
            },
        },
        [
            (
                "segmentation_definitions.rfm.customers: got 'segmentation__rfm', "
                "which is not built "
                "while segmentation_input.transactions is 'none'; allowed: a "
                "customer table of yours."
            )
        ],
    ),
    (
        "definitions: names, and entries that are no mappings",
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {
                "Big Spenders": {},
                "1st": {},
                5: {},
                "a" * 64: {},
                "scalar": "rfm",
                "sequence": [1],
                "nothing_said": None,
                "fine": {},
            },
        },
        [
            *[
                fault("segmentation_definitions", got, DEFINITION_NAME)
                for got in ("'Big Spenders'", "'1st'", "5", f"'{'a' * 64}'")
            ],
            fault(
                "segmentation_definitions.scalar",
                "'rfm'",
                MAPPING.format(path="segmentation_definitions.scalar"),
            ),
            fault(
                "segmentation_definitions.sequence",
                "[1]",
                MAPPING.format(path="segmentation_definitions.sequence"),
            ),
        ],
    ),
]

# Each is a definition of its own, over one table with a column x: all stand in one run.
DEFINITION_FAULTS = [
    ({"k_max": 3}, "", None, None, unknown("{path}", "k_max", DEFINITION_KEYS)),
    ({"customers": "a b"}, ".customers", "'a b'", RELATION, None),
    ({"customers": 7}, ".customers", "7", RELATION, None),
    ({"customers": {"table": "x"}}, ".customers", "{'table': 'x'}", RELATION, None),
    (
        {"customers": {"source": 1, "table": "x"}},
        ".customers",
        "{'source': 1, 'table': 'x'}",
        RELATION,
        None,
    ),
    ({"customer_id": None}, ".customer_id", "null", COLUMN, None),
    ({"customer_id": 5}, ".customer_id", "5", COLUMN, None),
    ({"customer_id": " "}, ".customer_id", "' '", COLUMN, None),
    ({"value": 5}, ".value", "5", f"{COLUMN} or null", None),
    ({"value": ""}, ".value", "''", f"{COLUMN} or null", None),
    ({"where": 5}, ".where", "5", CONDITION, None),
    ({"where": " "}, ".where", "' '", CONDITION, None),
    ({"where": {"x": 1}}, ".where", "{'x': 1}", CONDITION, None),
    ({"algorithm": "k_means"}, ".algorithm", "'k_means'", ALGORITHMS, None),
    ({"algorithm": None}, ".algorithm", "null", ALGORITHMS, None),
    ({"features": "x"}, ".features", "'x'", FEATURES, None),
    ({"features": None}, ".features", "null", FEATURES, None),
    ({"features": 5}, ".features", "5", FEATURES, None),
    (
        {"features": {}},
        ".features",
        "{}",
        (
            "at least one numeric column of the customer table, e.g. features: {spend: "
            "auto, visits: auto}"
        ),
        None,
    ),
    (
        {"features": []},
        ".features",
        "[]",
        (
            "at least one numeric column of the customer table, e.g. features: {spend: "
            "auto, visits: auto}"
        ),
        None,
    ),
    ({"features": {"x": "cube"}}, ".features.x", "'cube'", TRANSFORMS, None),
    ({"features": {"x": 5}}, ".features.x", "5", TRANSFORMS, None),
    (
        {"features": {"x": {"tranform": "log"}}},
        "",
        None,
        None,
        unknown("{path}.features.x", "tranform", NUMBER_KEYS),
    ),
    ({"features": ["x", 3]}, ".features", "3", COLUMN, None),
    ({"features": {"x": "auto", " ": "auto"}}, ".features", "' '", COLUMN, None),
    (
        {"features": ["x", "X"]},
        "",
        None,
        None,
        (
            "{path}.features: 'x' and 'X' would share the column median_x; rename one of them "
            "upstream."
        ),
    ),
    ({"k": 0}, ".k", "0", K, None),
    ({"k": 51}, ".k", "51", K, None),
    ({"k": -3}, ".k", "-3", K, None),
    ({"k": "many"}, ".k", "'many'", K, None),
    ({"k": True}, ".k", "True", K, None),
    ({"k": 2.5}, ".k", "2.5", K, None),
    ({"k": [2, 8]}, ".k", "[2, 8]", K, None),
    ({"k": {"min": 3, "max": 3}}, ".k", "{'min': 3, 'max': 3}", K, None),
    ({"k": {"min": 0}}, ".k", "{'min': 0}", K, None),
    ({"k": {"max": 51}}, ".k", "{'max': 51}", K, None),
    ({"k": {"min": "2"}}, ".k", "{'min': '2'}", K, None),
    ({"k": {"maximum": 4}}, "", None, None, unknown("{path}.k", "maximum", "min, max")),
    ({"names": "RFM"}, ".names", "'RFM'", NAMES, None),
    ({"names": 5}, ".names", "5", NAMES, None),
    ({"names": ["small", "large"]}, ".names", "['small', 'large']", NAMES, None),
    (
        {"names": "rfm"},
        "",
        None,
        None,
        (
            "{path}.names: got 'rfm', which needs the features recency_days, frequency, monetary; "
            "missing: recency_days, frequency, monetary. Allowed here: auto, or "
            "{{order_by: a feature, "
            "low_to_high: [small, large]}}."
        ),
    ),
    (
        {"k": 2, "names": {"order_by": "y", "low_to_high": ["a", "b"]}},
        ".names.order_by",
        "'y'",
        "one of the features that are numbers: x",
        None,
    ),
    ({"k": 2, "names": {"low_to_high": None}}, ".names.low_to_high", "null", LABELS, None),
    ({"k": 2, "names": {}}, ".names.low_to_high", "null", LABELS, None),
    ({"k": 2, "names": {"low_to_high": "ab"}}, ".names.low_to_high", "'ab'", LABELS, None),
    ({"k": 2, "names": {"low_to_high": []}}, ".names.low_to_high", "[]", LABELS, None),
    (
        {"k": 2, "names": {"low_to_high": ["a", "a"]}},
        ".names.low_to_high",
        "['a', 'a']",
        LABELS,
        None,
    ),
    ({"k": 2, "names": {"low_to_high": ["a", 1]}}, ".names.low_to_high", "['a', 1]", LABELS, None),
    (
        {"k": 2, "names": {"low_to_high": ["a", " "]}},
        ".names.low_to_high",
        "['a', ' ']",
        LABELS,
        None,
    ),
    (
        {"k": 3, "names": {"low_to_high": ["a", "b"]}},
        "",
        None,
        None,
        (
            "{path}.names.low_to_high: got 2 names for k: 3; allowed: as many names as segments. "
            "Write k: 2."
        ),
    ),
    (
        {"names": {"low_to_high": ["a", "b"]}},
        "",
        None,
        None,
        (
            "{path}.names.low_to_high: got 2 names for k: auto or a range; allowed: "
            "as many names as "
            "segments. Write k: 2."
        ),
    ),
    (
        {"k": 2, "names": {"low_to_high": ["a", "b"], "by": "x"}},
        "",
        None,
        None,
        unknown("{path}.names", "by", "order_by, low_to_high"),
    ),
]


def of_feature(said, key, got, allowed):
    """Gives the entry of a feature x whose mapping has one wrong value."""
    return ({"features": {"x": said}}, f".features.x.{key}", got, allowed, None)


def unknown_in_feature(said, key, allowed):
    """Gives the entry of a feature x whose mapping has an unknown key, beside a number y."""
    features = {"x": said, "y": "auto"}
    return ({"features": features}, "", None, None, unknown("{path}.features.x", key, allowed))


def of_algorithm(algorithm, name, value, got, allowed):
    """Gives the entry of an algorithm that is given one wrong option."""
    said = {"algorithm": algorithm, "algorithm_options": {name: value}}
    return (said, f".algorithm_options.{name}", got, allowed, None)


def unknown_of_algorithm(algorithm, name, allowed):
    """Gives the entry of an algorithm that is given an option that it does not have."""
    said = {"algorithm": algorithm, "algorithm_options": {name: 1}}
    return (said, "", None, None, unknown("{path}.algorithm_options", name, allowed))


def found_itself(algorithm):
    """Gives what may stand where an algorithm finds the number of segments."""
    return f"since {algorithm} finds the number of segments itself"


LONG = "x" * 300
CATEGORY = {"kind": "category"}

FEATURE_FAULTS = [
    of_feature({"kind": "text"}, "kind", "'text'", KINDS),
    of_feature({"kind": None}, "kind", "null", KINDS),
    of_feature({"kind": ["number"]}, "kind", "['number']", KINDS),
    of_feature({"transform": "cube"}, "transform", "'cube'", TRANSFORMS),
    of_feature({"transform": "one_hot"}, "transform", "'one_hot'", TRANSFORMS),
    of_feature({"transform": {"log": 1}}, "transform", "{'log': 1}", TRANSFORMS),
    of_feature({"impute": "zero"}, "impute", "'zero'", NUMBER_IMPUTERS),
    of_feature({"impute": None}, "impute", "null", NUMBER_IMPUTERS),
    # Whether a value to fill in may be said depends on the imputer: one fault, not two.
    of_feature({"impute": "constnt", "fill_value": 5}, "impute", "'constnt'", NUMBER_IMPUTERS),
    of_feature({"fill_value": 0}, "fill_value", "0", NO_FILL_VALUE),
    of_feature({"impute": "mean", "fill_value": 1}, "fill_value", "1", NO_FILL_VALUE),
    *[
        of_feature({"impute": "constant", "fill_value": value}, "fill_value", got, FILL_NUMBER)
        for value, got in [
            (None, "null"),
            ("0", "'0'"),
            (True, "True"),
            ([0], "[0]"),
            (date(2024, 1, 2), "2024-01-02"),
            (float("nan"), "nan"),
            (float("-inf"), "-inf"),
            (1e300, "1e+300"),
        ]
    ],
    of_feature({"impute": "constant"}, "fill_value", "null", FILL_NUMBER),
    *[
        of_feature({"clip": value}, "clip", got, CLIP)
        for value, got in [
            (0.01, "0.01"),
            ("0.01", "'0.01'"),
            ([], "[]"),
            ([0.01], "[0.01]"),
            ([0.01, 0.5, 0.99], "[0.01, 0.5, 0.99]"),
            ([0.99, 0.01], "[0.99, 0.01]"),
            ([0.5, 0.5], "[0.5, 0.5]"),
            ([1, 99], "[1, 99]"),
            ([-0.01, 0.5], "[-0.01, 0.5]"),
            (["0.01", "0.99"], "['0.01', '0.99']"),
            ([False, True], "[False, True]"),
            ([float("nan"), 1], "[nan, 1]"),
            ([None, 0.99], "[None, 0.99]"),
            ({"low": 0.01, "high": 0.99}, "{'low': 0.01, 'high': 0.99}"),
        ]
    ],
    of_feature({"scale": "zscore"}, "scale", "'zscore'", SCALERS),
    of_feature({"scale": None}, "scale", "null", SCALERS),
    of_feature({"scale": False}, "scale", "False", SCALERS),
    *[
        of_feature({"weight": value}, "weight", got, WEIGHT)
        for value, got in [
            (-0.5, "-0.5"),
            (1_000_000.5, "1000000.5"),
            (None, "null"),
            ("2", "'2'"),
            (True, "True"),
            ([1], "[1]"),
            (float("nan"), "nan"),
            (float("inf"), "inf"),
        ]
    ],
    (
        {"features": {"x": {"weight": 0}, "y": {"kind": "category", "weight": 0}}},
        "",
        None,
        None,
        "{path}.features: all weights are 0; allowed: at least one above 0.",
    ),
    unknown_in_feature({"scaler": "robust"}, "scaler", NUMBER_KEYS),
    unknown_in_feature({"": 1}, "", NUMBER_KEYS),
    unknown_in_feature(CATEGORY | {"transform": "log"}, "transform", CATEGORY_KEYS),
    unknown_in_feature(CATEGORY | {"scale": "robust"}, "scale", CATEGORY_KEYS),
    unknown_in_feature(CATEGORY | {"clip": [0, 1]}, "clip", CATEGORY_KEYS),
    *[
        ({"features": {"x": CATEGORY | said, "y": "auto"}}, f".features.x.{key}", got, what, None)
        for said, key, got, what in [
            ({"impute": "median"}, "impute", "'median'", CATEGORY_IMPUTERS),
            ({"impute": "mean"}, "impute", "'mean'", CATEGORY_IMPUTERS),
            ({"fill_value": "none"}, "fill_value", "'none'", NO_FILL_VALUE),
            ({"impute": "constant"}, "fill_value", "null", FILL_TEXT),
            ({"impute": "constant", "fill_value": 0}, "fill_value", "0", FILL_TEXT),
            ({"impute": "constant", "fill_value": " "}, "fill_value", "' '", FILL_TEXT),
            ({"weight": "heavy"}, "weight", "'heavy'", WEIGHT),
        ]
    ],
    *[
        (
            {"features": {"x": CATEGORY, "y": CATEGORY}} | said,
            "",
            None,
            None,
            (
                "{path}.features: all are of kind category; allowed: at least one of kind number, "
                "by which segments are ordered."
            ),
        )
        for said in ({}, {"k": 2, "names": {"low_to_high": ["a", "b"]}})
    ],
    (
        {"features": {"x": CATEGORY, "y": "auto"}, "names": {"order_by": "x"}},
        ".names.order_by",
        "'x'",
        "one of the features that are numbers: y",
        None,
    ),
    ({"features": {"x": ["log"]}}, ".features.x", "['log']", TRANSFORMS, None),
    ({"features": {"x": True}}, ".features.x", "True", TRANSFORMS, None),
    ({"features": {'o\'clock "ü"': LONG}}, '.features.o\'clock "ü"', f"'{LONG}'", TRANSFORMS, None),
]

FIT_FAULTS = [
    *[
        ({"outliers": value}, ".outliers", got, OUTLIERS, None)
        for value, got in [(True, "True"), ("auto", "'auto'"), (1.5, "1.5"), ([0, 1], "[0, 1]")]
    ],
    *[
        ({"outliers": said}, f".outliers.{key}", got, allowed, None)
        for said, key, got, allowed in [
            ({"low": -0.1}, "low", "-0.1", SHARE),
            ({"low": None}, "low", "null", SHARE),
            ({"high": 95}, "high", "95", SHARE),
            ({"high": True}, "high", "True", SHARE),
            ({"fence": -1}, "fence", "-1", "a number from 0 to 1000"),
            ({"fence": "wide"}, "fence", "'wide'", "a number from 0 to 1000"),
            ({"fence": float("inf")}, "fence", "inf", "a number from 0 to 1000"),
            ({"low": 0.95}, "low", "0.95", "a share below high (0.95)"),
            ({"low": 0.9, "high": 0.1}, "low", "0.9", "a share below high (0.1)"),
            # Against what was not said the other bound is not judged.
            ({"low": 0.97, "high": "all"}, "high", "'all'", SHARE),
        ]
    ],
    (
        {"outliers": {"upper": 1}},
        "",
        None,
        None,
        unknown("{path}.outliers", "upper", "low, high, fence"),
    ),
    ({"fit_where": 5}, ".fit_where", "5", CONDITION, None),
    ({"fit_where": ""}, ".fit_where", "''", CONDITION, None),
    ({"fit_where": "x > 1;"}, ".fit_where", "'x > 1;'", CONDITION, None),
    ({"fit_where": ["x > 1"]}, ".fit_where", "['x > 1']", CONDITION, None),
    ({"frozen_model": "a b"}, ".frozen_model", "'a b'", f"null, or {RELATION}", None),
    ({"frozen_model": ""}, ".frozen_model", "''", f"null, or {RELATION}", None),
    ({"frozen_model": 5}, ".frozen_model", "5", f"null, or {RELATION}", None),
    ({"frozen_model": True}, ".frozen_model", "True", f"null, or {RELATION}", None),
    (
        {"frozen_model": {"source": "raw"}},
        ".frozen_model",
        "{'source': 'raw'}",
        f"null, or {RELATION}",
        None,
    ),
    ({"algorithm": "DBSCAN"}, ".algorithm", "'DBSCAN'", ALGORITHMS, None),
    ({"algorithm": ["kmeans"]}, ".algorithm", "['kmeans']", ALGORITHMS, None),
    ({"algorithm": {"kmeans": {}}}, ".algorithm", "{'kmeans': {}}", ALGORITHMS, None),
    # The options of an algorithm that there is not cannot be judged.
    (
        {"algorithm": "agglomerative", "algorithm_options": {"linkage": "ward"}},
        ".algorithm",
        "'agglomerative'",
        ALGORITHMS,
        None,
    ),
    *[
        (
            {"algorithm_options": value},
            ".algorithm_options",
            got,
            MAPPING.format(path="{path}.algorithm_options"),
            None,
        )
        for value, got in [("auto", "'auto'"), ([10], "[10]"), (10, "10"), (True, "True")]
    ],
    *[
        of_algorithm(algorithm, "n_init", value, got, "a whole number from 1 to 1000")
        for algorithm in ("kmeans", "gaussian_mixture")
        for value, got in [
            (0, "0"),
            (1001, "1001"),
            (2.5, "2.5"),
            ("auto", "'auto'"),
            (True, "True"),
        ]
    ],
    of_algorithm("hierarchical", "linkage", "median", "'median'", LINKAGES),
    of_algorithm("hierarchical", "linkage", None, "null", LINKAGES),
    *[
        of_algorithm("dbscan", "eps", value, got, "auto or a number from 1e-09 to 1000000000")
        for value, got in [
            (0, "0"),
            (-1, "-1"),
            (2e9, "2000000000.0"),
            ("0.5", "'0.5'"),
            (None, "null"),
            (True, "True"),
            ([0.5], "[0.5]"),
            (float("nan"), "nan"),
            (float("inf"), "inf"),
        ]
    ],
    of_algorithm("dbscan", "min_samples", 0, "0", "a whole number from 1 to 10000"),
    of_algorithm("dbscan", "min_samples", None, "null", "a whole number from 1 to 10000"),
    of_algorithm("dbscan", "min_samples", "auto", "'auto'", "a whole number from 1 to 10000"),
    *[
        of_algorithm(
            "hdbscan", "min_cluster_size", value, got, "auto or a whole number from 2 to 10000"
        )
        for value, got in [(1, "1"), (10_001, "10001"), (5.0, "5.0"), (None, "null")]
    ],
    *[
        of_algorithm("hdbscan", "min_samples", value, got, "null or a whole number from 1 to 10000")
        for value, got in [(0, "0"), ("auto", "'auto'"), (False, "False")]
    ],
    of_algorithm("hdbscan", "cluster_selection_method", "EOM", "'EOM'", "one of eom, leaf"),
    of_algorithm("gaussian_mixture", "covariance_type", "fulll", "'fulll'", COVARIANCES),
    of_algorithm("gaussian_mixture", "covariance_type", 1, "1", COVARIANCES),
    of_algorithm("gaussian_mixture", "reg_covar", -1, "-1", "a number from 0 to 1000000"),
    of_algorithm("gaussian_mixture", "reg_covar", "auto", "'auto'", "a number from 0 to 1000000"),
    unknown_of_algorithm("kmeans", "linkage", "n_init"),
    unknown_of_algorithm("kmeans", "init", "n_init"),
    unknown_of_algorithm("hierarchical", "n_init", "linkage"),
    unknown_of_algorithm("dbscan", "min_cluster_size", "eps, min_samples"),
    unknown_of_algorithm(
        "hdbscan", "eps", "min_cluster_size, min_samples, cluster_selection_method"
    ),
    unknown_of_algorithm("gaussian_mixture", "eps", "covariance_type, n_init, reg_covar"),
    *[
        ({"algorithm": algorithm} | said, key, got, f"{what}, {found_itself(algorithm)}", None)
        for algorithm in ("dbscan", "hdbscan")
        for said, key, got, what in [
            ({"k": 3}, ".k", "3", "auto"),
            ({"k": {"min": 2}}, ".k", "{'min': 2}", "auto"),
            ({"k": True}, ".k", "True", "auto"),
            ({"names": {"low_to_high": ["a"]}}, ".names.low_to_high", "['a']", "null"),
            ({"names": {"low_to_high": "a"}}, ".names.low_to_high", "'a'", "null"),
            (
                {"names": {"order_by": "x", "low_to_high": []}},
                ".names.low_to_high",
                "[]",
                "null",
            ),
        ]
    ],
]


def definition_round(title, entries):
    """Gives the faults of many definitions as one round."""
    definitions, expected = {}, []
    for number, (said, key, got, allowed, sentence) in enumerate(entries):
        name = f"d{number}"
        path = f"segmentation_definitions.{name}"
        definitions[name] = {"customers": "lines", "features": ["x"]} | said
        if sentence is None:
            expected.append(fault(path + key, got, allowed.replace("{path}", path)))
        else:
            expected.append(sentence.replace("{path}", path).replace("{{", "{").replace("}}", "}"))
    variables = {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": definitions,
    }
    return title, variables, expected


DEFINITION_ROUNDS = [
    definition_round("definitions: every key", DEFINITION_FAULTS),
    definition_round("definitions: features", FEATURE_FAULTS),
    definition_round("definitions: the fit", FIT_FAULTS),
]


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with one table; each round writes its own vars."""
    return Consumer(
        tmp_path_factory.mktemp("faults") / "shop", files={"models/lines.sql": "select 1 as x"}
    )


def assert_all_faults_come_in_one_error(consumer, variables, expected):
    """Fails unless the settings say all that is wrong with these vars, and nothing is built."""
    consumer.configure(variables)
    run = consumer.dbt("run", "--select", "segmentation__settings")
    assert run.exit_code == 1
    message = run.message("segmentation__settings")
    found = faults(message)
    assert sorted(found) == sorted(expected)
    count = f"({len(expected)} fault{'' if len(expected) == 1 else 's'})"
    assert f"segmentation: the vars are not right {count}" in message
    assert consumer.package_relations() == []


@pytest.mark.parametrize(
    ("variables", "expected"), [pytest.param(*rest, id=name) for name, *rest in ROUNDS]
)
def test_all_faults_come_in_one_error(consumer, variables, expected):
    assert_all_faults_come_in_one_error(consumer, variables, expected)


@pytest.mark.parametrize(
    ("variables", "expected"), [pytest.param(*rest, id=name) for name, *rest in DEFINITION_ROUNDS]
)
def test_faulty_definitions_come_in_one_error_and_still_compile(consumer, variables, expected):
    assert_all_faults_come_in_one_error(consumer, variables, expected)
    # of the same vars, which dbt has parsed already: with these it takes its time
    run = consumer.dbt("compile")
    assert run.exit_code == 0, run.output


def test_values_at_the_bounds_and_other_spellings_are_right(consumer):
    consumer.configure(
        {
            "segmentation_input": {
                "transactions": "none",
                "columns": None,
                "exclude": None,
                "earliest_date": None,
                "latest_date": "2024-02-29",
            },
            "segmentation_definitions": {
                "all_null": {
                    "customers": "lines",
                    "features": {"x": None},
                    "k": None,
                    "names": None,
                },
                "detailed": {"customers": "shop.lines", "features": {"x": {"transform": "log"}}},
                "listed": {"customers": "lines", "features": ["x"], "k": 50},
                "least": {"customers": "lines", "features": ["x"], "k": 1, "names": "auto"},
                "ranged": {"customers": "lines", "features": ["x"], "k": {"max": 50}},
            },
            "segmentation_options": {
                "as_of_date": date(2024, 2, 29),
                "fit_sample_size": 100,
                "minimum_segment_share": 0,
                "minimum_stability": 1,
                "seed": 4_294_967_295,
            },
        }
    )
    run = consumer.dbt("run", "--select", "segmentation__settings")
    assert run.exit_code == 0, run.output
    settings = consumer.rows(
        "select segmentation, feature, transform, k_min, k_max, is_k_fixed, naming, "
        "order_by_feature, fit_sample_size, seed from segmentation__settings order by 1"
    )
    last = ("auto", "x", 100, 4_294_967_295)
    assert settings == [
        ("all_null", "x", "auto", 2, 8, False, *last),
        ("detailed", "x", "log", 2, 8, False, *last),
        ("least", "x", "auto", 1, 1, True, *last),
        ("listed", "x", "auto", 50, 50, True, *last),
        ("ranged", "x", "auto", 2, 50, False, *last),
    ]


def test_a_wrong_value_on_the_command_line_is_named_too(consumer):
    consumer.configure({})
    run = consumer.dbt(
        "run",
        "--select",
        "segmentation__settings",
        "--vars",
        "{segmentation_input: {transactions: lines, returns: drop}}",
    )
    assert faults(run.message("segmentation__settings")) == [
        of_input("returns", "'drop'", "one of net, reject")
    ]


@pytest.mark.parametrize(
    "reference", ["no_such_model", "no_such_package.lines", {"source": "no", "table": "lines"}]
)
def test_a_relation_that_does_not_exist_is_named_by_dbt(consumer, reference):
    consumer.configure({"segmentation_input": {"transactions": reference}})
    run = consumer.dbt("parse")
    assert run.exit_code != 0
    name = reference if isinstance(reference, str) else "no.lines"
    assert name.split(".")[-1] in run.output
    assert "was not found" in run.output
