"""The Python model's way in and out of Snowflake, in Snowpark's local testing mode."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.types import DecimalType, LongType, StringType, StructField, StructType

MODEL = Path(__file__).resolve().parents[2] / "models" / "model" / "int_segmentation__fit_python.py"
specification = importlib.util.spec_from_file_location("fit", MODEL)
fit = importlib.util.module_from_spec(specification)
specification.loader.exec_module(fit)


@pytest.fixture(scope="module")
def session():
    session = Session.builder.config("local_testing", True).create()
    yield session
    session.close()


def test_a_table_becomes_pandas_with_lower_case_names(session):
    schema = StructType(
        [
            StructField("SEGMENTATION", StringType()),
            StructField("K", LongType()),
            StructField("VALUE", DecimalType(28, 6)),
        ]
    )
    table = session.create_dataframe([("a", 2, Decimal("1.5")), (None, None, None)], schema)
    frame = fit.as_pandas(table)
    assert list(frame.columns) == ["segmentation", "k", "value"]
    assert [tuple(map(fit.given, row)) for row in frame.itertuples(index=False)] == [
        ("a", 2, Decimal("1.5")),
        (None, None, None),
    ]
    empty = fit.as_pandas(session.create_dataframe([], schema))
    assert list(empty.columns) == ["segmentation", "k", "value"] and empty.empty


def test_parameters_become_a_table_with_their_types_and_upper_case_names(session):
    rows = [
        {"segmentation": "a", "parameter": "inertia", "k": 2, "value": 0.1},
        {"segmentation": "a", "parameter": "reason", "k": 2, "text_value": "it's so"},
    ]
    table = fit.as_table(fit.to_output(rows), session)
    assert table.columns == [name.upper() for name in fit.OUTPUT_TYPES]
    # ... as SQL finds them, which writes names without quotes
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
    assert empty.schema == full.schema
    assert empty.collect() == []


def test_a_fit_of_nothing_goes_all_the_way(session):
    tables = {
        "int_segmentation__fit_sample": session.create_dataframe(
            [], "segmentation string, customer_id string, feature string, value double"
        ),
        "segmentation__settings": session.create_dataframe([], "segmentation string"),
    }
    configured = {}

    class Dbt:
        ref = staticmethod(tables.get)
        config = staticmethod(configured.update)

    given = fit.model(Dbt, session)
    assert given.collect() == []
    assert configured["packages"] == ["pandas", "scikit-learn", "scipy"]
    assert isinstance(fit.as_pandas(given), pd.DataFrame)
