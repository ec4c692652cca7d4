"""Transactions without a row, of one customer, all alike ...: every table builds, tests pass."""

from decimal import Decimal

import pytest
from consumer import Consumer

LINES = """
    select
        concat('C', {customer}) as customer_id,
        concat('O', i) as order_id,
        {day} as ordered_at,
        {product} as product_id,
        {quantity} as quantity,
        {price} as unit_price
    from range({count}) as t(i)
"""


def lines(count, **parts):
    """Gives SQL of order lines; the parts are SQL of i, which counts from 0."""
    return LINES.format(
        count=count,
        **{
            "customer": "i",
            "day": "date '2024-05-01'",
            "product": "'P'",
            "quantity": "2",
            "price": "1.25",
        }
        | parts,
    )


SPREAD = {"customer": "i % 40", "day": "date '2024-01-01' + (i * 7 % 200)::int"}

# name -> (SQL of the input, rows kept, RFM customers, money, segments; None where any will do)
INPUTS = {
    "empty": (lines(0), 0, 0, None, 0),
    "every line rejected": (lines(9, price="0.0"), 0, 0, None, 0),
    "one customer": (lines(1), 1, 1, "2.50", 1),
    "one customer with many orders": (lines(5, customer="1"), 5, 1, "12.50", 1),
    "all customers alike": (lines(50), 50, 50, "125.00", 1),
    "two distinct customers": (lines(2, quantity="i + 1"), 2, 2, "3.75", 2),
    "returns alone": (lines(20, quantity="-1"), 20, 0, None, 0),
    "all money negative": (
        lines(120, **SPREAD, quantity="case when i < 80 then 1 else -3 - i % 5 end"),
        120,
        40,
        None,
        None,
    ),
    "no product": (lines(120, **SPREAD, product="cast(null as varchar)"), 120, 40, "300.00", None),
}


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project over a table of lines; the inputs take turns in it."""
    return Consumer(
        tmp_path_factory.mktemp("degenerate") / "shop",
        {
            "segmentation_input": {"transactions": {"source": "raw", "table": "lines"}},
            "segmentation_definitions": {"rfm": {"k": {"max": 3}}},
        },
        tables={"lines": INPUTS["empty"][0]},
    )


@pytest.mark.parametrize("name", INPUTS)
def test_it_builds(consumer, name):
    consumer.database.unlink()
    consumer.load("lines", INPUTS[name][0])
    run = consumer.dbt("build")
    assert run.exit_code == 0, run.output[-6000:]
    assert run.names("error", "fail", "skipped") == []
    allowed = ("segment_count_in_range", "minimum_segment_share")
    assert all(any(kind in test for kind in allowed) for test in run.names("warn"))

    _, kept, customers, money, segments = INPUTS[name]
    audit = dict(consumer.rows("select outcome, row_count from segmentation__transaction_audit"))
    assert sum(audit.values()) == consumer.rows("select count(*) from raw.lines")[0][0]
    assert audit.get("kept", 0) == kept
    ((rfm, total),) = consumer.rows("select count(*), sum(monetary) from segmentation__rfm")
    assert rfm == customers
    if money is not None:
        assert total == Decimal(money)
    elif name != "all money negative":
        assert total is None
    else:
        assert total < 0
    for table in ("rfm_scores", "customer_segments"):
        assert consumer.rows(f"select count(*) from segmentation__{table}") == [(customers,)]
    ((found,),) = consumer.rows("select count(*) from segmentation__segment_summary")
    if segments is None:
        assert 2 <= found <= 3
        shares = consumer.rows("select revenue_share from segmentation__segment_summary")
        assert (name == "all money negative") == all(share is None for (share,) in shares)
    else:
        assert found == segments
    assert consumer.rows("select count(*) from segmentation__model where model_version > 1") == [
        (0,)
    ]


def test_an_input_that_runs_empty_keeps_the_model(consumer):
    consumer.database.unlink()
    consumer.load("lines", lines(120, **SPREAD))
    consumer.dbt("run").assert_clean()
    model = consumer.rows("select * from segmentation__model order by all")
    assert model
    consumer.load("lines", lines(0))
    consumer.dbt("run").assert_clean()
    assert consumer.rows("select * from segmentation__model order by all") == model
    assert consumer.rows("select count(*) from segmentation__customer_segments") == [(0,)]
    consumer.load("lines", lines(120, **SPREAD))
    consumer.dbt("run").assert_clean()
    assert consumer.rows("select * from segmentation__model order by all") == model
