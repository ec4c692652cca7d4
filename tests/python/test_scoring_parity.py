"""The package's scoring SQL gives what scikit-learn gives on the same parameters.

Four ways: the cases of scripts/generate_scoring_expected.py, scored by the macro in a consumer
project; many random customers, scored by it with models that scikit-learn fits here; customers
scored by whole builds (the demo, customers with every odd value, real data), then again by
scikit-learn from the tables that the build leaves; and the tie rule.
"""

import csv
import importlib.util
import math
import os
import shutil
import sys
from pathlib import Path

import consumer
import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.mixture import GaussianMixture

REPOSITORY = Path(__file__).resolve().parents[2]
EXPECTED = REPOSITORY / "tests" / "python" / "expected"
GENERATOR = REPOSITORY / "scripts" / "generate_scoring_expected.py"

def load_generator():
    """The generator, loaded by its path: scripts/ is no Python package."""
    spec = importlib.util.spec_from_file_location(GENERATOR.stem, GENERATOR)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generator = load_generator()

# Room for more centroids than a case has: the places left empty must not win.
EMPTY_PLACES = 2

DISTANCE_TOLERANCE = 1e-6
# A customer who is a prototype lies where rounding puts it: two libraries round differently.
DISTANCE_FLOOR = 1e-12
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
    "clipped",
    "own_radii",
    "single_linkage",
    "mixture_full_2",
    "mixture_spherical_3",
]
MOST_TIES = 0.01

# Random customers with a category, scored by models that are fitted to some of them.
MIXED_CUSTOMERS = 50_000
MIXED_SAMPLE = 1_500
MIXED_LEVELS = ("card", "cash", "it's")
MIXED_FEATURES = [
    generator.Feature(
        "spend", "log", None, 3.5, 1.2, 0.0, 30.0, clip=(1.0, 5e4), fences=(0.5, 1e5)
    ),
    generator.Feature("visits", "sqrt", None, 3.0, 1.5, 0.0, 9.0, scaler="robust", weight=1.5),
    generator.Feature(
        "payment", "one_hot", None, 0.0, 1.0, math.nan, "cash", weight=0.6, levels=MIXED_LEVELS
    ),
]

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
CASE_CUSTOMERS = "\"select customer_id, {values} from case_customers where segmentation = '{case}'\""
ODD_CUSTOMERS = "\"select customer_id, {features} from \" ~ ref('random_customers')"
EXTREME_CUSTOMERS = '"select * from extreme_customers"'
MIXED_CUSTOMERS_SQL = '"select * from mixed_customers"'
CASE_MODEL = """\
{{{{ config(materialized='table') }}}}
{{{{ segmentation.score_customers(
    {customers},
    "(select * from case_models where segmentation = '{case}') as model",
    {shape}
) }}}}
"""


def run_dbt(project, folder, *arguments):
    """Runs dbt on a project with all that it writes in `folder`; gives the path of the database.

    Fails with dbt's output where dbt fails.
    """
    database = folder / "parity.duckdb"
    environment = {
        "SEGMENTATION_DATABASE": str(database),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROFILES_DIR": ".",
    }
    run = consumer.run_dbt(project, *arguments, environment=environment)
    if run.exit_code != 0:
        pytest.fail(f"dbt {' '.join(arguments)}:\n{run.output}", pytrace=False)
    return database


def install_package(project):
    """Makes the package at hand the one package of a project."""
    (project / "packages.yml").write_text(f"packages:\n  - local: {REPOSITORY}\n")


def fetch(database, query):
    """The result of a query as a dict of numpy arrays, masked where null."""
    return consumer.read(database).execute(query).fetchnumpy()


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
        numbers(got["distance"]), expected["distance"], DISTANCE_TOLERANCE, DISTANCE_FLOOR
    )
    np.testing.assert_allclose(
        numbers(got["margin"]), expected["margin"], rtol=DISTANCE_TOLERANCE, atol=MARGIN_FLOOR
    )
    for flag in generator.FLAGS:
        assert np.array_equal(booleans(got[flag]), expected[flag]), flag


def columns_of(scores):
    """The columns that `assert_same_scores` compares, of the scores of the generator."""
    runner_up = scores.runner_up_segment_id.astype("float64")
    return vars(scores) | {"runner_up_segment_id": np.where(runner_up == 0, np.nan, runner_up)}


# ---------- the expected files


