"""UCI Online Retail month by month: what monthly refits move, and what customers move by themselves.

One project is built as of the first of each month from July to December 2011, first with the model
of July throughout, then, from July again, with a refit each month.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer

MONTHS = [f"2011-{month:02d}-01" for month in range(7, 13)]
COLUMNS = {
    "customer_id": "CustomerID",
    "ordered_at": "InvoiceDate",
    "order_id": "InvoiceNo",
    "product_id": "StockCode",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
}
# The lines are the same each month: they are judged by the first build alone.
LINES = ("stg_lines", "int_segmentation__lines", "int_segmentation__order_days")
TO_THE_EVENTS = ("run", "--select", "+int_segmentation__scored_versions")


def variables(as_of_date: str, refit: str) -> dict[str, object]:
    """Gives the vars as of a day."""
    return {
        "segmentation_input": {
            "transactions": "stg_lines",
            "columns": COLUMNS,
            "returns": "reject",
            "duplicates": "keep",
        },
        "segmentation_definitions": {
            "rfm": {"k": 4, "features": dict.fromkeys(["recency_days", "frequency", "monetary"], "log")}
        },
        "segmentation_options": {"as_of_date": as_of_date, "refit": refit},
    }


def segments(shop: Consumer) -> pd.Series:
    """Gives the segment of each customer."""
    return shop.query(
        "select customer_id, segment_id from segmentation__customer_segments"
    ).set_index("customer_id")["segment_id"]


def pairs(months: list[pd.Series]) -> list[pd.DataFrame]:
    """Gives before and now of the customers present in two months, for each month but the first."""
    return [
        pd.concat([before, now], axis=1, join="inner", keys=["before", "now"])
        for before, now in pairwise(months)
    ]


def kept(months: list[pd.Series]) -> float:
    """Gives the share of customers present in two consecutive months who keep their segment's id."""
    both = pd.concat(pairs(months))
    return (both["before"] == both["now"]).mean()


@pytest.fixture(scope="module")
def shop(real_data, tmp_path_factory) -> Consumer:
    """The project, not yet built."""
    file = real_data / "online_retail.csv.gz"
    return Consumer(
        tmp_path_factory.mktemp("months") / "shop",
        files={
            "models/stg_lines.sql": "{{ config(materialized='table') }} select * from "
            f"read_csv('{file}', header = true, all_varchar = true)"
        },
    )


def play(shop: Consumer, refit: str, *excluded: str) -> list[pd.Series]:
    """Builds as of each month; gives the customers' segments at the end of each build."""
    found = []
    for month in MONTHS:
        shop.configure(variables(month, refit))
        left_out = ["--exclude", *LINES, *excluded] if shop.relations() else []
        run = shop.dbt(*TO_THE_EVENTS, *left_out)
        assert run.exit_code == 0 and not run.names("error", "warn"), run.output[-6000:]
        found.append(segments(shop))
    return found


@pytest.fixture(scope="module")
def frozen(shop) -> tuple[list[pd.Series], pd.DataFrame]:
    """Six months by the model of July, and the events of these builds."""
    months = play(shop, "never", "tag:segmentation_fit")
    return months, shop.query("from segmentation__segment_events")


@pytest.fixture(scope="module")
def refitted(shop, frozen) -> tuple[list[pd.Series], pd.DataFrame]:
    """Six months with a refit in each, and the events of these builds."""
    months = play(shop, "always")
    events = shop.query("from segmentation__segment_events")
    return months, events[events["build_number"] > frozen[1]["build_number"].max()]


def test_july_again_is_july(frozen, refitted):
    """A replay of July, with its own data, fits the model of July: nothing differs."""
    pd.testing.assert_series_equal(
        frozen[0][0].sort_index(), refitted[0][0].sort_index()
    )


def test_customers_of_a_frozen_model_move_as_was_measured(frozen):
    # 0.7197 by pandas and scikit-learn on this very recipe, the as-of day's lines among the others;
    # 0.708 was measured once with some other one: between 0.700 and 0.737, by the month that is frozen
    assert kept(frozen[0]) == pytest.approx(0.7197, abs=0.005)


def test_by_a_frozen_model_nobody_is_moved_by_the_model(frozen):
    months, events = frozen
    moved = events[~events["cause"].isin(["first_build", "new_customer", "customer_gone"])]
    assert set(moved["cause"]) == {"customer_moved"}
    changed = sum((both["before"] != both["now"]).sum() for both in pairs(months))
    assert (moved["event"] == "left").sum() == (moved["event"] == "entered").sum() == changed > 1000


def test_monthly_refits_keep_as_many_ids_as_a_frozen_model(frozen, refitted):
    assert kept(refitted[0]) == pytest.approx(kept(frozen[0]), abs=0.03)


def test_the_two_causes_sum_to_all_who_changed_month_by_month(refitted):
    months, events = refitted
    builds = sorted(events["build_number"].unique())
    assert len(builds) == len(MONTHS)
    # the first of them goes back to July
    for both, build in zip(pairs(months), builds[1:], strict=True):
        changed = set(both.index[both["before"] != both["now"]])
        here = events[events["build_number"] == build]
        for event in ("left", "entered"):
            rows = here[here["event"] == event]
            by_cause = {
                cause: set(rows.loc[rows["cause"] == cause, "customer_id"])
                for cause in ("customer_moved", "model_moved")
            }
            assert by_cause["customer_moved"] | by_cause["model_moved"] == changed
            assert not by_cause["customer_moved"] & by_cause["model_moved"]
            assert by_cause["customer_moved"] and by_cause["model_moved"]


def test_leaving_by_oneself_is_what_the_last_months_model_says(refitted, shop):
    """Once more by pandas: the old model, of November, on the data of December."""
    months, events = refitted
    model = shop.query(
        "select parameter, feature, segment_id, value from segmentation__model where model_version = "
        "(select max(model_version) - 1 from segmentation__model)"
    )
    rfm = shop.query("from segmentation__rfm").set_index("customer_id")
    of_feature = {
        parameter: model[model["parameter"] == parameter].set_index("feature")["value"]
        for parameter in ("mean", "scale")
    }
    centers = model[model["parameter"] == "centroid"].pivot(
        index="segment_id", columns="feature", values="value"
    )
    logs = np.log1p(rfm[list(centers.columns)].astype(float))
    points = (logs - of_feature["mean"][centers.columns]) / of_feature["scale"][centers.columns]
    distances = ((points.to_numpy()[:, None] - centers.to_numpy()[None]) ** 2).sum(axis=2)
    old_model = pd.Series(centers.index.to_numpy()[distances.argmin(axis=1)], rfm.index)
    last = pairs(months)[-1]
    changed = last[last["before"] != last["now"]]
    by_themselves = set(changed.index[old_model[changed.index] != changed["before"]])
    december = events[events["build_number"] == events["build_number"].max()]
    left = december[december["event"] == "left"]
    assert set(left.loc[left["cause"] == "customer_moved", "customer_id"]) == by_themselves
