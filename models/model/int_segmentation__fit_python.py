"""Learns each segmentation from its fit sample and returns the model's parameters as rows.

Nothing here is applied to customers: SQL scores them by the same formulas, of which `assign` is
the twin. Each function is pure and takes numpy arrays of one row per customer; `model` at the end
is what dbt calls. scikit-learn and scipy are imported by the functions that use them: a build in
which no fit is due does not wait for them (1.5 s).
"""

import hashlib
import json
import math
import warnings
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Context
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

# What bounds the cost of a fit, whatever the sample's size.
SEARCH_SAMPLE_SIZE = 20_000
SILHOUETTE_SAMPLE_SIZE = 5_000
RESAMPLE_SIZE = 2_000

RESAMPLES = 10
RESAMPLE_STARTS = 3
NEIGHBORS_OF_FIXED_K = 2
DISTANCES_AT_ONCE = 10_000_000

# With fewer customers than this per segment a resample says nothing about the segments.
CUSTOMERS_PER_SEGMENT_FOR_STABILITY = 10

# The order decides ties of auto.
TRANSFORMS = ("none", "log", "sqrt", "cbrt", "box_cox", "yeo_johnson")
LAMBDA_BOUND = 5.0
LAMBDA_DECIMALS = 4
# Close below the largest double, exp(709.8): powers up to exp(700) stay finite.
LARGEST_EXPONENT = 700.0
# Squares of coordinates up to this stay finite; SQL scores none beyond it.
LARGEST_COORDINATE = 1e100
# These add or subtract 1: a spread much smaller than that would be made of rounding errors.
ROUNDING_TRANSFORMS = ("log", "box_cox", "yeo_johnson")
ROUNDING_FLOOR = 1e-8

LARGEST_NUMBER_OF_LEVELS = 50

# Customers closer than this, in standard deviations, count as the same point.
POINT_DECIMALS = 6
# Differences below this are rounding errors: they neither decide a tie nor fail a guard.
TOLERANCE = 1e-9

# The cluster of customers that belong to none, as in scikit-learn.
NOISE = -1
# Below this many customers in a cluster, hdbscan's auto sees coincidences.
SMALLEST_CLUSTER_OF_AUTO = 5
EPS_DIGITS = 6
LEAVES_OF_DENDROGRAM = 30

# A rule has four conditions at most; leaves smaller than these describe coincidences.
RULE_DEPTH = 4
LEAVES_PER_SEGMENT = 4
MOST_LEAVES = 32
SMALLEST_LEAF = 5
SMALLEST_LEAF_SHARE = 0.01
DIGITS_OF_A_DOUBLE = 17
# Trees look at 32-bit numbers, and sum them up.
LARGEST_NUMBER_OF_TREES = 1e30

OUTPUT_TYPES = {
    "segmentation": "string",
    "parameter": "string",
    "k": "Int64",
    "cluster": "Int64",
    "prototype": "Int64",
    "feature": "string",
    "level_id": "Int64",
    "node_id": "Int64",
    "value": "float64",
    "text_value": "string",
}
SQL_TYPES = {"string": "string", "Int64": "bigint", "float64": "double"}


class FeatureRequest(NamedTuple):
    """What the settings ask for in one feature; None where they ask for nothing."""

    name: str
    kind: str
    transform: str
    impute: str
    fill_value: str | None
    clip: tuple[float, float] | None
    scaler: str
    weight: float


class Request(NamedTuple):
    """What the settings ask for in one segmentation."""

    segmentation: str
    features: list[FeatureRequest]
    # The two shares and the number of spreads of the fences; None: no outliers.
    outliers: tuple[float, float, float] | None
    algorithm: str
    options: dict[str, Any]
    # None for algorithms that find the number of segments themselves.
    k_min: int | None
    k_max: int | None
    minimum_segment_share: float
    minimum_stability: float
    seed: int


class FittedFeature(NamedTuple):
    """How one feature is filled, clipped, transformed and scaled, or split into its levels."""

    transform: str
    scaler: str
    impute: str
    weight: float
    fill_value: float | str
    skewness: dict[str, float]
    mean: float = 0.0
    scale: float = 1.0
    power: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    clip: tuple[float, float] | None = None
    # The share of the fit sample by level; None for a number.
    levels: dict[str, float] | None = None


class Prototypes(NamedTuple):
    """What a customer is compared with, in scaled space, sorted by cluster: one row each.

    A customer belongs to the nearest that reaches it. A radius bounds the reach, an offset adds to
    the squared distance, a whitening (axis x coordinate) turns and stretches the space first.
    """

    cluster: np.ndarray
    location: np.ndarray
    radius: np.ndarray | None = None
    offset: np.ndarray | None = None
    whitening: np.ndarray | None = None


class Partition(NamedTuple):
    """The sample's customers in clusters, by an algorithm's own labels."""

    labels: np.ndarray
    centroids: np.ndarray
    inertia: float
    # None: scored by the nearest centroid.
    prototypes: Prototypes | None = None
    bic: float = math.nan
    # scipy's linkage matrix, of which this is a cut.
    tree: np.ndarray | None = None


class Quality(NamedTuple):
    """How good k segments are; NaN where a measure is not defined."""

    k: int
    inertia: float
    silhouette: float
    calinski_harabasz: float
    davies_bouldin: float
    smallest_share: float
    stability: float
    bic: float = math.nan


class Choice(NamedTuple):
    """The number of segments, and for each k searched why it was chosen or not."""

    k: int
    reasons: dict[int, str]


class Fit(NamedTuple):
    """The segments of one segmentation, how good they are, and what they were chosen among."""

    partition: Partition
    qualities: list[Quality]
    choice: Choice
    # The silhouettes of the customers at the positions `judged`.
    judged: np.ndarray
    silhouettes: np.ndarray


class Leaf(NamedTuple):
    """Customers whom the same conditions hold for, and the cluster that most of them are in."""

    cluster: int
    members: np.ndarray
    # By coordinate: values lie above the first number and at most at the second.
    bounds: dict[int, tuple[float, float]]


# ---------- reading the inputs


def as_pandas(table: Any) -> pd.DataFrame:
    """Turns what `dbt.ref` gives into a pandas frame with lower-case column names.

    Takes a pandas frame, or a DuckDB, Snowpark, PySpark or BigQuery DataFrames table, a
    pandas-on-Spark one too; raises TypeError for others.
    """
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        for method in ("toPandas", "to_pandas", "df"):
            if hasattr(table, method):
                frame = getattr(table, method)()
                break
        else:
            raise TypeError(f"cannot turn a {type(table).__name__} into a pandas frame")
    return frame.rename(columns=str.lower)


def as_table(frame: pd.DataFrame, session: Any) -> Any:
    """Turns the output into a table of the engine's session, with the types of `OUTPUT_TYPES`.

    Spark and Snowflake take rows with a schema, since neither finds the types of an empty or
    all-null column, nor Snowflake lower-case names; BigQuery DataFrames and DuckDB take pandas.
    """
    if hasattr(session, "createDataFrame"):
        schema = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in OUTPUT_TYPES.items())
        rows = [tuple(map(given, row)) for row in frame.astype(object).itertuples(index=False)]
        return session.createDataFrame(rows, schema)
    if hasattr(session, "read_pandas"):
        return session.read_pandas(frame)
    return frame


def given(value: Any) -> Any:
    """Gives a value of a table, or None where it is missing, however pandas writes that."""
    return None if pd.isna(value) else value


def all_given(*values: Any) -> tuple[float, ...] | None:
    """Gives values of a table as numbers, or None where one of them is missing."""
    return None if any(pd.isna(value) for value in values) else tuple(map(float, values))


def read_requests(settings: pd.DataFrame) -> list[Request]:
    """Gives one request per segmentation, by name, of the rows of `segmentation__settings`."""
    requests = []
    for segmentation, rows in settings.groupby("segmentation", sort=True):
        rows = rows.sort_values("feature_position")
        first = rows.iloc[0]
        has_k = not pd.isna(first["k_max"])
        requests.append(
            Request(
                segmentation=str(segmentation),
                features=[read_feature(row) for _, row in rows.iterrows()],
                outliers=all_given(
                    first["outlier_low"], first["outlier_high"], first["outlier_fence"]
                ),
                algorithm=str(first["algorithm"]),
                options=json.loads(first["algorithm_options"]),
                k_min=int(first["k_min"]) if has_k else None,
                k_max=int(first["k_max"]) if has_k else None,
                minimum_segment_share=float(first["minimum_segment_share"]),
                minimum_stability=float(first["minimum_stability"]),
                seed=int(first["seed"]),
            )
        )
    return requests


