"""A project that installs the package and says nothing: everything of its own still works."""

import json
import shutil

import pytest
import yaml
from consumer import REPOSITORY, Consumer, faults

OWN_FILES = {
    "models/own_model.sql": "select 1 as own_key",
    "models/own_child.sql": "select * from {{ ref('own_model') }}",
    "models/_own.yml": """
version: 2
models:
  - name: own_model
    columns:
      - name: own_key
        data_tests: [unique, not_null]
""",
}


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """The project, with the package installed by `dbt deps`."""
    consumer = Consumer(tmp_path_factory.mktemp("unconfigured") / "shop", files=OWN_FILES)
    shutil.rmtree(consumer.folder / "dbt_packages")
    run = consumer.dbt("deps")
    assert run.exit_code == 0, run.output
    return consumer


@pytest.fixture(scope="module")
def build(consumer):
    """A `dbt build` of everything."""
    return consumer.dbt("build")


def test_it_parses_without_a_warning_or_deprecation(consumer):
    run = consumer.dbt("parse", "--no-partial-parse", "--show-all-deprecations", "--warn-error")
    assert run.exit_code == 0, run.output
    assert "eprecat" not in run.output and "WARNING" not in run.output, run.output


def test_it_compiles_and_documents(consumer):
    for command in (["compile"], ["docs", "generate"]):
        run = consumer.dbt(*command)
        assert run.exit_code == 0, run.output
        assert "WARNING" not in run.output, run.output
    assert consumer.relations() == []
    assert (consumer.folder / "target" / "catalog.json").exists()


def test_its_own_models_build_and_the_package_says_what_is_missing(consumer, build):
    assert build.exit_code == 1
    own = [name for name, status in build.statuses().items() if status in ("success", "pass")]
    assert [name.split(".")[0] for name in sorted(own)] == [
        "not_null_own_model_own_key",
        "own_child",
        "own_model",
        "unique_own_model_own_key",
    ]
    assert build.names("error", "fail", "warn") == ["segmentation__settings"]
    (fault,) = faults(build.message("segmentation__settings"))
    assert fault.startswith("segmentation_input.transactions is not set. Name your transactions")


def test_nothing_of_the_package_is_built(consumer, build):
    assert consumer.relations() == ["own_child", "own_model"]


def test_neither_demo_nor_unit_tests_come_along(consumer, build):
    manifest = json.loads((consumer.folder / "target" / "manifest.json").read_text())
    nodes = list(manifest["nodes"].values())
    assert [node["name"] for node in nodes if node["resource_type"] == "seed"] == []
    assert [node["name"] for node in nodes if node["resource_type"] == "analysis"] == []
    assert manifest["unit_tests"] == {}
    package_models = {
        node["name"]
        for node in nodes
        if node["resource_type"] == "model" and node["package_name"] == "segmentation"
    }
    assert package_models and all("segmentation__" in name for name in package_models)
    assert not any(".unit_test." in result["unique_id"] for result in build.results)


def test_only_the_demo_switch_brings_the_demo(consumer, build):
    run = consumer.dbt("ls", "--resource-type", "seed", "--vars", "segmentation_demo: true")
    assert "segmentation_demo__order_lines" in run.output
    run = consumer.dbt("ls", "--resource-type", "unit_test", "analysis", "--quiet")
    assert "segmentation" not in run.output, run.output


def test_the_package_has_no_defaults_in_its_project_file():
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    assert "vars" not in project
    assert "on-run-start" not in project
    assert not (REPOSITORY / "packages.yml").exists()
    assert "+schema" not in json.dumps(project["models"])
