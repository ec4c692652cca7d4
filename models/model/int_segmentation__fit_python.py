"""Learns each segmentation from its fit sample and returns the model's parameters as rows.

Nothing here is applied to customers: SQL scores them by the same formulas. Each function is
pure and takes numpy arrays of one row per customer; `model` at the end is what dbt calls.
"""

import hashlib
import math
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import sklearn
from scipy import optimize, stats
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    silhouette_samples,
)
from threadpoolctl import threadpool_limits

# What bounds the cost of a fit, whatever the sample's size.
SEARCH_SAMPLE_SIZE = 20_000
SILHOUETTE_SAMPLE_SIZE = 5_000
RESAMPLE_SIZE = 2_000

K_MEANS_STARTS = 10
RESAMPLES = 10
RESAMPLE_STARTS = 3
NEIGHBORS_OF_FIXED_K = 2

# With fewer customers than this per segment a resample says nothing about the segments.
CUSTOMERS_PER_SEGMENT_FOR_STABILITY = 10

# The order decides ties of auto.
TRANSFORMS = ("none", "log", "sqrt", "cbrt", "box_cox", "yeo_johnson")
LAMBDA_BOUND = 5.0
LAMBDA_DECIMALS = 4
# Close below the largest double, exp(709.8): powers up to exp(700) stay finite.
LARGEST_EXPONENT = 700.0
# These add or subtract 1: a spread much smaller than that would be made of rounding errors.
ROUNDING_TRANSFORMS = ("log", "box_cox", "yeo_johnson")
ROUNDING_FLOOR = 1e-8

# Customers closer than this, in standard deviations, count as the same point.
POINT_DECIMALS = 6
# Differences below this are rounding errors: they neither decide a tie nor fail a guard.
TOLERANCE = 1e-9

OUTPUT_TYPES = {
    "segmentation": "string",
    "parameter": "string",
    "k": "Int64",
    "cluster": "Int64",
    "feature": "string",
    "value": "float64",
    "text_value": "string",
}


class Request(NamedTuple):
    """What the settings ask for in one segmentation."""

    segmentation: str
    features: list[str]
    transforms: list[str]
    algorithm: str
    k_min: int
    k_max: int
    minimum_segment_share: float
    minimum_stability: float
    seed: int


class FittedFeature(NamedTuple):
    """How one feature is filled, transformed and scaled."""

    transform: str
    power: float | None
    mean: float
    scale: float
    minimum: float
    maximum: float
    fill_value: float
    skewness: dict[str, float]


class Quality(NamedTuple):
    """How good k segments are; NaN where a measure is not defined."""

    k: int
    inertia: float
    silhouette: float
    calinski_harabasz: float
    davies_bouldin: float
    smallest_share: float
    stability: float


class Choice(NamedTuple):
    """The number of segments, and for each k searched why it was chosen or not."""

    k: int
    reasons: dict[int, str]


# ---------- reading the inputs


def as_pandas(table: Any) -> pd.DataFrame:
    """Turns what `dbt.ref` gives into a pandas frame with lower-case column names.

    Takes a pandas frame, or a DuckDB, Snowpark or PySpark table; raises TypeError for others.
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


def read_requests(settings: pd.DataFrame) -> list[Request]:
    """Gives one request per segmentation, by name, of the rows of `segmentation__settings`."""
    requests = []
    for segmentation, rows in settings.groupby("segmentation", sort=True):
        rows = rows.sort_values("feature_position")
        first = rows.iloc[0]
        requests.append(
            Request(
                segmentation=str(segmentation),
                features=[str(feature) for feature in rows["feature"]],
                transforms=[str(transform) for transform in rows["transform"]],
                algorithm=str(first["algorithm"]),
                k_min=int(first["k_min"]),
                k_max=int(first["k_max"]),
                minimum_segment_share=float(first["minimum_segment_share"]),
                minimum_stability=float(first["minimum_stability"]),
                seed=int(first["seed"]),
            )
        )
    return requests


def widen(sample: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Gives one row per customer and one column per feature, so the order of rows is lost.

    Takes the long fit sample. Customers are sorted by id, features stand in the settings' order,
    values are float64 with NaN where missing. Raises ValueError if a customer comes twice.
    """
    rows = sample[sample["segmentation"] == request.segmentation]
    rows = rows[rows["feature"].isin(request.features)]
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
    return wide.reindex(columns=request.features)


