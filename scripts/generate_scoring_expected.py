"""Write what scikit-learn says of small models and customers, for the scoring SQL to match.

    python scripts/generate_scoring_expected.py

rewrites two files in tests/python/expected/:

- scoring_models.csv: the parameters of each case's model, in columns of `segmentation__model`.
- scoring_customers.csv: the customers of each case with their feature values (empty: missing) and
  what scikit-learn makes of them: segment, distance, runner-up, margin.

Inputs are drawn by `random.Random.random` alone, whose sequence Python keeps across versions, and
rounded to a few digits, so they are the same text everywhere. The last digits of a distance depend
on the machine's math library.
"""

import csv
import math
import random
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

SEED = 1729
EXPECTED_FOLDER = Path(__file__).resolve().parents[1] / "tests" / "python" / "expected"
MODELS_FILE = "scoring_models.csv"
CUSTOMERS_FILE = "scoring_customers.csv"

CUSTOMERS_PER_CASE = 60
MOST_FEATURES = 6
SIGNIFICANT_DIGITS = 6
# Distances that differ less, relative to their size, are equal: the rest is rounding.
TIE_TOLERANCE = 1e-12

MODEL_COLUMNS = [
    "segmentation",
    "parameter",
    "segment_id",
    "prototype_id",
    "feature",
    "value",
    "text_value",
]
CUSTOMER_COLUMNS = [
    "segmentation",
    "customer_id",
    *(f"feature_{number}" for number in range(1, MOST_FEATURES + 1)),
    "segment_id",
    "distance",
    "runner_up_segment_id",
    "margin",
    "is_imputed",
    "is_clamped",
    "is_tie",
    "is_runner_up_tie",
]

# Each case: its number of segments, and each feature's transform and lambda.
CASES = {
    "none": (3, [("none", None)] * 3),
    "log": (3, [("log", None)] * 3),
    "sqrt": (3, [("sqrt", None)] * 3),
    "cbrt": (3, [("cbrt", None)] * 3),
    "box_cox_ln": (4, [("box_cox", 0.0)]),
    "box_cox_negative": (4, [("box_cox", -0.5), ("box_cox", -1.0), ("box_cox", -3.25)]),
    "box_cox_fractional": (4, [("box_cox", 0.3333), ("box_cox", 0.0712), ("box_cox", 1.5)]),
    "box_cox_whole": (4, [("box_cox", 1.0), ("box_cox", 2.0), ("box_cox", 5.0)]),
    "box_cox_near_ln": (4, [("box_cox", 0.0001), ("box_cox", -0.0001)]),
    "yeo_johnson_ln_above": (3, [("yeo_johnson", 0.0)]),
    "yeo_johnson_ln_below": (3, [("yeo_johnson", 2.0)]),
    "yeo_johnson_negative": (3, [("yeo_johnson", -0.5), ("yeo_johnson", -2.75)]),
    "yeo_johnson_fractional": (3, [("yeo_johnson", 0.4321), ("yeo_johnson", 1.25)]),
    "yeo_johnson_whole": (3, [("yeo_johnson", 1.0), ("yeo_johnson", 3.0)]),
    "yeo_johnson_near_ln": (3, [("yeo_johnson", 0.0001), ("yeo_johnson", 1.9999)]),
    "all_transforms": (
        5,
        [
            ("none", None),
            ("log", None),
            ("sqrt", None),
            ("cbrt", None),
            ("box_cox", 0.2468),
            ("yeo_johnson", 0.1357),
        ],
    ),
    "one_segment": (1, [("log", None), ("box_cox", 0.5)]),
    "twelve_segments": (12, [("yeo_johnson", 0.25), ("cbrt", None)]),
}
# The case of exact ties: whole numbers on a grid, where no rounding decides.
TIES = "ties"
TIES_CENTROIDS = [(-2.0, 0.0), (2.0, 0.0), (0.0, -2.0), (0.0, 2.0)]
TIES_GRID = [float(number) for number in range(-3, 4)]


@dataclass(frozen=True)
class Feature:
    """How one feature is filled, clamped, transformed and scaled; `power` is lambda."""

    name: str
    transform: str
    power: float | None
    mean: float
    scale: float
    minimum: float
    fill_value: float


@dataclass(frozen=True)
class Model:
    """The numbers that scoring needs; `centroids` is (segments, features), in scaled space."""

    features: list[Feature]
    centroids: np.ndarray


@dataclass(frozen=True)
class Scores:
    """One entry per customer. Ids count from 1; 0 and NaN where there is no runner-up.

    `distances` is (customers, segments). `is_tie`: the nearest and the runner-up are equally far.
    `is_runner_up_tie`: so are the runner-up and the next.
    """

    distances: np.ndarray
    segment_id: np.ndarray
    distance: np.ndarray
    runner_up_segment_id: np.ndarray
    margin: np.ndarray
    is_imputed: np.ndarray
    is_clamped: np.ndarray
    is_tie: np.ndarray
    is_runner_up_tie: np.ndarray


