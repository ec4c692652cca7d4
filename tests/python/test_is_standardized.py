"""The shipped test of the fitted scaling: no data fail it, a wrong parameter does."""

import pytest
from consumer import Consumer

# Nothing in these numbers is wrong: constants, hardly any spread, gaps, outliers, few customers.
CUSTOMERS = """
    select
        'c' || i as customer_id,
        i as plain,
        case when i % 3 > 0 then i * i end as gappy,
        7 as constant,
        1e100 as large_constant,
        1e12 + i % 3 / 1000 as hardly_spread,
        case when i < 90 then 5 else i end as mostly_equal,
        case when i = 50 then 1e9 else i % 10 end as with_outlier,
        'level ' || i % 3 as level
    from range(100) as t(i)
"""
FEATURES = {
    "plain": "auto",
    "gappy": {"impute": "constant", "fill_value": 1e6, "clip": [0.05, 0.95], "weight": 3},
    "constant": "auto",
    "large_constant": "cbrt",
    "hardly_spread": "none",
    "mostly_equal": {"clip": [0.1, 0.5]},
    "level": {"kind": "category"},
}
DEFINITIONS = {
    "all_kinds": {"features": FEATURES},
    "outliers_left_out": {"features": ["with_outlier", "gappy"], "outliers": {}},
    "other_scalers": {
        "features": {
            "plain": {"scale": "robust"},
            "gappy": {"scale": "min_max", "weight": 5},
            "constant": {"scale": "none"},
        }
    },
    "one_customer": {"features": ["plain", "gappy"], "where": "customer_id = 'c1'", "k": 1},
    "some_customers": {"features": ["plain"], "fit_where": "plain > 40"},
}
TEST = "segmentation_is_standardized_in_sample_int_segmentation__model_candidate_"


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project whose models are fitted on odd customers."""
    consumer = Consumer(
        tmp_path_factory.mktemp("standardized") / "shop",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                name: {"customers": {"source": "raw", "table": "customers"}, "k": 2} | definition
                for name, definition in DEFINITIONS.items()
            },
        },
        tables={"customers": CUSTOMERS},
    )
    run = consumer.dbt("run", "--select", "+int_segmentation__model_candidate")
    assert run.exit_code == 0, run.output
    return consumer


def failing_rows(consumer):
    """Gives what the shipped test finds, as (segmentation, feature) sorted."""
    run = consumer.dbt("test", "--select", TEST, "--store-failures")
    assert run.results, run.output
    assert run.names("error") == [], run.output
    [(table,)] = consumer.rows(
        "select table_name from information_schema.tables "
        "where table_schema = 'main_dbt_test__audit'"
    )
    return consumer.rows(
        f"select segmentation, feature from main_dbt_test__audit.{table} order by all"
    )


def test_no_data_fail_it(consumer):
    assert failing_rows(consumer) == []


@pytest.mark.parametrize(
    ("change", "where", "found"),
    [
        (
            "value = value + 0.01",
            "parameter = 'mean'",
            [
                ("all_kinds", "constant"),
                ("all_kinds", "gappy"),
                ("all_kinds", "hardly_spread"),
                ("all_kinds", "mostly_equal"),
                ("all_kinds", "plain"),
                ("one_customer", "gappy"),
                ("one_customer", "plain"),
                ("outliers_left_out", "gappy"),
                ("outliers_left_out", "with_outlier"),
                ("some_customers", "plain"),
            ],
        ),
        (
            "value = value * 1.01",
            "parameter = 'scale' and segmentation in ('all_kinds', 'some_customers')",
            [
                ("all_kinds", "gappy"),
                ("all_kinds", "plain"),
                ("some_customers", "plain"),
            ],
        ),
        (
            "value = 1e12",
            "parameter = 'fence_high' and feature = 'with_outlier'",
            [("outliers_left_out", "gappy"), ("outliers_left_out", "with_outlier")],
        ),
        (
            "value = value + 100",
            "parameter = 'clip_high' and segmentation = 'all_kinds' and feature = 'gappy'",
            [("all_kinds", "gappy")],
        ),
    ],
)
def test_a_wrong_parameter_fails_it(consumer, change, where, found):
    with consumer.connect() as connection:
        connection.execute("create table kept as from int_segmentation__model_candidate")
        connection.execute(f"update int_segmentation__model_candidate set {change} where {where}")
    try:
        assert failing_rows(consumer) == found
    finally:
        with consumer.connect() as connection:
            connection.execute("delete from int_segmentation__model_candidate")
            connection.execute("insert into int_segmentation__model_candidate from kept")
            connection.execute("drop table kept")
