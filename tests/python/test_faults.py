"""Killed during any model, the next runs end with the tables that an undisturbed run gives.

The process is killed for good, inside the transaction that has just written the model, by a function
that a plugin of the project gives to DuckDB and a hook of the project calls.
"""

import shutil

import pandas as pd
import pytest
import yaml
from consumer import Consumer, run_dbt
from shop_data import order_lines

PLUGIN = """
import os
import signal

from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    def configure_connection(self, connection):
        connection.create_function("kill", lambda: os.kill(os.getpid(), signal.SIGKILL), [], "INTEGER")
"""
HOOK = "{{ 'select kill()' if this.identifier == env_var('KILLED_AT', '') else '' }}"
DAYS = [pd.Timestamp("2024-10-01"), pd.Timestamp("2024-12-31")]


def deliveries() -> list[pd.DataFrame]:
    """Gives the lines of each day: a first load, and with the second one a third of all of them."""
    lines = order_lines(75).reset_index(drop=True)
    late = lines.index % 3 == 0
    return [
        lines.assign(loaded_at=day, line=lines.index)[keep]
        for day, keep in zip(DAYS, (~late, late), strict=True)
    ]


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """Two copies of a project a day after the first build, with new lines and a fit that is due."""
    first, second = deliveries()
    folder = tmp_path_factory.mktemp("faults")
    shop = Consumer(folder / "first" / "shop", tables={"lines": first})
    profile = yaml.safe_load((shop.folder / "profiles.yml").read_text())
    output = profile["shop"]["outputs"]["duckdb"]
    output |= {
        "threads": 1,
        "path": "shop.duckdb",
        "module_paths": ["."],
        "plugins": [{"module": "killer"}],
    }
    shop.write("profiles.yml", yaml.safe_dump(profile))
    shop.write("killer.py", PLUGIN)
    shop.configure(
        {
            "segmentation_input": {
                "transactions": {"source": "raw", "table": "lines"},
                "columns": {"line_id": "line"},
                "incremental": {"loaded_at": "loaded_at"},
            },
            "segmentation_definitions": {"rfm": {"k": 3}},
        }
    )
    project = yaml.safe_load((shop.folder / "dbt_project.yml").read_text())
    project["models"] = {"segmentation": {"+post-hook": HOOK}}
    shop.write("dbt_project.yml", yaml.safe_dump(project, sort_keys=False))
    shop.dbt("run").assert_clean()
    [[before]] = shop.rows("select max(model_version) from segmentation__model")
    assert before == 1
    shop.load("lines", pd.concat([first, second], ignore_index=True))

    undisturbed, killed = shop, Consumer.__new__(Consumer)
    killed.folder = folder / "second" / "shop"
    shutil.copytree(shop.folder, killed.folder, symlinks=True)
    killed.database = killed.folder / "shop.duckdb"
    return undisturbed, killed


def contents(shop):
    """Gives the rows of every relation, without what says when something was built."""
    found = {}
    for name in shop.package_relations():
        columns = [
            f'"{column}"'
            for (column, *_) in shop.rows(f"describe main.{name}")
            if column not in ("rebuilt_at", "fitted_at")
        ]
        where = "where parameter <> 'fitted_at'" if '"parameter"' in columns else ""
        found[name] = shop.rows(
            f"select {', '.join(columns)} from main.{name} {where} order by all"
        )
    return found


def test_a_run_that_is_killed_during_any_model_is_healed_by_the_next(shops):
    undisturbed, killed = shops
    run = undisturbed.dbt("run")
    run.assert_clean()
    models = [result["unique_id"].split(".")[-1] for result in run.results]
    assert len(models) > 35
    for model in models:
        run = run_dbt(killed.folder, "run", environment={"KILLED_AT": model})
        assert run.exit_code == -9, f"{model}: {run.exit_code}\n{run.output}"
    killed.dbt("run").assert_clean()
    expected, found = contents(undisturbed), contents(killed)
    # A fit that was due is not due any more when the killed run had made it.
    for name in ("int_segmentation__fits_due", "int_segmentation__last_version"):
        del expected[name], found[name]
    assert sorted(found) == sorted(expected)
    for name, rows in expected.items():
        assert found[name] == rows, name
