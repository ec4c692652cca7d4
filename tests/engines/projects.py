"""One team's dbt project, with this package installed, on each engine: the same data, the same vars."""

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
import dbt_process
from consumer import Consumer, Run, prepare
from shop_data import order_lines

LOADS = [pd.Timestamp("2024-12-30 04:00"), pd.Timestamp("2024-12-31 04:00")]
# Levels that sort differently by byte and in a dictionary, one with all that SQL must quote.
CHANNELS = ["Web", "app", "Öl & Essig", 'O\'Neil \\ "Sons"', "a b", "App"]

# A model of the team's own, by the macro that scores any table.
SCORED = """
{{ config(materialized='table') }}
{{ segmentation.score(source('raw', 'prospects'), 'members') }}
"""

VARIABLES: dict[str, Any] = {
    "segmentation_input": {
        "transactions": {"source": "raw", "table": "lines"},
        "columns": {"line_id": "line"},
        "incremental": {"loaded_at": "loaded_at"},
    },
    "segmentation_definitions": {
        "rfm": {"k": {"min": 2, "max": 5}},
        "members": {
            "customers": {"source": "raw", "table": "members"},
            "customer_id": "member_id",
            "features": {
                "income": {"impute": "median", "clip": [0.01, 0.99]},
                "visits": {"transform": "yeo_johnson"},
                "channel": {"kind": "category", "weight": 0.5},
            },
            "value": "income",
            "outliers": {"low": 0.05, "high": 0.95, "fence": 1.5},
            "k": 3,
            "names": {"order_by": "income", "low_to_high": ["small", "medium", "large"]},
        },
    },
    "segmentation_options": {
        "trainer": "sql",
        "history": {"period": "month", "periods": 6},
        "pseudonymize": {"salt": {"source": "raw", "table": "salts"}},
        "erased_customers": {"source": "raw", "table": "forgotten"},
    },
}


def deliveries() -> list[pd.DataFrame]:
    """Gives the lines of two loads: the second brings a tenth of all lines, some from long ago."""
    lines = order_lines(240).reset_index(drop=True)
    # Ids of a case and an alphabet that only bytes tell apart.
    for old, new in [("10001", "ab-1"), ("10002", "AB-1"), ("10003", "Åsa"), ("10004", "a b")]:
        lines["customer_id"] = lines["customer_id"].replace(old, new)
    late = lines.index % 10 == 0
    return [
        lines.assign(loaded_at=load, line=lines.index)[keep]
        for load, keep in zip(LOADS, (~late, late), strict=True)
    ]


def members(number: int = 150, seed: int = 11) -> pd.DataFrame:
    """Gives customers in three groups of income, with values missing and far out."""
    generator = np.random.default_rng(seed)
    group = np.arange(number) % 3
    frame = pd.DataFrame(
        {
            "member_id": [f"{'Mm'[place % 2]}-{place // 2:03d}" for place in range(number)],
            "income": np.round(generator.lognormal(9 + 0.8 * group, 0.2), 2),
            "visits": generator.poisson(2 + 4 * group),
            "channel": [CHANNELS[place % len(CHANNELS)] for place in generator.permutation(number)],
        }
    )
    frame.loc[::37, "income"] = np.nan
    frame.loc[::41, "channel"] = None
    frame.loc[5, "income"] = 1e7
    return frame


def prospects() -> pd.DataFrame:
    """Gives customers whom no fit has seen: usual ones, and numbers at the ends of what doubles hold."""
    numbers = [3.0, 0.0, -2.5, 5e-324, 1e-300, 1e160, -1e160, 9e299, -9e299, 1e308, np.inf, np.nan]
    return pd.DataFrame(
        {
            "member_id": [f"prospect {place:02d}" for place in range(len(numbers))],
            "income": numbers[::-1],
            "visits": numbers,
            "channel": (CHANNELS * 2)[: len(numbers) - 1] + ["unheard of"],
        }
    )


def tables() -> dict[str, pd.DataFrame]:
    """Gives what stands in the warehouse before the first build."""
    return {
        "lines": deliveries()[0],
        "members": members(),
        "prospects": prospects(),
        "salts": pd.DataFrame({"salt": ["a salt of no secret project"]}),
        "forgotten": pd.DataFrame({"customer_id": ["nobody of the lines"]}),
    }


class Snapshot(NamedTuple):
    """What was in a project's tables at one time, to be compared as the project itself."""

    tables: dict[str, pd.DataFrame]

    def public_tables(self) -> list[str]:
        """Gives their names, sorted."""
        return sorted(self.tables)

    def table(self, name: str) -> pd.DataFrame:
        """Gives one of them."""
        return self.tables[name]


class EngineProject(Consumer):
    """A project on one engine; an engine says how to reach it, to load a table and to read one.

    `schema` is where dbt builds.
    """

    schema: str

    def __init__(self, folder: Path, **changes) -> None:
        files = {"models/prospect_segments.sql": SCORED} | changes.pop("files", {})
        super().__init__(
            folder, **({"variables": VARIABLES, "tables": tables()} | changes), files=files
        )

    def columns(self, table: str) -> dict[str, str]:
        """Gives the columns of a table with their types as information_schema has them, in order."""
        return dict(
            self.rows(
                "select column_name, data_type from information_schema.columns "
                f"where table_schema = '{self.schema}' and table_name = '{table}' "
                "order by ordinal_position"
            )
        )

    def public_tables(self) -> list[str]:
        """Gives the tables and views that the package promises, and the team's own, sorted."""
        return [name for name in self.relations() if not name.startswith("int_segmentation__")]

    def table(self, name: str) -> pd.DataFrame:
        """Gives a table as it is: exact decimals, none for null."""
        return pd.DataFrame(
            self.rows(f"select * from {self.schema}.{name}"),
            columns=list(self.columns(name)),
            dtype=object,
        )

    def snapshot(self) -> Snapshot:
        """Gives what is in all public tables now."""
        return Snapshot({name: self.table(name) for name in self.public_tables()})

    def add_delivery(self) -> None:
        """Loads the second day's lines."""
        self.load("lines", pd.concat(deliveries(), ignore_index=True))

    def forget_customers(self) -> None:
        """Has two customers of the lines ask to be forgotten."""
        self.load("forgotten", pd.DataFrame({"customer_id": ["ab-1", "10006"]}))


