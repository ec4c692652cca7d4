"""Nothing behind a faulty gate is touched: the tables of the last good run stay as they are."""

import pytest
from consumer import Consumer, faults
from shop_data import order_lines

INPUT = {"transactions": {"source": "raw", "table": "lines"}}
CUSTOMERS = """
    select 'a' as "Customer Key", 1 as income, 'x' as city, date '2024-01-01' as joined,
        true as is_vip
    union all select 'b', 2, 'y', date '2024-01-02', false
    union all select 'c', 30, 'y', date '2024-01-02', false
"""
BORROWERS = {
    "customers": {"source": "raw", "table": "borrowers"},
    "customer_id": "customer key",
    "features": ["income"],
    "k": 2,
}


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project after a good run, with transactions and a customer table."""
    consumer = Consumer(
        tmp_path_factory.mktemp("gates") / "shop",
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {"rfm": {"k": 2}, "borrowers": BORROWERS},
        },
        files={"models/own_model.sql": "select 1 as own_key"},
        tables={"lines": order_lines(60), "borrowers": CUSTOMERS},
    )
    run = consumer.dbt("run")
    assert run.exit_code == 0, run.output
    return consumer


# What reads no input, so stands before or beside the second gate.
READERS_OF_SETTINGS = (
    "segmentation__settings",
    "segmentation__rfm_scheme",
    "int_segmentation__last_version",
    "int_segmentation__fits_due",
)


def assert_untouched(consumer, before, *but):
    """Fails unless every relation holds what it held, those in `but` left out."""
    after = consumer.contents()
    assert sorted(after) == sorted(before)
    for table in set(before) - set(but):
        assert after[table] == before[table], table


def test_gate_1(consumer):
    before = consumer.contents()
    consumer.configure({"segmentation_input": INPUT | {"returns": "drop"}})
    run = consumer.dbt("build")
    assert run.names("error") == ["segmentation__settings"]
    # own models and the tests of what stands from the last run have nothing to do with it
    assert "own_model" in run.names("success")
    assert not [name for name in run.names("success") if "segmentation__" in name]
    assert_untouched(consumer, before)


def test_gate_2_of_the_transactions(consumer):
    before = consumer.contents()
    consumer.configure(
        {
            "segmentation_input": INPUT
            | {
                "columns": {
                    "customer_id": "buyer",
                    "ordered_at": "day",
                    "product_id": "article",
                    "line_id": "line",
                }
            },
            "segmentation_definitions": {"rfm": {"k": 2}, "borrowers": BORROWERS},
        }
    )
    run = consumer.dbt("run")
    assert run.names("error") == ["int_segmentation__lines"]
    message = run.message("int_segmentation__lines")
    assert '"raw"."lines" lack mapped columns' in message
    assert faults(message) == [
        "segmentation_input.columns.customer_id: no column 'buyer'",
        "segmentation_input.columns.ordered_at: no column 'day'",
        (
            "segmentation_input.columns.line_id: no column 'line'; say line_id: null "
            "where there is none"
        ),
        (
            "segmentation_input.columns.product_id: no column 'article'; say "
            "product_id: null where "
            "there is none"
        ),
        "columns that exist: customer_id, ordered_at, order_id, product_id, quantity, unit_price",
    ]
    assert_untouched(consumer, before, *READERS_OF_SETTINGS)


def test_gate_2_of_the_customers(consumer):
    before = consumer.contents()
    consumer.configure(
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {
                "rfm": {
                    "k": 2,
                    "features": {"recency_days": "auto", "orders": "auto"},
                    "value": "spend",
                },
                "borrowers": BORROWERS
                | {
                    "customer_id": "customer_key",
                    "features": {
                        "Income": "auto",
                        "city": "auto",
                        "joined": "log",
                        "is_vip": "auto",
                        "wealth": "auto",
                        "CITY": {"kind": "category"},
                        "suburb": {"kind": "category"},
                    },
                    "value": "city",
                },
            },
        }
    )
    run = consumer.dbt("run", "--exclude", "int_segmentation__lines")
    assert run.names("error") == ["int_segmentation__customer_sample"]
    found = faults(run.message("int_segmentation__customer_sample"))
    rfm, borrowers = '"shop"."main"."segmentation__rfm"', '"shop"."raw"."borrowers"'
    path = "segmentation_definitions"
    assert [sentence for sentence in found if "that exist" not in sentence] == [
        f"{path}.rfm.value: no column 'spend' in {rfm}",
        f"{path}.rfm.features.orders: no column 'orders' in {rfm}",
        f"{path}.borrowers.customer_id: no column 'customer_key' in {borrowers}",
        (
            f"{path}.borrowers.value: column 'city' in {borrowers} is of kind text; "
            f"allowed: a number. "
            "Cast it upstream."
        ),
        (
            f"{path}.borrowers.features.city: column 'city' in {borrowers} is of kind "
            f"text; allowed: a "
            "number. Cast it upstream, or say kind: category."
        ),
        (
            f"{path}.borrowers.features.joined: column 'joined' in {borrowers} is of kind date; "
            "allowed: a number. Cast it upstream, or say kind: category."
        ),
        (
            f"{path}.borrowers.features.is_vip: column 'is_vip' in {borrowers} is of kind other; "
            "allowed: a number. Cast it upstream, or say kind: category."
        ),
        f"{path}.borrowers.features.wealth: no column 'wealth' in {borrowers}",
        f"{path}.borrowers.features.suburb: no column 'suburb' in {borrowers}",
    ]
    assert [sentence for sentence in found if "that exist" in sentence] == [
        (
            f"columns of {rfm} that exist: customer_id, as_of_date, first_order_date, "
            f"last_order_date, "
            "recency_days, frequency, monetary, returned_amount, tenure_days, average_order_value, "
            "days_between_orders, "
            "return_rate"
        ),
        f"columns of {borrowers} that exist: Customer Key, income, city, joined, is_vip",
    ]
    assert_untouched(consumer, before, *READERS_OF_SETTINGS)


def test_an_input_that_is_not_there_is_an_error_and_touches_nothing(consumer):
    before = consumer.contents()
    consumer.write("models/later.sql", "select 1 as x")
    consumer.configure(
        {
            "segmentation_input": {"transactions": "later"},
            "segmentation_definitions": {"rfm": {"k": 2}, "borrowers": BORROWERS},
        }
    )
    run = consumer.dbt("run", "--exclude", "later")
    assert run.exit_code == 1
    assert run.names("error") == ["int_segmentation__lines"]
    assert_untouched(consumer, before, *READERS_OF_SETTINGS)