def test_regenerating_gives_the_committed_files(tmp_path):
    generator.write_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in EXPECTED.iterdir()}
    hint = f"run {GENERATOR.relative_to(REPOSITORY)}"
    for name in (generator.MODELS_FILE, generator.CUSTOMERS_FILE):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            regenerated = list(csv.DictReader(file))
        committed = read_csv(name)
        assert len(regenerated) == len(committed), hint
        for new, old in zip(regenerated, committed, strict=True):
            for column in old:
                if column in ("value", "distance", "margin") and new[column] and old[column]:
                    assert math.isclose(
                        float(new[column]),
                        float(old[column]),
                        rel_tol=REGENERATION_TOLERANCE,
                        abs_tol=REGENERATION_TOLERANCE if column == "margin" else 0,
                    ), hint
                else:
                    assert new[column] == old[column], hint


def test_the_expected_files_are_small():
    assert sum(path.stat().st_size for path in EXPECTED.iterdir()) < 600_000


def test_the_cases_cover_what_scoring_must_master():
    models = read_csv(generator.MODELS_FILE)
    customers = read_csv(generator.CUSTOMERS_FILE)
    transforms = {row["text_value"] for row in models if row["parameter"] == "transform"}
    assert transforms == {*RANDOM_TRANSFORMS, "one_hot"}
    scalers = {row["text_value"] for row in models if row["parameter"] == "scaler"}
    assert scalers == {"robust", "min_max", "none"}
    assert {"clip_low", "fence_high", "weight", "level", "radius", "offset", "whitening_4"} <= {
        row["parameter"] for row in models
    }
    lambdas = {"box_cox": set(), "yeo_johnson": set()}
    cases = generator.build_cases()
    for model, _ in cases.values():
        for feature in model.features:
            lambdas.get(feature.transform, set()).add(feature.power)
    for found in lambdas.values():
        assert {0.0, 1.0} <= found
        assert min(found) < 0 and any(power % 1 for power in found)
    assert 2.0 in lambdas["yeo_johnson"]
    for flag in (*generator.FLAGS, "is_tie", "is_runner_up_tie"):
        assert {row[flag] for row in customers} == {"true", "false"}
    values = [
        float(row[f"feature_{position}"])
        for row in customers
        for position, feature in enumerate(cases[row["segmentation"]][0].features, start=1)
        if row[f"feature_{position}"] and not feature.levels
    ]
    assert 0.0 in values and min(values) < -1e6 and max(values) > 1e6
    assert any(0 < abs(value) < 1e-6 for value in values)


@pytest.mark.parametrize("case", generator.POINT_CASES)
def test_the_cases_of_core_points_cover_every_way_to_be_reached(case):
    model, values = generator.build_cases()[case]
    scores, points = generator.score(model, values), model.points
    prepared = generator.prepare(model.features, values).points
    distances = np.linalg.norm(prepared[:, np.newaxis] - points.location, axis=2)
    is_noise = scores.segment_id == 0
    own = scores.distances[np.arange(len(values)), scores.segment_id - 1]
    by_farther_of_own = ~is_noise & (scores.distance > own)
    by_farther_of_another = ~is_noise & (scores.distance > scores.distances.min(axis=1))
    if points.radius is None:
        assert not is_noise.any()
    else:
        assert 0 < is_noise.sum() < len(values)
        assert np.isnan(scores.margin[is_noise]).all()
        assert (scores.runner_up_segment_id[is_noise] > 0).all()
        # No customer lies where rounding would decide.
        assert (np.abs(distances - points.radius) > 1e-9).all()
    assert by_farther_of_own.any() == case.startswith("own_radii")
    assert by_farther_of_another.any() == case.startswith("own_radii")


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


def draw_mixed_customers():
    """Gives customers of `MIXED_FEATURES`, in three groups, with every kind of odd value."""
    draw = np.random.default_rng(31_000)
    group = draw.integers(0, 3, MIXED_CUSTOMERS)
    spend = np.exp(np.array([2.0, 3.5, 5.0])[group] + 0.3 * draw.normal(size=MIXED_CUSTOMERS))
    visits = np.array([30.0, 4.0, 12.0])[group] * draw.uniform(0.6, 1.4, MIXED_CUSTOMERS)
    # Some lie anywhere, or far beyond what the models were fitted on.
    kind = draw.random(MIXED_CUSTOMERS)
    spend = np.where(kind < 0.20, 10 ** draw.uniform(-3, 7, MIXED_CUSTOMERS), spend)
    visits = np.where(kind < 0.10, draw.uniform(-20, 500, MIXED_CUSTOMERS), visits)
    spend[draw.random(MIXED_CUSTOMERS) < 0.05] = np.nan
    visits[draw.random(MIXED_CUSTOMERS) < 0.05] = np.nan
    payment = np.array(MIXED_LEVELS, dtype=object)[group]
    payment[draw.random(MIXED_CUSTOMERS) < 0.05] = "cheque"
    payment[draw.random(MIXED_CUSTOMERS) < 0.05] = None
    values = np.empty((MIXED_CUSTOMERS, 3), dtype=object)
    values[:, 0], values[:, 1], values[:, 2] = spend, visits, payment
    return values


