"""The package on Snowflake as fakesnow emulates it, fitted in SQL: every table is that of DuckDB."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import fakesnow
import pandas as pd
import pytest
import snowflake.connector
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engines"))
from compare import differences  # noqa: E402
from projects import VARIABLES, DuckDBProject, EngineProject, take_steps  # noqa: E402

from consumer import Run  # noqa: E402  (the path is set by projects)

pytestmark = pytest.mark.xdist_group("fakesnow")


class SnowflakeProject(EngineProject):
    """The project in an emulated account: a folder beside it, which one process opens at a time."""

    schema = "marts"

    def profiles(self) -> str:
        output = {"type": "snowflake", "account": "none", "user": "u", "password": "p", "threads": 1}
        output |= {"database": "shop", "schema": self.schema, "warehouse": "w"}
        return yaml.safe_dump({"shop": {"target": "snowflake", "outputs": {"snowflake": output}}})

    def configure(self, variables) -> None:
        super().configure(variables)
        # The emulator fails on comments of columns, and on an apostrophe in that of a table.
        project = yaml.safe_load((self.folder / "dbt_project.yml").read_text())
        project["models"] = {"segmentation": {"+persist_docs": {"relation": False, "columns": False}}}
        self.write("dbt_project.yml", yaml.safe_dump(project, sort_keys=False))

    def dbt(self, *arguments: str) -> Run:
        done = subprocess.run(
            [
                *[sys.executable, "-W", "ignore", Path(__file__).with_name("fakesnow_dbt.py")],
                *[self.account(), "--no-use-colors", *arguments],
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        return Run(done.returncode, done.stdout, results)

    def load(self, name: str, content: pd.DataFrame) -> None:
        types = {"f": "float", "i": "number(38, 0)", "M": "timestamp_ntz", "b": "boolean"}
        columns = ", ".join(
            f"{column} {types.get(kind.kind, 'text')}" for column, kind in content.dtypes.items()
        )
        with self.connected() as connection:
            connection.cursor().execute(f"create or replace table raw.{name} ({columns})")
            snowflake.connector.pandas_tools.write_pandas(
                connection, content.rename(columns=str.upper), name.upper(), schema="RAW"
            )

    def rows(self, sql: str) -> list[tuple]:
        with self.connected() as connection:
            return connection.cursor().execute(sql).fetchall()

    def relations(self) -> list[str]:
        names = self.rows(
            "select table_name from information_schema.tables "
            f"where table_schema = '{self.schema.upper()}'"
        )
        return sorted(name.lower() for (name,) in names)

    def columns(self, table: str) -> dict[str, str]:
        columns = self.rows(
            "select column_name, data_type from information_schema.columns "
            f"where table_schema = '{self.schema.upper()}' and table_name = '{table.upper()}' "
            "order by ordinal_position"
        )
        return {name.lower(): data_type for name, data_type in columns}

    def account(self) -> str:
        folder = self.folder / "account"
        folder.mkdir(exist_ok=True)
        return str(folder)

    @contextlib.contextmanager
    def connected(self):
        with (
            fakesnow.patch(db_path=self.account()),
            snowflake.connector.connect(database="shop", schema="raw") as connection,
        ):
            yield connection


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> SnowflakeProject:
    return SnowflakeProject(tmp_path_factory.mktemp("on_snowflake") / "shop")


@pytest.fixture(scope="module")
def steps(project, tmp_path_factory):
    """What stands in Snowflake and in DuckDB after each step: name of the step -> both snapshots."""
    duckdb = DuckDBProject(tmp_path_factory.mktemp("on_duckdb") / "shop")
    return {
        step: (project.snapshot(), duckdb.snapshot())
        for step, _ in zip(take_steps(project), take_steps(duckdb, "run"), strict=True)
    }


def test_every_table_is_that_of_duckdb(steps):
    assert {step: differences(*snapshots) for step, snapshots in steps.items()} == {
        step: [] for step in steps
    }