def read_feature(row: pd.Series) -> FeatureRequest:
    """Gives the request of one feature, of its row of `segmentation__settings`."""
    return FeatureRequest(
        name=str(row["feature"]),
        kind=str(row["kind"]),
        transform=str(row["transform"]),
        impute=str(row["impute"]),
        fill_value=given(row["fill_value"]),
        clip=all_given(row["clip_low"], row["clip_high"]),
        scaler=str(row["scaler"]),
        weight=float(row["weight"]),
    )


def widen(sample: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Gives one row per customer and one column per feature, so the order of rows is lost.

    Takes the long fit sample. Customers are sorted by id, features stand in the settings' order.
    Numbers are float64 with NaN where missing, categories are objects. Raises ValueError if a
    customer comes twice.
    """
    names = [feature.name for feature in request.features]
    rows = sample[sample["segmentation"] == request.segmentation]
    rows = rows[rows["feature"].isin(names)]
    keys = ["customer_id", "feature"]
    repeated = rows[rows.duplicated(keys)]
    if len(repeated) > 0:
        customer_id = min(repeated["customer_id"].astype(str))
        raise ValueError(
            f"segmentation '{request.segmentation}' has customer '{customer_id}' more than once: "
            "give it a table with one row per customer"
        )
    values = pd.to_numeric(rows["value"]).astype("float64")
    # pivot sorts the customers.
    long = pd.DataFrame({key: rows[key].astype(object) for key in keys} | {"value": values})
    wide = long.pivot(index="customer_id", columns="feature", values="value")
    wide = wide.reindex(columns=names)
    for feature in request.features:
        if feature.kind == "category":
            texts = rows.loc[rows["feature"] == feature.name, ["customer_id", "text_value"]]
            texts = texts.astype(object).set_index("customer_id")["text_value"]
            wide[feature.name] = texts.reindex(wide.index)
    return wide


def order_by_hash(customer_ids: Iterable[str]) -> np.ndarray:
    """Gives the positions of the customers in the order of their id's md5: a fixed shuffle."""
    hashes = [hashlib.md5(str(customer_id).encode()).hexdigest() for customer_id in customer_ids]
    return np.argsort(np.array(hashes, dtype="U32"), kind="stable")


# ---------- features: outliers, fill, clip, transform, scale


def name_feature(segmentation: str, feature: str) -> str:
    """Says in an error which feature it is about."""
    return f"segmentation '{segmentation}', feature '{feature}'"


def present_numbers(values: np.ndarray, where: str) -> np.ndarray:
    """Gives the values that are not missing. Raises ValueError if one is infinite."""
    present = values[~np.isnan(values)]
    if np.isinf(present).any():
        raise ValueError(
            f"{where}: the fit sample holds infinite values: make them null or numbers upstream"
        )
    return present


def fit_fences(wide: pd.DataFrame, request: Request) -> dict[str, tuple[float, float]]:
    """Gives for each number the bounds outside of which a customer is an outlier.

    They stand a multiple of the spread between two quantiles beyond these, as Tukey's do of the
    quartiles (1977). A feature without values has none, nor has any where none are asked for.
    """
    fences = {}
    for feature in request.features:
        if request.outliers is None or feature.kind == "category":
            continue
        where = name_feature(request.segmentation, feature.name)
        present = present_numbers(wide[feature.name].to_numpy(), where)
        if present.size > 0:
            *shares, multiple = request.outliers
            low, high = map(float, np.quantile(present, shares))
            beyond = multiple * (high - low)
            fences[feature.name] = (low - beyond, high + beyond)
    return fences


def is_inside(wide: pd.DataFrame, fences: dict[str, tuple[float, float]]) -> np.ndarray:
    """Says for each customer whether every value that it has lies within the fences."""
    inside = np.ones(len(wide), dtype=bool)
    for feature, (low, high) in fences.items():
        values = wide[feature].to_numpy()
        inside &= ~((values < low) | (values > high))
    return inside


def fill_missing(
    values: np.ndarray, request: FeatureRequest, segmentation: str
) -> tuple[np.ndarray, float | str]:
    """Fills missing values of one feature as asked; gives the values and what fills.

    Of equally frequent ones the smallest fills, as in scikit-learn's SimpleImputer. Raises
    ValueError if no value is present, but for a constant, or if one is infinite.
    """
    where = name_feature(segmentation, request.name)
    is_number = request.kind == "number"
    is_missing = pd.isna(values)
    present = present_numbers(values, where) if is_number else values[~is_missing]
    if request.impute == "constant":
        fill_value = request.fill_value
    elif present.size == 0:
        raise ValueError(
            f"{where}: no customer of the fit sample has a value: "
            "leave the feature out or fill it upstream"
        )
    elif request.impute == "most_frequent":
        fill_value = pd.Series(present).mode().iloc[0]
    else:
        fill_value = {"median": np.median, "mean": np.mean}[request.impute](present)
    fill_value = float(fill_value) if is_number else str(fill_value)
    return np.where(is_missing, fill_value, values), fill_value


def in_domain(values: np.ndarray, transform: str) -> np.ndarray:
    """Says for each value whether the transform is defined for it."""
    if transform == "box_cox":
        return values > 0
    if transform in ("log", "sqrt"):
        return values >= 0
    return np.ones(values.shape, dtype=bool)


def clamp_to_domain(
    values: np.ndarray, transform: str, segmentation: str, feature: str
) -> np.ndarray:
    """Replaces each value outside the transform's domain by the smallest one inside it.

    Raises ValueError if no value lies inside.
    """
    allowed = in_domain(values, transform)
    if not allowed.any():
        raise ValueError(
            f"segmentation '{segmentation}', feature '{feature}': no value of the fit sample lies "
            f"in the domain of {transform}: say auto, none, cbrt or yeo_johnson"
        )
    return np.where(allowed, values, values[allowed].min())


def box_cox(values: np.ndarray, power: float) -> np.ndarray:
    """(x^lambda - 1) / lambda, ln(x) at lambda = 0; for x > 0 (Box and Cox 1964)."""
    if power == 0:
        return np.log(values)
    return (np.power(values, power) - 1) / power


def yeo_johnson(values: np.ndarray, power: float) -> np.ndarray:
    """Box-Cox of x + 1 from zero up and, mirrored, with 2 - lambda below (Yeo, Johnson 2000)."""
    above = box_cox(1 + np.maximum(values, 0), power)
    below = -box_cox(1 - np.minimum(values, 0), 2 - power)
    return np.where(values >= 0, above, below)


def apply_transform(values: np.ndarray, transform: str, power: float | None) -> np.ndarray:
    """Transforms in-domain values; `power` is lambda, for box_cox and yeo_johnson alone."""
    if transform == "log":
        # Not log1p: SQL engines have none, and both sides must round alike.
        return np.log(1 + values)
    if transform == "sqrt":
        return np.sqrt(values)
    if transform == "cbrt":
        return np.sign(values) * np.power(np.abs(values), 1 / 3)
    if transform == "box_cox":
        return box_cox(values, power)
    if transform == "yeo_johnson":
        return yeo_johnson(values, power)
    return values


def power_bounds(values: np.ndarray, transform: str) -> tuple[float, float]:
    """Gives the lambdas between which every transformed value is a finite number."""
    if transform == "box_cox":
        reach = LARGEST_EXPONENT / max(np.abs(np.log(values)).max(), 1.0)
        return max(-LAMBDA_BOUND, -reach), min(LAMBDA_BOUND, reach)
    reach_above = LARGEST_EXPONENT / max(np.log(1 + max(values.max(), 0)), 1.0)
    reach_below = LARGEST_EXPONENT / max(np.log(1 - min(values.min(), 0)), 1.0)
    lowest, highest = max(-LAMBDA_BOUND, 2 - reach_below), min(LAMBDA_BOUND, reach_above)
    # They cross where both signs come near the largest double: nothing is finite there.
    return min(lowest, highest), max(lowest, highest)


def fit_power(values: np.ndarray, transform: str) -> float | None:
    """Gives lambda by maximum likelihood, rounded; None for transforms without one.

    The likelihoods are scipy's boxcox_llf and yeojohnson_llf. A constant gets lambda 1.
    """
    from scipy import optimize, stats

    if transform not in ("box_cox", "yeo_johnson"):
        return None
    if values.min() == values.max():
        return 1.0
    likelihood = stats.boxcox_llf if transform == "box_cox" else stats.yeojohnson_llf

    def cost(power: float) -> float:
        result = -float(likelihood(power, values))
        return result if math.isfinite(result) else math.inf

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Far from the optimum the likelihood overflows or sees a variance of 0; `cost` says inf.
        warnings.simplefilter("ignore", RuntimeWarning)
        best = optimize.minimize_scalar(
            cost, bounds=power_bounds(values, transform), method="bounded", options={"xatol": 1e-6}
        )
    # Adding 0.0 turns -0.0 into 0.0.
    return round(float(best.x), LAMBDA_DECIMALS) + 0.0


def mean_and_scale(values: np.ndarray) -> tuple[float, float]:
    """Gives mean and standard deviation (of the population, as StandardScaler); 1 for a constant.

    Deviations are divided by the largest before they are squared: neither 1e200 nor 1e-200 fails.
    """
    if values.min() == values.max():
        return float(values[0]), 1.0
    mean = float(values.mean())
    deviations = values - mean
    largest = float(np.abs(deviations).max())
    return mean, largest * math.sqrt(float(np.mean((deviations / largest) ** 2)))


def center_and_scale(values: np.ndarray, scaler: str) -> tuple[float, float]:
    """Gives what a scaler subtracts and divides by, as scikit-learn's of that name; never by 0.

    standard: mean and standard deviation; robust: median and the distance between the quartiles;
    min_max: the smallest value and the distance to the largest; none: 0 and 1.
    """
    if scaler == "standard":
        return mean_and_scale(values)
    if scaler == "robust":
        lower, upper = np.quantile(values, [0.25, 0.75])
        return float(np.median(values)), float(upper - lower) or 1.0
    if scaler == "min_max":
        return float(values.min()), float(values.max() - values.min()) or 1.0
    return 0.0, 1.0


def skewness(values: np.ndarray) -> float:
    """Gives the skewness, corrected for bias as pandas and spreadsheets do; NaN for a constant."""
    from scipy import stats

    mean, scale = mean_and_scale(values)
    if values.min() == values.max() or not math.isfinite(scale):
        return math.nan
    return float(stats.skew((values - mean) / scale, bias=False))


def is_resolved(transformed: np.ndarray, transform: str) -> bool:
    """Says whether transformed values are numbers that differ by more than rounding errors."""
    if not np.isfinite(transformed).all() or transformed.min() == transformed.max():
        return False
    floor = ROUNDING_FLOOR if transform in ROUNDING_TRANSFORMS else 0.0
    _, scale = mean_and_scale(transformed)
    return math.isfinite(scale) and scale > floor * max(1.0, float(np.abs(transformed).max()))


def candidate_skewness(
    values: np.ndarray,
) -> tuple[dict[str, float], dict[str, float | None]]:
    """Gives by transform the skewness that it leaves, and its lambda.

    Left out are transforms whose domain does not hold every value, and those under which the
    values overflow or cannot be told apart.
    """
    skewness_by_transform: dict[str, float] = {}
    power_by_transform: dict[str, float | None] = {}
    for transform in TRANSFORMS:
        if not in_domain(values, transform).all():
            continue
        power = fit_power(values, transform)
        with np.errstate(over="ignore", invalid="ignore"):
            transformed = apply_transform(values, transform, power)
            if not is_resolved(transformed, transform):
                continue
            left = skewness(transformed)
        if math.isfinite(left):
            skewness_by_transform[transform] = left
            power_by_transform[transform] = power
    return skewness_by_transform, power_by_transform


def least_skewed(skewness_by_transform: dict[str, float]) -> str:
    """Gives the transform with the least absolute skewness, the earlier of equals, else none."""
    least = min((abs(left) for left in skewness_by_transform.values()), default=0.0)
    for transform in TRANSFORMS:
        if abs(skewness_by_transform.get(transform, math.inf)) <= least + TOLERANCE:
            return transform
    return "none"


def fit_number(
    values: np.ndarray, request: FeatureRequest, segmentation: str
) -> tuple[FittedFeature, np.ndarray, np.ndarray]:
    """Fits one number; gives its parameters, its filled values and its scaled values.

    Raises ValueError where a feature has no usable value, or its numbers are too large to scale.
    """
    filled, fill_value = fill_missing(values, request, segmentation)
    present = values[~np.isnan(values)]
    clip, clipped = None, filled
    if request.clip is not None and present.size > 0:
        low, high = map(float, np.quantile(present, request.clip))
        clip, clipped = (low, high), np.clip(filled, low, high)
    skewness_by_transform, power_by_transform = candidate_skewness(clipped)
    transform = request.transform
    if transform == "auto":
        transform = least_skewed(skewness_by_transform)
    clamped = clamp_to_domain(clipped, transform, segmentation, request.name)
    power = power_by_transform.get(transform)
    if power is None:
        power = fit_power(clamped, transform)
    with np.errstate(over="ignore", invalid="ignore"):
        transformed = apply_transform(clamped, transform, power)
        mean, scale = center_and_scale(transformed, request.scaler)
        scaled = (transformed - mean) / scale * request.weight
    is_usable = math.isfinite(mean) and math.isfinite(scale)
    if not (is_usable and np.abs(scaled).max() <= LARGEST_COORDINATE):
        raise ValueError(
            f"{name_feature(segmentation, request.name)}: its values are too large for "
            f"transform {transform}: say auto or log, or divide the feature upstream"
        )
    fitted = FittedFeature(
        transform=transform,
        scaler=request.scaler,
        impute=request.impute,
        weight=request.weight,
        fill_value=fill_value,
        skewness=skewness_by_transform,
        mean=mean,
        scale=scale,
        power=power,
        minimum=float(clamped.min()),
        maximum=float(clipped.max()),
        clip=clip,
    )
    return fitted, filled, scaled


def fit_category(
    values: np.ndarray, request: FeatureRequest, segmentation: str
) -> tuple[FittedFeature, np.ndarray, np.ndarray]:
    """Fits one category; gives its parameters, and a column per level: 1 or 0, and weighted.

    Levels are sorted, as in scikit-learn's OneHotEncoder. Raises ValueError if there are too many,
    or no value to fill with.
    """
    filled, fill_value = fill_missing(values, request, segmentation)
    levels, counts = np.unique(filled, return_counts=True)
    if len(levels) > LARGEST_NUMBER_OF_LEVELS:
        raise ValueError(
            f"{name_feature(segmentation, request.name)} has {len(levels)} different values; "
            f"allowed at most {LARGEST_NUMBER_OF_LEVELS}: group them upstream, or leave it out"
        )
    is_level = (filled[:, np.newaxis] == levels).astype("float64")
    fitted = FittedFeature(
        transform="one_hot",
        scaler=request.scaler,
        impute=request.impute,
        weight=request.weight,
        fill_value=fill_value,
        skewness={},
        levels=dict(zip(levels, counts / len(filled), strict=True)),
    )
    return fitted, is_level, is_level * request.weight


def fit_features(
    wide: pd.DataFrame, request: Request
) -> tuple[dict[str, FittedFeature], pd.DataFrame, np.ndarray]:
    """Fits every feature; gives the parameters, the filled values and the scaled points.

    The latter two have a column per coordinate: one of a number, one for each level of a category.
    """
    fitted, filled, scaled = {}, [], []
    for feature in request.features:
        fit_one = fit_category if feature.kind == "category" else fit_number
        fitted[feature.name], own_units, coordinates = fit_one(
            wide[feature.name].to_numpy(), feature, request.segmentation
        )
        filled.append(own_units)
        scaled.append(coordinates)
    return fitted, pd.DataFrame(np.column_stack(filled)), np.column_stack(scaled)


def scale_features(wide: pd.DataFrame, fitted: dict[str, FittedFeature]) -> np.ndarray:
    """Gives customers, in the fit or not, as points of scaled space, as SQL prepares them.

    A value outside the transform's domain is taken as the smallest inside; a level that the fit has
    not seen has no coordinate.
    """
    columns = []
    for name, feature in fitted.items():
        values = wide[name].to_numpy()
        filled = np.where(pd.isna(values), feature.fill_value, values)
        if feature.levels is not None:
            columns += [(filled == level) * feature.weight for level in feature.levels]
            continue
        clipped = filled.astype("float64")
        if feature.clip is not None:
            clipped = np.clip(clipped, *feature.clip)
        allowed = in_domain(clipped, feature.transform)
        clamped = np.where(allowed, clipped, feature.minimum)
        with np.errstate(over="ignore"):
            transformed = apply_transform(clamped, feature.transform, feature.power)
            scaled = (transformed - feature.mean) / feature.scale * feature.weight
        columns.append(np.clip(scaled, -LARGEST_COORDINATE, LARGEST_COORDINATE))
    return np.column_stack(columns)


def coordinate_keys(fitted: dict[str, FittedFeature]) -> list[dict[str, Any]]:
    """Gives the feature of each coordinate of a point, and the level where it is a category."""
    keys = []
    for name, feature in fitted.items():
        if feature.levels is None:
            keys.append({"feature": name})
        else:
            levels = range(1, len(feature.levels) + 1)
            keys += [{"feature": name, "level_id": level_id} for level_id in levels]
    return keys


# ---------- who belongs to which cluster


def count_distinct(points: np.ndarray) -> int:
    """Counts the points that differ in scaled space."""
    return len(pd.DataFrame(np.round(points, POINT_DECIMALS)).drop_duplicates())


def squared_distances(points: np.ndarray, prototypes: Prototypes) -> np.ndarray:
    """Gives the squared distance of each point to each prototype, offset and whitening included."""
    from scipy.spatial.distance import cdist

    if prototypes.whitening is None:
        distances = cdist(points, prototypes.location, "sqeuclidean")
    else:
        pairs = zip(prototypes.location, prototypes.whitening, strict=True)
        distances = np.column_stack(
            [(((points - location) @ axes.T) ** 2).sum(axis=1) for location, axes in pairs]
        )
    return distances if prototypes.offset is None else distances + prototypes.offset


def assign(points: np.ndarray, prototypes: Prototypes) -> np.ndarray:
    """Gives the cluster of each point as SQL scores it: of the nearest prototype that reaches it.

    Of equally near ones the lowest cluster; noise where none reaches the point.
    """
    from sklearn.utils import gen_batches

    clusters = np.empty(len(points), dtype=int)
    at_once = max(1, DISTANCES_AT_ONCE // len(prototypes.cluster))
    for batch in gen_batches(len(points), at_once):
        distances = squared_distances(points[batch], prototypes)
        if prototypes.radius is not None:
            distances[distances > prototypes.radius**2] = math.inf
        nearest = distances.argmin(axis=1)
        is_reached = np.isfinite(distances[np.arange(len(nearest)), nearest])
        clusters[batch] = np.where(is_reached, prototypes.cluster[nearest], NOISE)
    return clusters


def scoring_prototypes(partition: Partition) -> Prototypes:
    """Gives what customers of a partition are compared with: the centroids where no others are."""
    if partition.prototypes is not None:
        return partition.prototypes
    return Prototypes(np.arange(len(partition.centroids)), partition.centroids)


def member_prototypes(
    points: np.ndarray, labels: np.ndarray, members: np.ndarray, radius: np.ndarray | None = None
) -> Prototypes:
    """Makes prototypes of the customers at the positions `members`, sorted by cluster and id."""
    order = np.argsort(labels[members], kind="stable")
    members = members[order]
    return Prototypes(labels[members], points[members], None if radius is None else radius[order])


def make_partition(points: np.ndarray, labels: np.ndarray, k: int, **others: Any) -> Partition:
    """Makes a partition of labels 0 to k - 1 and noise, which counts in no centroid or inertia."""
    centroids = np.full((k, points.shape[1]), math.nan)
    for cluster in np.unique(labels[labels != NOISE]):
        centroids[cluster] = points[labels == cluster].mean(axis=0)
    clustered = labels != NOISE
    inertia = float(((points[clustered] - centroids[labels[clustered]]) ** 2).sum())
    return Partition(labels, centroids, inertia, **others)


# ---------- algorithms that are given k: each makes the partitions of many k


def library_seed(request: Request) -> int:
    """Gives the seed as scikit-learn takes it: below 2^32."""
    return request.seed % 2**32


def partition_by_k_means(
    points: np.ndarray, ks: Iterable[int], request: Request
) -> dict[int, Partition]:
    """Gives scikit-learn's k-means for each k, the best of `n_init` starts."""
    from sklearn.cluster import KMeans

    partitions = {}
    for k in ks:
        fit = KMeans(n_clusters=k, random_state=library_seed(request), **request.options)
        fit.fit(points)
        partitions[k] = Partition(fit.labels_, fit.cluster_centers_, float(fit.inertia_))
    return partitions


def partition_by_linkage(
    points: np.ndarray, ks: Iterable[int], request: Request
) -> dict[int, Partition]:
    """Gives the cuts of one tree of merges for each k: scikit-learn's AgglomerativeClustering.

    Under single linkage a customer belongs with the nearest customer; else centroids tell.
    """
    from scipy.cluster import hierarchy

    linkage = request.options["linkage"]
    # scipy refuses one customer, whose tree has no merges.
    tree = hierarchy.linkage(points, linkage) if len(points) > 1 else np.empty((0, 4))
    distinct = np.flatnonzero(~pd.DataFrame(points).duplicated())
    partitions = {}
    for k in ks:
        labels = cut_tree(tree, k)[: len(points)]
        prototypes = member_prototypes(points, labels, distinct) if linkage == "single" else None
        partitions[k] = make_partition(points, labels, k, prototypes=prototypes, tree=tree)
    return partitions


def cut_tree(tree: np.ndarray, k: int) -> np.ndarray:
    """Undoes the last k - 1 merges; gives the cluster of each node below, customers first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    customers = len(tree) + 1
    merges = customers - k
    parents = np.repeat(np.arange(customers, customers + merges), 2)
    children = tree[:merges, :2].astype(int).ravel()
    nodes = customers + merges
    links = coo_array((np.ones(len(parents)), (parents, children)), shape=(nodes, nodes))
    # Not scipy's fcluster, which gives fewer than k where merges are equally high, nor its
    # cut_tree, whose time grows with the square (11 s for 10,000 customers in a chain).
    return connected_components(links, directed=False)[1]


def cophenetic_correlation(points: np.ndarray, tree: np.ndarray) -> float:
    """Gives the correlation of the distances with the heights at which customers are merged.

    As scipy's cophenet (Sokal and Rohlf 1962), but in place: its copies take gigabytes. NaN where
    one of both varies by rounding errors alone.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import pdist

    if len(points) < 3:
        return math.nan
    distances, heights = pdist(points), hierarchy.cophenet(tree)
    for values in (distances, heights):
        if np.ptp(values) <= TOLERANCE * values.max():
            return math.nan
        values -= values.mean()
        values /= np.linalg.norm(values)
    return float(distances @ heights)


def partition_by_gaussian_mixture(
    points: np.ndarray, ks: Iterable[int], request: Request
) -> dict[int, Partition]:
    """Gives scikit-learn's Gaussian mixture for each k; raises ValueError where none is found."""
    from sklearn.mixture import GaussianMixture

    # scikit-learn refuses one customer; twice the same has the same mean and covariance.
    fitted_points = np.repeat(points, 2, axis=0) if len(points) == 1 else points
    partitions = {}
    for k in ks:
        mixture = GaussianMixture(k, random_state=library_seed(request), **request.options)
        try:
            mixture.fit(fitted_points)
        except ValueError as error:
            raise ValueError(
                f"segmentation '{request.segmentation}': gaussian_mixture cannot be fitted with "
                f"k = {k}: raise reg_covar or lower k ({error})"
            ) from error
        partitions[k] = make_partition(
            points,
            mixture.predict(points),
            k,
            prototypes=component_prototypes(mixture),
            bic=float(mixture.bic(points)),
        )
    return partitions


def component_prototypes(mixture: Any) -> Prototypes:
    """Makes prototypes of the components of a fitted GaussianMixture.

    Their squared distance orders as their log-probability: it is -2 ln(weight * density) but for what all components share.
    """
    components, dimensions = mixture.means_.shape
    factors = mixture.precisions_cholesky_
    if mixture.covariance_type == "full":
        whitening = factors.transpose(0, 2, 1)
    elif mixture.covariance_type == "tied":
        whitening = np.repeat(factors.T[np.newaxis], components, axis=0)
    else:
        # diag has a factor per component and coordinate, spherical one per component.
        whitening = factors.reshape(components, -1, 1) * np.eye(dimensions)
    log_determinants = np.log(np.diagonal(whitening, axis1=1, axis2=2)).sum(axis=1)
    offset = -2 * (log_determinants + np.log(mixture.weights_))
    return Prototypes(
        np.arange(components), mixture.means_, offset=offset - offset.min(), whitening=whitening
    )


PARTITIONERS = {
    "kmeans": partition_by_k_means,
    "hierarchical": partition_by_linkage,
    "gaussian_mixture": partition_by_gaussian_mixture,
}


# ---------- algorithms that find k


def kth_distances(points: np.ndarray, k: int) -> np.ndarray:
    """Gives each point's distance to its k-th nearest, itself counted, as scikit-learn counts."""
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points)
    return distances[:, -1]


def knee_distance(points: np.ndarray, min_samples: int) -> float:
    """Gives dbscan's eps: the knee of the sorted distances to the min_samples-th nearest customer.

    After Ester et al. 1996, who read it off the plot. Where the curve has no knee: its largest, so
    that nobody is set apart. At least what makes two customers differ. Rounded up, so that eps
    equals no distance and rounding errors decide nothing.
    """
    curve = np.sort(kth_distances(points, min_samples))[::-1]
    knee = find_knee(curve)
    distance = max(float(curve[0 if knee is None else knee - 1]), 10.0**-POINT_DECIMALS)
    decimals = EPS_DIGITS - 1 - math.floor(math.log10(distance))
    return round((math.floor(distance * 10.0**decimals) + 1) / 10.0**decimals, decimals)


def resolve_options(points: np.ndarray, request: Request) -> Request:
    """Gives the request with its options that were auto as numbers.

    Raises ValueError where there are too few customers for the options of dbscan or hdbscan.
    """
    options = dict(request.options)
    if request.algorithm == "hdbscan" and options["min_cluster_size"] == "auto":
        share_size = math.ceil(request.minimum_segment_share * len(points) - TOLERANCE)
        options["min_cluster_size"] = max(SMALLEST_CLUSTER_OF_AUTO, share_size)
    for option in ("min_cluster_size", "min_samples"):
        if (options.get(option) or 0) > len(points):
            raise ValueError(
                f"segmentation '{request.segmentation}': {request.algorithm} with "
                f"{option} = {options[option]} cannot be fitted on a sample of {len(points)} "
                f"customer{'' if len(points) == 1 else 's'}: lower {option} or say kmeans"
            )
    if request.algorithm == "dbscan" and options["eps"] == "auto":
        options["eps"] = knee_distance(points, options["min_samples"])
    return request._replace(options=options)


def partition_by_dbscan(points: np.ndarray, request: Request) -> Partition:
    """Gives scikit-learn's DBSCAN, scored by the nearest core point within eps."""
    from sklearn.cluster import DBSCAN

    fit = DBSCAN(**request.options).fit(points)
    core = fit.core_sample_indices_
    radius = np.full(len(core), float(request.options["eps"]))
    prototypes = member_prototypes(points, fit.labels_, core, radius)
    return make_partition(points, fit.labels_, fit.labels_.max() + 1, prototypes=prototypes)


def partition_by_hdbscan(points: np.ndarray, request: Request) -> Partition:
    """Gives scikit-learn's HDBSCAN, scored by the nearest clustered customer that reaches.

    One reaches as far as its own core distance, and not as far as the nearest noise customer.
    """
    from sklearn.cluster import HDBSCAN
    from sklearn.neighbors import NearestNeighbors

    # Customers that are all alike are one segment; else the library never gives just one.
    is_single = count_distinct(points) == 1
    fit = HDBSCAN(**request.options, allow_single_cluster=is_single, n_jobs=1, copy=True)
    labels = fit.fit(points).labels_
    members, noise = np.flatnonzero(labels != NOISE), points[labels == NOISE]
    min_samples = request.options["min_samples"] or request.options["min_cluster_size"]
    # Never 0: SQL may round a coordinate otherwise, and who is alike must reach the other.
    radius = np.maximum(kth_distances(points, min_samples)[members], 10.0**-POINT_DECIMALS)
    if len(noise) > 0 and len(members) > 0:
        to_noise, _ = NearestNeighbors(n_neighbors=1).fit(noise).kneighbors(points[members])
        radius = np.minimum(radius, (1 - TOLERANCE) * to_noise[:, 0])
    prototypes = member_prototypes(points, labels, members, radius)
    return make_partition(points, labels, labels.max() + 1, prototypes=prototypes)


FINDERS = {"dbscan": partition_by_dbscan, "hdbscan": partition_by_hdbscan}
# What to do where all customers are noise.
REMEDIES = {
    "dbscan": "raise eps, lower min_samples, or say eps: auto",
    "hdbscan": "lower min_cluster_size or min_samples, or say kmeans",
}


# ---------- how good are k segments


def search_positions(points: np.ndarray, by_hash: np.ndarray, largest_k: int) -> np.ndarray:
    """Gives the sorted positions of the customers on whom k is searched.

    Where so many customers are alike that too few distinct ones would be left: everybody.
    """
    chosen = np.sort(by_hash[:SEARCH_SAMPLE_SIZE])
    if len(chosen) == len(points) or count_distinct(points[chosen]) >= largest_k:
        return chosen
    return np.arange(len(points))


def is_comparable(labels: np.ndarray) -> bool:
    """Says whether silhouette and its kin are defined: at least two segments, not all of one."""
    return 2 <= len(np.unique(labels)) <= len(labels) - 1


def draw_resamples(size: int, seed: int) -> list[np.ndarray]:
    """Gives positions drawn with replacement, once for all k, so that each k sees the same."""
    generator = np.random.default_rng(seed % 2**32)
    return [
        np.sort(generator.integers(0, size, min(size, RESAMPLE_SIZE))) for _ in range(RESAMPLES)
    ]


def stabilities(
    points: np.ndarray,
    partitions: dict[int, Partition],
    resamples: list[np.ndarray],
    judged: np.ndarray,
    request: Request,
) -> dict[int, float]:
    """Gives for each k the mean adjusted Rand index with refits on resamples.

    Both are compared on the customers at the positions `judged`. 1: always the same segments, 0:
    no better than chance (Hubert and Arabie 1985; resampling as in Hennig 2007). Left out are
    k = 1 and samples too small to resample.
    """
    from sklearn.metrics import adjusted_rand_score

    ks = [k for k in partitions if 1 < k <= len(points) / CUSTOMERS_PER_SEGMENT_FOR_STABILITY]
    options = dict(request.options)
    if "n_init" in options:
        options["n_init"] = min(options["n_init"], RESAMPLE_STARTS)
    request = request._replace(options=options)
    agreements: dict[int, list[float]] = {k: [] for k in ks}
    for positions in resamples if ks else []:
        drawn = points[positions]
        distinct = count_distinct(drawn)
        refits = PARTITIONERS[request.algorithm](drawn, {min(k, distinct) for k in ks}, request)
        for k in ks:
            refitted = assign(points[judged], scoring_prototypes(refits[min(k, distinct)]))
            agreements[k].append(adjusted_rand_score(partitions[k].labels[judged], refitted))
    return {k: float(np.mean(values)) for k, values in agreements.items()}


def measure_quality(
    points: np.ndarray,
    partition: Partition,
    judged: np.ndarray,
    distances: np.ndarray,
    stability: float = math.nan,
) -> Quality:
    """Measures a partition; silhouettes on the customers at `judged`, whose distances are given.

    Noise counts among the customers of whom a segment has a share, and in nothing else.
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    k, clustered = len(partition.centroids), partition.labels != NOISE
    labels, measured = partition.labels[clustered], points[clustered]
    comparable = is_comparable(labels)
    smallest_size = np.bincount(labels, minlength=k).min()
    return Quality(
        k=k,
        inertia=partition.inertia,
        silhouette=mean_silhouette(distances, partition.labels[judged]),
        calinski_harabasz=calinski_harabasz_score(measured, labels) if comparable else math.nan,
        davies_bouldin=davies_bouldin_score(measured, labels) if comparable else math.nan,
        smallest_share=float(smallest_size / len(points)),
        stability=stability,
        bic=partition.bic,
    )


def silhouettes(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gives each customer's silhouette from the matrix of distances; NaN where undefined."""
    from sklearn.metrics import silhouette_samples

    values, clustered = np.full(len(labels), math.nan), labels != NOISE
    if is_comparable(labels[clustered]):
        if not clustered.all():
            distances = distances[np.ix_(clustered, clustered)]
        values[clustered] = silhouette_samples(distances, labels[clustered], metric="precomputed")
    return values


def mean_silhouette(distances: np.ndarray, labels: np.ndarray) -> float:
    """Gives the mean silhouette (Rousseeuw 1987); NaN where undefined."""
    values = silhouettes(distances, labels)[labels != NOISE]
    return float(np.mean(values)) if values.size > 0 else math.nan


# ---------- the choice of k


def find_knee(inertias: Sequence[float]) -> int | None:
    """Gives the k at which the curve lies furthest below its chord; None for a curve without.

    Takes the inertias of k = 1, 2, ...; both axes are scaled to 0..1 first, as in Satopaa et al.
    2011 ("Finding a kneedle in a haystack").
    """
    curve = np.array(inertias)
    if len(curve) < 3 or curve[0] <= curve[-1]:
        return None
    across = np.linspace(0, 1, len(curve))
    down = (curve - curve[-1]) / (curve[0] - curve[-1])
    below_chord = 1 - across - down
    if below_chord.max() <= TOLERANCE:
        return None
    return first_largest(range(1, len(curve) + 1), below_chord)


def first_largest(ks: Iterable[int], measures: Iterable[float]) -> int:
    """Gives the k with the largest measure, the smallest k of equals; NaN counts as lowest."""
    pairs = [
        (k, -math.inf if math.isnan(value) else value)
        for k, value in zip(ks, measures, strict=True)
    ]
    largest = max(value for _, value in pairs)
    return next(k for k, value in pairs if value >= largest - TOLERANCE)


def missed_text(value: float, bound: float, decimals: int) -> str:
    """Writes a value below a bound with decimals enough to tell it from the bound and from 0."""
    if value <= 0:
        return f"{value:.{decimals}f}"
    while decimals < 12 and not 0 < round(value, decimals) < bound:
        decimals += 1
    return f"{value:.{decimals}f}"


def missed_guards(quality: Quality, request: Request) -> list[str]:
    """Says in words which guards k misses; a stability that is not defined misses none."""
    missed = []
    if quality.smallest_share == 0:
        missed.append("a segment holds no customers")
    elif quality.smallest_share < request.minimum_segment_share - TOLERANCE:
        share, bound = 100 * quality.smallest_share, 100 * request.minimum_segment_share
        written = missed_text(share, bound, decimals=1)
        missed.append(f"smallest segment holds {written} % of customers, below {bound:g} %")
    if quality.stability < request.minimum_stability - TOLERANCE:
        written = missed_text(quality.stability, request.minimum_stability, decimals=2)
        missed.append(f"stability {written}, below {request.minimum_stability:g}")
    return missed


def describe(quality: Quality) -> str:
    """Says in words what the guards look at."""
    text = describe_smallest(quality)
    if not math.isnan(quality.stability):
        return f"{text}, stability {quality.stability:.2f}"
    if quality.k > 1:
        return f"{text}, too few customers to measure stability"
    return text


def describe_smallest(quality: Quality) -> str:
    """Says in words how large the smallest segment is."""
    return f"smallest segment {100 * quality.smallest_share:.1f} %"


def choose_k(qualities: list[Quality], distinct: int, request: Request) -> Choice:
    """Chooses the number of segments by the guards and the knee, and says why.

    Takes the qualities of k = 1, 2, ... and how many distinct customers there are. A fixed k is
    taken as it is. Of a range: the knee, if it passes the guards; else, of those that pass, the
    best silhouette; if none passes, the one with the largest smallest segment.
    """
    by_k = {quality.k: quality for quality in qualities}
    missed = {k: missed_guards(quality, request) for k, quality in by_k.items()}
    knee = find_knee([quality.inertia for quality in qualities])

    if request.k_min == request.k_max:
        chosen, why = request.k_min, "asked for"
    elif distinct <= request.k_min:
        chosen, why = distinct, f"the fit sample holds only {count_text(distinct)}"
    else:
        asked = [k for k in by_k if request.k_min <= k <= request.k_max]
        passing = [k for k in asked if not missed[k]]
        if knee in passing:
            chosen, why = knee, "knee of the inertia curve"
        elif passing:
            chosen = first_largest(passing, [by_k[k].silhouette for k in passing])
            why = "best silhouette of those that pass the guards"
        else:
            chosen = first_largest(asked, [by_k[k].smallest_share for k in asked])
            why = "warning: no k passes the guards, this one has the largest smallest segment"

    reasons = {}
    for k, quality in by_k.items():
        if k == chosen:
            reasons[k] = chosen_reason(why, quality, missed[k])
        else:
            reasons[k] = other_reason(k, missed[k], knee, chosen, by_k, request)
    return Choice(chosen, reasons)


def count_text(distinct: int) -> str:
    """Writes a number of distinct customers: '1 distinct customer', '2 distinct customers'."""
    return f"{distinct} distinct customer{'' if distinct == 1 else 's'}"


def chosen_reason(why: str, quality: Quality, missed: list[str]) -> str:
    """Says in words why k was chosen, and warns of the guards that it misses."""
    if not missed:
        return f"{why}, {describe(quality)}"
    warning = "" if why.startswith("warning") else "warning: "
    return f"{why}; {warning}{', '.join(missed)}"


def other_reason(
    k: int,
    missed: list[str],
    knee: int | None,
    chosen: int,
    by_k: dict[int, Quality],
    request: Request,
) -> str:
    """Says in words why k was not chosen."""
    if request.k_min == request.k_max:
        return f"not asked for (k = {chosen} is), {describe(by_k[k])}"
    prefix = "knee of the inertia curve, but " if k == knee else ""
    if not request.k_min <= k <= request.k_max:
        return f"{prefix}outside the range {request.k_min} to {request.k_max}"
    if missed:
        return prefix + ", ".join(missed)
    if chosen == knee:
        return f"not the knee of the inertia curve, which is at k = {knee}"
    best, own = by_k[chosen].silhouette, by_k[k].silhouette
    return f"silhouette {own:.3f}, not above the {best:.3f} of k = {chosen}"


# ---------- rules: a shallow tree that stands in for the segmentation


def find_leaves(
    values: np.ndarray, labels: np.ndarray, columns: Sequence[int], seed: int
) -> list[Leaf]:
    """Gives the leaves of scikit-learn's decision tree from left to right.

    Takes values in own units (customers x coordinates), the cluster of each, and the coordinates
    that the tree may use. Neighbors that stand for the same cluster are one leaf.
    """
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_depth=RULE_DEPTH,
        max_leaf_nodes=max(2, min(MOST_LEAVES, LEAVES_PER_SEGMENT * len(np.unique(labels)))),
        min_samples_leaf=max(SMALLEST_LEAF, math.ceil(SMALLEST_LEAF_SHARE * len(values))),
        random_state=seed,
    )
    bounded = np.clip(values[:, columns], -LARGEST_NUMBER_OF_TREES, LARGEST_NUMBER_OF_TREES)
    splits = tree.fit(bounded, labels).tree_

    def leaf_of(members: np.ndarray, bounds: dict[int, tuple[float, float]]) -> Leaf:
        clusters, counts = np.unique(labels[members], return_counts=True)
        return Leaf(int(clusters[counts.argmax()]), members, bounds)

    def leaves_below(
        node: int, members: np.ndarray, bounds: dict[int, tuple[float, float]]
    ) -> list[Leaf]:
        whole = [leaf_of(members, bounds)]
        if splits.children_left[node] < 0:
            return whole
        column = columns[splits.feature[node]]
        own = values[members, column]
        is_left = own <= splits.threshold[node]
        if is_left.all() or not is_left.any():
            # Told apart by the tree in 32 bits alone.
            return whole
        bound = round_bound(float(own[is_left].max()), float(own[~is_left].min()))
        above, at_most = bounds.get(column, (-math.inf, math.inf))
        left = leaves_below(
            splits.children_left[node], members[is_left], bounds | {column: (above, bound)}
        )
        right = leaves_below(
            splits.children_right[node], members[~is_left], bounds | {column: (bound, at_most)}
        )
        same = len(left) == len(right) == 1 and left[0].cluster == right[0].cluster
        return whole if same else left + right

    return leaves_below(0, np.arange(len(values)), {})


