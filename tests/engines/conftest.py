"""What the engines' tests share: PostgreSQL, the project on DuckDB, and saying what was left out."""

import pytest
from postgres_server import PostgresServer, programs
from projects import DuckDBProject, Snapshot, take_steps

NO_POSTGRES = (
    "POSTGRESQL TESTS WERE SKIPPED: install PostgreSQL 15 (Debian: postgresql-15) to run them"
)


@pytest.fixture(scope="session")
def postgres_server():
    """A server for all tests of the session; skips them where PostgreSQL is not installed."""
    if programs() is None:
        pytest.skip(NO_POSTGRES)
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def on_duckdb(tmp_path_factory) -> dict[str, Snapshot]:
    """What DuckDB holds after each step of the project's life: name of the step -> snapshot."""
    project = DuckDBProject(tmp_path_factory.mktemp("on_duckdb") / "shop")
    return {step: project.snapshot() for step in take_steps(project, command="run")}


def pytest_terminal_summary(terminalreporter) -> None:
    """Says at the end, where nobody misses it, which engine was not there."""
    if programs() is None:
        terminalreporter.write_sep("=", NO_POSTGRES, yellow=True, bold=True)
