"""Customer tables without rows, with one customer, all alike ...: a result or a clear error.

Every table is a segmentation of its own, so one build answers for all of them.
"""

import math

import pytest
from consumer import Consumer

TWO_GROUPS = "select concat('c', i) as customer_id, {x} as x, {y} as y from range({count}) as t(i)"

# name -> SQL of the customer table; the features are x and y
TABLES = {
    "no_customer": TWO_GROUPS.format(x="1.0", y="1.0", count=0),
    "one_customer": TWO_GROUPS.format(x="7.5", y="-3", count=1),
    "all_alike": TWO_GROUPS.format(x="4", y="2.5::double", count=30),
    "two_customers": TWO_GROUPS.format(x="i * 10", y="i", count=2),
    "two_kinds": TWO_GROUPS.format(x="(i % 2) * 10", y="(i % 2) * 3", count=40),
    "three_customers": TWO_GROUPS.format(x="i * i", y="i", count=3),
    "constant_feature": TWO_GROUPS.format(x="(i % 2) * 100 + i % 7", y="5", count=60),
    "negative_money": TWO_GROUPS.format(
        x="-((i % 2) * 100 + i % 7 + 1)::decimal(18, 2)", y="-i % 5", count=60
    ),
    "missing_values": TWO_GROUPS.format(
        x="case when i % 6 > 0 then (i % 2) * 100 + i % 7 end", y="i % 5", count=60
    ),
    "not_finite": TWO_GROUPS.format(
        x="case i when 3 then 'nan'::double when 4 then 'inf'::double when 5 then '-inf'::double "
        "else (i % 2) * 100 + i % 7 end",
        y="i % 5",
        count=60,
    ),
    "far_out": TWO_GROUPS.format(
        x="case when i = 0 then 1e12 when i = 1 then -1e12 else i % 7 end", y="i % 5", count=60
    ),
}

# name -> what is asked for beside customers and features
ASKED = {
    "three_customers": {"k": {"min": 5, "max": 8}},
    "negative_money": {"value": "x", "k": 2},
    "missing_values": {"k": 2},
    "not_finite": {"k": 2},
    "far_out": {"k": 3},
}

CHOSEN_K = {
    "one_customer": 1,
    "all_alike": 1,
    "two_customers": 2,
    "two_kinds": 2,
    "three_customers": 3,
    "constant_feature": 2,
    "negative_money": 2,
    "missing_values": 2,
    "not_finite": 2,
    "far_out": 3,
}


def definitions(**changes):
    """Gives a definition for each table; `changes` name definitions with keys to add."""
    return {
        name: {"customers": {"source": "raw", "table": name}, "features": ["x", "y"]}
        | ASKED.get(name, {})
        | changes.get(name, {})
        for name in TABLES
    }


def variables(**changes):
    """Gives the vars of the project, with changed definitions; each build makes a fit."""
    return {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": definitions(**changes),
        "segmentation_options": {"refit": "always"},
    }


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with every table."""
    return Consumer(
        tmp_path_factory.mktemp("degenerate") / "shop",
        variables(),
        tables=TABLES | {"all_null": "select 'c1' as customer_id, null::double as x, 1 as y"},
    )


@pytest.fixture(scope="module")
def build(consumer):
    """The first build of it."""
    return consumer.dbt("build")


@pytest.fixture(scope="module")
def segments(consumer, build):
    """The customers' segments, as a frame."""
    assert build.exit_code == 0, build.output[-6000:]
    return consumer.query("select * from segmentation__customer_segments")


def test_nothing_fails_and_only_what_depends_on_data_warns(build):
    assert build.exit_code == 0, build.output[-6000:]
    assert build.names("error", "fail", "runtime error", "skipped") == []
    # fewer segments than asked for, or one of them small
    assert all(
        "segment_count_in_range" in name or "minimum_segment_share" in name
        for name in build.names("warn")
    )


def test_every_customer_has_a_segment(segments):
    counts = segments.groupby("segmentation").size().to_dict()
    expected = {"one_customer": 1, "all_alike": 30, "two_customers": 2, "two_kinds": 40}
    expected |= {"three_customers": 3}
    assert counts == {name: expected.get(name, 60) for name in CHOSEN_K}
    assert not segments.duplicated(["segmentation", "customer_id"]).any()


@pytest.mark.parametrize(("name", "k"), CHOSEN_K.items())
def test_number_of_segments(consumer, segments, name, k):
    (chosen,) = consumer.rows(
        f"select k from segmentation__k_search where segmentation = '{name}' and is_chosen"
    )
    assert chosen == (k,)
    names = segments[segments["segmentation"] == name].groupby("segment_id")["segment_name"]
    assert names.nunique().max() == 1
    assert sorted(names.first().unique()) == sorted(names.first())