# ---------- what scikit-learn says


def transformer(transform: str, power: float | None) -> FunctionTransformer | PowerTransformer:
    """Gives scikit-learn's transformer, ready to transform a column without being fitted to it."""
    functions = {"none": None, "log": np.log1p, "sqrt": np.sqrt, "cbrt": np.cbrt}
    if transform in functions:
        return FunctionTransformer(functions[transform])
    fitted = PowerTransformer(method=transform.replace("_", "-"), standardize=False)
    fitted.lambdas_ = np.array([power])
    fitted.n_features_in_ = 1
    return fitted


def scaler(mean: float, scale: float) -> StandardScaler:
    """Gives scikit-learn's scaler of one column with this mean and deviation."""
    fitted = StandardScaler()
    fitted.mean_, fitted.scale_, fitted.var_ = (np.array([x]) for x in (mean, scale, scale**2))
    fitted.n_features_in_ = 1
    return fitted


def clusterer(centroids: np.ndarray) -> KMeans:
    """Gives scikit-learn's k-means with these centers."""
    fitted = KMeans(n_clusters=len(centroids), init=centroids, n_init=1).fit(centroids)
    # The fit has centered and restored them: put back the very digits.
    fitted.cluster_centers_ = np.array(centroids)
    return fitted


def is_outside_domain(values: np.ndarray, transform: str) -> np.ndarray:
    """Says of which values the transform is not defined (then PowerTransformer would raise)."""
    if transform == "box_cox":
        return values <= 0
    if transform in ("log", "sqrt"):
        return values < 0
    return np.zeros(values.shape, dtype=bool)


def score(model: Model, values: np.ndarray) -> Scores:
    """Scores customers; takes (customers, features), NaN where missing."""
    is_missing = np.isnan(values)
    scaled = np.empty(values.shape)
    is_clamped = np.zeros(values.shape, dtype=bool)
    for position, feature in enumerate(model.features):
        filled = np.where(is_missing[:, position], feature.fill_value, values[:, position])
        is_clamped[:, position] = is_outside_domain(filled, feature.transform)
        column = np.where(is_clamped[:, position], feature.minimum, filled).reshape(-1, 1)
        column = transformer(feature.transform, feature.power).transform(column)
        scaled[:, [position]] = scaler(feature.mean, feature.scale).transform(column)

    k_means = clusterer(model.centroids)
    labels = k_means.predict(scaled)
    distances = k_means.transform(scaled)
    customers = np.arange(len(values))
    distance = distances[customers, labels]

    others = distances.copy()
    others[customers, labels] = np.inf
    runner_up = others.argmin(axis=1)
    runner_up_distance = others[customers, runner_up]
    others[customers, runner_up] = np.inf
    has_runner_up = len(model.centroids) > 1
    with np.errstate(invalid="ignore"):
        # One segment: the runner-up is infinitely far, and no margin is defined.
        margin = (runner_up_distance - distance) / runner_up_distance
        next_gap = (others.min(axis=1) - runner_up_distance) / runner_up_distance

    return Scores(
        distances=distances,
        segment_id=labels + 1,
        distance=distance,
        runner_up_segment_id=runner_up + 1 if has_runner_up else np.zeros(len(values), dtype=int),
        margin=margin,
        is_imputed=is_missing.any(axis=1),
        is_clamped=is_clamped.any(axis=1),
        is_tie=np.abs(margin) <= TIE_TOLERANCE,
        is_runner_up_tie=np.abs(next_gap) <= TIE_TOLERANCE,
    )


# ---------- models and customers


def rounded(number: float, digits: int = SIGNIFICANT_DIGITS) -> float:
    """Rounds to significant digits; -0.0 becomes 0.0."""
    return float(f"{number:.{digits}g}") + 0.0


def normal(dice: random.Random) -> float:
    """Draws from the standard normal distribution."""
    return NormalDist().inv_cdf(max(dice.random(), 1e-12))


def draw_value(dice: random.Random, transform: str) -> float:
    """Draws an everyday value of the transform's domain, around 30 with a long tail."""
    value = rounded(30 * 10 ** (0.6 * normal(dice)))
    has_both_signs = transform in ("none", "cbrt", "yeo_johnson")
    return -value if has_both_signs and dice.random() < 0.4 else value


def draw_odd_value(dice: random.Random) -> float:
    """Draws what a customer table holds now and then: missing, zero, tiny, huge, negative."""
    kind = int(8 * dice.random())
    if kind < 2:
        return float("nan")
    if kind < 4:
        return 0.0
    magnitude = 10 ** (-4 - 6 * dice.random() if kind < 6 else 4 + 5 * dice.random())
    return rounded(-magnitude if dice.random() < 0.5 else magnitude)


