"""Shuffled input gives the same: ids, names, scores, money; other doubles within 1e-9."""

import numpy as np
import pytest
from consumer import Consumer, is_same, run_dbt
from shop_data import order_lines

# fitted_at says when a version was made, not what it is
NOT_COMPARED = "where parameter <> 'fitted_at'"


def public_tables(consumer):
    """Gives the rows of every public table, sorted by all that is not a double."""
    tables = {}
    for name in consumer.package_relations():
        if not name.startswith("segmentation__"):
            continue
        columns = dict(
            consumer.rows(
                "select column_name, data_type from information_schema.columns "
                f"where table_name = '{name}' and table_schema = 'main' "
                "and column_name <> 'fitted_at' order by ordinal_position"
            )
        )
        exact = [quoted(column) for column, kind in columns.items() if kind != "DOUBLE"]
        doubles = [f'round("{column}", 6)' for column, kind in columns.items() if kind == "DOUBLE"]
        where = NOT_COMPARED if name == "segmentation__model" else ""
        tables[name] = consumer.rows(
            f'select {", ".join(map(quoted, columns))} from main."{name}" {where} '
            f'order by {", ".join(exact + doubles)}'
        )
    return tables


def quoted(column):
    """Gives the name of a column as SQL, where it may be a reserved word."""
    return f'"{column}"'


@pytest.fixture(scope="module")
def orders_of_rows(tmp_path_factory):
    """The public tables of the same lines in three orders of rows, each built from nothing."""
    lines = order_lines()
    # copies that tie in all but what is not mapped, and doubles that add up differently
    generator = np.random.default_rng(1)
    lines["unit_price"] = [
        price if price is None else f"{float(price) + generator.integers(0, 999) / 100_000:.5f}"
        for price in lines["unit_price"]
    ]
    shuffled = lines.sample(frac=1, random_state=3)
    split = lines.iloc[np.r_[len(lines) // 3 : len(lines), 0 : len(lines) // 3]]
    consumer = Consumer(
        tmp_path_factory.mktemp("order") / "shop",
        {
            "segmentation_input": {"transactions": {"source": "raw", "table": "lines"}},
            "segmentation_definitions": {
                "rfm": {},
                "habits": {
                    "features": ["average_order_value", "days_between_orders", "return_rate"],
                    "algorithm": "hierarchical",
                    "k": 3,
                },
                "kinds": {
                    "customers": "segmentation__rfm_scores",
                    "features": {"monetary": "auto", "rfm_segment": {"kind": "category"}},
                    "algorithm": "gaussian_mixture",
                    "k": 2,
                },
                "dense": {"algorithm": "dbscan", "outliers": {"fence": 3}},
            },
            # fewer than there are customers: who is in the sample must not depend on the order
            "segmentation_options": {"fit_sample_size": 150},
        },
        tables={"lines": lines},
    )
    found = {}
    # sets and dicts of text in another order, too
    frames = {"as is": (lines, {}), "shuffled": (shuffled, {"PYTHONHASHSEED": "1"}), "split": (split, {})}
    for name, (frame, environment) in frames.items():
        consumer.database.unlink()
        consumer.load("lines", frame)
        run = run_dbt(consumer.folder, "run", environment=environment)
        assert run.exit_code == 0, run.output[-6000:]
        found[name] = public_tables(consumer)
    return found


@pytest.mark.parametrize("order", ["shuffled", "split"])
def test_every_public_table_is_the_same(orders_of_rows, order):
    first, second = orders_of_rows["as is"], orders_of_rows[order]
    assert len(first) >= 14 and sorted(first) == sorted(second)
    assert all(len(first[name]) > 0 for name in first)
    for name in first:
        assert len(first[name]) == len(second[name]), name
        for left, right in zip(first[name], second[name], strict=True):
            differing = [pair for pair in zip(left, right, strict=True) if not is_same(*pair)]
            assert not differing, f"{name}: {differing} of {left}"
