"""The demo of this repository: built without a warning, it finds what was planted in it."""

import json
from collections import Counter

import pandas as pd
import pytest
from consumer import REPOSITORY, read, run_dbt
from sklearn.metrics import adjusted_rand_score

MAPPED = ["customer_id", "ordered_at", "order_id", "product_id", "quantity", "unit_price"]


class Demo:
    """The repository as a dbt project, with a warehouse and a target of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            "SEGMENTATION_DATABASE": str(folder / "demo.duckdb"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }

    def dbt(self, *arguments):
        """Runs dbt on it."""
        return run_dbt(
            REPOSITORY, *arguments, environment=self.environment | {"DBT_PROFILES_DIR": "."}
        )

    def rows(self, sql):
        """Gives the result of a query as tuples."""
        return read(self.folder / "demo.duckdb").execute(sql).fetchall()

    def artifact(self, name):
        """Gives an artifact that dbt wrote."""
        return json.loads((self.folder / "target" / name).read_text())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, built."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.first_build = demo.dbt("build")
    return demo


def test_it_builds_without_a_warning(demo):
    demo.first_build.assert_clean()
    names = demo.first_build.names("success", "pass")
    assert "segmentation__segment_summary" in names and len(names) > 100


def test_segments_are_the_planted_groups(demo):
    pairs = demo.rows(
        "select planted_group, segment_id from segmentation_demo__customers as truth "
        "inner join segmentation__customer_segments as found "
        "on truth.customer_id = found.customer_id where found.segmentation = 'rfm'"
    )
    groups, segments = zip(*pairs, strict=True)
    assert len(pairs) == demo.rows("select count(*) from segmentation_demo__customers")[0][0]
    assert adjusted_rand_score(groups, segments) >= 0.9


def test_every_planted_fault_is_rejected_with_its_reason_and_nothing_else_is(demo):
    trimmed = ", ".join(
        f"nullif(trim({column}, concat(' ', chr(9), chr(10), chr(13))), '')" for column in MAPPED
    )
    planted = Counter(
        demo.rows(
            f"select {trimmed}, planted_reason from segmentation_demo__order_lines "
            "where planted_reason is not null and planted_reason <> ''"
        )
    )
    found = Counter(
        demo.rows(f"select {trimmed}, rejection_reason from segmentation__rejected_transactions")
    )
    # Of lines that are equal but for blanks either may be the copy, so they are trimmed first.
    assert found - planted == Counter()
    assert planted - found == Counter()
    assert len({reason for *_, reason in planted}) == 9


def test_another_build_appends_no_version_and_a_full_refresh_keeps_history(demo):
    first = demo.rows("select * from segmentation__model order by all")
    assert {row[1] for row in first} == {1}
    demo.dbt("run").assert_clean()
    assert demo.rows("select * from segmentation__model order by all") == first
    changed = ("--vars", "segmentation_definitions: {rfm: {k: 3}}")
    demo.dbt("run", "--full-refresh", *changed).assert_clean()
    second = demo.rows("select * from segmentation__model where model_version = 2")
    assert second
    assert (
        demo.rows("select * from segmentation__model where model_version = 1 order by all") == first
    )
    # settings that were in force before come back as a version of their own
    demo.dbt("run", "--full-refresh").assert_clean()
    versions = demo.rows("select distinct model_version from segmentation__model order by 1")
    assert versions == [(1,), (2,), (3,)]
    volatile = "('fitted_at', 'as_of_date', 'fit_reason', 'distance_moved', 'parameter_count')"
    one, three = (
        demo.rows(
            "select parameter, k, feature, level_id, node_id, value, text_value "
            f"from segmentation__model where model_version = {version} "
            f"and parameter not in {volatile} order by all"
        )
        for version in (1, 3)
    )
    assert one == three
    # ... in which a segment that was retired in between is a new one
    statuses = demo.rows(
        "select status from segmentation__segment_lineage where model_version = 3 order by 1"
    )
    assert statuses == [("kept",)] * 3 + [("new",)]
    assert demo.rows("select distinct model_version from segmentation__customer_segments") == [(3,)]


def test_it_parses_without_a_warning_or_deprecation(demo):
    run = demo.dbt("parse", "--no-partial-parse", "--show-all-deprecations", "--warn-error")
    assert run.exit_code == 0, run.output
    assert "eprecat" not in run.output and "WARNING" not in run.output, run.output


@pytest.fixture(scope="module")
def catalog(demo):
    """The catalog after `dbt docs generate`, and the manifest beside it."""
    run = demo.dbt("docs", "generate")
    assert run.exit_code == 0 and "WARNING" not in run.output, run.output
    return demo.artifact("catalog.json"), demo.artifact("manifest.json")


def test_every_model_and_every_public_column_is_described(catalog):
    built, manifest = catalog
    assert built["errors"] is None
    models = {
        key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"
    }
    assert [node["name"] for node in models.values() if not node["description"].strip()] == []
    bare = [
        f"{node['name']}.{column}"
        for key, node in models.items()
        if node["name"].startswith("segmentation__")
        for column in built["nodes"][key]["columns"]
        if not node["columns"].get(column.lower(), {}).get("description", "").strip()
    ]
    assert bare == []


def test_nothing_is_described_that_does_not_exist(catalog):
    built, manifest = catalog
    gone = [
        f"{node['name']}.{column}"
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed") and key in built["nodes"]
        for column in node["columns"]
        if column not in {found.lower() for found in built["nodes"][key]["columns"]}
    ]
    assert gone == []


def test_descriptions_reach_the_warehouse(demo):
    tables = pd.DataFrame(
        demo.rows(
            "select table_name, comment from duckdb_tables() where not internal "
            "union all select view_name, comment from duckdb_views() where not internal"
        ),
        columns=["name", "comment"],
    )
    public = tables[tables["name"].str.startswith("segmentation__")]
    assert len(public) >= 15
    assert public[public["comment"].isna()]["name"].tolist() == []
    ((columns, commented),) = demo.rows(
        "select count(*), count(comment) from duckdb_columns() where table_name in "
        "('segmentation__rfm', 'segmentation__customer_segments', 'segmentation__model')"
    )
    assert columns == commented > 20