def order_by_hash(customer_ids: Iterable[str]) -> np.ndarray:
    """Gives the positions of the customers in the order of their id's md5: a fixed shuffle."""
    hashes = [hashlib.md5(str(customer_id).encode()).hexdigest() for customer_id in customer_ids]
    return np.argsort(np.array(hashes, dtype="U32"), kind="stable")


# ---------- features: fill, transform, scale


def fill_missing(values: np.ndarray, segmentation: str, feature: str) -> tuple[np.ndarray, float]:
    """Fills missing values of one feature by its median; gives the values and the median.

    Raises ValueError if no value is present, or if one is infinite.
    """
    where = f"segmentation '{segmentation}', feature '{feature}'"
    present = values[~np.isnan(values)]
    if present.size == 0:
        raise ValueError(
            f"{where}: no customer of the fit sample has a value: "
            "leave the feature out or fill it upstream"
        )
    if np.isinf(present).any():
        raise ValueError(
            f"{where}: the fit sample holds infinite values: make them null or numbers upstream"
        )
    fill_value = float(np.median(present))
    return np.where(np.isnan(values), fill_value, values), fill_value


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


def skewness(values: np.ndarray) -> float:
    """Gives the skewness, corrected for bias as pandas and spreadsheets do; NaN for a constant."""
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


def fit_feature(
    values: np.ndarray, transform: str, segmentation: str, feature: str
) -> tuple[FittedFeature, np.ndarray, np.ndarray]:
    """Fits one feature; gives its parameters, its filled values and its scaled values.

    Raises ValueError where a feature has no usable value, or its numbers are too large to scale.
    """
    filled, fill_value = fill_missing(values, segmentation, feature)
    skewness_by_transform, power_by_transform = candidate_skewness(filled)
    if transform == "auto":
        transform = least_skewed(skewness_by_transform)
    clamped = clamp_to_domain(filled, transform, segmentation, feature)
    power = power_by_transform.get(transform)
    if power is None:
        power = fit_power(clamped, transform)
    with np.errstate(over="ignore", invalid="ignore"):
        transformed = apply_transform(clamped, transform, power)
        mean, scale = mean_and_scale(transformed)
    if not (math.isfinite(mean) and math.isfinite(scale)):
        raise ValueError(
            f"segmentation '{segmentation}', feature '{feature}': its values are too large for "
            f"transform {transform}: say auto or log, or divide the feature upstream"
        )
    fitted = FittedFeature(
        transform=transform,
        power=power,
        mean=mean,
        scale=scale,
        minimum=float(clamped.min()),
        maximum=float(filled.max()),
        fill_value=fill_value,
        skewness=skewness_by_transform,
    )
    return fitted, filled, (transformed - mean) / scale


# ---------- how good are k segments


def count_distinct(points: np.ndarray) -> int:
    """Counts the points that differ in scaled space."""
    return len(pd.DataFrame(np.round(points, POINT_DECIMALS)).drop_duplicates())


def fit_k_means(points: np.ndarray, k: int, seed: int, starts: int = K_MEANS_STARTS) -> KMeans:
    """Fits scikit-learn's k-means to points (customers x features), the best of some starts."""
    return KMeans(n_clusters=k, n_init=starts, random_state=seed % 2**32).fit(points)


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


def stability(
    points: np.ndarray,
    labels: np.ndarray,
    k: int,
    resamples: list[np.ndarray],
    judged: np.ndarray,
    seed: int,
) -> float:
    """Gives the mean adjusted Rand index between the segments and those of refits on resamples.

    Both are compared on the customers at the positions `judged`. 1: always the same segments, 0:
    no better than chance (Hubert and Arabie 1985; resampling as in Hennig 2007). NaN for k = 1 and
    for samples too small to resample.
    """
    if k == 1 or len(points) < CUSTOMERS_PER_SEGMENT_FOR_STABILITY * k:
        return math.nan
    agreements = []
    for positions in resamples:
        drawn = points[positions]
        refit = fit_k_means(drawn, min(k, count_distinct(drawn)), seed, RESAMPLE_STARTS)
        agreements.append(adjusted_rand_score(labels[judged], refit.predict(points[judged])))
    return float(np.mean(agreements))


