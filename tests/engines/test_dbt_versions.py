"""The oldest dbt that is supported builds the package; dbt v2 parses it: each in its own environment."""

import json
import subprocess
from pathlib import Path

import pytest
from consumer import REPOSITORY, Run, prepare
from projects import VARIABLES, DuckDBProject


def run(environment: str, folder: Path, *arguments: str) -> Run:
    """Runs the dbt of an environment of the repository."""
    prepare(folder, arguments)
    results = folder / "target" / "run_results.json"
    done = subprocess.run(
        [REPOSITORY / f".venv-{environment}" / "bin" / "dbt", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(results.read_text())["results"] if results.exists() else []
    return Run(done.returncode, done.stdout + done.stderr, found)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> DuckDBProject:
    """The project of all engines, fitted by what `auto` takes."""
    variables = VARIABLES | {
        "segmentation_options": VARIABLES["segmentation_options"] | {"trainer": "auto"}
    }
    return DuckDBProject(tmp_path_factory.mktemp("versions") / "shop", variables=variables)


def test_dbt_1_10_builds_everything_and_passes_every_shipped_test(project):
    version = run("dbt_1_10", project.folder, "--version")
    assert "installed: 1.10." in version.output, version.output
    built = run("dbt_1_10", project.folder, "--no-use-colors", "build").assert_clean()
    assert len(built.results) > 220
    # ... the model fitted in Python, which dbt 1.10 has on DuckDB
    assert "int_segmentation__fit_python" in [name.split(".")[-1] for name in built.statuses()]
    assert project.rows("select count(*) from main.segmentation__customer_segments") != [(0,)]


@pytest.mark.parametrize("which", ["the package", "a project with it"])
def test_dbt_v2_parses_without_a_warning(which, project, tmp_path):
    folder = REPOSITORY if which == "the package" else project.folder
    outputs = ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    parsed = run("dbt_v2", folder, "parse", "--profiles-dir", str(folder), *outputs)
    assert parsed.exit_code == 0, parsed.output
    assert "Finished 'parse'" in parsed.output and "dbt-core 2.0.0" in parsed.output
    assert "warning" not in parsed.output and "error" not in parsed.output, parsed.output
