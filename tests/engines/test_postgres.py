"""The whole package on PostgreSQL: every shipped test passes, and every table is that of DuckDB.

Both are fitted by the SQL trainer. The database sorts text as a dictionary does, DuckDB by bytes.
"""

import threading
import time

import pandas as pd
import pytest
import yaml
from compare import differences
from projects import FIRST_BUILD, LATER_DAY, REFIT, PostgresProject, run_step, take_steps

# A model sleeps, inside the transaction that has written it, when its name stands in this table.
HOOK = "select pg_sleep(60) from raw.sleepers where model = '{{ this.identifier }}'"
# One that judges lines, the one that appends versions, and one that is told of changes.
INTERRUPTED = ["int_segmentation__lines", "segmentation__model", "segmentation__segment_events"]


@pytest.fixture(scope="module")
def on_postgres(postgres_server, tmp_path_factory):
    """The project after each step: name of the step -> snapshot; and a copy of it before the refit."""
    project = PostgresProject(tmp_path_factory.mktemp("on_postgres") / "shop", postgres_server)
    found = {}
    for step in take_steps(project):
        found[step] = project.snapshot()
        if step == LATER_DAY:
            copy = project.copy(tmp_path_factory.mktemp("copies") / "shop_copy")
    return found, copy


@pytest.mark.parametrize("step", [FIRST_BUILD, LATER_DAY, REFIT])
def test_every_table_is_that_of_duckdb(step, on_postgres, on_duckdb):
    assert differences(on_postgres[0][step], on_duckdb[step]) == []


def test_each_step_changed_what_it_should(on_postgres):
    found = on_postgres[0]
    lines = {step: len(found[step].table("segmentation__transactions")) for step in found}
    versions = {step: len(found[step].table("segmentation__model_versions")) for step in found}
    customers = {step: len(found[step].table("segmentation__rfm")) for step in found}
    assert lines[FIRST_BUILD] < lines[LATER_DAY] > lines[REFIT]
    assert customers[REFIT] == customers[LATER_DAY] - 2
    assert versions[FIRST_BUILD] == versions[LATER_DAY] < versions[REFIT]


@pytest.fixture
def sleepy_project(on_postgres):
    """The project before the refit, with models that sleep when they are told to."""
    project = on_postgres[1]
    project.forget_customers()
    configuration = yaml.safe_load((project.folder / "dbt_project.yml").read_text())
    configuration["models"] = {"segmentation": {"+post-hook": HOOK}}
    project.write("dbt_project.yml", yaml.safe_dump(configuration, sort_keys=False))
    return project


def run_until_the_server_stops(project, model):
    """Runs dbt and has the server crash while a model is written; gives what dbt said of it."""
    project.load("sleepers", pd.DataFrame({"model": [model]}))
    runs = []
    running = threading.Thread(
        target=lambda: runs.append(project.dbt("run", "--vars", "segmentation_refit: true"))
    )
    running.start()
    asleep = (
        "select pid from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active'"
    )
    while not [pid for (pid,) in project.rows(f"{asleep} and pid <> pg_backend_pid()")]:
        assert running.is_alive(), runs
        time.sleep(0.1)
    project.server.stop("immediate")
    running.join()
    project.server.start()
    return runs[0]


def test_a_server_that_goes_away_is_an_error_and_the_next_run_heals(sleepy_project, on_duckdb):
    for model in INTERRUPTED:
        run = run_until_the_server_stops(sleepy_project, model)
        assert run.exit_code != 0, run.output
        # dbt may stop altogether, where the server goes between two of its statements.
        assert "server closed the connection unexpectedly" in run.output
    sleepy_project.load("sleepers", pd.DataFrame({"model": [""]}))
    run_step(sleepy_project, "run", refit=True)
    assert differences(sleepy_project, on_duckdb[REFIT]) == []