def round_bound(low: float, high: float) -> float:
    """Gives the number with the fewest digits from `low` to below `high`, to be read by people."""
    for digits in range(1, DIGITS_OF_A_DOUBLE):
        context = Context(prec=digits, rounding=ROUND_CEILING)
        bound = float(context.create_decimal(repr(low)))
        if low <= bound < high:
            return bound
    return low


# ---------- one segmentation


def fit_segmentation(sample: pd.DataFrame, request: Request) -> list[dict[str, Any]]:
    """Fits one segmentation on its long fit sample and gives its parameters as rows.

    Raises ValueError, naming segmentation and feature, on values that cannot be fitted, and where
    a fixed k is more than there are distinct customers. Gives no rows for a sample without rows.
    """
    wide = widen(sample, request)
    if wide.empty:
        return []
    fences = fit_fences(wide, request)
    is_fitted = is_inside(wide, fences)
    inside, outliers = wide[is_fitted], wide[~is_fitted]
    if inside.empty:
        raise ValueError(
            f"segmentation '{request.segmentation}': every customer of its fit sample has a value "
            "outside the fences: raise outliers.fence, or leave features out of the segmentation"
        )
    fitted, own_units, points = fit_features(inside, request)
    request = resolve_options(points, request)
    find = find_segments if request.k_max is None else search_segments
    fit = find(points, order_by_hash(inside.index), request)
    coordinates = coordinate_keys(fitted)
    everybody = np.concatenate([points, scale_features(outliers, fitted)])
    scored_sample = assign(everybody, scoring_prototypes(fit.partition))
    scored = scored_sample[: len(points)]
    return (
        feature_rows(fitted, fences)
        + search_rows(fit.qualities, fit.choice)
        + cluster_rows(fit, scored, own_units, points, coordinates)
        + noise_rows(fit.partition, own_units, coordinates)
        + share_rows(scored_sample, fit.partition)
        + prototype_rows(fit.partition, coordinates)
        + dendrogram_rows(fit.partition)
        + rule_rows(scored, own_units, coordinates, fitted, request)
        + summary_rows(request, fit.partition, points, len(wide))
    )


