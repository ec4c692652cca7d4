"""The comparison of engines finds every way in which tables may differ, and nothing else."""

import datetime
import decimal

import pandas as pd
import pytest
from compare import differences
from projects import Snapshot

ROWS = [
    {"customer_id": "a", "segment_id": 1, "distance": 0.25, "revenue": decimal.Decimal("1.10")},
    {"customer_id": "b", "segment_id": 2, "distance": 1e-3, "revenue": decimal.Decimal("2.20")},
    {"customer_id": "c", "segment_id": 2, "distance": None, "revenue": None},
]


def snapshot(rows, name: str = "segmentation__customer_segments") -> Snapshot:
    return Snapshot({name: pd.DataFrame(rows, dtype=object)})


def changed(place: int, **values) -> Snapshot:
    return snapshot([row | values if at == place else row for at, row in enumerate(ROWS)])


@pytest.mark.parametrize(
    "other",
    [
        snapshot(ROWS[::-1]),
        changed(0, distance=0.25 * (1 + 1e-11)),
        changed(0, revenue=decimal.Decimal("1.1000")),
        snapshot([row | {"fitted_at": datetime.datetime.now()} for row in ROWS]),
    ],
    ids=["order of rows", "last digits of a double", "scale of a decimal", "clock"],
)
def test_what_is_the_same_does_not_differ(other):
    assert differences(other, snapshot(ROWS)) == []


@pytest.mark.parametrize(
    "other",
    [
        changed(0, distance=0.25 * (1 + 1e-8)),
        changed(0, revenue=decimal.Decimal("1.11")),
        changed(2, distance=0.0),
        changed(1, segment_id=3),
        snapshot([row | {"segment_id": float(row["segment_id"])} for row in ROWS]),
        snapshot(ROWS[:2]),
        snapshot([*ROWS, ROWS[0]]),
        snapshot([row | {"margin": 0.5} for row in ROWS]),
        snapshot(ROWS, "segmentation__segments"),
    ],
    ids=["double", "decimal", "null", "id", "kind", "row less", "row twice", "column", "table"],
)
def test_what_differs_is_found(other):
    assert len(differences(other, snapshot(ROWS))) >= 1
