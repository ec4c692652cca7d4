"""A profile of an engine that the package does not run on: one clear error, before anything is built."""

import subprocess
import sys

from consumer import Consumer

# dbt on DuckDB, which tells the package that the target is of another type.
DISGUISED_DBT = """
import sys
from dbt.cli.main import cli
from dbt.config.profile import Profile

to_target_dict = Profile.to_target_dict
Profile.to_target_dict = lambda self: to_target_dict(self) | {"type": "sqlserver"}
sys.argv[0] = "dbt"
cli()
"""


def run(consumer, *arguments):
    """Runs dbt in disguise; gives the exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", DISGUISED_DBT, "--no-use-colors", *arguments],
        cwd=consumer.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_an_engine_that_is_not_supported_is_a_clear_error(tmp_path):
    consumer = Consumer(
        tmp_path / "shop",
        {"segmentation_input": {"transactions": {"source": "raw", "table": "lines"}}},
        files={"models/mine.sql": "select 1 as one"},
        tables={"lines": "select '1' as customer_id, '2024-01-01' as ordered_at"},
    )
    assert run(consumer, "parse")[0] == 0
    exit_code, output = run(consumer, "run")
    assert exit_code == 1
    assert (
        "target type 'sqlserver' is not supported; allowed: duckdb, postgres, spark, snowflake, "
        "bigquery, redshift, databricks."
    ) in " ".join(output.split())
    # ... and nothing of the package is there, while the team's own model is
    assert consumer.relations() == ["mine"]