FIRST_BUILD, LATER_DAY, REFIT = "first build", "later day", "refit"


def take_steps(project: EngineProject, command: str = "build") -> Iterator[str]:
    """Lives through the project's days; gives the name of each step when it is done.

    On the later day there are new lines and no fit is due, so the last version scores; then a fit
    is asked for, and by customers to be forgotten.

    command   of dbt: build, or run to leave out the tests
    """
    run_step(project, command)
    yield FIRST_BUILD
    project.add_delivery()
    run_step(project, "run")
    yield LATER_DAY
    project.forget_customers()
    run_step(project, command, refit=True)
    yield REFIT


def run_step(project: EngineProject, command: str, refit: bool = False) -> None:
    """Runs dbt in the project; fails where anything fails or warns."""
    arguments = ["--vars", "segmentation_refit: true"] if refit else []
    project.dbt(command, *arguments).assert_clean()


class DuckDBProject(EngineProject):
    """The project on a DuckDB file."""

    schema = "main"


class PostgresProject(EngineProject):
    """The project in a database of its own of a running `PostgresServer`."""

    schema = "public"

    def __init__(self, folder: Path, server, **changes) -> None:
        self.server = server
        self.database_name = folder.name
        server.create_database(self.database_name)
        super().__init__(folder, **changes)

    def copy(self, folder: Path) -> "PostgresProject":
        """Gives a project in another folder, with a database of its own that holds the same."""
        copied = PostgresProject.__new__(PostgresProject)
        copied.folder, copied.server, copied.database_name = folder, self.server, folder.name
        shutil.copytree(self.folder, folder, symlinks=True)
        self.server.create_database(folder.name, template=self.database_name)
        copied.write("profiles.yml", copied.profiles())
        return copied

    def profiles(self) -> str:
        output = {
            "type": "postgres",
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.server.user,
            "password": self.server.password,
            "dbname": self.database_name,
            "schema": self.schema,
            "threads": 2,
        }
        return yaml.safe_dump({"shop": {"target": "postgres", "outputs": {"postgres": output}}})

    def load(self, name: str, content: pd.DataFrame) -> None:
        types = {"f": "double precision", "i": "bigint", "M": "timestamp", "b": "boolean"}
        columns = ", ".join(
            f"{column} {types.get(kind.kind, 'text')}" for column, kind in content.dtypes.items()
        )
        lines = io.StringIO(content.to_csv(index=False, header=False))
        with self._cursor() as cursor:
            cursor.execute("create schema if not exists raw")
            cursor.execute(f"create table if not exists raw.{name} ({columns})")
            cursor.execute(f"truncate raw.{name}")
            cursor.copy_expert(f"copy raw.{name} from stdin (format csv)", lines)

    def rows(self, sql: str) -> list[tuple]:
        with self._cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def relations(self) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                "select table_name from information_schema.tables "
                f"where table_schema = '{self.schema}' order by table_name collate \"C\""
            )
        ]

    @contextlib.contextmanager
    def _cursor(self):
        with (
            contextlib.closing(self.server.connect(self.database_name)) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor


class SparkProject(EngineProject):
    """The project in the session of a `Spark`, with its metastore for itself; dbt runs in this process."""

    schema = "main"

    def __init__(self, folder: Path, session, **changes) -> None:
        self.session = session
        dbt_process.spare_repeated_work()
        super().__init__(folder, **changes)

    def profiles(self) -> str:
        output = {
            "type": "spark",
            "method": "session",
            "host": "this process",
            "schema": self.schema,
            "threads": 2,
        }
        return yaml.safe_dump({"shop": {"target": "spark", "outputs": {"spark": output}}})

    def load(self, name: str, content: pd.DataFrame) -> None:
        # dbt's own seeds take the time of the square of their rows.
        file = self.folder / f"{name}.parquet"
        content.to_parquet(file, coerce_timestamps="us", index=False)
        self.session.sql("create schema if not exists raw")
        self.session.read.parquet(str(file)).write.mode("overwrite").saveAsTable(f"raw.{name}")

    def rows(self, sql: str) -> list[tuple]:
        return [tuple(row) for row in self.session.sql(sql).collect()]

    def columns(self, table: str) -> dict[str, str]:
        return dict(self.session.table(f"{self.schema}.{table}").dtypes)

    def relations(self) -> list[str]:
        # dbt leaves the views behind through which it appends.
        found = self.rows(f"show tables in {self.schema}")
        return sorted(name for _, name, is_temporary in found if not is_temporary)

    def dbt(self, *arguments: str) -> Run:
        from dbt.cli.main import dbtRunner

        prepare(self.folder, arguments)
        results_file = self.folder / "target/run_results.json"
        results_file.unlink(missing_ok=True)
        output = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(output):
            done = dbtRunner().invoke(["--no-use-colors", *arguments])
        results = json.loads(results_file.read_text())["results"] if results_file.exists() else []
        return Run(0 if done.success else 1, output.getvalue(), results)