def measure_quality(
    points: np.ndarray,
    fit: KMeans,
    k: int,
    judged: np.ndarray,
    distances: np.ndarray,
    resamples: list[np.ndarray],
    seed: int,
) -> Quality:
    """Measures a fit; silhouettes on the customers at `judged`, whose distances are given."""
    labels = fit.labels_
    comparable = is_comparable(labels)
    return Quality(
        k=k,
        inertia=float(fit.inertia_),
        silhouette=mean_silhouette(distances, labels[judged]),
        calinski_harabasz=calinski_harabasz_score(points, labels) if comparable else math.nan,
        davies_bouldin=davies_bouldin_score(points, labels) if comparable else math.nan,
        smallest_share=float(np.bincount(labels, minlength=k).min() / len(labels)),
        stability=stability(points, labels, k, resamples, judged, seed),
    )


def silhouettes(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gives each customer's silhouette from the matrix of distances; NaN where undefined."""
    if not is_comparable(labels):
        return np.full(len(labels), math.nan)
    return silhouette_samples(distances, labels, metric="precomputed")


def mean_silhouette(distances: np.ndarray, labels: np.ndarray) -> float:
    """Gives the mean silhouette (Rousseeuw 1987); NaN where undefined."""
    return float(np.mean(silhouettes(distances, labels)))


# ---------- the choice of k


def find_knee(inertias: list[float]) -> int | None:
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
    if quality.smallest_share < request.minimum_segment_share - TOLERANCE:
        share, bound = 100 * quality.smallest_share, 100 * request.minimum_segment_share
        written = missed_text(share, bound, decimals=1)
        missed.append(f"smallest segment holds {written} % of customers, below {bound:g} %")
    if quality.stability < request.minimum_stability - TOLERANCE:
        written = missed_text(quality.stability, request.minimum_stability, decimals=2)
        missed.append(f"stability {written}, below {request.minimum_stability:g}")
    return missed


def describe(quality: Quality) -> str:
    """Says in words what the guards look at."""
    text = f"smallest segment {100 * quality.smallest_share:.1f} %"
    if not math.isnan(quality.stability):
        return f"{text}, stability {quality.stability:.2f}"
    if quality.k > 1:
        return f"{text}, too few customers to measure stability"
    return text


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


# ---------- one segmentation


def fit_segmentation(sample: pd.DataFrame, request: Request) -> list[dict[str, Any]]:
    """Fits one segmentation on its long fit sample and gives its parameters as rows.

    Raises ValueError, naming segmentation and feature, on values that cannot be fitted, and where
    a fixed k is more than there are distinct customers. Gives no rows for a sample without rows.
    """
    wide = widen(sample, request)
    if wide.empty:
        return []
    fitted, own_units, points = fit_features(wide, request)
    by_hash = order_by_hash(wide.index)

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
    distances = pairwise_distances(points[judged])
    resamples = draw_resamples(len(searched), request.seed)

    fits = {k: fit_k_means(search_points, k, request.seed) for k in range(1, largest_k + 1)}
    qualities = [
        measure_quality(search_points, fit, k, judged_in_search, distances, resamples, request.seed)
        for k, fit in fits.items()
    ]
    choice = choose_k(qualities, distinct, request)

    final = fits[choice.k]
    if len(searched) < len(points):
        final = fit_k_means(points, choice.k, request.seed)
    silhouette = silhouettes(distances, final.labels_[judged])
    return (
        feature_rows(fitted)
        + search_rows(qualities, choice)
        + cluster_rows(final, own_units, silhouette, judged)
        + summary_rows(request, choice.k, len(points))
    )


def fit_features(
    wide: pd.DataFrame, request: Request
) -> tuple[dict[str, FittedFeature], pd.DataFrame, np.ndarray]:
    """Fits every feature; gives the parameters, the filled values and the scaled points."""
    fitted, filled, scaled = {}, {}, []
    for feature, transform in zip(request.features, request.transforms, strict=True):
        fitted[feature], filled[feature], column = fit_feature(
            wide[feature].to_numpy(), transform, request.segmentation, feature
        )
        scaled.append(column)
    return fitted, pd.DataFrame(filled), np.column_stack(scaled)


# ---------- parameters as rows


def parameter_row(
    parameter: str,
    value: float | None = None,
    text_value: str | None = None,
    **keys: int | str,
) -> dict[str, Any]:
    """Gives one row of the output, of which `keys` may set k, cluster and feature."""
    return {"parameter": parameter, "value": value, "text_value": text_value} | keys


def feature_rows(fitted: dict[str, FittedFeature]) -> list[dict[str, Any]]:
    """Gives the rows that say how each feature is filled, transformed and scaled."""
    rows = []
    for name, feature in fitted.items():
        rows.append(parameter_row("transform", text_value=feature.transform, feature=name))
        numbers = {
            "lambda": feature.power,
            "mean": feature.mean,
            "scale": feature.scale,
            "minimum": feature.minimum,
            "maximum": feature.maximum,
            "fill_value": feature.fill_value,
        } | {f"skewness_{transform}": left for transform, left in feature.skewness.items()}
        rows += [parameter_row(key, value, feature=name) for key, value in numbers.items()]
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
    fit: KMeans, own_units: pd.DataFrame, silhouette: np.ndarray, judged: np.ndarray
) -> list[dict[str, Any]]:
    """Gives the rows of each cluster: size, silhouette, centroid, and center in own units."""
    rows = []
    for cluster, centroid in enumerate(fit.cluster_centers_):
        members = own_units[fit.labels_ == cluster]
        measured = silhouette[fit.labels_[judged] == cluster]
        rows.append(parameter_row("size", float(len(members)), cluster=cluster))
        if measured.size > 0:
            rows.append(parameter_row("silhouette", float(measured.mean()), cluster=cluster))
        for feature, coordinate in zip(own_units.columns, centroid, strict=True):
            keys = {"cluster": cluster, "feature": feature}
            rows.append(parameter_row("centroid", float(coordinate), **keys))
            rows.append(parameter_row("center", float(members[feature].mean()), **keys))
            rows.append(parameter_row("median", float(members[feature].median()), **keys))
    return rows


