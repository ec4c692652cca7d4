"""Killed during any model, the next runs end with the tables that an undisturbed run gives.

The process is killed for good, inside the transaction that has just written the model, by a function
that a plugin of the project gives to DuckDB and a hook of the project calls.
"""

import shutil

import pandas as pd
import pytest
import yaml
from consumer import Consumer, is_same
from shop_data import order_lines

PLUGIN = """
import os
import pathlib
import signal

from dbt.adapters.duckdb.plugins import BasePlugin


def kill_at(name):
    if name == pathlib.Path("killed_at").read_text():
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


class Plugin(BasePlugin):
    def configure_connection(self, connection):
        connection.create_function("kill_at", kill_at, ["VARCHAR"], "INTEGER")
"""
HOOK = "select kill_at('{{ this.identifier }}')"
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
    shop.write("killed_at", "")
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
    """Gives the rows of every relation, without what says when something was built.

    They are sorted by what is no double: sums of these hang on the order of rows in their last digits.
    """
    found = {}
    for name in shop.package_relations():
        kinds = {
            f'"{column}"': kind
            for column, kind, *_ in shop.rows(f"describe main.{name}")
            if column not in ("rebuilt_at", "fitted_at")
        }
        order = [
            f"round({column}, 6)" if kind == "DOUBLE" else column
            for column, kind in sorted(kinds.items(), key=lambda item: item[1] == "DOUBLE")
        ]
        where = "where parameter <> 'fitted_at'" if '"parameter"' in kinds else ""
        found[name] = shop.rows(
            f"select {', '.join(kinds)} from main.{name} {where} order by {', '.join(order)}"
        )
    return found


def test_a_run_that_is_killed_during_any_model_is_healed_by_the_next(shops):
    undisturbed, killed = shops
    run = undisturbed.dbt("run")
    run.assert_clean()
    models = [result["unique_id"].split(".")[-1] for result in run.results]
    assert len(models) > 35
    # Each run begins where the last one was killed, and is killed one model further.
    for place, model in enumerate(models):
        rest = models[max(place - 1, 0) :]
        killed.write("killed_at", model)
        run = killed.dbt("run", "--select", *rest)
        assert run.exit_code == -9, f"{model}: {run.exit_code}\n{run.output}"
    killed.write("killed_at", "")
    killed.dbt("run").assert_clean()
    expected, found = contents(undisturbed), contents(killed)
    # A fit that was due is not due any more when the killed run had made it.
    for name in ("int_segmentation__fits_due", "int_segmentation__last_version"):
        del expected[name], found[name]
    assert sorted(found) == sorted(expected)
    for name, rows in expected.items():
        assert len(found[name]) == len(rows), name
        for left, right in zip(found[name], rows, strict=True):
            assert all(map(is_same, left, right)), f"{name}: {left}, undisturbed {right}"
