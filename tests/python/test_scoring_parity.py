"""The package's scoring SQL gives what scikit-learn gives on the same parameters.

Three ways: the cases of scripts/generate_scoring_expected.py, scored by the macro in a consumer
project; customers scored by whole builds (the demo, customers with every odd value, real data),
then again by scikit-learn from the tables that the build leaves; and the tie rule.
"""

import csv
import importlib.util
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXPECTED = REPOSITORY / "tests" / "python" / "expected"
GENERATOR = REPOSITORY / "scripts" / "generate_scoring_expected.py"

# Room for more centroids than any case has: the places left empty must not win.
MOST_SEGMENTS = 14

DISTANCE_TOLERANCE = 1e-6
# A margin is a difference of two nearly equal numbers: below this it is rounding.
MARGIN_FLOOR = 1e-9
# Other machines may round the last digits of a logarithm otherwise.
REGENERATION_TOLERANCE = 1e-9

RANDOM_CUSTOMERS = 200_000
RANDOM_TRANSFORMS = ["none", "log", "sqrt", "cbrt", "box_cox", "yeo_johnson"]
EVERYDAY_CASE = "all_transforms"
# Everything that a customer table may hold as a number, and the models that make the most of it.
EXTREME_VALUES = ["5e-324", "1e-299", "1e100", "1e160", "9e299", "-1e-299", "-1e160", "-9e299"]
EXTREME_CASES = [
    "none",
    "box_cox_negative",
    "box_cox_whole",
    "yeo_johnson_negative",
    "yeo_johnson_whole",
    "all_transforms",
]
MOST_TIES = 0.01

PROJECT = """\
name: parity
version: 1.0.0
config-version: 2
profile: parity
model-paths: [models]
"""
PROFILES = """\
parity:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('SEGMENTATION_DATABASE') }}"
      threads: 2
"""
RANDOM_VARS = """\
vars:
  segmentation_input:
    transactions: 'none'
  segmentation_definitions:
    random:
      customers: random_customers
      features: {{{features}}}
      value: null
      k: 5
      names: auto
  segmentation_options:
    fit_sample_size: 2000
"""
# SQL as Jinja expressions.
CASE_CUSTOMERS = "\"select * from case_customers where segmentation = '{case}'\""
ODD_CUSTOMERS = "\"select customer_id, {features} from \" ~ ref('random_customers')"
EXTREME_CUSTOMERS = '"select * from extreme_customers"'
CASE_MODEL = """\
{{{{ config(materialized='table') }}}}
{{{{ segmentation.score_customers(
    {customers},
    "(select * from case_models where segmentation = '{case}') as model",
    {features},
    {most_segments}
) }}}}
"""


def load_generator():
    """The generator, loaded by its path: scripts/ is no Python package."""
    spec = importlib.util.spec_from_file_location(GENERATOR.stem, GENERATOR)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generator = load_generator()


def run_dbt(project, folder, *arguments):
    """Runs dbt on a project with all that it writes in `folder`; gives the path of the database.

    Fails with dbt's output where dbt fails.
    """
    database = folder / "parity.duckdb"
    environment = os.environ | {
        "SEGMENTATION_DATABASE": str(database),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [Path(sys.executable).parent / "dbt", *arguments, "--profiles-dir", "."]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"dbt {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}", pytrace=False)
    return database


def install_package(project):
    """Makes the package at hand the one package of a project."""
    (project / "packages.yml").write_text(f"packages:\n  - local: {REPOSITORY}\n")


