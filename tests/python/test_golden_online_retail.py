"""UCI Online Retail: the published numbers, and the same computed once more by pandas.

Money is added up in Decimal, scores are taken from pandas' mid-ranks: nothing here is the
package's own arithmetic.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer

COLUMNS = {
    "customer_id": "CustomerID",
    "ordered_at": "InvoiceDate",
    "order_id": "InvoiceNo",
    "product_id": "StockCode",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
}
INPUT = {"transactions": "stg_lines", "columns": COLUMNS}
MAPPED = list(COLUMNS.values())

ELEVEN = {
    "Champions": "555 554 544 545 454 455 445",
    "Loyal": "543 444 435 355 354 345 344 335",
    "Potential Loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 "
    "352 351 342 341 333 323",
    "New Customers": "512 511 422 421 412 411 311",
    "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "Need Attention": "535 534 443 434 343 334 325 324",
    "About To Sleep": "331 321 312 221 213 231 241 251",
    "At Risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 "
    "125 124",
    "Cannot Lose Them": "155 154 144 214 215 115 114 113",
    "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "Lost": "111 112 121 131 141 151",
}


@pytest.fixture(scope="module")
def consumer(real_data, tmp_path_factory):
    """A project over the file, built with the defaults."""
    file = real_data / "online_retail.csv.gz"
    consumer = Consumer(
        tmp_path_factory.mktemp("retail") / "shop",
        {"segmentation_input": INPUT},
        files={
            "models/stg_lines.sql": "{{ config(materialized='table') }} select * from "
            f"read_csv('{file}', header = true, all_varchar = true)"
        },
    )
    run = consumer.dbt("build")
    assert run.exit_code == 0 and run.names("error", "fail", "warn") == [], run.output[-6000:]
    return consumer


@pytest.fixture(scope="module")
def source(real_data):
    """The file as text, read by pandas."""
    frame = pd.read_csv(real_data / "online_retail.csv.gz", dtype=str, keep_default_na=False)
    frame["CustomerID"] = frame["CustomerID"].str.strip()
    return frame


def with_money(frame):
    """Gives the frame with quantity and price as numbers and the exact amount of each line."""
    frame = frame.copy()
    frame["quantity"] = frame["Quantity"].astype(int)
    frame["price"] = frame["UnitPrice"].map(Decimal)
    frame["amount"] = [
        quantity * price for quantity, price in zip(frame["quantity"], frame["price"], strict=True)
    ]
    frame["day"] = pd.to_datetime(frame["InvoiceDate"]).dt.normalize()
    return frame


def rfm_of(lines):
    """Gives recency in days, frequency and exact money of every customer with a purchase."""
    bought = lines[lines["quantity"] > 0]
    as_of = bought["day"].max() + pd.Timedelta(days=1)
    purchases = bought.groupby("CustomerID")
    rfm = pd.DataFrame(
        {
            "recency_days": (as_of - purchases["day"].max()).dt.days,
            "frequency": purchases["InvoiceNo"].nunique(),
        }
    )
    money = lines.groupby("CustomerID")["amount"].agg(lambda amounts: sum(amounts, Decimal(0)))
    return rfm.assign(monetary=money.reindex(rfm.index))


def mid_rank_scores(values, best_is_highest=True):
    """Gives ceil(5 * (midrank - 0.5) / n) of each value."""
    ranks = values.astype(float).rank(method="average", ascending=best_is_highest)
    return np.ceil(5 * (ranks - 0.5) / len(values)).astype(int)


def named_segments(rfm):
    """Gives the name of each customer by the eleven-segment table."""
    names = {cell: name for name, cells in ELEVEN.items() for cell in cells.split()}
    assert len(names) == 125
    digits = (
        mid_rank_scores(rfm["recency_days"], best_is_highest=False).astype(str)
        + mid_rank_scores(rfm["frequency"]).astype(str)
        + mid_rank_scores(rfm["monetary"]).astype(str)
    )
    return digits, digits.map(names)


@pytest.fixture(scope="module")
def kept_by_default(source):
    """The lines that the defaults keep, by pandas: priced, not zero, first of equals."""
    named = with_money(source[source["CustomerID"] != ""])
    good = named[(named["price"] > 0) & (named["quantity"] != 0)]
    return good.drop_duplicates(MAPPED)


def test_audit(consumer, source):
    audit = {
        outcome: (count, amount)
        for outcome, count, amount in consumer.rows(
            "select outcome, row_count, amount from segmentation__transaction_audit"
        )
    }
    assert sum(count for count, _ in audit.values()) == 541_909
    assert audit["missing_customer"][0] == 135_080
    assert audit["kept"][0] == 401_562
    assert set(audit) == {"missing_customer", "kept", "duplicate", "non_positive_price"}
    assert audit["non_positive_price"] == (40, Decimal(0))
    assert audit["duplicate"][0] == 541_909 - 135_080 - 401_562 - 40
    money = with_money(source)["amount"]
    assert sum(amount for _, amount in audit.values()) == sum(money, Decimal(0))
    assert consumer.rows(
        "select return_row_count, customer_count, return_only_customer_count "
        "from segmentation__transaction_audit where outcome = 'kept'"
    ) == [(8_872, 4_371, 33)]


def test_rfm_with_the_defaults(consumer):
    ((customers, money, below, zero, as_of),) = consumer.rows(
        "select count(*), sum(monetary), count(*) filter (monetary < 0), "
        "count(*) filter (monetary = 0), max(as_of_date) from segmentation__rfm"
    )
    assert customers == 4_338
    assert round(money, 2) == Decimal("8288378.81")
    # Exactly; added up in doubles a ninth customer is below zero, by -5e-15.
    assert (below, zero) == (8, 13)
    assert str(as_of) == "2011-12-10"


def test_rfm_of_every_customer_is_that_of_pandas(consumer, kept_by_default):
    expected = rfm_of(kept_by_default)
    found = {
        customer: (recency, frequency, monetary)
        for customer, recency, frequency, monetary in consumer.rows(
            "select customer_id, recency_days, frequency, monetary from segmentation__rfm"
        )
    }
    assert len(kept_by_default) == 401_562
    assert found == {row.Index: tuple(row)[1:] for row in expected.itertuples()}
    assert sum(money < 0 for money in expected["monetary"]) == 8


def test_scores_and_names_of_every_customer_are_those_of_pandas(consumer, kept_by_default):
    rfm = rfm_of(kept_by_default)
    digits, names = named_segments(rfm)
    found = consumer.query(
        "select customer_id, rfm_score, rfm_segment from segmentation__rfm_scores"
    ).set_index("customer_id")
    assert found["rfm_score"].to_dict() == digits.to_dict()
    assert found["rfm_segment"].to_dict() == names.to_dict()


def test_segments_cover_customers_and_money(consumer):
    ((customers, revenue),) = consumer.rows(
        "select sum(customers), sum(revenue) from segmentation__segment_summary"
    )
    assert customers == 4_338
    assert round(revenue, 2) == Decimal("8288378.81")


def test_the_choice_of_k_falls_into_no_trap(consumer):
    ((k, share, stability, silhouette),) = consumer.rows(
        "select k, smallest_share, stability, silhouette from segmentation__k_search "
        "where is_chosen"
    )
    assert 3 <= k <= 5
    # 26 customers of 4,338, which silhouette alone would split off, are 0.6 %
    assert share >= 0.05
    assert stability >= 0.8
    assert 0.2 < silhouette < 0.5


def features(transform, *names):
    """Gives features that all have one transform."""
    return {name: transform for name in names or ("recency_days", "frequency", "monetary")}


WHOLESALE = ("Fresh", "Milk", "Grocery", "Frozen", "Detergents_Paper", "Delicassen")


@pytest.fixture(scope="module")
def textbook(consumer, real_data):
    """The same project after a run as the textbooks have it: no returns, duplicates kept."""
    consumer.load(
        "wholesale",
        "select row_number() over () as buyer, * from "
        f"read_csv('{real_data / 'wholesale_customers.csv'}')",
    )
    consumer.write(
        "models/_sources.yml",
        "sources: [{name: raw, schema: raw, tables: [{name: wholesale}]}]",
    )
    wholesale = {"customers": {"source": "raw", "table": "wholesale"}, "customer_id": "buyer"}
    consumer.configure(
        {
            "segmentation_input": INPUT | {"returns": "reject", "duplicates": "keep"},
            "segmentation_definitions": {
                "logs": {"features": features("log"), "k": 3},
                "plain": {"features": features("none")},
                "buyers_plain": wholesale | {"features": features("none", *WHOLESALE)},
                "buyers_logs": wholesale | {"features": features("log", *WHOLESALE), "k": 3},
            },
        }
    )
    run = consumer.dbt("run", "--exclude", "stg_lines")
    assert run.exit_code == 0, run.output[-6000:]
    return consumer


def test_textbook_totals(textbook, source):
    assert textbook.rows(
        "select count(*), count(distinct order_id), count(distinct customer_id), "
        "cast(sum(amount) as decimal(18, 2)) from segmentation__transactions"
    ) == [(397_884, 18_532, 4_338, Decimal("8911407.90"))]
    audit = dict(textbook.rows("select outcome, row_count from segmentation__transaction_audit"))
    named = with_money(source[source["CustomerID"] != ""])
    assert audit == {
        "missing_customer": 135_080,
        "non_positive_price": 40,
        "return_rejected": int(((named["quantity"] < 0) & (named["price"] > 0)).sum()),
        "kept": 397_884,
    }


def test_textbook_rfm(textbook):
    rfm = textbook.query(
        "select recency_days, frequency, monetary::double as monetary from segmentation__rfm"
    )
    assert len(rfm) == 4_338
    assert rfm.mean().round(3).tolist() == [93.059, 4.272, 2054.266]
    assert rfm.median().round(3).tolist() == [51, 2, 674.485]
    assert rfm.max().round(2).tolist() == [374, 209, 280206.02]


def test_textbook_names(textbook, source):
    counts = dict(
        textbook.rows("select rfm_segment, count(*) from segmentation__rfm_scores group by 1")
    )
    assert counts == {
        "Champions": 822,
        "Hibernating": 606,
        "Lost": 572,
        "Potential Loyalist": 494,
        "At Risk": 395,
        "Loyal": 384,
        "New Customers": 331,
        "Need Attention": 284,
        "About To Sleep": 229,
        "Cannot Lose Them": 124,
        "Promising": 97,
    }
    named = with_money(source[source["CustomerID"] != ""])
    rfm = rfm_of(named[(named["price"] > 0) & (named["quantity"] > 0)])
    _, names = named_segments(rfm)
    found = textbook.query("select customer_id, rfm_segment from segmentation__rfm_scores")
    assert found.set_index("customer_id")["rfm_segment"].to_dict() == names.to_dict()


def test_textbook_skewness(textbook):
    found = {
        feature: skewness
        for feature, *skewness in textbook.rows(
            "select feature, skewness_none, skewness_log, skewness_sqrt, skewness_cbrt, "
            "skewness_box_cox from segmentation__feature_scaling where segmentation = 'logs'"
        )
    }
    # biased and unbiased skewness of 4,338 values differ in the third decimal at most
    expected = {
        "recency_days": [1.246, -0.327, 0.600, 0.307, -0.063],
        "frequency": [12.067, 1.209, 3.024, 1.912, 0.145],
        "monetary": [19.325, 0.394, 5.888, 3.001, -0.016],
    }
    for feature, numbers in expected.items():
        assert found[feature] == pytest.approx(numbers, abs=1e-3, rel=5e-4), feature


def search(consumer, segmentation):
    """Gives k -> (inertia, silhouette, smallest share, is chosen)."""
    return {
        k: numbers
        for k, *numbers in consumer.rows(
            "select k, inertia, silhouette, smallest_share, is_chosen "
            f"from segmentation__k_search where segmentation = '{segmentation}' order by k"
        )
    }


def sizes(consumer, segmentation):
    """Gives the sizes of the segments, the largest first."""
    return [
        size
        for (size,) in consumer.rows(
            "select customers from segmentation__segment_summary "
            f"where segmentation = '{segmentation}' order by 1 desc"
        )
    ]


def test_textbook_k_means(textbook):
    # The reference has 20 starts, the package 10: the last hundredth of a percent may differ.
    of_logs = search(textbook, "logs")
    assert of_logs[3] == pytest.approx([4856.485, 0.3377, 757 / 4338, True], abs=5e-3, rel=1e-4)
    assert of_logs[4][:2] == pytest.approx([3924.460, 0.3355], abs=5e-3, rel=1e-4)
    assert sizes(textbook, "logs") == pytest.approx([1886, 1695, 757], abs=25)


def test_silhouette_alone_would_split_off_26_customers(textbook):
    of_plain = search(textbook, "plain")
    assert of_plain[2][1] == pytest.approx(0.896, abs=1e-3)
    assert of_plain[2][2] == pytest.approx(26 / 4338)
    assert of_plain[2][1] == max(silhouette for _, silhouette, *_ in list(of_plain.values())[1:])
    # Where the user forbids every transform no k passes the guards, and that is said.
    ((reason,),) = textbook.rows(
        "select reason from segmentation__k_search where segmentation = 'plain' and is_chosen"
    )
    assert reason.startswith("warning: no k passes the guards")


def test_wholesale(textbook):
    logs, plain = search(textbook, "buyers_logs"), search(textbook, "buyers_plain")
    assert logs[3][:2] == pytest.approx([1553.340, 0.2592], abs=5e-3, rel=1e-4)
    assert sizes(textbook, "buyers_logs") == pytest.approx([212, 147, 81], abs=2)
    assert plain[3][0] == pytest.approx(1608.431, rel=5e-3)
    # sizes 393, 45, 2 have a fine silhouette and are no answer
    assert not plain[3][3]
    assert min(sizes(textbook, "buyers_plain")) > 2


def test_duplicates_by_the_mapped_columns(textbook):
    textbook.configure({"segmentation_input": INPUT | {"returns": "reject"}})
    run = textbook.dbt("run", "--select", "int_segmentation__lines", "segmentation__transactions")
    assert run.exit_code == 0, run.output[-6000:]
    assert textbook.rows(
        "select count(*), cast(sum(amount) as decimal(18, 2)) from segmentation__transactions"
    ) == [(392_690, Decimal("8886657.04"))]
