"""History: RFM and segments as of past period ends, and the customers who moved between them.

One shop is built as of several days. What the history says of a day must be what a build as of that
day said, and what leaves a period end must be what arrives at the next.
"""

from collections import Counter
from decimal import Decimal

import pandas as pd
import pytest
from consumer import Consumer
from shop_data import order_lines

RFM_COLUMNS = (
    "customer_id, as_of_date, first_order_date, last_order_date, recency_days, frequency, "
    "monetary, tenure_days, average_order_value, days_between_orders, return_rate"
)
DEFINITIONS = {
    "rfm": {"k": 3},
    # customers lapse, and come back
    "recent": {"where": "recency_days <= 45", "k": 2, "value": "frequency"},
    "dense": {"algorithm": "dbscan", "value": None},
    "scores": {"customers": "segmentation__rfm_scores", "features": ["recency_score"], "k": 2},
}


def lines_over_several_days() -> pd.DataFrame:
    """Gives the shop's lines, of which every seventh comes with one of the same order later.

    Half of the later lines are returns, and some come before the order.
    """
    lines = order_lines(customers=120)
    later = lines.iloc[::7].copy()
    days = [(-20, 40, 70)[number % 3] for number in range(len(later))]
    later["ordered_at"] = (
        pd.to_datetime(later["ordered_at"]) + pd.to_timedelta(days, unit="D")
    ).dt.strftime("%Y-%m-%d")
    later.loc[later.index[::2], "quantity"] = "-1"
    return pd.concat([lines, later], ignore_index=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Consumer(
        tmp_path_factory.mktemp("history") / "shop",
        tables={"lines": lines_over_several_days()},
    )


def configure(shop: Consumer, as_of_date: str, **options: object) -> None:
    """Writes the vars for a build as of a day."""
    shop.configure(
        {
            "segmentation_input": {"transactions": {"source": "raw", "table": "lines"}},
            "segmentation_definitions": DEFINITIONS,
            "segmentation_options": {"as_of_date": as_of_date} | options,
        }
    )


@pytest.fixture(scope="module")
def as_of_a_day(shop):
    """The rows of segmentation__rfm by the day that each of several builds looked at."""
    found = {}
    for day, select in {
        "2024-02-29": "+segmentation__rfm",
        "2024-07-31": "segmentation__rfm",
    }.items():
        configure(shop, day)
        run = shop.dbt("run", "--select", select)
        assert run.exit_code == 0, run.output[-6000:]
        found[day] = rfm(shop)
    return found


@pytest.fixture(scope="module")
def by_week(shop, as_of_a_day):
    """As of a Sunday, with small segments suppressed: the ends of weeks, and what moved."""
    configure(shop, "2024-09-15", history={"period": "week", "periods": 3}, suppress_below=8)
    run = shop.dbt(
        "build", "--select", "+segmentation__segment_migrations", "--indirect-selection", "buildable"
    )
    assert run.exit_code == 0, run.output[-6000:]
    return {
        "rfm": rfm(shop),
        "history": rfm_history(shop),
        "migrations": shop.query("select * from segmentation__segment_migrations"),
        "run": run,
    }


@pytest.fixture(scope="module")
def by_month(shop, by_week):
    """As of the end of the year, which ends a month too."""
    configure(shop, "2024-12-31", history={"periods": 11})
    run = shop.dbt("run")
    assert run.exit_code == 0, run.output[-6000:]
    return shop


def rfm(shop: Consumer) -> list[tuple]:
    """Gives the RFM table, sorted."""
    return shop.rows(f"select {RFM_COLUMNS} from segmentation__rfm order by customer_id")


def rfm_history(shop: Consumer) -> dict[str, list[tuple]]:
    """Gives the RFM history by its period ends, each sorted."""
    found: dict[str, list[tuple]] = {}
    for row in shop.rows(
        f"select {RFM_COLUMNS} from segmentation__rfm_history order by as_of_date, customer_id"
    ):
        found.setdefault(str(row[1]), []).append(row)
    return found


def history(shop: Consumer) -> dict[tuple, dict[str, tuple]]:
    """Gives (segment_name, value) of each customer by segmentation and period end."""
    found: dict[tuple, dict[str, tuple]] = {}
    for segmentation, day, customer_id, *placed in shop.rows(
        "select segmentation, as_of_date, customer_id, segment_name, value "
        "from segmentation__segment_history"
    ):
        assert customer_id not in found.setdefault((segmentation, day), {})
        found[segmentation, day][customer_id] = tuple(placed)
    return found


def test_every_period_end_is_what_a_build_as_of_that_day_gives(as_of_a_day, by_week, by_month):
    months = rfm_history(by_month)
    assert list(months) == [
        str(end.date()) for end in pd.date_range("2024-02-01", "2024-12-31", freq="ME")
    ]
    for day, rows in as_of_a_day.items():
        assert len(rows) > 30 and months[day] == rows, day
    assert months["2024-12-31"] == rfm(by_month)
    assert by_week["history"]["2024-09-15"] == by_week["rfm"]


def test_weeks_end_on_sunday(by_week):
    assert list(by_week["history"]) == ["2024-09-01", "2024-09-08", "2024-09-15"]


def test_the_last_period_end_is_scored_as_the_customers_are(by_month):
    # as of the same day and by the same model, prototypes and conditions included
    columns = "segmentation, customer_id, as_of_date, segment_id, segment_name, distance, margin"
    placed = by_month.rows(
        f"select {columns}, model_version from segmentation__customer_segments "
        "where segmentation <> 'scores' order by 1, 2"
    )
    assert {row[0] for row in placed} == {"rfm", "recent", "dense"}
    assert placed == by_month.rows(
        f"select {columns}, model_version from segmentation__segment_history "
        "where as_of_date = date '2024-12-31' order by 1, 2"
    )
    assert by_month.rows(
        "select segmentation, segment_id, sum(value) from segmentation__segment_history "
        "where as_of_date = date '2024-12-31' group by 1, 2 order by 1, 2"
    ) == by_month.rows(
        "select segmentation, segment_id, revenue from segmentation__segment_summary "
        "where segmentation <> 'scores' and customers > 0 order by 1, 2"
    )


def test_migrations_are_the_moves_of_the_customers(by_month):
    placed = history(by_month)
    days = sorted({day for _, day in placed})
    expected: dict[tuple, list] = {}
    nobody = (None, 0)
    for segmentation in ("rfm", "recent", "dense"):
        for previous_day, day in zip([None, *days], days, strict=False):
            before = placed.get((segmentation, previous_day), {})
            now = placed.get((segmentation, day), {})
            for customer in before.keys() | now.keys():
                start, previous_value = before.get(customer, nobody)
                end, value = now.get(customer, nobody)
                flow = expected.setdefault(
                    (segmentation, day, start or "(new)", end or "(lapsed)"),
                    [previous_day, 0, Decimal(0), Decimal(0)],
                )
                flow[1] += 1
                flow[2] += previous_value or 0
                flow[3] += value or 0
    has_value = "segmentation = 'dense'"
    found = {
        tuple(key): list(flow)
        for *key, flow in (
            (*row[:4], row[4:])
            for row in by_month.rows(
                "select segmentation, as_of_date, from_segment_name, to_segment_name, "
                "previous_as_of_date, customers, "
                f"case when {has_value} then 0 else previous_revenue end, "
                f"case when {has_value} then 0 else revenue end "
                "from segmentation__segment_migrations where customers > 0"
            )
        )
    }
    assert found == expected
    assert {key[3] for key in found if key[0] == "recent"} > {"(lapsed)"}
    assert by_month.rows(
        "select count(*) from segmentation__segment_migrations "
        "where segmentation = 'dense' and (revenue is not null or previous_revenue is not null)"
    ) == [(0,)]


def test_expected_sizes_are_the_customers_and_as_many_new_ones(by_month):
    # nobody is lost in what is expected: who is there now goes somewhere, and the new come again
    for segmentation, now, new, expected in by_month.rows(
        "select segmentation, sum(case when to_segment_id is not null then customers end), "
        "sum(case when from_segment_id is null then customers else 0 end), sum(expected_customers) "
        "from segmentation__segment_migrations where as_of_date = date '2024-12-31' group by 1"
    ):
        assert expected == pytest.approx(now + new), segmentation


def test_the_moves_of_few_are_suppressed_and_the_rest_reconciles(by_week):
    migrations = by_week["migrations"]
    kinds = Counter(migrations["is_suppressed"])
    assert kinds[True] and kinds[False]
    assert migrations.loc[~migrations["is_suppressed"], "customers"].min() >= 8
    statistics = ["customers", "previous_revenue", "revenue", "transition_share"]
    hidden = migrations.loc[migrations["is_suppressed"], [*statistics, "expected_customers"]]
    assert hidden.isna().all().all()
    reconciled = [name for name in by_week["run"].names("pass") if "reconciles_with" in name]
    assert len(reconciled) == 1


def test_a_lost_customer_or_cent_fails_the_shipped_test(by_month):
    with by_month.connect() as connection:
        connection.execute(
            "update segmentation__segment_history set value = value + 0.01 "
            "where segmentation = 'rfm' and as_of_date = date '2024-05-31' and customer_id = "
            "(select min(customer_id) from segmentation__segment_history "
            "where segmentation = 'rfm' and as_of_date = date '2024-05-31')"
        )
        connection.execute(
            "delete from segmentation__segment_history where segmentation = 'dense' "
            "and as_of_date = date '2024-12-31' and customer_id = "
            "(select min(customer_id) from segmentation__segment_history)"
        )
    test = by_month.dbt("test", "--select", "segmentation__segment_migrations")
    # the cent at both ends of its period, the customer at the last
    assert [result["failures"] for result in test.results if result["status"] == "fail"] == [3]