def fit_mixed_models(values):
    """Gives by name models that scikit-learn fits to the first of the customers, as prepared."""
    points = generator.prepare(MIXED_FEATURES, values[:MIXED_SAMPLE]).points
    dbscan = DBSCAN(eps=0.25, min_samples=8).fit(points)
    core = dbscan.core_sample_indices_[np.argsort(dbscan.labels_[dbscan.core_sample_indices_])]
    core_points = generator.Points(
        dbscan.labels_[core] + 1, points[core], np.full(len(core), dbscan.eps)
    )
    mixture = GaussianMixture(4, random_state=0).fit(points)
    return {
        "mixed_core_points": generator.Model(MIXED_FEATURES, points=core_points),
        "mixed_mixture": generator.Model(MIXED_FEATURES, mixture=mixture),
    }


@pytest.fixture(scope="module")
def mixed():
    """The random customers with a category, and the models that score them."""
    values = draw_mixed_customers()
    return values, fit_mixed_models(values)


def shape_of(model):
    """The shape of a model as `model_shape` gives it, with room for more centroids."""
    features = [
        {
            "number": number,
            "name": feature.name,
            "kind": "category" if feature.levels else "number",
            "levels": len(feature.levels),
            "is_clipped": feature.clip is not None,
            "is_fenced": feature.fences is not None,
            "is_weighted": feature.weight != 1,
        }
        for number, feature in enumerate(model.features, start=1)
    ]
    is_centroid = model.centroids is not None
    return {
        "features": features,
        "rule": "centroid" if is_centroid else "prototype",
        "segments": len(model.centroids) + EMPTY_PLACES if is_centroid else 1,
        "axes": model.mixture.means_.shape[1] if model.mixture is not None else 0,
    }


def write_case_model(path, case, model, customers):
    """Writes a dbt model that scores customers (a Jinja expression) with the model of a case."""
    path.write_text(CASE_MODEL.format(customers=customers, case=case, shape=shape_of(model)))


