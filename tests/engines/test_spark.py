"""The whole package on Apache Spark: every shipped test passes, and every table is that of DuckDB.

Both are fitted by the SQL trainer. Tables are Parquet, which knows no deletes: orders are rebuilt,
lines and versions appended. Spark's own catalog lists them.
"""

import pytest
from compare import differences
from projects import FIRST_BUILD, LATER_DAY, REFIT, SparkProject, take_steps


@pytest.fixture(scope="module")
def on_spark(spark, tmp_path_factory):
    """The project after each step, and what the shipped tests said of the last."""
    project = SparkProject(tmp_path_factory.mktemp("on_spark") / "shop", spark.session)
    found = {step: project.snapshot() for step in take_steps(project, command="run")}
    return found, project.dbt("test")


@pytest.mark.parametrize("step", [FIRST_BUILD, LATER_DAY, REFIT])
def test_every_table_is_that_of_duckdb(step, on_spark, on_duckdb):
    assert differences(on_spark[0][step], on_duckdb[step]) == []


def test_every_shipped_test_passes(on_spark):
    run = on_spark[1].assert_clean()
    assert len(run.names("pass")) > 170


def test_no_step_of_a_query_stays(on_spark, spark):
    tables = [row.tableName for row in spark.session.sql("show tables in main").collect()]
    assert [name for name in tables if "__step__" in name or "__rest" in name] == []
