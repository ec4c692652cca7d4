"""Generates dbt projects as a team would have them, with this package installed, and runs dbt."""

import atexit
import functools
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dbt_process
import duckdb
import pandas as pd
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]

# What a command knows of the environment of the tests.
INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")

PROFILES = """
shop:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{path}"
      threads: 2
"""


class Run(NamedTuple):
    """What a dbt command gave: exit code, everything it printed, and status by node."""

    exit_code: int
    output: str
    results: list[dict[str, Any]]

    def statuses(self) -> dict[str, str]:
        """Gives the status (success, pass, warn, error, fail, skipped) of each node by its name."""
        return {result["unique_id"].split(".", 2)[2]: result["status"] for result in self.results}

    def names(self, *statuses: str) -> list[str]:
        """Gives the names of the nodes with one of these statuses, sorted."""
        return sorted(name for name, status in self.statuses().items() if status in statuses)

    def message(self, name: str) -> str:
        """Gives what dbt says of a node, found by its name."""
        for result in self.results:
            if result["unique_id"].split(".", 2)[2] == name:
                return result["message"] or ""
        raise AssertionError(f"{name} did not run:\n{self.output}")

    def assert_clean(self) -> "Run":
        """Fails unless everything passed and nothing warned; gives itself."""
        bad = {
            name: status
            for name, status in self.statuses().items()
            if status not in ("success", "pass")
        }
        assert self.exit_code == 0 and not bad, f"{bad}\n{self.output[-6000:]}"
        assert "[WARNING]" not in self.output, self.output[-6000:]
        return self


def run_dbt(
    folder: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    before: tuple[Path, str, list[Any]] | None = None,
) -> Run:
    """Runs dbt in a project's folder; never raises for what dbt finds wrong.

    before  what the command calls first, as `dbt_process.run` takes it
    """
    prepare(folder, arguments)
    target = Path((environment or {}).get("DBT_TARGET_PATH", folder / "target"))
    results_file = target / "run_results.json"
    results_file.unlink(missing_ok=True)
    # A log of everything takes a tenth of the time, and few tests read it.
    log_level = "debug" if "--debug" in arguments else "none"
    settings = {"DBT_LOG_LEVEL_FILE": log_level} | _surroundings(environment)
    done = dbt_process.run(["--no-use-colors", *arguments], folder, settings, before)
    results = json.loads(results_file.read_text())["results"] if results_file.exists() else []
    return Run(done.returncode, (done.stdout + done.stderr).decode(), results)


# Warehouses that are open to be read, by their files: to open one takes as long as ten queries.
_readers: dict[Path, duckdb.DuckDBPyConnection] = {}


def read(database: Path) -> duckdb.DuckDBPyConnection:
    """Gives a connection that reads a DuckDB file, open until somebody may write to one."""
    if database not in _readers:
        _readers[database] = duckdb.connect(str(database), read_only=True)
    return _readers[database]


def close_readers() -> None:
    """Closes what `read` gave, before a command or a test writes."""
    while _readers:
        _readers.popitem()[1].close()