def fetch(database, query):
    """The result of a query as a dict of numpy arrays, masked where null."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchnumpy()


def numbers(column):
    """A numeric column as floats, NaN where null."""
    return np.ma.filled(np.ma.asarray(column).astype("float64"), np.nan)


def booleans(column):
    """A boolean column, of which none may be null."""
    assert not np.ma.getmaskarray(column).any()
    return np.asarray(column, dtype=bool)


def read_csv(name):
    """The rows of an expected file as dicts of text."""
    with (EXPECTED / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_same_scores(got, expected):
    """Compares columns of the package with those of scikit-learn, customer by customer.

    Where two distances are equal to the last digits, either segment is right (not so for
    distances that are equal exactly: see the test of ties).
    """
    is_settled = ~expected["is_tie"]
    assert np.array_equal(
        numbers(got["segment_id"])[is_settled], expected["segment_id"][is_settled]
    )
    is_settled = is_settled & ~expected["is_runner_up_tie"]
    np.testing.assert_array_equal(
        numbers(got["runner_up_segment_id"])[is_settled],
        expected["runner_up_segment_id"][is_settled],
    )
    np.testing.assert_allclose(
        numbers(got["distance"]), expected["distance"], rtol=DISTANCE_TOLERANCE, atol=0
    )
    np.testing.assert_allclose(
        numbers(got["margin"]), expected["margin"], rtol=DISTANCE_TOLERANCE, atol=MARGIN_FLOOR
    )
    for flag in ("is_imputed", "is_clamped"):
        assert np.array_equal(booleans(got[flag]), expected[flag]), flag


def columns_of(scores):
    """The columns that `assert_same_scores` compares, of the scores of the generator."""
    runner_up = scores.runner_up_segment_id.astype("float64")
    return vars(scores) | {"runner_up_segment_id": np.where(runner_up == 0, np.nan, runner_up)}


# ---------- the expected files


def test_regenerating_gives_the_committed_files(tmp_path):
    generator.write_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in EXPECTED.iterdir()}
    models = generator.MODELS_FILE
    hint = f"run {GENERATOR.relative_to(REPOSITORY)}"
    assert (tmp_path / models).read_bytes() == (EXPECTED / models).read_bytes(), hint

    with (tmp_path / generator.CUSTOMERS_FILE).open(encoding="utf-8", newline="") as file:
        regenerated = list(csv.DictReader(file))
    committed = read_csv(generator.CUSTOMERS_FILE)
    assert len(regenerated) == len(committed), hint
    for new, old in zip(regenerated, committed, strict=True):
        for column in generator.CUSTOMER_COLUMNS:
            if column in ("distance", "margin") and new[column] and old[column]:
                assert math.isclose(
                    float(new[column]),
                    float(old[column]),
                    rel_tol=REGENERATION_TOLERANCE,
                    abs_tol=REGENERATION_TOLERANCE if column == "margin" else 0,
                ), hint
            else:
                assert new[column] == old[column], hint


def test_the_expected_files_are_small():
    assert sum(path.stat().st_size for path in EXPECTED.iterdir()) < 300_000


def test_the_cases_cover_what_scoring_must_master():
    models = read_csv(generator.MODELS_FILE)
    customers = read_csv(generator.CUSTOMERS_FILE)
    transforms = {row["text_value"] for row in models if row["parameter"] == "transform"}
    assert transforms == set(RANDOM_TRANSFORMS)
    lambdas = {"box_cox": set(), "yeo_johnson": set()}
    for model, _ in generator.build_cases().values():
        for feature in model.features:
            lambdas.get(feature.transform, set()).add(feature.power)
    for found in lambdas.values():
        assert {0.0, 1.0} <= found
        assert min(found) < 0 and any(power % 1 for power in found)
    assert 2.0 in lambdas["yeo_johnson"]
    for flag in ("is_imputed", "is_clamped", "is_tie", "is_runner_up_tie"):
        assert {row[flag] for row in customers} == {"true", "false"}
    values = [
        float(row[f"feature_{number}"])
        for row in customers
        for number in range(1, generator.MOST_FEATURES + 1)
        if row[f"feature_{number}"]
    ]
    assert 0.0 in values and min(values) < -1e6 and max(values) > 1e6
    assert any(0 < abs(value) < 1e-6 for value in values)


# ---------- one build of a consumer project: every case by the macro, odd customers by the models


def write_random_customers(path):
    """Writes customers, one feature a transform, with values of every size and kind.

    Of 100 values about 70 are everyday, 10 tiny, 5 zero, 5 huge, 10 missing (null, NaN, infinite),
    and a quarter negative.
    """
    draw = np.random.default_rng(20_000)
    columns = {"customer_id": np.array([f"c{number:06d}" for number in range(RANDOM_CUSTOMERS)])}
    for transform in RANDOM_TRANSFORMS:
        values = 10 ** draw.normal(1.5, 0.7, RANDOM_CUSTOMERS)
        kind = draw.random(RANDOM_CUSTOMERS)
        values = np.where(kind < 0.30, 10 ** draw.uniform(4, 9, RANDOM_CUSTOMERS), values)
        values = np.where(kind < 0.25, 10 ** draw.uniform(-12, -3, RANDOM_CUSTOMERS), values)
        values = np.where(kind < 0.15, 0.0, values)
        values = np.where(draw.random(RANDOM_CUSTOMERS) < 0.25, -values, values)
        values = np.where(kind < 0.10, np.nan, values)
        values = np.where(kind < 0.05, draw.choice([np.inf, -np.inf], RANDOM_CUSTOMERS), values)
        columns[f"by_{transform}"] = values
    with duckdb.connect() as connection:
        connection.register("customers", columns)
        # Of the NaN, half become null.
        features = ", ".join(
            f"case when not (isnan(by_{name}) and hash(customer_id) % 2 = 0) then by_{name} end"
            f" as by_{name}"
            for name in RANDOM_TRANSFORMS
        )
        connection.execute(
            f"copy (select customer_id, {features} from customers) to '{path}' (format parquet)"
        )


def write_case_model(path, case, customers):
    """Writes a dbt model that scores customers (a Jinja expression) with the model of a case."""
    features = [feature.name for feature in generator.build_cases()[case][0].features]
    path.write_text(
        CASE_MODEL.format(
            customers=customers, case=case, features=features, most_segments=MOST_SEGMENTS
        )
    )


@pytest.fixture(scope="module")
def consumer_database(tmp_path_factory):
    """A consumer project, built: tables scores_<case>, and the package's own of odd customers."""
    project = tmp_path_factory.mktemp("parity")
    models = project / "models"
    models.mkdir()
    features = ", ".join(f"by_{transform}: {transform}" for transform in RANDOM_TRANSFORMS)
    (project / "dbt_project.yml").write_text(PROJECT + RANDOM_VARS.format(features=features))
    (project / "profiles.yml").write_text(PROFILES)
    install_package(project)
    write_random_customers(project / "random_customers.parquet")
    (models / "random_customers.sql").write_text(
        f"select * from read_parquet('{project}/random_customers.parquet')\n"
    )
    # A model of everyday values beside, that sees values far from what it was scaled by.
    finite = [
        f"case when abs(by_{transform}) < 1e300 then by_{transform} end as feature_{number}"
        for number, transform in enumerate(RANDOM_TRANSFORMS, start=1)
    ]
    for case in EXTREME_CASES:
        write_case_model(models / f"scores_extreme_{case}.sql", case, EXTREME_CUSTOMERS)
    odd_customers = ODD_CUSTOMERS.format(features=", ".join(finite))
    write_case_model(models / "scores_odd.sql", EVERYDAY_CASE, odd_customers)
    for case in generator.build_cases():
        write_case_model(models / f"scores_{case}.sql", case, CASE_CUSTOMERS.format(case=case))
    with duckdb.connect(str(project / "parity.duckdb")) as connection:
        numeric = [f"feature_{number}" for number in range(1, generator.MOST_FEATURES + 1)]
        types = {column: "double" for column in [*numeric, "distance", "margin"]}
        connection.execute(
            f"""
            create table case_models as
            select *, 1 as model_version
            from read_csv('{EXPECTED / generator.MODELS_FILE}', header = true,
                types = {{'value': 'double', 'segment_id': 'integer', 'prototype_id': 'integer'}});
            create table case_customers as
            select segmentation, customer_id, {", ".join(numeric)}
            from read_csv('{EXPECTED / generator.CUSTOMERS_FILE}', header = true, types = {types});
            create table extreme_customers as
            select cast(value as varchar) as customer_id,
                {", ".join(f"value as {column}" for column in numeric)}
            from (select unnest({EXTREME_VALUES}::double[]) as value);
            """
        )
    run_dbt(project, project, "deps")
    return run_dbt(project, project, "run")