def search_segments(points: np.ndarray, by_hash: np.ndarray, request: Request) -> Fit:
    """Partitions the points for every k searched and chooses one; see `choose_k`.

    Raises ValueError where a fixed k is more than there are distinct customers, and where the
    chosen k leaves a segment empty.
    """
    from scipy.spatial.distance import cdist

    distinct = count_distinct(points)
    is_fixed = request.k_min == request.k_max
    if is_fixed and distinct < request.k_max:
        raise ValueError(
            f"segmentation '{request.segmentation}' asks for k = {request.k_max} but its fit "
            f"sample holds only {count_text(distinct)}: lower k or say k: auto"
        )
    largest_k = min(request.k_max + (NEIGHBORS_OF_FIXED_K if is_fixed else 0), distinct)

    searched = search_positions(points, by_hash, largest_k)
    search_points = points[searched]
    judged = np.sort(by_hash[np.isin(by_hash, searched)][:SILHOUETTE_SAMPLE_SIZE])
    judged_in_search = np.searchsorted(searched, judged)
    distances = cdist(points[judged], points[judged])
    resamples = draw_resamples(len(searched), request.seed)

    partition_for = PARTITIONERS[request.algorithm]
    partitions = partition_for(search_points, range(1, largest_k + 1), request)
    stable = stabilities(search_points, partitions, resamples, judged_in_search, request)
    qualities = [
        measure_quality(
            search_points, partition, judged_in_search, distances, stable.get(k, math.nan)
        )
        for k, partition in partitions.items()
    ]
    choice = choose_k(qualities, distinct, request)

    final = partitions[choice.k]
    if len(searched) < len(points):
        final = partition_for(points, [choice.k], request)[choice.k]
    if len(np.unique(final.labels)) < choice.k:
        raise ValueError(
            f"segmentation '{request.segmentation}': {request.algorithm} with k = {choice.k} "
            "leaves a segment without customers: lower k"
        )
    return Fit(final, qualities, choice, judged, silhouettes(distances, final.labels[judged]))