def draw_model(dice: random.Random, k: int, transforms: list[tuple[str, float | None]]) -> Model:
    """Draws a model: each feature scaled by what everyday values of it would give."""
    features = []
    for position, (transform, power) in enumerate(transforms, start=1):
        values = sorted(draw_value(dice, transform) for _ in range(200))
        column = np.array(values).reshape(-1, 1)
        fitted = StandardScaler().fit(transformer(transform, power).transform(column))
        features.append(
            Feature(
                # A quote and a blank: names are the user's.
                name=f"{transform}'s no. {position}",
                transform=transform,
                power=power,
                mean=rounded(fitted.mean_[0]),
                scale=rounded(fitted.scale_[0]),
                minimum=values[0],
                # What fills a gap may itself lie outside the domain: then it is clamped.
                fill_value=values[100] if position != 2 else -1.5,
            )
        )
    centroids = [[rounded(normal(dice)) for _ in features] for _ in range(k)]
    return Model(features=features, centroids=np.array(centroids))


def draw_customers(dice: random.Random, model: Model) -> np.ndarray:
    """Draws customers, half of them with an odd value in some feature."""
    customers = []
    for number in range(CUSTOMERS_PER_CASE):
        values = [draw_value(dice, feature.transform) for feature in model.features]
        if number % 2:
            values[int(len(values) * dice.random())] = draw_odd_value(dice)
        customers.append(values)
    return np.array(customers)


def build_cases() -> dict[str, tuple[Model, np.ndarray]]:
    """Gives by case its model and its customers' values."""
    cases = {}
    for name, (k, transforms) in CASES.items():
        # A generator for each case: a new case leaves the others as they are.
        dice = random.Random(f"{SEED} {name}")
        model = draw_model(dice, k, transforms)
        cases[name] = (model, draw_customers(dice, model))
    plain = {"transform": "none", "power": None, "mean": 0.0, "scale": 1.0}
    features = [Feature(name, **plain, minimum=-3.0, fill_value=0.0) for name in ("x", "y")]
    grid = [(x, y) for x in TIES_GRID for y in TIES_GRID]
    cases[TIES] = (Model(features, np.array(TIES_CENTROIDS)), np.array(grid))
    return cases


# ---------- files


def model_rows(segmentation: str, model: Model) -> list[dict[str, object]]:
    """Gives the parameters of a model as rows; what is null is left out."""
    rows: list[dict[str, object]] = []
    for feature in model.features:
        name = {"feature": feature.name}
        rows.append(name | {"parameter": "transform", "text_value": feature.transform})
        numbers = {
            "lambda": feature.power,
            "mean": feature.mean,
            "scale": feature.scale,
            "minimum": feature.minimum,
            "fill_value": feature.fill_value,
        }
        rows += [name | {"parameter": p, "value": v} for p, v in numbers.items() if v is not None]
    for segment_id, centroid in enumerate(model.centroids.tolist(), start=1):
        for feature, coordinate in zip(model.features, centroid, strict=True):
            rows.append(
                {
                    "parameter": "centroid",
                    "segment_id": segment_id,
                    "prototype_id": segment_id,
                    "feature": feature.name,
                    "value": coordinate,
                }
            )
    return [{"segmentation": segmentation} | row for row in rows]


def customer_rows(segmentation: str, model: Model, values: np.ndarray) -> list[dict[str, object]]:
    """Gives the customers of a case with what scikit-learn says of them."""
    scores = score(model, values)
    has_runner_up = len(model.centroids) > 1
    rows = []
    for number, customer in enumerate(values.tolist()):
        row: dict[str, object] = {"segmentation": segmentation, "customer_id": f"c{number + 1:03d}"}
        features = enumerate(customer, start=1)
        row |= {f"feature_{i}": value for i, value in features if not math.isnan(value)}
        row |= {
            "segment_id": int(scores.segment_id[number]),
            "distance": rounded(scores.distance[number], 12),
        }
        if has_runner_up:
            row["runner_up_segment_id"] = int(scores.runner_up_segment_id[number])
            row["margin"] = rounded(scores.margin[number], 12)
        flags = ("is_imputed", "is_clamped", "is_tie", "is_runner_up_tie")
        row |= {flag: str(bool(getattr(scores, flag)[number])).lower() for flag in flags}
        rows.append(row)
    return rows


def build_rows() -> dict[str, tuple[list[str], list[dict[str, object]]]]:
    """Gives by file name its columns and rows."""
    cases = build_cases()
    models = [row for name, (model, _) in cases.items() for row in model_rows(name, model)]
    customers = [row for name, case in cases.items() for row in customer_rows(name, *case)]
    return {
        MODELS_FILE: (MODEL_COLUMNS, models),
        CUSTOMERS_FILE: (CUSTOMER_COLUMNS, customers),
    }


def write_files(folder: Path) -> None:
    """Writes the expected files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, rows) in build_rows().items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    write_files(EXPECTED_FOLDER)