@pytest.mark.parametrize("case", [*generator.CASES, generator.TIES])
def test_scores_of_a_case_are_those_of_scikit_learn(consumer_database, case):
    rows = [row for row in read_csv(generator.CUSTOMERS_FILE) if row["segmentation"] == case]
    expected = {
        column: np.array([float(row[column] or "nan") for row in rows])
        for column in ("segment_id", "distance", "runner_up_segment_id", "margin")
    }
    for flag in ("is_imputed", "is_clamped", "is_tie", "is_runner_up_tie"):
        expected[flag] = np.array([row[flag] == "true" for row in rows])
    got = fetch(consumer_database, f"select * from scores_{case} order by customer_id")
    assert list(got["customer_id"]) == [row["customer_id"] for row in rows]
    assert_same_scores(got, expected)


def test_of_equal_distances_the_lowest_segment_wins(consumer_database):
    model, values = generator.build_cases()[generator.TIES]
    distances = np.hypot(*(values[:, None, :] - model.centroids[None, :, :]).transpose(2, 0, 1))
    # A stable sort leaves equals in the order of their ids.
    order = np.argsort(distances, axis=1, kind="stable") + 1
    got = fetch(consumer_database, f"select * from scores_{generator.TIES} order by customer_id")
    assert np.array_equal(got["segment_id"], order[:, 0])
    assert np.array_equal(got["runner_up_segment_id"], order[:, 1])