def find_segments(points: np.ndarray, by_hash: np.ndarray, request: Request) -> Fit:
    """Has the algorithm find the segments. Raises ValueError where all customers are noise."""
    from scipy.spatial.distance import cdist

    partition = FINDERS[request.algorithm](points, request)
    k = len(partition.centroids)
    if k == 0:
        options = ", ".join(f"{name} = {value}" for name, value in request.options.items())
        raise ValueError(
            f"segmentation '{request.segmentation}': {request.algorithm} with {options} finds no "
            f"segment, all of its {len(points)} customers are noise: {REMEDIES[request.algorithm]}"
        )
    judged = np.sort(by_hash[:SILHOUETTE_SAMPLE_SIZE])
    distances = cdist(points[judged], points[judged])
    quality = measure_quality(points, partition, judged, distances)
    noise = int((partition.labels == NOISE).sum())
    why = (
        f"found by {request.algorithm}, {noise} of {len(points)} customers "
        f"({100 * noise / len(points):.1f} %) are noise"
    )
    missed = missed_guards(quality, request)
    held = f"; warning: {', '.join(missed)}" if missed else f", {describe_smallest(quality)}"
    choice = Choice(k, {k: why + held})
    return Fit(
        partition, [quality], choice, judged, silhouettes(distances, partition.labels[judged])
    )