def test_without_customers_there_is_no_model_and_nothing_breaks(consumer, segments):
    for table in ("model", "segments", "segment_summary", "segment_profiles", "k_search"):
        assert consumer.rows(
            f"select count(*) from segmentation__{table} where segmentation = 'no_customer'"
        ) == [(0,)], table


def test_a_single_segment_has_no_runner_up(segments):
    alone = segments[segments["segmentation"].isin(["one_customer", "all_alike"])]
    assert alone["runner_up_segment_id"].isna().all()
    assert alone["margin"].isna().all()
    assert set(alone["segment_name"]) == {"all customers"}
    assert alone["distance"].abs().max() < 1e-9


def test_two_distinct_customers_are_their_own_segments(segments):
    for name in ("two_customers", "two_kinds"):
        of_name = segments[segments["segmentation"] == name]
        assert set(of_name["segment_id"]) == {1, 2}
        assert of_name["distance"].max() < 1e-9
        assert set(of_name["margin"]) == {1.0}


def test_a_constant_feature_has_no_say(consumer, segments):
    ((transform, scale),) = consumer.rows(
        "select transform, scale from segmentation__feature_scaling "
        "where segmentation = 'constant_feature' and feature = 'y'"
    )
    assert (transform, scale) == ("none", 1.0)
    profiles = consumer.rows(
        "select mean, mean_z from segmentation__segment_profiles "
        "where segmentation = 'constant_feature' and feature = 'y'"
    )
    assert set(profiles) == {(5.0, 0.0)}
    of_name = segments[segments["segmentation"] == "constant_feature"]
    assert sorted(of_name.groupby("segment_id").size()) == [30, 30]


def test_negative_money_has_revenue_but_no_share(consumer, segments):
    summary = consumer.rows(
        "select revenue, revenue_share from segmentation__segment_summary "
        "where segmentation = 'negative_money'"
    )
    total = consumer.rows("select sum(x) from raw.negative_money")[0][0]
    assert sum(revenue for revenue, _ in summary) == total
    assert {share for _, share in summary} == {None}


def test_missing_and_not_finite_values_are_imputed_by_the_median(consumer, segments):
    imputed = segments[segments["is_imputed"]].groupby("segmentation").size().to_dict()
    assert imputed == {"missing_values": 10, "not_finite": 3}
    for name in imputed:
        ((fill_value, median),) = consumer.rows(
            "select fill_value, (select median(x) from raw."
            f"{name} where isfinite(x::double)) from segmentation__feature_scaling "
            f"where segmentation = '{name}' and feature = 'x'"
        )
        assert fill_value == median


def test_no_number_is_nan_or_infinite(consumer, segments):
    for table in ("customer_segments", "segment_summary", "segment_profiles", "model"):
        frame = consumer.query(f"select * from segmentation__{table}")
        numbers = frame.select_dtypes("float")
        assert not any(math.isinf(value) for value in numbers.to_numpy().ravel())
        nan = ", ".join(f"count(*) filter (isnan({column}))" for column in numbers)
        assert set(consumer.rows(f"select {nan} from segmentation__{table}")[0]) <= {0}


FAILING_FITS = [
    (
        {"two_kinds": {"k": 30}},
        (
            "segmentation 'two_kinds' asks for k = 30 but its fit sample holds only 2 distinct "
            "customers"
        ),
    ),
    (
        {"one_customer": {"customers": {"source": "raw", "table": "all_null"}}},
        "segmentation 'one_customer', feature 'x': no customer of the fit sample has a value",
    ),
    (
        {"negative_money": {"features": {"x": "sqrt"}}},
        (
            "segmentation 'negative_money', feature 'x': no value of the fit sample "
            "lies in the domain "
            "of sqrt"
        ),
    ),
]


@pytest.mark.parametrize(("changes", "message"), FAILING_FITS)
def test_a_failed_fit_is_explained_and_leaves_model_and_segments(
    consumer, segments, changes, message
):
    before = consumer.contents()
    consumer.configure(variables(**changes))
    run = consumer.dbt("run")
    assert run.exit_code == 1
    assert run.names("error") == ["int_segmentation__fit_python"]
    assert message in run.message("int_segmentation__fit_python")
    after = consumer.contents()
    # These describe the vars, the customers and what stood before, not the model.
    may_differ = {
        "segmentation__settings",
        "int_segmentation__last_version",
        "int_segmentation__fits_due",
        "int_segmentation__customer_sample",
        "int_segmentation__fit_sample",
        "segmentation__feature_summary",
        "segmentation__feature_correlations",
    }
    for table in set(before) - may_differ:
        assert after[table] == before[table], table


def test_a_customer_that_comes_twice_is_named(consumer, segments):
    consumer.load("one_customer", "select 'c7' as customer_id, unnest([1, 2]) as x, 1 as y")
    consumer.configure(variables())
    run = consumer.dbt("run")
    assert run.names("error") == ["int_segmentation__fit_python"]
    assert "segmentation 'one_customer' has customer 'c7' more than once" in run.message(
        "int_segmentation__fit_python"
    )