@pytest.mark.parametrize("case", EXTREME_CASES)
def test_the_most_extreme_numbers_have_a_segment_and_a_distance(consumer_database, case):
    # scikit-learn's own distances overflow here, so there is nothing to compare with.
    got = fetch(consumer_database, f"select * from scores_extreme_{case}")
    segments = range(1, generator.CASES[case][0] + 1)
    assert len(got["customer_id"]) == len(EXTREME_VALUES)
    assert np.isin(numbers(got["segment_id"]), segments).all()
    assert np.isin(numbers(got["runner_up_segment_id"]), segments).all()
    assert (numbers(got["segment_id"]) != numbers(got["runner_up_segment_id"])).all()
    assert np.isfinite(numbers(got["distance"])).all()
    margin = numbers(got["margin"])
    assert ((margin >= 0) & (margin <= 1)).all()


# ---------- whole builds, and scikit-learn from the tables that they leave


def rebuild_model(database, segmentation):
    """The model in force, read from `segmentation__feature_scaling` and `segmentation__model`."""
    scaling = fetch(
        database,
        f"""
        select scaling.*
        from segmentation__feature_scaling as scaling
        inner join segmentation__settings as settings using (segmentation, feature)
        where segmentation = '{segmentation}'
        order by settings.feature_position
        """,
    )
    columns = ["mean", "scale", "minimum", "fill_value"]
    features = [
        generator.Feature(
            name=str(scaling["feature"][row]),
            transform=str(scaling["transform"][row]),
            power=float(numbers(scaling["lambda"])[row]),
            **{column: float(numbers(scaling[column])[row]) for column in columns},
        )
        for row in range(len(scaling["feature"]))
    ]
    centroids = fetch(
        database,
        f"""
        select segment_id, feature, value
        from segmentation__model
        where segmentation = '{segmentation}'
            and parameter = 'centroid'
            and model_version = (
                select max(model_version) from segmentation__model
                where segmentation = '{segmentation}'
            )
        """,
    )
    matrix = np.full((int(max(centroids["segment_id"])), len(features)), np.nan)
    positions = {feature.name: position for position, feature in enumerate(features)}
    for segment_id, feature, value in zip(
        centroids["segment_id"], centroids["feature"], centroids["value"], strict=True
    ):
        matrix[segment_id - 1, positions[feature]] = value
    assert np.isfinite(matrix).all()
    return generator.Model(features, matrix)