# ---------- parameters as rows


def parameter_row(
    parameter: str,
    value: float | None = None,
    text_value: str | None = None,
    **keys: int | str | None,
) -> dict[str, Any]:
    """Gives one row of the output, of which `keys` may set any of the other columns."""
    return {"parameter": parameter, "value": value, "text_value": text_value} | keys


def feature_rows(
    fitted: dict[str, FittedFeature], fences: dict[str, tuple[float, float]]
) -> list[dict[str, Any]]:
    """Gives the rows that say how each feature is filled, clipped, transformed and scaled."""
    rows = []
    for name, feature in fitted.items():
        texts = {
            "transform": feature.transform,
            "scaler": feature.scaler,
            "impute": feature.impute,
        }
        numbers = {
            "lambda": feature.power,
            "mean": feature.mean,
            "scale": feature.scale,
            "minimum": feature.minimum,
            "maximum": feature.maximum,
            "weight": feature.weight,
        } | {f"skewness_{transform}": left for transform, left in feature.skewness.items()}
        for key, bounds in (("clip", feature.clip), ("fence", fences.get(name))):
            if bounds is not None:
                numbers |= {f"{key}_low": bounds[0], f"{key}_high": bounds[1]}
        (texts if feature.levels else numbers)["fill_value"] = feature.fill_value
        rows += [parameter_row(key, text_value=text, feature=name) for key, text in texts.items()]
        rows += [parameter_row(key, value, feature=name) for key, value in numbers.items()]
        for level_id, (level, share) in enumerate((feature.levels or {}).items(), start=1):
            rows.append(parameter_row("level", share, level, feature=name, level_id=level_id))
    return rows


