"""Write what scikit-learn says of small models and customers, for the scoring SQL to match.

    python scripts/generate_scoring_expected.py

rewrites two files in tests/python/expected/:

- scoring_models.csv: the parameters of each case's model, in columns of `segmentation__model`.
- scoring_customers.csv: the customers of each case with their feature values (empty: missing) and
  what scikit-learn and scipy make of them: segment (0: noise), distance, runner-up, margin.

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
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

SEED = 1729
EXPECTED_FOLDER = Path(__file__).resolve().parents[1] / "tests" / "python" / "expected"
MODELS_FILE = "scoring_models.csv"
CUSTOMERS_FILE = "scoring_customers.csv"

CUSTOMERS_PER_CASE = 60
MOST_FEATURES = 6
SIGNIFICANT_DIGITS = 6
DIGITS_OF_RESULTS = 12
# Distances that differ less, relative to their size, are equal: the rest is rounding.
TIE_TOLERANCE = 1e-12

MODEL_COLUMNS = [
    "segmentation",
    "parameter",
    "segment_id",
    "prototype_id",
    "feature",
    "level_id",
    "value",
    "text_value",
]
FLAGS = ["is_outlier", "is_imputed", "is_clamped", "has_unseen_level"]
CUSTOMER_COLUMNS = [
    "segmentation",
    "customer_id",
    *(f"feature_{number}" for number in range(1, MOST_FEATURES + 1)),
    "segment_id",
    "distance",
    "runner_up_segment_id",
    "margin",
    *FLAGS,
    "is_tie",
    "is_runner_up_tie",
]

PURPOSES = ("credit_card", "debt's, end", "home")
REGIONS = ("north", "south")
UNSEEN = "unheard of"


class Draft(NamedTuple):
    """What a case asks for in one feature; clip and fences in its own units."""

    transform: str
    power: float | None = None
    scaler: str = "standard"
    clip: tuple[float, float] | None = None
    fences: tuple[float, float] | None = None
    weight: float = 1.0
    # None: an everyday value, of a case's second feature one that may lie outside the domain.
    fill_value: float | str | None = None
    levels: tuple[str, ...] = ()


def category(levels: tuple[str, ...], fill_value: str, weight: float = 1.0) -> Draft:
    """Gives the draft of a category."""
    return Draft("one_hot", weight=weight, fill_value=fill_value, levels=levels)


# Each case of the nearest centroid: its number of segments, and its features.
CENTROID_CASES = {
    "none": (3, [Draft("none")] * 3),
    "log": (3, [Draft("log")] * 3),
    "sqrt": (3, [Draft("sqrt")] * 3),
    "cbrt": (3, [Draft("cbrt")] * 3),
    "box_cox_ln": (4, [Draft("box_cox", 0.0)]),
    "box_cox_negative": (4, [Draft("box_cox", power) for power in (-0.5, -1.0, -3.25)]),
    "box_cox_fractional": (4, [Draft("box_cox", power) for power in (0.3333, 0.0712, 1.5)]),
    "box_cox_whole": (4, [Draft("box_cox", power) for power in (1.0, 2.0, 5.0)]),
    "box_cox_near_ln": (4, [Draft("box_cox", power) for power in (0.0001, -0.0001)]),
    "yeo_johnson_ln_above": (3, [Draft("yeo_johnson", 0.0)]),
    "yeo_johnson_ln_below": (3, [Draft("yeo_johnson", 2.0)]),
    "yeo_johnson_negative": (3, [Draft("yeo_johnson", power) for power in (-0.5, -2.75)]),
    "yeo_johnson_fractional": (3, [Draft("yeo_johnson", power) for power in (0.4321, 1.25)]),
    "yeo_johnson_whole": (3, [Draft("yeo_johnson", power) for power in (1.0, 3.0)]),
    "yeo_johnson_near_ln": (3, [Draft("yeo_johnson", power) for power in (0.0001, 1.9999)]),
    "all_transforms": (
        5,
        [
            Draft("none"),
            Draft("log"),
            Draft("sqrt"),
            Draft("cbrt"),
            Draft("box_cox", 0.2468),
            Draft("yeo_johnson", 0.1357),
        ],
    ),
    "one_segment": (1, [Draft("log"), Draft("box_cox", 0.5)]),
    "twelve_segments": (12, [Draft("yeo_johnson", 0.25), Draft("cbrt")]),
    "robust": (3, [Draft("none", scaler="robust"), Draft("log", scaler="robust")]),
    "min_max": (3, [Draft("cbrt", scaler="min_max"), Draft("box_cox", 0.3, scaler="min_max")]),
    "unscaled": (3, [Draft("log", scaler="none"), Draft("yeo_johnson", 0.2, scaler="none")]),
    "constant_fill": (3, [Draft("log", fill_value=0.0), Draft("none", fill_value=-99.5)]),
    "clipped": (
        3,
        [
            Draft("none", clip=(-60.0, 90.0)),
            # Clipped to what lies outside the domain, then clamped.
            Draft("log", clip=(-5.0, 200.0)),
            Draft("box_cox", 0.5, clip=(2.0, 300.0), fill_value=1000.0),
        ],
    ),
    "fenced": (
        3,
        # What fills a gap is no outlier, wherever it lies.
        [Draft("none", fences=(-80.0, 100.0), fill_value=5000.0), Draft("sqrt", fences=(2.0, 150.0))],
    ),
    "weighted": (
        4,
        [
            Draft("log", weight=2.5),
            Draft("cbrt", weight=0.125),
            Draft("yeo_johnson", 0.5, weight=0.0),
            Draft("none", weight=1.0),
        ],
    ),
    "category": (3, [Draft("log"), category(PURPOSES, "home")]),
    "category_filled_with_unseen": (3, [category(PURPOSES, "other", weight=0.5), Draft("sqrt")]),
    "prepared_in_every_way": (
        5,
        [
            category(REGIONS, "south", weight=2.0),
            Draft("none", scaler="robust", clip=(-100.0, 150.0), fences=(-120.0, 200.0)),
            Draft("yeo_johnson", 0.3, scaler="min_max", weight=3.0, fill_value=-4.25),
            Draft("box_cox", 0.2, clip=(1.0, 500.0), weight=0.75),
            category(PURPOSES, "credit_card"),
            Draft("log", scaler="none", fences=(0.0, 300.0), weight=0.5),
        ],
    ),
}
# Each case of core points: segments, core points in each, their least and greatest radius (None:
# they reach everybody, as the customers of a single-linkage tree), and its features.
POINT_CASES = {
    "core_points": (3, 12, (0.5, 0.5), [Draft("log"), Draft("sqrt")]),
    "core_points_in_one_segment": (1, 15, (0.75, 0.75), [Draft("cbrt"), Draft("log")]),
    "core_points_prepared": (
        4,
        8,
        (0.8, 0.8),
        [
            Draft("log", clip=(1.0, 500.0), fences=(0.5, 400.0)),
            category(REGIONS, "north", weight=0.7),
            Draft("none", scaler="robust", weight=0.5),
        ],
    ),
    "own_radii": (3, 14, (0.1, 1.5), [Draft("log"), Draft("sqrt")]),
    "own_radii_in_three_dimensions": (5, 10, (0.2, 2.0), [Draft("none"), Draft("log"), Draft("log")]),
    "single_linkage": (4, 9, None, [Draft("sqrt"), Draft("yeo_johnson", 0.4)]),
}
# Each case of a mixture: segments, the kind of covariance, and its features.
MIXTURE_CASES = {
    "mixture_of_one": (1, "full", [Draft("log"), Draft("none")]),
    "mixture_full_1": (3, "full", [Draft("log")]),
    "mixture_full_2": (3, "full", [Draft("log"), Draft("sqrt")]),
    "mixture_full_4": (4, "full", [Draft("log"), Draft("none"), Draft("cbrt"), Draft("sqrt")]),
    "mixture_tied_3": (3, "tied", [Draft("log"), Draft("cbrt"), Draft("box_cox", 0.25)]),
    "mixture_diag_2": (4, "diag", [Draft("yeo_johnson", 0.3), Draft("log")]),
    "mixture_spherical_3": (3, "spherical", [Draft("log"), Draft("sqrt"), Draft("none")]),
    "mixture_prepared": (
        3,
        "full",
        [
            Draft("log", scaler="min_max", fences=(1.0, 300.0), weight=4.0),
            category(REGIONS, "north"),
            Draft("none", clip=(-150.0, 150.0)),
        ],
    ),
}
CASES = CENTROID_CASES | POINT_CASES | MIXTURE_CASES

# The cases of exact ties: whole numbers on a grid, where no rounding decides.
TIES = "ties"
TIES_CENTROIDS = [(-2.0, 0.0), (2.0, 0.0), (0.0, -2.0), (0.0, 2.0)]
TIES_GRID = [float(number) for number in range(-3, 4)]
POINT_TIES = "ties_of_core_points"
# Segment, place, radius. The two of segment 2 lie together: only the farther reaches far.
POINT_TIES_POINTS = [
    (1, (-3.0, 0.0), 2.0),
    (1, (-3.0, 1.0), 2.0),
    (2, (3.0, 0.0), 1.0),
    (2, (4.0, 0.0), 4.0),
    (3, (0.0, -4.0), 4.0),
    (3, (0.0, 3.0), 0.0),
]
POINT_TIES_GRID = [float(number) for number in range(-5, 6)]


@dataclass(frozen=True)
class Feature:
    """How one feature is prepared; `power` is lambda. One with levels is a category."""

    name: str
    transform: str
    power: float | None
    mean: float
    scale: float
    minimum: float
    fill_value: float | str
    scaler: str = "standard"
    clip: tuple[float, float] | None = None
    fences: tuple[float, float] | None = None
    weight: float = 1.0
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Points:
    """Prototypes in scaled space, one row each; no radius: they reach everybody."""

    segment_id: np.ndarray
    location: np.ndarray
    radius: np.ndarray | None


@dataclass(frozen=True)
class Model:
    """The numbers that scoring needs, in scaled space.

    Either `centroids` of (segments, coordinates), or `points`, or the components of a `mixture`.
    """

    features: list[Feature]
    centroids: np.ndarray | None = None
    points: Points | None = None
    mixture: GaussianMixture | None = None


@dataclass(frozen=True)
class Prepared:
    """Customers as points of scaled space, and what had to be done to them."""

    points: np.ndarray
    is_outlier: np.ndarray
    is_imputed: np.ndarray
    is_clamped: np.ndarray
    has_unseen_level: np.ndarray


@dataclass(frozen=True)
class Scores:
    """One entry per customer. Segment 0 is noise; a runner-up of 0 is none, its margin NaN.

    `distances` is (customers, segments): to the nearest prototype of each, in reach or not.
    `is_tie`: the own segment and another one are equally far. `is_runner_up_tie`: so are the
    runner-up and the next.
    """

    distances: np.ndarray
    segment_id: np.ndarray
    distance: np.ndarray
    runner_up_segment_id: np.ndarray
    margin: np.ndarray
    is_outlier: np.ndarray
    is_imputed: np.ndarray
    is_clamped: np.ndarray
    has_unseen_level: np.ndarray
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


def scaler(
    name: str, mean: float, scale: float
) -> StandardScaler | RobustScaler | MinMaxScaler | FunctionTransformer:
    """Gives scikit-learn's scaler of one column, with what it subtracts and divides by."""
    if name == "none":
        return FunctionTransformer()
    if name == "min_max":
        return MinMaxScaler().fit(np.array([[mean], [mean + scale]]))
    if name == "robust":
        robust = RobustScaler()
        robust.center_, robust.scale_ = np.array([mean]), np.array([scale])
        robust.n_features_in_ = 1
        return robust
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


