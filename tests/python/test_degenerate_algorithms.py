"""Customer tables without rows, all alike, full of gaps ...: what each algorithm makes of them.

As test_degenerate_customers.py does for k-means: every table with every algorithm is a
segmentation of its own, so one build answers for all that have a result; each that has none says
why, and leaves what was built before.
"""

import math

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer, faults

ALGORITHMS = {
    "ward": {"algorithm": "hierarchical"},
    "single": {"algorithm": "hierarchical", "algorithm_options": {"linkage": "single"}},
    "mixture": {"algorithm": "gaussian_mixture"},
    "dbscan": {"algorithm": "dbscan"},
    "hdbscan": {"algorithm": "hdbscan"},
}
WITH_K = ["ward", "single", "mixture"]
WITHOUT_K = ["dbscan", "hdbscan"]

ROWS = (
    "select concat('c', i) as customer_id, {x} as x, {y} as y, {plan} as plan, i as number "
    "from range({count}) as t(i)"
)
GROUPS = {"x": "(i % 2) * 100 + i % 7", "y": "(i % 2) * 50 + i % 5", "plan": "null::varchar"}


def rows(count=60, **columns):
    """Gives the SQL of a table of two groups of customers, columns of it changed."""
    return ROWS.format(count=count, **(GROUPS | columns))


# name -> SQL of the customer table
TABLES = {
    "empty": rows(count=0),
    "one": rows(count=1),
    "alike": rows(x="4", y="2.5", count=30),
    # beside two groups a feature that does not vary, and what is no number
    "gaps": rows(
        x="case i when 3 then 'nan'::double when 4 then 'inf'::double when 5 then '-inf'::double "
        "when 6 then null else (i % 2) * 100 + i % 7 end",
        y="5",
    ),
    # a category without values, two customers far out, some who may not be in the fit
    "mixed": rows(x="case i when 0 then 1e9 when 1 then -1e9 else (i % 2) * 100 + i % 7 end"),
}
NUMBERS = {"x": "auto", "y": "auto"}
PLAN = {"kind": "category", "impute": "constant", "fill_value": "no plan"}
# name of a table -> what is asked for beside customers and algorithm
ASKED = {
    "mixed": {
        "features": NUMBERS | {"plan": PLAN},
        "outliers": {},
        "fit_where": "number < 40",
    }
}
# Nobody is near enough to one customer, and the smallest cluster takes more.
WITHOUT_RESULT = [("one", "dbscan"), ("one", "hdbscan")]
CASES = [
    (table, algorithm)
    for table in TABLES
    for algorithm in ALGORITHMS
    if (table, algorithm) not in WITHOUT_RESULT
]
CUSTOMERS = {"empty": 0, "one": 1, "alike": 30}


def definition(table, algorithm, **more):
    """Gives the definition of a table's segmentation by an algorithm."""
    asked = {"features": NUMBERS} | ASKED.get(table, {}) | ALGORITHMS[algorithm] | more
    return {"customers": {"source": "raw", "table": table}} | asked


def variables(definitions):
    """Gives the vars of the project."""
    return {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": definitions,
    }


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with every table, built once; beside them are tables that no definition reads."""
    consumer = Consumer(
        tmp_path_factory.mktemp("degenerate") / "shop",
        variables({f"{table}_{name}": definition(table, name) for table, name in CASES}),
        tables=TABLES
        | {
            "groups": rows(count=40),
            "two": rows(count=2),
            "all_null": rows(x="null::double"),
            "levels": rows(plan="concat('level ', i % 51)"),
            "texts": rows(x="concat(i, ' pounds')"),
            "twice": f"{rows()} union all {rows(count=1)}",
            "nameless": f"select * replace (nullif(customer_id, 'c7') as customer_id) from ({rows()})",
        },
    )
    run = consumer.dbt("build")
    assert run.exit_code == 0, run.output[-6000:]
    # fewer segments than asked for, or one of them small
    assert all(
        "segment_count_in_range" in name or "minimum_segment_share" in name
        for name in run.names("warn")
    ), run.names("warn")
    return consumer


@pytest.fixture(scope="module")
def segments(consumer):
    """The customers' segments by segmentation, as frames."""
    frame = consumer.query("select * from segmentation__customer_segments")
    return {f"{t}_{a}": frame[frame["segmentation"] == f"{t}_{a}"] for t, a in CASES}