def assert_scored_as_by_scikit_learn(got, model, customer_ids, values):
    """Scores customers again, by the generator, and compares; infinite values are missing ones."""
    scores = generator.score(model, np.where(np.isinf(values), np.nan, values))
    assert np.array_equal(got["customer_id"], customer_ids)
    assert_same_scores(got, columns_of(scores))
    chosen = scores.distances[np.arange(len(values)), got["segment_id"] - 1]
    np.testing.assert_allclose(chosen, scores.distance, rtol=2 * generator.TIE_TOLERANCE, atol=0)
    assert (scores.is_tie | scores.is_runner_up_tie).mean() <= MOST_TIES


def assert_built_scores_are_those_of_scikit_learn(database, segmentation, customers):
    """Scores a customer table again from the model's tables; gives the number of customers."""
    model = rebuild_model(database, segmentation)
    rows = fetch(database, f"select * from {customers} order by customer_id")
    values = np.column_stack([numbers(rows[feature.name]) for feature in model.features])
    got = fetch(
        database,
        f"""
        select * from segmentation__customer_segments
        where segmentation = '{segmentation}'
        order by customer_id
        """,
    )
    assert_scored_as_by_scikit_learn(got, model, rows["customer_id"], values)
    return len(values)


def test_odd_customers_far_from_the_model_are_scored_as_by_scikit_learn(consumer_database):
    model, _ = generator.build_cases()[EVERYDAY_CASE]
    assert [feature.transform for feature in model.features] == RANDOM_TRANSFORMS
    rows = fetch(consumer_database, "select * from random_customers order by customer_id")
    values = np.column_stack([numbers(rows[f"by_{name}"]) for name in RANDOM_TRANSFORMS])
    got = fetch(consumer_database, "select * from scores_odd order by customer_id")
    assert len(got["customer_id"]) == RANDOM_CUSTOMERS
    assert_scored_as_by_scikit_learn(got, model, rows["customer_id"], values)


def test_odd_customers_are_scored_as_by_scikit_learn(consumer_database):
    scored = assert_built_scores_are_those_of_scikit_learn(
        consumer_database, "random", "random_customers"
    )
    assert scored == RANDOM_CUSTOMERS
    flagged = fetch(
        consumer_database,
        """
        select count(*) filter (where is_imputed) as imputed,
            count(*) filter (where is_clamped) as clamped
        from segmentation__customer_segments
        """,
    )
    assert flagged["imputed"][0] > RANDOM_CUSTOMERS / 4
    assert flagged["clamped"][0] > RANDOM_CUSTOMERS / 4


def test_demo_customers_are_scored_as_by_scikit_learn(tmp_path):
    database = run_dbt(
        REPOSITORY, tmp_path, "build", "--resource-type", "seed", "--resource-type", "model"
    )
    scored = assert_built_scores_are_those_of_scikit_learn(database, "rfm", "segmentation__rfm")
    assert 500 <= scored <= 700


@pytest.mark.skipif(
    "SEGMENTATION_DATA" not in os.environ,
    reason="REAL DATA TESTS WERE SKIPPED: set SEGMENTATION_DATA to the folder of the real data",
)
def test_real_customers_are_scored_as_by_scikit_learn(tmp_path):
    project = tmp_path / "online_retail"
    shutil.copytree(
        REPOSITORY / "examples" / "online_retail",
        project,
        ignore=shutil.ignore_patterns(
            "dbt_packages", "target", "logs", "*.duckdb*", "package-lock.yml"
        ),
    )
    install_package(project)
    lines = Path(os.environ["SEGMENTATION_DATA"]).resolve() / "online_retail.csv.gz"
    variables = f"{{online_retail_file: '{lines}'}}"
    run_dbt(project, tmp_path, "deps", "--vars", variables)
    database = run_dbt(project, tmp_path, "run", "--vars", variables)
    scored = assert_built_scores_are_those_of_scikit_learn(database, "rfm", "segmentation__rfm")
    assert scored == 4338