def fill(column: np.ndarray, feature: Feature) -> tuple[np.ndarray, np.ndarray]:
    """Fills the gaps (NaN, of a category None) of a column; gives it and where they were."""
    is_category = bool(feature.levels)
    column = column.reshape(-1, 1).astype(object if is_category else float)
    imputer = SimpleImputer(
        strategy="constant",
        fill_value=feature.fill_value,
        missing_values=None if is_category else np.nan,
        keep_empty_features=True,
    )
    is_missing = column == np.array(None) if is_category else np.isnan(column)
    return imputer.fit_transform(column), is_missing.ravel()


def prepare(features: list[Feature], values: np.ndarray) -> Prepared:
    """Prepares customers; takes (customers, features), NaN or, of a category, None where missing."""
    coordinates = []
    is_outlier, is_imputed, is_clamped, has_unseen_level = np.zeros((4, len(values)), dtype=bool)
    for column, feature in zip(values.T, features, strict=True):
        filled, is_missing = fill(column, feature)
        is_imputed |= is_missing
        if feature.levels:
            encoder = OneHotEncoder(
                categories=[np.array(feature.levels, dtype=object)],
                handle_unknown="ignore",
                sparse_output=False,
            )
            encoded = encoder.fit(np.array(feature.levels, dtype=object).reshape(-1, 1))
            encoded = encoder.transform(filled)
            has_unseen_level |= encoded.sum(axis=1) == 0
            coordinates.append(encoded * feature.weight)
            continue
        if feature.fences is not None:
            low, high = feature.fences
            is_outlier |= ~is_missing & ~((low <= filled) & (filled <= high)).ravel()
        clipped = filled if feature.clip is None else np.clip(filled, *feature.clip)
        is_outside = is_outside_domain(clipped, feature.transform)
        is_clamped |= (is_outside | (clipped != filled)).ravel()
        clamped = np.where(is_outside, feature.minimum, clipped)
        transformed = transformer(feature.transform, feature.power).transform(clamped)
        scaled = scaler(feature.scaler, feature.mean, feature.scale).transform(transformed)
        coordinates.append(scaled * feature.weight)
    points = np.hstack(coordinates)
    return Prepared(points, is_outlier, is_imputed, is_clamped, has_unseen_level)