def write_rows(path, columns, rows):
    """Writes rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def consumer_database(tmp_path_factory, mixed):
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
    odd_customers = ODD_CUSTOMERS.format(features=", ".join(finite))
    cases = {case: model for case, (model, _) in generator.build_cases().items()}
    write_case_model(models / "scores_odd.sql", EVERYDAY_CASE, cases[EVERYDAY_CASE], odd_customers)
    for case in EXTREME_CASES:
        path = models / f"scores_extreme_{case}.sql"
        write_case_model(path, case, cases[case], EXTREME_CUSTOMERS)
    for case, model in cases.items():
        values = [
            f"feature_{number}"
            if feature.levels
            else f"cast(feature_{number} as double) as feature_{number}"
            for number, feature in enumerate(model.features, start=1)
        ]
        customers = CASE_CUSTOMERS.format(values=", ".join(values), case=case)
        write_case_model(models / f"scores_{case}.sql", case, model, customers)
    mixed_values, mixed_models = mixed
    mixed_rows = []
    for case, model in mixed_models.items():
        write_case_model(models / f"scores_{case}.sql", case, model, MIXED_CUSTOMERS_SQL)
        mixed_rows += generator.model_rows(case, model)
    write_rows(project / "mixed_models.csv", generator.MODEL_COLUMNS, mixed_rows)
    mixed_customers = pd.DataFrame(  # noqa: F841  DuckDB reads it by its name
        {
            "customer_id": [f"c{number:05d}" for number in range(MIXED_CUSTOMERS)],
            "feature_1": mixed_values[:, 0].astype(float),
            "feature_2": mixed_values[:, 1].astype(float),
            "feature_3": mixed_values[:, 2],
        }
    )
    with duckdb.connect(str(project / "parity.duckdb")) as connection:
        numeric = [f"feature_{number}" for number in range(1, generator.MOST_FEATURES + 1)]
        files = [str(EXPECTED / generator.MODELS_FILE), str(project / "mixed_models.csv")]
        integers = ", ".join(
            f"cast({column} as integer) as {column}"
            for column in ("segment_id", "prototype_id", "level_id")
        )
        connection.execute(
            f"""
            create table case_models as
            select segmentation, parameter, feature, {integers},
                cast(value as double) as value, text_value, 1 as model_version
            from read_csv({files}, header = true, all_varchar = true);
            create table case_customers as
            from read_csv('{EXPECTED / generator.CUSTOMERS_FILE}',
                header = true, all_varchar = true);
            create table extreme_customers as
            select cast(value as varchar) as customer_id,
                {", ".join(f"value as {column}" for column in numeric)}
            from (select unnest({EXTREME_VALUES}::double[]) as value);
            create table mixed_customers as
            select * replace (
                case when not isnan(feature_1) then feature_1 end as feature_1,
                case when not isnan(feature_2) then feature_2 end as feature_2)
            from mixed_customers;
            """
        )
    run_dbt(project, project, "deps")
    return run_dbt(project, project, "run")


@pytest.mark.parametrize("case", [*generator.CASES, generator.TIES, generator.POINT_TIES])
def test_scores_of_a_case_are_those_of_scikit_learn(consumer_database, case):
    rows = [row for row in read_csv(generator.CUSTOMERS_FILE) if row["segmentation"] == case]
    expected = {
        column: np.array([float(row[column] or "nan") for row in rows])
        for column in ("segment_id", "distance", "runner_up_segment_id", "margin")
    }
    for flag in (*generator.FLAGS, "is_tie", "is_runner_up_tie"):
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


def test_of_equally_near_core_points_the_lowest_segment_wins(consumer_database):
    model, values = generator.build_cases()[generator.POINT_TIES]
    squared = ((values[:, np.newaxis] - model.points.location) ** 2).sum(axis=2)
    reached = np.where(squared <= model.points.radius**2, squared, np.inf)
    segments = np.unique(model.points.segment_id)
    by_segment, reached_by_segment = (
        np.column_stack([matrix[:, model.points.segment_id == i].min(axis=1) for i in segments])
        for matrix in (squared, reached)
    )
    least = reached_by_segment.min(axis=1, keepdims=True)
    assert ((reached_by_segment == least).sum(axis=1)[np.isfinite(least[:, 0])] > 1).any()
    # argmin gives the first of equals.
    own = np.where(
        np.isinf(reached_by_segment.min(axis=1)), 0, reached_by_segment.argmin(axis=1) + 1
    )
    by_segment[np.flatnonzero(own), own[own > 0] - 1] = np.inf
    got = fetch(
        consumer_database, f"select * from scores_{generator.POINT_TIES} order by customer_id"
    )
    assert np.array_equal(got["segment_id"], own)
    assert np.array_equal(got["runner_up_segment_id"], by_segment.argmin(axis=1) + 1)
    has_no_margin = (own > 0) & (numbers(got["distance"]) >= np.sqrt(by_segment.min(axis=1)))
    assert np.array_equal(numbers(got["margin"]) == 0, has_no_margin)
    # On the very edge is in reach.
    assert ((squared == model.points.radius**2).any(axis=1) & (own > 0)).sum() > 5


@pytest.mark.parametrize("case", EXTREME_CASES)
def test_the_most_extreme_numbers_have_a_segment_and_a_distance(consumer_database, case):
    # scikit-learn's own distances overflow here, so there is nothing to compare with.
    got = fetch(consumer_database, f"select * from scores_extreme_{case}")
    segment_id, runner_up = numbers(got["segment_id"]), numbers(got["runner_up_segment_id"])
    segments = range(1, generator.CASES[case][0] + 1)
    can_be_noise = case in generator.POINT_CASES and generator.POINT_CASES[case][2] is not None
    assert len(got["customer_id"]) == len(EXTREME_VALUES)
    assert np.isin(segment_id, [0, *segments] if can_be_noise else segments).all()
    assert np.isin(runner_up, segments).all()
    assert (segment_id != runner_up).all()
    assert np.isfinite(numbers(got["distance"])).all()
    margin = numbers(got["margin"])
    assert ((margin >= 0) & (margin <= 1) | (segment_id == 0) & np.isnan(margin)).all()


@pytest.mark.parametrize("case", ["mixed_core_points", "mixed_mixture"])
def test_random_customers_with_a_category_are_scored_as_by_scikit_learn(
    consumer_database, mixed, case
):
    values, models = mixed
    scores = generator.score(models[case], values)
    got = fetch(consumer_database, f"select * from scores_{case} order by customer_id")
    assert len(got["customer_id"]) == MIXED_CUSTOMERS
    assert_same_scores(got, columns_of(scores))
    assert (scores.is_tie | scores.is_runner_up_tie).mean() <= MOST_TIES
    shares = np.bincount(scores.segment_id) / MIXED_CUSTOMERS
    assert (shares[shares > 0] > 0.001).all() and (shares > 0.05).sum() >= 3
    for flag in generator.FLAGS:
        assert 0.01 < getattr(scores, flag).mean() < 0.5, flag


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
    return generator.Model(features, centroids=matrix)


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