def search_rows(qualities: list[Quality], choice: Choice) -> list[dict[str, Any]]:
    """Gives the rows that say how good each k is, and why it was chosen or not."""
    rows = []
    for quality in qualities:
        measures = quality._asdict()
        k = measures.pop("k")
        measures["is_chosen"] = float(k == choice.k)
        rows += [parameter_row(name, value, k=k) for name, value in measures.items()]
        rows.append(parameter_row("reason", text_value=choice.reasons[k], k=k))
    return rows


def cluster_rows(
    fit: Fit,
    scored: np.ndarray,
    own_units: pd.DataFrame,
    points: np.ndarray,
    coordinates: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Gives the rows of each cluster: how many, how near each other, and where they stand.

    The deviation of a coordinate is the mean of the cluster less that of the sample, in standard
    deviations of the sample. `scored` is each customer's cluster by the scoring rule.
    """
    rows, partition = [], fit.partition
    standardized = np.empty_like(points)
    for column, values in enumerate(points.T):
        mean, scale = mean_and_scale(values)
        standardized[:, column] = (values - mean) / scale
    for cluster, centroid in enumerate(partition.centroids):
        members = partition.labels == cluster
        measured = fit.silhouettes[partition.labels[fit.judged] == cluster]
        distances = np.linalg.norm(points[members] - centroid, axis=1)
        numbers = {
            "size": float(members.sum()),
            "silhouette": float(measured.mean()) if measured.size > 0 else math.nan,
            "mean_distance": float(distances.mean()),
            "agreement": float((scored[members] == cluster).mean()),
        }
        rows += [parameter_row(key, value, cluster=cluster) for key, value in numbers.items()]
        deviation = standardized[members].mean(axis=0)
        for keys, coordinate, deviated in zip(coordinates, centroid, deviation, strict=True):
            keys = {"cluster": cluster} | keys
            rows.append(parameter_row("centroid", float(coordinate), **keys))
            rows.append(parameter_row("deviation", float(deviated), **keys))
        rows += center_rows(own_units[members], coordinates, cluster)
    return rows


def center_rows(
    members: pd.DataFrame, coordinates: list[dict[str, Any]], cluster: int
) -> list[dict[str, Any]]:
    """Gives a cluster's mean and median in own units; of a level, its share."""
    rows = []
    for column, keys in zip(members.columns, coordinates, strict=True):
        keys = {"cluster": cluster} | keys
        rows.append(parameter_row("center", float(members[column].mean()), **keys))
        if "level_id" not in keys:
            rows.append(parameter_row("median", float(members[column].median()), **keys))
    return rows


def noise_rows(
    partition: Partition, own_units: pd.DataFrame, coordinates: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Gives the size of the noise, and where it stands; nothing where scoring knows no noise.

    Single linkage has prototypes, but without a radius: they reach everybody.
    """
    if partition.prototypes is None or partition.prototypes.radius is None:
        return []
    members = own_units[partition.labels == NOISE]
    size = parameter_row("size", float(len(members)), cluster=NOISE)
    return [size, *center_rows(members, coordinates, NOISE)]


def share_rows(scored: np.ndarray, partition: Partition) -> list[dict[str, Any]]:
    """Gives the share of the whole sample, outliers too, whom scoring places in each cluster.

    Takes the cluster of each by the scoring rule. Noise has a share where scoring knows noise.
    """
    clusters = list(range(len(partition.centroids)))
    if partition.prototypes is not None and partition.prototypes.radius is not None:
        clusters.append(NOISE)
    return [
        parameter_row("scored_share", float((scored == cluster).mean()), cluster=cluster)
        for cluster in clusters
    ]


def prototype_rows(partition: Partition, coordinates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gives the prototypes that customers are compared with; none where the centroids are."""
    rows, prototypes = [], partition.prototypes
    if prototypes is None:
        return rows
    for index, cluster in enumerate(prototypes.cluster):
        own_keys = {"cluster": int(cluster), "prototype": index + 1}
        for name in ("radius", "offset"):
            values = getattr(prototypes, name)
            if values is not None:
                rows.append(parameter_row(name, float(values[index]), **own_keys))
        for column, keys in enumerate(coordinates):
            keys = own_keys | keys
            location = float(prototypes.location[index, column])
            rows.append(parameter_row("prototype", location, **keys))
            if prototypes.whitening is not None:
                axes = prototypes.whitening[index, :, column]
                rows += [
                    parameter_row(f"whitening_{axis + 1}", float(axes[axis]), **keys)
                    for axis in np.flatnonzero(axes)
                ]
    return rows


def dendrogram_rows(partition: Partition) -> list[dict[str, Any]]:
    """Gives the upper merges of a tree over groups of customers, its leaves; no customer is named.

    Leaves count from 1 in the order in which they are drawn, merges on from there by height. A
    node has the cluster that all its customers are in, if any.
    """
    if partition.tree is None:
        return []
    customers = len(partition.labels)
    leaves = max(min(LEAVES_OF_DENDROGRAM, customers), len(partition.centroids))
    leaf_of_node = cut_tree(partition.tree, leaves)
    _, first_members, sizes = np.unique(
        leaf_of_node[:customers], return_index=True, return_counts=True
    )
    merges = partition.tree[customers - leaves :]
    children = [
        [leaf_of_node[n] if n < len(leaf_of_node) else n - len(leaf_of_node) + leaves for n in pair]
        for pair in merges[:, :2].astype(int)
    ]

    clusters = [int(cluster) for cluster in partition.labels[first_members]]
    leaves_below = [[leaf] for leaf in range(leaves)]
    for left, right in children:
        clusters.append(clusters[left] if clusters[left] == clusters[right] else None)
        leaves_below.append(leaves_below[left] + leaves_below[right])
    # The inverse of the order in which the root's leaves are drawn.
    positions = [float(position) for position in np.argsort(leaves_below[-1]) + 1]
    node_ids = [int(position) for position in positions]
    rows = []
    for index, (left, right) in enumerate(children, start=leaves):
        positions.append((positions[left] + positions[right]) / 2)
        node_ids.append(index + 1)
        keys = {"node_id": index + 1, "cluster": clusters[index]}
        rows.append(parameter_row("dendrogram_left", float(node_ids[left]), **keys))
        rows.append(parameter_row("dendrogram_right", float(node_ids[right]), **keys))
    numbers = {
        "height": np.append(np.zeros(leaves), merges[:, 2]),
        "size": np.append(sizes, merges[:, 3]),
        "position": np.array(positions),
    }
    for name, values in numbers.items():
        rows += [
            parameter_row(f"dendrogram_{name}", float(value), node_id=node_id, cluster=cluster)
            for value, node_id, cluster in zip(values, node_ids, clusters, strict=True)
        ]
    return rows


def rule_rows(
    scored: np.ndarray,
    own_units: pd.DataFrame,
    coordinates: list[dict[str, Any]],
    fitted: dict[str, FittedFeature],
    request: Request,
) -> list[dict[str, Any]]:
    """Gives the leaves of the tree of rules: their size, and the bounds that make them.

    Features without weight take no part. Of a category a leaf has or has not a level.
    """
    weighing = [
        column for column, keys in enumerate(coordinates) if fitted[keys["feature"]].weight > 0
    ]
    rows = []
    leaves = find_leaves(own_units.to_numpy(), scored, weighing, library_seed(request))
    for node_id, leaf in enumerate(leaves, start=1):
        own_keys = {"cluster": leaf.cluster, "node_id": node_id}
        rows.append(parameter_row("rule_leaf_size", float(len(leaf.members)), **own_keys))
        for column, (above, at_most) in leaf.bounds.items():
            keys = own_keys | coordinates[column]
            if "level_id" in keys:
                rows.append(parameter_row("rule_is", float(above >= 0), **keys))
                continue
            if above > -math.inf:
                rows.append(parameter_row("rule_above", above, **keys))
            if at_most < math.inf:
                rows.append(parameter_row("rule_at_most", at_most, **keys))
    return rows


def summary_rows(
    request: Request, partition: Partition, points: np.ndarray, sampled: int
) -> list[dict[str, Any]]:
    """Gives the rows that hold for a segmentation as a whole, of whose sample some were outliers."""
    import sklearn

    rows = [
        parameter_row("algorithm", text_value=request.algorithm),
        parameter_row("algorithm_options", text_value=json.dumps(request.options, sort_keys=True)),
        parameter_row("chosen_k", float(len(partition.centroids))),
        parameter_row("sample_size", float(len(points))),
        parameter_row("sample_outliers", float(sampled - len(points))),
        parameter_row("seed", float(request.seed)),
        parameter_row("scikit_learn_version", text_value=sklearn.__version__),
    ]
    if partition.tree is not None:
        correlation = cophenetic_correlation(points, partition.tree)
        rows.append(parameter_row("cophenetic_correlation", correlation))
    return rows


def to_output(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Makes the output frame, with its types also where it has no rows; undefined numbers go."""
    frame = pd.DataFrame(rows, columns=list(OUTPUT_TYPES)).astype(OUTPUT_TYPES)
    return frame[frame["value"].notna() | frame["text_value"].notna()].reset_index(drop=True)


def fit_segmentations(sample: pd.DataFrame, settings: pd.DataFrame) -> pd.DataFrame:
    """Fits every segmentation of the settings; gives the parameters of all as one frame."""
    if sample.empty:
        return to_output([])
    from sklearn import (
        cluster,  # noqa: F401 - a library of threads has to be there to be limited
        config_context,
    )
    from threadpoolctl import threadpool_limits

    rows = []
    # One thread: sums do not depend on the number of cores, and the many small fits do not wait
    # for each other where the database keeps the cores busy (measured: 2 s instead of 30 s).
    # Values are finite, and parameters right, before scikit-learn sees them: it need not look again.
    is_checked = config_context(assume_finite=True, skip_parameter_validation=True)
    with threadpool_limits(limits=1), is_checked:
        for request in read_requests(settings):
            rows += [
                {"segmentation": request.segmentation} | row
                for row in fit_segmentation(sample, request)
            ]
    return to_output(rows)


def model(dbt, session):
    """Gives the parameters of every segmentation as rows; see the functions above."""
    # What Snowflake has to load, and Databricks to install where it is not there.
    dbt.config(materialized="table", packages=["pandas", "scikit-learn", "scipy"])
    sample = dbt.ref("int_segmentation__fit_sample")
    settings = dbt.ref("segmentation__settings")
    return as_table(fit_segmentations(as_pandas(sample), as_pandas(settings)), session)