@pytest.mark.parametrize(("table", "algorithm"), CASES)
def test_every_customer_has_a_segment(segments, table, algorithm):
    frame = segments[f"{table}_{algorithm}"]
    assert len(frame) == CUSTOMERS.get(table, 60)
    assert not frame["customer_id"].duplicated().any()
    assert frame["segment_id"].notna().all()
    assert np.isfinite(frame["distance"]).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_without_customers_there_is_no_model_and_nothing_breaks(consumer, segments, algorithm):
    for table in ("model", "segments", "segment_summary", "segment_distances", "dendrogram"):
        assert consumer.rows(
            f"select count(*) from segmentation__{table} where segmentation = 'empty_{algorithm}'"
        ) == [(0,)], table


@pytest.mark.parametrize(
    ("table", "algorithm"),
    [("one", algorithm) for algorithm in WITH_K]
    + [("alike", algorithm) for algorithm in ALGORITHMS],
)
def test_one_customer_or_all_alike_are_one_segment(segments, table, algorithm):
    frame = segments[f"{table}_{algorithm}"]
    assert set(frame["segment_id"]) == {1}
    assert set(frame["segment_name"]) == {"all customers"}
    assert frame["runner_up_segment_id"].isna().all()
    assert frame["margin"].isna().all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("table", "odd"), [("gaps", "c3 c4 c5 c6"), ("mixed", "c0 c1")])
def test_two_groups_are_found_whatever_stands_beside_them(segments, table, odd, algorithm):
    frame = segments[f"{table}_{algorithm}"].set_index("customer_id")
    flag = "is_imputed" if table == "gaps" else "is_outlier"
    assert " ".join(sorted(frame.index[frame[flag]])) == odd
    frame = frame[~frame[flag] & (frame["segment_id"] > 0)]
    # next to nobody is noise, and no segment has customers of both groups
    assert len(frame) >= 50
    group = frame.index.str[1:].astype(int) % 2
    assert frame["segment_id"].nunique() >= 2
    assert pd.Series(group, index=frame.index).groupby(frame["segment_id"]).nunique().max() == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_fit_leaves_out_who_lies_far_out_or_may_not_be_in_it(consumer, segments, algorithm):
    assert consumer.rows(
        "select parameter, value from segmentation__model "
        f"where segmentation = 'mixed_{algorithm}' and parameter like 'sample%' order by 1"
    ) == [("sample_outliers", 2), ("sample_size", 38)]
    frame = segments[f"mixed_{algorithm}"].set_index("customer_id")
    assert frame["is_imputed"].all()
    if algorithm in WITHOUT_K:
        assert set(frame.loc[["c0", "c1"], "segment_name"]) == {"noise"}


def test_no_number_is_nan_or_infinite(consumer, segments):
    for table in (
        "customer_segments",
        "segment_summary",
        "segment_profiles",
        "segment_distances",
        "dendrogram",
        "feature_summary",
        "feature_correlations",
        "model",
    ):
        numbers = consumer.query(f"select * from segmentation__{table}").select_dtypes("float")
        assert not any(math.isinf(value) for value in numbers.to_numpy().ravel()), table
        nan = ", ".join(f"count(*) filter (isnan({column}))" for column in numbers)
        assert set(consumer.rows(f"select {nan} from segmentation__{table}")[0]) <= {0}, table


# ---------- no result: said, and what was built stays

