"""The Python model's way in and out of Spark, on real PySpark frames: as Databricks and Dataproc run it."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

MODEL = Path(__file__).resolve().parents[2] / "models" / "model" / "int_segmentation__fit_python.py"
specification = importlib.util.spec_from_file_location("fit", MODEL)
fit = importlib.util.module_from_spec(specification)
specification.loader.exec_module(fit)

SCHEMA = "SEGMENTATION string, K bigint, VALUE decimal(28, 6)"


@pytest.fixture(scope="module")
def session(spark):
    return spark.session


def test_a_table_becomes_pandas_with_lower_case_names(session):
    table = session.createDataFrame([("a", 2, Decimal("1.5")), (None, None, None)], SCHEMA)
    frame = fit.as_pandas(table)
    assert list(frame.columns) == ["segmentation", "k", "value"]
    assert [tuple(map(fit.given, row)) for row in frame.itertuples(index=False)] == [
        ("a", 2, Decimal("1.5")),
        (None, None, None),
    ]
    empty = fit.as_pandas(session.createDataFrame([], SCHEMA))
    assert list(empty.columns) == ["segmentation", "k", "value"] and empty.empty


def test_parameters_become_a_table_with_their_types(session):
    rows = [
        {"segmentation": "a", "parameter": "inertia", "k": 2, "value": 0.1},
        {"segmentation": "a", "parameter": "reason", "k": 2, "text_value": "it's so"},
    ]
    table = fit.as_table(fit.to_output(rows), session)
    assert dict(table.dtypes) == {
        name: fit.SQL_TYPES[kind] for name, kind in fit.OUTPUT_TYPES.items()
    }
    found = table.select(
        "segmentation", "parameter", "k", "cluster", "value", "text_value"
    ).collect()
    assert [tuple(row) for row in found] == [
        ("a", "inertia", 2, None, 0.1, None),
        ("a", "reason", 2, None, None, "it's so"),
    ]


def test_no_parameters_become_an_empty_table_with_the_same_types(session):
    full = fit.as_table(
        fit.to_output([{"segmentation": "a", "parameter": "k", "value": 1.0}]), session
    )
    empty = fit.as_table(fit.to_output([]), session)
    assert empty.dtypes == full.dtypes
    assert empty.collect() == []
