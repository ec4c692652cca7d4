"""A profile of an engine that the package does not run on: one clear error, before anything is built."""

from pathlib import Path

from consumer import Consumer, run_dbt


def disguise():
    """Has dbt on DuckDB tell the package that the target is of another type."""
    from dbt.config.profile import Profile

    to_target_dict = Profile.to_target_dict
    Profile.to_target_dict = lambda self: to_target_dict(self) | {"type": "sqlserver"}


def test_an_engine_that_is_not_supported_is_a_clear_error(tmp_path):
    consumer = Consumer(
        tmp_path / "shop",
        {"segmentation_input": {"transactions": {"source": "raw", "table": "lines"}}},
        files={"models/mine.sql": "select 1 as one"},
        tables={"lines": "select '1' as customer_id, '2024-01-01' as ordered_at"},
    )
    disguised = (Path(__file__), disguise.__name__, [])
    assert run_dbt(consumer.folder, "parse", before=disguised).exit_code == 0
    run = run_dbt(consumer.folder, "run", before=disguised)
    assert run.exit_code == 1
    assert (
        "target type 'sqlserver' is not supported; allowed: duckdb, postgres, spark, snowflake, "
        "bigquery, redshift, databricks."
    ) in " ".join(run.output.split())
    # ... and nothing of the package is there, while the team's own model is
    assert consumer.relations() == ["mine"]
