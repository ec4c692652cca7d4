"""What the engines' tests share: PostgreSQL, the project on DuckDB, and saying what was left out."""

import pytest
from postgres_server import PostgresServer, programs
from projects import DuckDBProject, EngineProject, Snapshot, take_steps
from spark_session import ONE_PROCESS, PLANNED_ONCE, Spark, has_java, standalone_cluster

NO_JAVA = "SPARK TESTS WERE SKIPPED: install Java 17 (Debian: openjdk-17-jre-headless) to run them"
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


@pytest.fixture(scope="module")
def spark():
    """A session of Spark in this process; skips where there is no Java."""
    if not has_java():
        pytest.skip(NO_JAVA)
    session = Spark(settings=PLANNED_ONCE | ONE_PROCESS)
    yield session
    session.stop()


@pytest.fixture(scope="module")
def spark_cluster():
    """A session on a master with two workers, each a process."""
    if not has_java():
        pytest.skip(NO_JAVA)
    with standalone_cluster() as master:
        session = Spark(master, PLANNED_ONCE | {"spark.sql.ansi.enabled": "true"})
        yield session
        session.stop()


class Life(dict[str, Snapshot]):
    """What a project holds after each step of its life, which is lived as far as it is asked for."""

    def __init__(self, project: EngineProject) -> None:
        self.project, self.steps = project, take_steps(project, command="run")

    def __missing__(self, step: str) -> Snapshot:
        while step not in self:
            done = next(self.steps)
            self[done] = self.project.snapshot()
        return self[step]


@pytest.fixture(scope="session")
def on_duckdb(tmp_path_factory) -> Life:
    """What DuckDB holds after each step of the project's life: name of the step -> snapshot."""
    return Life(DuckDBProject(tmp_path_factory.mktemp("on_duckdb") / "shop"))


def pytest_terminal_summary(terminalreporter) -> None:
    """Says at the end, where nobody misses it, which engine was not there."""
    for is_there, said in [(programs() is not None, NO_POSTGRES), (has_java(), NO_JAVA)]:
        if not is_there:
            terminalreporter.write_sep("=", said, yellow=True, bold=True)