# definition with a fault that shows in the fit, and what is said of it
FAILING_FITS = [
    (
        definition("one", "dbscan"),
        "segmentation 'a': dbscan with min_samples = 5 cannot be fitted on a sample of 1 customer",
    ),
    (
        definition("groups", "dbscan", algorithm_options={"eps": 1e-9}),
        "dbscan with eps = 1e-09, min_samples = 5 finds no segment, all of its 40 customers are noise",
    ),
    (
        definition("two", "ward", k=5),
        "segmentation 'a' asks for k = 5 but its fit sample holds only 2 distinct customers",
    ),
    (
        definition("all_null", "hdbscan"),
        "segmentation 'a', feature 'x': no customer of the fit sample has a value",
    ),
    (
        definition("groups", "single", features={"x": "auto", "plan": {"kind": "category"}}),
        "segmentation 'a', feature 'plan': no customer of the fit sample has a value",
    ),
    (
        definition("levels", "mixture", features={"x": "auto", "plan": {"kind": "category"}}),
        "segmentation 'a', feature 'plan' has 51 different values; allowed at most 50",
    ),
    (
        definition("groups", "ward", outliers={"low": 0.49, "high": 0.51, "fence": 0}),
        "segmentation 'a': every customer of its fit sample has a value outside the fences",
    ),
    (
        definition("twice", "dbscan"),
        "segmentation 'a' has customer 'c0' more than once",
    ),
]


# What is built after the fit. The views beside them show the segmentations defined just now.
BUILT = ("model", "customer_segments", "segment_summary", "segment_profiles", "segment_distances")


def contents(consumer):
    """Gives all rows of the tables that are built after the fit."""
    return {
        table: consumer.rows(f"select * from segmentation__{table} order by all") for table in BUILT
    }


@pytest.fixture(scope="module")
def before(consumer):
    """What they hold after the build that succeeded."""
    return contents(consumer)


@pytest.mark.parametrize(
    ("failing", "message"), FAILING_FITS, ids=[message[:40] for _, message in FAILING_FITS]
)
def test_a_failed_fit_is_explained_and_leaves_model_and_segments(
    consumer, before, failing, message
):
    # Another segmentation that could be fitted stays as it is, too.
    consumer.configure(variables({"a": failing, "mixed_ward": definition("mixed", "ward")}))
    describing = ["segmentation__feature_summary", "segmentation__feature_correlations"]
    run = consumer.dbt("run", "--exclude", *describing)
    assert run.names("error") == ["int_segmentation__fit_python"]
    assert message in run.message("int_segmentation__fit_python")
    assert contents(consumer) == before


def test_text_in_a_number_is_a_fault_of_the_table(consumer, before):
    consumer.configure(variables({"a": definition("texts", "dbscan")}))
    run = consumer.dbt("run", "--select", "int_segmentation__customer_sample")
    assert faults(run.message("int_segmentation__customer_sample"))[0] == (
        'segmentation_definitions.a.features.x: column \'x\' in "shop"."raw"."texts" is of kind '
        "text; allowed: a number. Cast it upstream, or say kind: category."
    )


def failed_tests(run):
    """Gives the names of the tests that failed, without what they are called after a dot."""
    return {name.split(".")[0] for name in run.names("fail")}


EVERYBODY = "segmentation_every_customer_has_one_segment_segmentation__customer_segments_"


@pytest.mark.parametrize("algorithm", ["ward", "dbscan"])
def test_ids_that_are_missing_or_come_twice_fail_a_test(consumer, before, algorithm):
    # The fit leaves out who has no id; scoring alone does not look for who comes twice.
    consumer.configure(variables({"nameless": definition("nameless", algorithm)}))
    run = consumer.dbt("build")
    test = "segmentation_has_no_nulls_segmentation__customer_segments_"
    [nulls] = [
        result["compiled_code"]
        for result in run.results
        if test in result["unique_id"] and result["status"] == "fail"
    ]
    columns = "customer_id > 0, segmentation + segment_id + model_version"
    assert consumer.rows(f"select {columns} from ({nulls}) as nulls") == [(True, 0)]
    consumer.configure(variables({"nameless": definition("twice", algorithm)}))
    run = consumer.dbt(
        "build", "--select", "segmentation__customer_segments", "--indirect-selection", "buildable"
    )
    assert EVERYBODY in failed_tests(run)


def test_a_fit_of_nobody_makes_no_model_and_fails_a_test(consumer, before):
    asked = {"fit_where": "number < 0"}
    consumer.configure(variables({"nobody": definition("groups", "ward", **asked)}))
    run = consumer.dbt("build")
    assert failed_tests(run) == {EVERYBODY}
    for table in ("model", "customer_segments"):
        assert consumer.rows(
            f"select count(*) from segmentation__{table} where segmentation = 'nobody'"
        ) == [(0,)]