def measure_points(prototypes: Points, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives the distances to each segment's nearest prototype, and to its nearest that reaches.

    Both are (customers, segments); infinite where none reaches.
    """
    nearest, reached = [], []
    for segment_id in np.unique(prototypes.segment_id):
        members = prototypes.segment_id == segment_id
        radius = np.full(members.sum(), np.inf)
        if prototypes.radius is not None:
            radius = prototypes.radius[members]
        # Where all reach equally far, the nearest decides.
        neighbors = 1 if (radius == radius[0]).all() else len(radius)
        search = NearestNeighbors(n_neighbors=neighbors, algorithm="kd_tree")
        distances, indices = search.fit(prototypes.location[members]).kneighbors(points)
        nearest.append(distances[:, 0])
        reached.append(np.where(distances <= radius[indices], distances, np.inf).min(axis=1))
    return np.column_stack(nearest), np.column_stack(reached)


def covariance_of(mixture: GaussianMixture, component: int) -> np.ndarray:
    """Gives the covariance matrix of a component, whatever the mixture keeps of it."""
    covariances = mixture.covariances_
    if mixture.covariance_type == "tied":
        return covariances
    if mixture.covariance_type == "full":
        return covariances[component]
    return covariances[component] * np.eye(mixture.means_.shape[1])


def measure_mixture(mixture: GaussianMixture, points: np.ndarray) -> np.ndarray:
    """Gives (customers, components): the root of -2 ln(weight * density), by scipy's densities.

    What the component with the highest peak has at its mean is 0.
    """
    logarithms, peaks = [], []
    for component, mean in enumerate(mixture.means_):
        density = multivariate_normal(mean, covariance_of(mixture, component))
        log_weight = np.log(mixture.weights_[component])
        peaks.append(density.logpdf(mean) + log_weight)
        logarithms.append(np.reshape(density.logpdf(points), len(points)) + log_weight)
    return np.sqrt(2 * (max(peaks) - np.column_stack(logarithms)))


def score(model: Model, values: np.ndarray) -> Scores:
    """Scores customers; takes (customers, features), NaN or, of a category, None where missing."""
    prepared = prepare(model.features, values)
    customers = np.arange(len(values))
    if model.points is not None:
        distances, reached = measure_points(model.points, prepared.points)
        labels = reached.argmin(axis=1)
    elif model.mixture is not None:
        distances = reached = measure_mixture(model.mixture, prepared.points)
        labels = model.mixture.predict(prepared.points)
    else:
        k_means = clusterer(model.centroids)
        distances = reached = k_means.transform(prepared.points)
        labels = k_means.predict(prepared.points)
    is_noise = np.isinf(reached.min(axis=1))
    distance = np.where(is_noise, distances.min(axis=1), reached[customers, labels])

    others = distances.copy()
    others[customers[~is_noise], labels[~is_noise]] = np.inf
    runner_up = others.argmin(axis=1)
    runner_up_distance = others[customers, runner_up]
    others[customers, runner_up] = np.inf
    reached_by_others = reached.copy()
    reached_by_others[customers, labels] = np.inf
    with np.errstate(invalid="ignore"):
        # One segment: the runner-up is infinitely far, and no margin is defined.
        margin = (runner_up_distance - distance) / runner_up_distance
        next_gap = (others.min(axis=1) - runner_up_distance) / runner_up_distance

    return Scores(
        distances=distances,
        segment_id=np.where(is_noise, 0, labels + 1),
        distance=distance,
        runner_up_segment_id=np.where(np.isinf(runner_up_distance), 0, runner_up + 1),
        # A nearer one that does not reach is the runner-up, and leaves no margin.
        margin=np.where(is_noise, np.nan, np.maximum(margin, 0)),
        is_outlier=prepared.is_outlier,
        is_imputed=prepared.is_imputed,
        is_clamped=prepared.is_clamped,
        has_unseen_level=prepared.has_unseen_level,
        is_tie=reached_by_others.min(axis=1) - distance <= TIE_TOLERANCE * distance,
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


def draw_features(dice: random.Random, drafts: list[Draft]) -> list[Feature]:
    """Draws features, each scaled by what everyday values of it would give."""
    features = []
    for position, draft in enumerate(drafts, start=1):
        # A quote and a blank: names are the user's.
        name = f"{draft.transform}'s no. {position}"
        asked = draft._asdict()
        if draft.levels:
            features.append(Feature(name, mean=0.0, scale=1.0, minimum=math.nan, **asked))
            continue
        values = sorted(draw_value(dice, draft.transform) for _ in range(200))
        column = transformer(draft.transform, draft.power).transform(
            np.array(values).reshape(-1, 1)
        )
        if draft.fill_value is None:
            # What fills a gap may itself lie outside the domain: then it is clamped.
            asked["fill_value"] = values[100] if position != 2 else -1.5
        mean, scale = center_and_scale(draft.scaler, column)
        features.append(Feature(name, mean=mean, scale=scale, minimum=values[0], **asked))
    return features


def center_and_scale(name: str, column: np.ndarray) -> tuple[float, float]:
    """Gives what scikit-learn's scaler of a column subtracts and divides by, rounded."""
    if name == "robust":
        robust = RobustScaler().fit(column)
        return rounded(robust.center_[0]), rounded(robust.scale_[0])
    if name == "min_max":
        min_max = MinMaxScaler().fit(column)
        return rounded(min_max.data_min_[0]), rounded(min_max.data_range_[0])
    if name == "none":
        return 0.0, 1.0
    standard = StandardScaler().fit(column)
    return rounded(standard.mean_[0]), rounded(standard.scale_[0])


def draw_location(dice: random.Random, features: list[Feature]) -> list[float]:
    """Draws a point of scaled space, with one level of each category."""
    location = []
    for feature in features:
        if feature.levels:
            drawn = int(len(feature.levels) * dice.random())
            location += [feature.weight * (drawn == level) for level in range(len(feature.levels))]
        else:
            location.append(rounded(normal(dice)))
    return location


def draw_points(
    dice: random.Random,
    features: list[Feature],
    segments: int,
    each: int,
    radii: tuple[float, float] | None,
) -> Points:
    """Draws segments of core points, scattered about a place of their own."""
    segment_ids, locations, radius = [], [], []
    for segment_id in range(1, segments + 1):
        center = draw_location(dice, features)
        for _ in range(each):
            segment_ids.append(segment_id)
            locations.append([rounded(place + 0.4 * normal(dice)) for place in center])
            low, high = radii or (0.0, 0.0)
            radius.append(rounded(low + (high - low) * dice.random()))
    return Points(
        np.array(segment_ids), np.array(locations), None if radii is None else np.array(radius)
    )


def draw_mixture(
    dice: random.Random, features: list[Feature], components: int, covariance_type: str
) -> GaussianMixture:
    """Draws a mixture, and gives scikit-learn's with these numbers."""
    locations = [draw_location(dice, features) for _ in range(components)]
    dimensions = len(locations[0])
    weights = np.array([rounded(0.2 + dice.random()) for _ in range(components)])
    covariances = []
    for _ in range(components):
        factor = [[0.7 * normal(dice) for _ in range(dimensions)] for _ in range(dimensions)]
        covariance = np.array(factor) @ np.array(factor).T + 0.1 * np.eye(dimensions)
        covariances.append([[rounded(cell) for cell in row] for row in covariance.tolist()])
    return make_mixture(
        covariance_type, weights / weights.sum(), np.array(locations), np.array(covariances)
    )


def make_mixture(
    covariance_type: str, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> GaussianMixture:
    """Gives scikit-learn's mixture with these components, of whose covariances it takes its part."""
    mixture = GaussianMixture(len(weights), covariance_type=covariance_type)
    mixture.weights_, mixture.means_ = weights, means
    mixture.n_features_in_ = means.shape[1]
    if covariance_type in ("full", "tied"):
        factors = [
            solve_triangular(cholesky(matrix, lower=True), np.eye(len(matrix)), lower=True).T
            for matrix in covariances
        ]
        mixture.covariances_, mixture.precisions_cholesky_ = covariances, np.array(factors)
        if covariance_type == "tied":
            mixture.covariances_, mixture.precisions_cholesky_ = covariances[0], factors[0]
    else:
        mixture.covariances_ = np.diagonal(covariances, axis1=1, axis2=2)
        if covariance_type == "spherical":
            mixture.covariances_ = mixture.covariances_[:, 0]
        mixture.precisions_cholesky_ = 1 / np.sqrt(mixture.covariances_)
    return mixture


def draw_model(dice: random.Random, case: str) -> Model:
    """Draws the model of a case."""
    *asked, drafts = CASES[case]
    features = draw_features(dice, drafts)
    if case in POINT_CASES:
        return Model(features, points=draw_points(dice, features, *asked))
    if case in MIXTURE_CASES:
        return Model(features, mixture=draw_mixture(dice, features, *asked))
    centroids = [draw_location(dice, features) for _ in range(asked[0])]
    return Model(features, centroids=np.array(centroids))


def draw_customers(dice: random.Random, features: list[Feature]) -> np.ndarray:
    """Draws customers, half of them with an odd value in some feature."""
    customers = []
    for number in range(CUSTOMERS_PER_CASE):
        values: list[float | str | None] = [
            feature.levels[int(len(feature.levels) * dice.random())]
            if feature.levels
            else draw_value(dice, feature.transform)
            for feature in features
        ]
        if number % 2:
            odd = draw_odd_value(dice)
            position = int(len(values) * dice.random())
            values[position] = odd
            if features[position].levels:
                values[position] = None if math.isnan(odd) else UNSEEN
        customers.append(values)
    has_categories = any(feature.levels for feature in features)
    return np.array(customers, dtype=object if has_categories else float)


def build_cases() -> dict[str, tuple[Model, np.ndarray]]:
    """Gives by case its model and its customers' values."""
    cases = {}
    for name in CASES:
        # A generator for each case: a new case leaves the others as they are.
        dice = random.Random(f"{SEED} {name}")
        model = draw_model(dice, name)
        cases[name] = (model, draw_customers(dice, model.features))
    plain = {"transform": "none", "power": None, "mean": 0.0, "scale": 1.0}
    features = [Feature(name, **plain, minimum=-3.0, fill_value=0.0) for name in ("x", "y")]
    grid = [(x, y) for x in TIES_GRID for y in TIES_GRID]
    cases[TIES] = (Model(features, centroids=np.array(TIES_CENTROIDS)), np.array(grid))
    points = Points(*map(np.array, zip(*POINT_TIES_POINTS, strict=True)))
    grid = [(x, y) for x in POINT_TIES_GRID for y in POINT_TIES_GRID]
    cases[POINT_TIES] = (Model(features, points=points), np.array(grid))
    return cases


# ---------- files


def is_gap(value: float | str | None) -> bool:
    """Says whether a value is missing."""
    return value is None or isinstance(value, float) and math.isnan(value)


def coordinate_keys(features: list[Feature]) -> list[dict[str, object]]:
    """Gives the feature of each coordinate of scaled space, and the level of a category's."""
    keys: list[dict[str, object]] = []
    for feature in features:
        levels = [{"level_id": level_id + 1} for level_id in range(len(feature.levels))]
        keys += [{"feature": feature.name} | level for level in levels or [{}]]
    return keys


def feature_rows(feature: Feature) -> list[dict[str, object]]:
    """Gives the parameters of a feature as rows; what is null or takes no part is left out."""
    numbers: dict[str, float | None] = {
        "lambda": feature.power,
        "mean": feature.mean,
        "scale": feature.scale,
    }
    texts = {"transform": feature.transform}
    if feature.levels:
        texts["fill_value"] = str(feature.fill_value)
    else:
        numbers |= {"minimum": feature.minimum, "fill_value": float(feature.fill_value)}
    if feature.scaler != "standard":
        texts["scaler"] = feature.scaler
    for name, bounds in (("clip", feature.clip), ("fence", feature.fences)):
        if bounds is not None:
            numbers |= {f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
    if feature.weight != 1 or feature.levels:
        numbers["weight"] = feature.weight
    rows: list[dict[str, object]] = [{"parameter": p, "text_value": t} for p, t in texts.items()]
    rows += [{"parameter": p, "value": v} for p, v in numbers.items() if v is not None]
    rows += [
        {"parameter": "level", "level_id": level_id, "text_value": level}
        for level_id, level in enumerate(feature.levels, start=1)
    ]
    return [{"feature": feature.name} | row for row in rows]


def prototype_rows(
    features: list[Feature], segment_id: int, prototype_id: int, parameter: str, place: np.ndarray
) -> list[dict[str, object]]:
    """Gives a number for each coordinate of a prototype as rows."""
    own_keys = {"parameter": parameter, "segment_id": segment_id, "prototype_id": prototype_id}
    keys = coordinate_keys(features)
    return [own_keys | key | {"value": v} for key, v in zip(keys, place.tolist(), strict=True)]


def whitening_of(mixture: GaussianMixture) -> np.ndarray:
    """Gives (components, axes, coordinates): what turns and stretches space to unit variance."""
    components, dimensions = mixture.means_.shape
    factors = mixture.precisions_cholesky_
    if mixture.covariance_type == "full":
        return factors.transpose(0, 2, 1)
    if mixture.covariance_type == "tied":
        return np.array([factors.T] * components)
    return np.reshape(factors, (components, -1, 1)) * np.eye(dimensions)


def mixture_rows(features: list[Feature], mixture: GaussianMixture) -> list[dict[str, object]]:
    """Gives the components of a mixture as rows; zeros of the whitening are left out."""
    rows = []
    whitenings = whitening_of(mixture)
    # The density at the mean is the weight times the determinant, but for a constant.
    peaks = np.log(mixture.weights_) + np.linalg.slogdet(whitenings)[1]
    for index, (mean, whitening) in enumerate(zip(mixture.means_, whitenings, strict=True)):
        own = (features, index + 1, index + 1)
        rows += prototype_rows(*own, "prototype", mean)
        offset = rounded(2 * (peaks.max() - peaks[index]), DIGITS_OF_RESULTS)
        keys = {"segment_id": index + 1, "prototype_id": index + 1}
        rows.append(keys | {"parameter": "offset", "value": offset})
        for axis, row in enumerate(whitening, start=1):
            written = np.array([rounded(value, DIGITS_OF_RESULTS) for value in row.tolist()])
            on_axis = prototype_rows(*own, f"whitening_{axis}", written)
            rows += [row for row in on_axis if row["value"] != 0]
    return rows


def model_rows(segmentation: str, model: Model) -> list[dict[str, object]]:
    """Gives the parameters of a model as rows."""
    features = model.features
    rows = [row for feature in features for row in feature_rows(feature)]
    if model.points is not None:
        points = model.points
        for index, segment_id in enumerate(points.segment_id.tolist()):
            keys = {"segment_id": segment_id, "prototype_id": index + 1}
            rows += prototype_rows(features, *keys.values(), "prototype", points.location[index])
            if points.radius is not None:
                radius = float(points.radius[index])
                rows.append(keys | {"parameter": "radius", "value": radius})
    elif model.mixture is not None:
        rows += mixture_rows(features, model.mixture)
    else:
        for segment_id, centroid in enumerate(model.centroids, start=1):
            rows += prototype_rows(features, segment_id, segment_id, "centroid", centroid)
    return [{"segmentation": segmentation} | row for row in rows]


def customer_rows(segmentation: str, model: Model, values: np.ndarray) -> list[dict[str, object]]:
    """Gives the customers of a case with what scikit-learn says of them."""
    scores = score(model, values)
    rows = []
    for number, customer in enumerate(values.tolist()):
        row: dict[str, object] = {"segmentation": segmentation, "customer_id": f"c{number + 1:03d}"}
        for position, value in enumerate(customer, start=1):
            if not is_gap(value):
                row[f"feature_{position}"] = value
        row |= {
            "segment_id": int(scores.segment_id[number]),
            "distance": rounded(scores.distance[number], DIGITS_OF_RESULTS),
        }
        if scores.runner_up_segment_id[number] > 0:
            row["runner_up_segment_id"] = int(scores.runner_up_segment_id[number])
        if not math.isnan(scores.margin[number]):
            row["margin"] = rounded(scores.margin[number], DIGITS_OF_RESULTS)
        flags = (*FLAGS, "is_tie", "is_runner_up_tie")
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