def _surroundings(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Gives the environment of a command: of the developer's nothing that tells dbt what to do.

    Nor anything else that it does not need: dbt looks through all of it for each event.
    """
    inherited = {key: os.environ[key] for key in INHERITED if key in os.environ}
    return inherited | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"} | (environment or {})


def install_package(folder: Path) -> None:
    """Does what `dbt deps` does with a local package, without its start-up time.

    Without the package's dbt unit tests, which no consumer can run, and which are a fifth of what a
    consumer's dbt parses. test_consumer_unconfigured.py runs `dbt deps` itself, and has them all. And
    without the tests that the package ships, until a command may ask for them: another third.
    """
    package = folder / "dbt_packages/segmentation"
    package.mkdir(parents=True)
    for entry in REPOSITORY.iterdir():
        if not entry.name.startswith("."):
            (package / entry.name).symlink_to(entry)
    (package / ".dbtignore").write_text("*unit_tests.yml\n")
    leave_tests_out(folder)


def leave_tests_out(folder: Path) -> None:
    """Takes the tests from the package that a project has installed, until `prepare` gives them back."""
    _replace_models(folder, REPOSITORY / "models", _models_without_tests())


def prepare(folder: Path, arguments: Sequence[str]) -> None:
    """Makes a project ready for a command of dbt: with the package's tests, unless it runs models alone."""
    close_readers()
    if not {"run", "run-operation"} & set(arguments):
        _replace_models(folder, _models_without_tests(), REPOSITORY / "models")


def _replace_models(folder: Path, old: Path, new: Path) -> None:
    models = folder / "dbt_packages/segmentation/models"
    if models.is_symlink() and models.resolve() == old:
        models.unlink()
        models.symlink_to(new)


@functools.cache
def _models_without_tests() -> Path:
    """Makes a folder with the package's models and their properties but for tests; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="segmentation_models_")).resolve()
    atexit.register(shutil.rmtree, folder)

    def without_tests(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_tests(part) for key, part in value.items() if key != "data_tests"}
        return [without_tests(part) for part in value] if isinstance(value, list) else value

    for file in (REPOSITORY / "models").rglob("*.*"):
        place = folder / file.relative_to(REPOSITORY / "models")
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != ".yml":
            place.symlink_to(file)
        elif not file.name.endswith("unit_tests.yml"):
            properties = without_tests(yaml.load(file.read_text(), yaml.CSafeLoader))
            place.write_text(yaml.safe_dump(properties, sort_keys=False, allow_unicode=True))
    return folder


class Consumer:
    """A project that installs the package, in a folder of its own, with a DuckDB file.

    folder     where to make it
    variables  the vars of dbt_project.yml
    files      path in the project -> text, for models, seeds and property files
    tables     name -> frame or SQL: put into the warehouse as tables of the source `raw`
    """

    def __init__(
        self,
        folder: Path,
        variables: dict[str, Any] | None = None,
        files: dict[str, str] | None = None,
        tables: dict[str, pd.DataFrame | str] | None = None,
    ) -> None:
        self.folder = folder
        self.database = folder / "shop.duckdb"
        folder.mkdir(parents=True, exist_ok=True)
        self.write("profiles.yml", self.profiles())
        self.write("packages.yml", yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]}))
        install_package(folder)
        self.configure(variables or {})
        for path, text in (files or {}).items():
            self.write(path, text)
        for name, content in (tables or {}).items():
            self.load(name, content)
        if tables:
            self.write(
                "models/_sources.yml",
                yaml.safe_dump(
                    {
                        "sources": [
                            {
                                "name": "raw",
                                "schema": "raw",
                                "tables": [{"name": name} for name in tables],
                            }
                        ]
                    }
                ),
            )

    def profiles(self) -> str:
        """Gives the text of profiles.yml: where the warehouse is."""
        return PROFILES.format(path=self.database)

    def write(self, path: str, text: str) -> None:
        """Writes a file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def configure(self, variables: dict[str, Any]) -> None:
        """Writes dbt_project.yml with these vars; dbt will parse all anew, and the tests if they are asked for."""
        project = {
            "name": "shop",
            "version": "1.0.0",
            "config-version": 2,
            "profile": "shop",
            "model-paths": ["models"],
            "seed-paths": ["seeds"],
            "vars": variables,
        }
        self.write("dbt_project.yml", yaml.safe_dump(project, sort_keys=False, allow_unicode=True))
        leave_tests_out(self.folder)

    def load(self, name: str, content: pd.DataFrame | str) -> None:
        """Puts a frame, or the result of an SQL query, into the warehouse as raw.<name>."""
        with self.connect() as connection:
            connection.execute("create schema if not exists raw")
            if isinstance(content, pd.DataFrame):
                connection.register("content", content)
                content = "select * from content"
            connection.execute(f"create or replace table raw.{name} as {content}")

    def dbt(self, *arguments: str) -> Run:
        """Runs dbt in the project."""
        return run_dbt(self.folder, *arguments)

    def export_model(self, arguments: str) -> tuple[int, str]:
        """Exports a model as the docs have it; gives the exit code and what it printed."""
        command = ["--quiet", "run-operation", "segmentation.export_model", "--args", arguments]
        prepare(self.folder, command)
        done = dbt_process.run(command, self.folder, _surroundings())
        return done.returncode, done.stdout.decode()

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Opens the warehouse to change what is in it."""
        close_readers()
        return duckdb.connect(str(self.database))

    def query(self, sql: str) -> pd.DataFrame:
        """Gives the result of a query as a frame."""
        return read(self.database).sql(sql).df()

    def rows(self, sql: str) -> list[tuple]:
        """Gives the result of a query as tuples, with exact decimals."""
        return read(self.database).execute(sql).fetchall()

    def relations(self) -> list[str]:
        """Gives the tables and views of the schema that dbt builds in, sorted."""
        if not self.database.exists():
            return []
        return [
            name
            for (name,) in self.rows(
                "select table_name from information_schema.tables "
                "where table_schema = 'main' order by 1"
            )
        ]

    def package_relations(self) -> list[str]:
        """Gives those of the package."""
        return [name for name in self.relations() if "segmentation_" in name]

    def contents(self) -> dict[str, list[tuple]]:
        """Gives all rows of every relation of the package, to compare before with after."""
        return {
            name: self.rows(f"select * from main.{name} order by all")
            for name in self.package_relations()
        }


def faults(message: str) -> list[str]:
    """Gives the sentences of one of the package's errors, of which dbt repeats no line."""
    found = []
    for line in message.splitlines():
        if line.strip().startswith("- "):
            found.append(line.strip()[2:])
        elif found and line.strip().startswith(("> in ", "called by", "Compilation Error")):
            break
    return found


def is_same(left, right):
    """Says whether two values are equal, doubles within 1e-9 relative."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right and type(left) is type(right)