def summary_rows(request: Request, k: int, sample_size: int) -> list[dict[str, Any]]:
    """Gives the rows that hold for a segmentation as a whole."""
    return [
        parameter_row("algorithm", text_value=request.algorithm),
        parameter_row("chosen_k", float(k)),
        parameter_row("sample_size", float(sample_size)),
        parameter_row("seed", float(request.seed)),
        parameter_row("scikit_learn_version", text_value=sklearn.__version__),
    ]


def to_output(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Makes the output frame, with its types also where it has no rows; undefined numbers go."""
    frame = pd.DataFrame(rows, columns=list(OUTPUT_TYPES)).astype(OUTPUT_TYPES)
    return frame[frame["value"].notna() | frame["text_value"].notna()].reset_index(drop=True)


def fit_segmentations(sample: pd.DataFrame, settings: pd.DataFrame) -> pd.DataFrame:
    """Fits every segmentation of the settings; gives the parameters of all as one frame."""
    rows = []
    # One thread: sums do not depend on the number of cores, and the many small fits do not wait
    # for each other where the database keeps the cores busy (measured: 2 s instead of 30 s).
    with threadpool_limits(limits=1):
        for request in read_requests(settings):
            rows += [
                {"segmentation": request.segmentation} | row
                for row in fit_segmentation(sample, request)
            ]
    return to_output(rows)


def model(dbt, session):
    """Gives the parameters of every segmentation as rows; see the functions above."""
    dbt.config(materialized="table")
    sample = dbt.ref("int_segmentation__fit_sample")
    settings = dbt.ref("segmentation__settings")
    return fit_segmentations(as_pandas(sample), as_pandas(settings))
