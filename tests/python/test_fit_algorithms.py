"""Tests of how the fit prepares features and of its algorithms, held to scikit-learn and scipy.

What the fit writes is scored here by the stated rule, from the rows alone, as SQL scores it.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs, make_moons
from sklearn.impute import SimpleImputer
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    silhouette_score,
)
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from test_fit_python import (
    FOUR_CORNERS,
    KEYS,
    SKEWED,
    blobs,
    fit,
    fit_number,
    make_settings,
    number_of,
    one_thread,  # noqa: F401  a fixture for every test of this file too
    search_of,
    sizes_of,
    text_of,
)
from test_fit_python import make_sample as make_number_sample

pytestmark = pytest.mark.filterwarnings("error")

DEFAULTS = {
    "kmeans": {"n_init": 10},
    "hierarchical": {"linkage": "ward"},
    "dbscan": {"eps": "auto", "min_samples": 5},
    "hdbscan": {
        "min_cluster_size": "auto",
        "min_samples": None,
        "cluster_selection_method": "eom",
    },
    "gaussian_mixture": {"covariance_type": "full", "n_init": 3, "reg_covar": 1e-6},
}
LINKAGES = ["ward", "complete", "average", "single"]
COVARIANCES = ["full", "tied", "diag", "spherical"]
WITH_K = ["kmeans", "hierarchical", "gaussian_mixture"]
# Every way to score: centroids, prototypes with and without a reach, components.
WAYS = [
    ("kmeans", {}),
    *[("hierarchical", {"linkage": linkage}) for linkage in LINKAGES],
    ("dbscan", {}),
    ("hdbscan", {}),
    *[("gaussian_mixture", {"covariance_type": covariance}) for covariance in COVARIANCES],
]
TWO_LEVELS = ["b", None, "a", "b", "a", "b", "c"]


# ---------- builders


def settings_of(features, algorithm="kmeans", options=None, k=(2, 5), **changes):
    """Settings of numbers that are taken as they are, unless `changes` say otherwise."""
    if algorithm in ("dbscan", "hdbscan"):
        k = (pd.NA, pd.NA)
    return make_settings(
        features,
        k=k,
        **{"transform": "none", "scaler": "none", "algorithm": algorithm}
        | {"algorithm_options": json.dumps(DEFAULTS[algorithm] | (options or {}))}
        | changes,
    )


def request_for(algorithm="kmeans", options=None, **changes):
    return fit.read_requests(settings_of(["f"], algorithm, options, **changes))[0]


def make_sample(wide):
    """A long sample of numbers and, where a column is not made of numbers, categories."""
    is_number = {name: pd.api.types.is_numeric_dtype(wide[name]) for name in wide}
    numbers = make_number_sample(wide.apply(pd.to_numeric, errors="coerce"))
    texts = wide.astype(object).set_axis(numbers["customer_id"].unique()).rename_axis("customer_id")
    texts = texts.reset_index().melt(id_vars="customer_id", var_name="feature")
    is_text = ~numbers["feature"].map(is_number)
    return numbers.assign(text_value=texts["value"].where(is_text, None))


def run(points, algorithm="kmeans", options=None, k=(2, 5), **changes):
    wide = pd.DataFrame(points)
    wide = wide.set_axis([str(name) for name in wide.columns], axis=1)
    settings = settings_of(wide.columns, algorithm, options, k, **changes)
    return fit.fit_segmentations(make_sample(wide), settings)


def categories(settings, *names, impute="most_frequent", fill_value=None):
    is_category = settings["feature"].isin(names)
    columns = {"kind": "category", "transform": "one_hot", "impute": impute}
    columns |= {"fill_value": fill_value}
    for column, value in columns.items():
        settings[column] = settings[column].astype(object).mask(is_category, value)
    return settings


def fit_category(values, impute="most_frequent", fill_value=None, weight=1.0):
    settings = settings_of(["f"], weight=weight)
    request = fit.read_requests(categories(settings, "f", impute=impute, fill_value=fill_value))[0]
    return fit.fit_category(np.array(values, dtype=object), request.features[0], "s")


def labels_of(output, points):
    """Scores points by the rule of the contract, from the rows of the output alone."""
    points = np.asarray(points, dtype=float)
    features = list(output[output["parameter"] == "transform"]["feature"])
    rows = output[output["parameter"] == "prototype"]
    if rows.empty:
        centroids = output[output["parameter"] == "centroid"]
        wide = centroids.pivot(index="cluster", columns="feature", values="value")[features]
        return pairwise_distances(points, wide.to_numpy()).argmin(axis=1)
    wide = rows.pivot(index="prototype", columns="feature", values="value")[features]
    clusters = rows.drop_duplicates("prototype").set_index("prototype")["cluster"]
    assert list(wide.index) == list(range(1, len(wide) + 1))
    assert clusters.sort_index().is_monotonic_increasing

    by_prototype = {
        name: output[output["parameter"] == name].set_index("prototype")["value"]
        for name in ("radius", "offset")
    }
    whitenings = output[output["parameter"].str.startswith("whitening_")]
    distances = np.empty((len(points), len(wide)))
    for column, (prototype, location) in enumerate(wide.iterrows()):
        difference = points - location.to_numpy()
        axes = whitenings[whitenings["prototype"] == prototype]
        if not axes.empty:
            matrix = axes.pivot(index="parameter", columns="feature", values="value")
            difference = difference @ matrix.reindex(columns=features).fillna(0).to_numpy().T
        distances[:, column] = (difference**2).sum(axis=1)
        distances[:, column] += by_prototype["offset"].get(prototype, 0)
        reach = by_prototype["radius"].get(prototype, math.inf)
        distances[distances[:, column] > reach**2, column] = math.inf
    nearest = distances.argmin(axis=1)
    is_reached = np.isfinite(distances.min(axis=1))
    return np.where(is_reached, clusters.loc[nearest + 1].to_numpy(dtype=int), -1)


def is_same_partition(labels, others):
    """Whether two labelings differ by the numbers of their clusters alone; noise is noise."""
    labels, others = np.asarray(labels), np.asarray(others)
    return np.array_equal(labels == -1, others == -1) and adjusted_rand_score(labels, others) == 1


def clouds(dimensions=2, each=60, seed=0, spread=0.9):
    """Overlapping clouds of unequal shape, and as many points that no fit has seen."""
    generator = np.random.default_rng(seed)
    centers = generator.uniform(-4, 4, size=(3, dimensions))
    points = np.concatenate(
        [
            center + generator.normal(size=(2 * each, dimensions)) * spread * (1 + index / 2)
            for index, center in enumerate(centers)
        ]
    )
    generator.shuffle(points)
    return points[::2], points[1::2]


# ---------- reading the settings


def test_read_requests_reads_what_each_feature_asks():
    settings = settings_of(
        ["a", "b"], "dbscan", clip_low=0.01, clip_high=0.99, scaler="robust", weight=2
    )
    settings = settings.assign(outlier_low=0.05, outlier_high=0.95, outlier_fence=1.5)
    settings = categories(settings, "b", impute="constant", fill_value="none said")
    settings.loc[settings["feature"] == "b", ["clip_low", "clip_high"]] = np.nan
    request = fit.read_requests(settings)[0]
    assert request.features == [
        fit.FeatureRequest("a", "number", "none", "median", None, (0.01, 0.99), "robust", 2.0),
        fit.FeatureRequest("b", "category", "one_hot", "constant", "none said", None, "robust", 2),
    ]
    assert request.outliers == (0.05, 0.95, 1.5)
    assert request.options == {"eps": "auto", "min_samples": 5}
    assert request.k_min is None and request.k_max is None
    assert request_for().outliers is None and request_for().features[0].clip is None


def test_widen_gives_categories_as_texts_and_customers_without_any():
    sample = pd.DataFrame(
        [
            ("shop", "b", "x", 1.0, None),
            ("shop", "a", "x", None, None),
            ("shop", "b", "color", None, "red"),
            ("shop", "a", "color", None, pd.NA),
        ],
        columns=["segmentation", "customer_id", "feature", "value", "text_value"],
    )
    wide = fit.widen(sample, fit.read_requests(categories(settings_of(["x", "color"]), "color"))[0])
    assert list(wide.index) == ["a", "b"] and list(wide.columns) == ["x", "color"]
    assert pd.isna(wide.loc["a", "color"]) and wide.loc["b", "color"] == "red"
    assert math.isnan(wide.loc["a", "x"]) and wide.loc["b", "x"] == 1


# ---------- outliers, fill, clip, scale


def test_fences_stand_beyond_the_quantiles():
    values = np.append(SKEWED, [np.nan, 1e4])
    wide = pd.DataFrame({"f": values})
    request = request_for(outlier_low=0.05, outlier_high=0.95, outlier_fence=1.5)
    low, high = np.nanpercentile(values, [5, 95])
    fences = fit.fit_fences(wide, request)
    assert fences == {"f": (low - 1.5 * (high - low), high + 1.5 * (high - low))}
    inside = fit.is_inside(wide, fences)
    assert inside[-2] and not inside[-1]
    np.testing.assert_array_equal(inside[:500], SKEWED <= fences["f"][1])
    assert fit.fit_fences(wide, request_for()) == {}
    assert fit.fit_fences(pd.DataFrame({"f": [np.nan]}), request) == {}
    assert fit.is_inside(pd.DataFrame({"f": [1.0, 2.0]}), {"f": (1.0, 2.0)}).all()


def test_outliers_are_left_out_of_all_that_follows():
    wide = pd.DataFrame({"x": [*range(100), 1e6], "y": [1.0] * 50 + [2.0] * 50 + [np.nan]})
    fenced = {"outlier_low": 0.05, "outlier_high": 0.95, "outlier_fence": 1.5}
    output = run(wide, k=(2, 2), impute="mean", **fenced)
    assert number_of(output, "sample_size") == 100 == sum(sizes_of(output))
    assert number_of(output, "sample_outliers") == 1
    assert number_of(output, "fill_value", feature="x") == 49.5
    assert number_of(output, "maximum", feature="x") == 99
    low, high = np.quantile(wide["x"], [0.05, 0.95])
    assert number_of(output, "fence_low", feature="x") == pytest.approx(low - 1.5 * (high - low))
    assert number_of(output, "fence_high", feature="x") == pytest.approx(high + 1.5 * (high - low))
    unfenced = run(wide, k=(2, 2))
    assert number_of(unfenced, "sample_outliers") == 0
    assert not unfenced["parameter"].str.startswith("fence").any()


def test_fences_that_leave_nobody_are_named():
    fenced = {"outlier_low": 0.4, "outlier_high": 0.6, "outlier_fence": 0.0}
    with pytest.raises(ValueError, match="'shop': every customer .* outside the fences: raise out"):
        run({"a": [1.0, 9.0]}, **fenced)
    with pytest.raises(ValueError, match="'shop', feature 'a': .* infinite"):
        run({"a": [1.0, math.inf]}, **fenced)


@pytest.mark.parametrize("impute", ["median", "mean", "most_frequent", "constant"])
def test_numbers_are_imputed_as_by_scikit_learn(impute):
    values = np.array([5.0, np.nan, 2.0, 9.0, 9.0, 2.0, 7.5, np.nan])
    constant = {"fill_value": -1.5} if impute == "constant" else {}
    imputer = SimpleImputer(strategy=impute, **constant).fit(values.reshape(-1, 1))
    fitted, filled, _ = fit_number(
        values, "none", impute=impute, fill_value="-1.5" if constant else None
    )
    assert fitted.fill_value == imputer.statistics_[0]
    np.testing.assert_array_equal(filled, imputer.transform(values.reshape(-1, 1)).ravel())


def test_a_number_without_values_is_a_constant_or_a_fault():
    missing = np.full(4, np.nan)
    fitted, filled, scaled = fit_number(
        missing, "auto", impute="constant", fill_value="3", clip_low=0.1, clip_high=0.9
    )
    assert (fitted.fill_value, fitted.mean, fitted.scale) == (3, 3, 1)
    assert fitted.clip is None and fitted.skewness == {}
    assert (filled == 3).all() and (scaled == 0).all()
    for impute in ("mean", "most_frequent"):
        with pytest.raises(ValueError, match="'s', feature 'f': no customer .* has a value"):
            fit_number(missing, "none", impute=impute)


def test_values_are_clipped_after_the_fill_and_before_the_transform():
    values = np.append(SKEWED, [np.nan, 1e9])
    fitted, filled, scaled = fit_number(
        values, "log", impute="constant", fill_value="1e12", clip_low=0.05, clip_high=0.9
    )
    low, high = np.nanpercentile(values, [5, 90])
    clipped = np.log1p(np.clip(np.where(np.isnan(values), 1e12, values), low, high))
    assert fitted.clip == (low, high)
    assert (fitted.minimum, fitted.maximum) == (low, high)
    np.testing.assert_allclose(scaled, (clipped - clipped.mean()) / clipped.std(), rtol=1e-9)
    np.testing.assert_array_equal(filled[-2:], [1e12, 1e9])
    unclipped = pd.Series(np.log1p(clipped)).skew()
    assert fitted.skewness["log"] == pytest.approx(pd.Series(clipped).skew(), rel=1e-9) != unclipped
    assert fit_number(values, "log", impute="mean", clip_low=0.05, clip_high=0.9)[
        0
    ].fill_value == pytest.approx(np.nanmean(values))


@pytest.mark.parametrize(
    ("scaler", "library"),
    [("standard", StandardScaler), ("robust", RobustScaler), ("min_max", MinMaxScaler)],
)
@pytest.mark.parametrize("values", [SKEWED, np.array([1.0] * 9 + [4.0]), np.full(5, 7.0)])
def test_scalers_equal_scikit_learns(scaler, library, values):
    fitted, _, scaled = fit_number(values, "sqrt", scaler=scaler, weight=2.5)
    expected = library().fit_transform(np.sqrt(values).reshape(-1, 1)).ravel()
    np.testing.assert_allclose(scaled, 2.5 * expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose((np.sqrt(values) - fitted.mean) / fitted.scale * 2.5, scaled)
    assert (fitted.scaler, fitted.weight) == (scaler, 2.5)


def test_no_scaler_leaves_the_transformed_values():
    fitted, _, scaled = fit_number(SKEWED, "log", scaler="none")
    assert (fitted.mean, fitted.scale) == (0, 1)
    np.testing.assert_array_equal(scaled, np.log(1 + SKEWED))


@pytest.mark.parametrize("changes", [{"scaler": "none"}, {"weight": 1e101}])
def test_coordinates_too_large_to_square_are_refused(changes):
    with pytest.raises(ValueError, match="'s', feature 'f': .* too large for transform none"):
        fit_number(np.array([1.0, 2.0, 1e150]), "none", **changes)


# ---------- categories


def test_levels_equal_the_one_hot_encoders():
    fitted, is_level, scaled = fit_category(TWO_LEVELS, weight=0.5)
    filled = np.array([value or "b" for value in TWO_LEVELS], dtype=object).reshape(-1, 1)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(filled)
    assert fitted.fill_value == "b" and fitted.transform == "one_hot"
    assert list(fitted.levels) == list(encoder.categories_[0])
    assert list(fitted.levels.values()) == [2 / 7, 4 / 7, 1 / 7]
    np.testing.assert_array_equal(is_level, encoder.transform(filled))
    np.testing.assert_array_equal(scaled, 0.5 * encoder.transform(filled))


def test_categories_are_imputed_as_by_scikit_learn():
    for values in (TWO_LEVELS, ["z", "y", "y", "z", None]):
        column = np.array(values, dtype=object).reshape(-1, 1)
        imputer = SimpleImputer(strategy="most_frequent", missing_values=None).fit(column)
        assert fit_category(values)[0].fill_value == imputer.statistics_[0]
    constant = fit_category([None, "a"], impute="constant", fill_value="unknown")[0]
    assert constant.levels == {"a": 0.5, "unknown": 0.5}
    missing = fit_category([None, pd.NA], impute="constant", fill_value="unknown")[0]
    assert missing.levels == {"unknown": 1.0}
    with pytest.raises(ValueError, match="'s', feature 'f': no customer .* has a value"):
        fit_category([None, np.nan])


def test_a_category_has_at_most_fifty_levels():
    assert len(fit_category([f"level {i}" for i in range(50)])[0].levels) == 50
    message = "'s', feature 'f' has 51 different values; allowed at most 50: group them upstream"
    with pytest.raises(ValueError, match=message):
        fit_category([f"level {i}" for i in range(51)])


def test_rows_of_numbers_and_categories():
    wide = pd.DataFrame({"x": [1.0, 2.0, 11.0, 12.0], "color": ["red", "red", "blue", None]})
    settings = settings_of(wide.columns, k=(2, 2), weight=2.0, clip_low=0.0, clip_high=1.0)
    settings = categories(settings, "color", impute="constant", fill_value="none")
    output = fit.fit_segmentations(make_sample(wide), settings)
    texts = output[output["feature"] == "color"].dropna(subset=["text_value"])
    assert dict(zip(texts["parameter"], texts["text_value"], strict=True)) | {"level": None} == {
        "transform": "one_hot",
        "scaler": "none",
        "impute": "constant",
        "fill_value": "none",
        "level": None,
    }
    levels = output[output["parameter"] == "level"]
    assert list(levels["level_id"]) == [1, 2, 3]
    assert list(levels["text_value"]) == ["blue", "none", "red"]
    assert list(levels["value"]) == [0.25, 0.25, 0.5]
    color = set(output[(output["feature"] == "color") & output["cluster"].isna()]["parameter"])
    assert color == {
        "transform", "scaler", "impute", "weight", "mean", "scale", "fill_value", "level"
    }  # fmt: skip
    assert number_of(output, "mean", feature="color") == 0
    assert number_of(output, "scale", feature="color") == 1
    assert number_of(output, "weight", feature="x") == 2
    assert number_of(output, "clip_low", feature="x") == 1
    assert number_of(output, "clip_high", feature="x") == 12
    assert text_of(output, "impute", feature="x") == "median"

    high = output[(output["parameter"] == "center") & (output["value"] == 11.5)]["cluster"].iloc[0]
    for level_id, (share, deviation) in enumerate(
        [(0.5, 1 / math.sqrt(3)), (0.5, 1 / math.sqrt(3)), (0, -1)], start=1
    ):
        keys = {"cluster": high, "feature": "color", "level_id": level_id}
        assert number_of(output, "center", **keys) == share
        assert number_of(output, "centroid", **keys) == pytest.approx(2 * share)
        assert number_of(output, "deviation", **keys) == pytest.approx(deviation)
    assert number_of(output, "median", cluster=high, feature="x") == 11.5
    assert output[output["level_id"].notna()]["parameter"].ne("median").all()
    assert not output.duplicated(["segmentation", "parameter", *KEYS]).any()


# ---------- the scoring rule


def test_assign_takes_the_nearest_that_reaches_and_the_lowest_of_equals():
    points = np.array([[0.0], [1.0], [2.0], [3.0], [5.0], [7.0]])
    centroids = fit.Prototypes(np.array([0, 1]), np.array([[0.0], [2.0]]))
    assert list(fit.assign(points, centroids)) == [0, 0, 1, 1, 1, 1]
    reaching = centroids._replace(radius=np.array([6.0, 1.0]))
    assert list(fit.assign(points, reaching)) == [0, 0, 1, 1, 0, -1]
    shifted = centroids._replace(offset=np.array([0.0, 5.0]))
    assert list(fit.assign(points, shifted)) == [0, 0, 0, 1, 1, 1]
    stretched = centroids._replace(whitening=np.array([[[0.1]], [[1.0]]]))
    assert list(fit.assign(points, stretched)) == [0, 0, 1, 0, 0, 0]


def test_assign_in_batches_changes_nothing(monkeypatch):
    points, others = clouds()
    prototypes = fit.Prototypes(np.arange(len(points)), points, radius=np.full(len(points), 0.3))
    whole = fit.assign(others, prototypes)
    assert -1 in whole
    monkeypatch.setattr(fit, "DISTANCES_AT_ONCE", 700)
    np.testing.assert_array_equal(fit.assign(others, prototypes), whole)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_k_means_scores_as_scikit_learn_predicts(dimensions):
    points, others = clouds(dimensions)
    output = run(points, k=(3, 3))
    library = KMeans(3, n_init=10, random_state=42).fit(points)
    for some in (points, others):
        np.testing.assert_array_equal(labels_of(output, some), library.predict(some))
    assert "prototype" not in set(output["parameter"])


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_gaussian_mixture_scores_as_scikit_learn_predicts(covariance, dimensions):
    points, others = clouds(dimensions, seed=dimensions)
    output = run(points, "gaussian_mixture", {"covariance_type": covariance}, k=(3, 3))
    library = GaussianMixture(3, covariance_type=covariance, n_init=3, random_state=42).fit(points)
    request = request_for("gaussian_mixture", {"covariance_type": covariance})
    partition = fit.partition_by_gaussian_mixture(points, [3], request)[3]
    for some in (points, others):
        np.testing.assert_array_equal(labels_of(output, some), library.predict(some))
        np.testing.assert_array_equal(fit.assign(some, partition.prototypes), library.predict(some))
    offsets = output[output["parameter"] == "offset"]["value"]
    assert offsets.min() == 0 and (offsets >= 0).all()
    assert number_of(output, "bic", k=3) == pytest.approx(library.bic(points))
    whitened = output[output["parameter"].str.startswith("whitening")]
    assert whitened["value"].ne(0).all()
    triangle = dimensions * (dimensions + 1) // 2 if covariance in ("full", "tied") else dimensions
    assert len(whitened) == 3 * triangle


@pytest.mark.parametrize("options", [{"eps": 0.4, "min_samples": 5}, {"eps": 0.8}])
def test_dbscan_scores_core_points_and_noise_as_scikit_learn(options):
    points, _ = clouds()
    output = run(points, "dbscan", options)
    library = DBSCAN(eps=options["eps"], min_samples=5).fit(points)
    core = library.core_sample_indices_
    expected = library.labels_.copy()
    border = np.setdiff1d(np.flatnonzero(expected != -1), core)
    assert len(border) > 0
    to_core = pairwise_distances(points[border], points[core])
    expected[border] = expected[core][to_core.argmin(axis=1)]
    assert expected.max() >= 1 and -1 in expected
    np.testing.assert_array_equal(labels_of(output, points), expected)
    assert (output[output["parameter"] == "radius"]["value"] == options["eps"]).all()
    assert (output["parameter"] == "radius").sum() == len(core)
    for cluster in range(-1, expected.max() + 1):
        assert number_of(output, "size", cluster=cluster) == (library.labels_ == cluster).sum()


@pytest.mark.parametrize(
    "options",
    [
        {"min_cluster_size": 5},
        {"min_cluster_size": 12, "min_samples": 3},
        {"min_cluster_size": 6, "cluster_selection_method": "leaf"},
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hdbscan_scores_the_sample_as_scikit_learn_labels_it(options, seed):
    points, others = clouds(seed=seed)
    output = run(points, "hdbscan", options)
    library = HDBSCAN(**DEFAULTS["hdbscan"] | options, copy=True).fit(points)
    assert -1 in library.labels_
    np.testing.assert_array_equal(labels_of(output, points), library.labels_)
    agreements = output[output["parameter"] == "agreement"]["value"]
    assert len(agreements) == library.labels_.max() + 1 and (agreements == 1).all()

    # No farther than the core distance, and short of every noise customer.
    core = options.get("min_samples", options["min_cluster_size"])
    distances = pairwise_distances(points)
    members = np.argsort(library.labels_, kind="stable")[(library.labels_ == -1).sum() :]
    radius = output[output["parameter"] == "radius"]["value"].to_numpy()
    core_distances = np.sort(distances, axis=1)[:, core - 1]
    to_noise = distances[:, library.labels_ == -1].min(axis=1)
    np.testing.assert_allclose(radius, np.minimum(core_distances, to_noise)[members], rtol=1e-7)
    assert (radius < to_noise[members]).all()
    assert {-1} < set(labels_of(output, others))


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("seed", [0, 1])
def test_hierarchical_cuts_are_scikit_learns(linkage, seed):
    points, _ = clouds(seed=seed)
    request = request_for("hierarchical", {"linkage": linkage})
    for k, partition in fit.partition_by_linkage(points, range(1, 9), request).items():
        library = AgglomerativeClustering(k, linkage=linkage).fit(points)
        assert is_same_partition(partition.labels, library.labels_)
        np.testing.assert_array_equal(np.unique(partition.labels), np.arange(k))
        means = [points[partition.labels == cluster].mean(axis=0) for cluster in range(k)]
        np.testing.assert_allclose(partition.centroids, means)
        inertia = sum(
            ((points[partition.labels == cluster] - mean) ** 2).sum()
            for cluster, mean in enumerate(means)
        )
        assert partition.inertia == pytest.approx(inertia)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_hierarchical_says_how_far_its_scoring_agrees(linkage):
    points, _ = clouds(seed=4)
    output = run(points, "hierarchical", {"linkage": linkage}, k=(4, 4))
    library = AgglomerativeClustering(4, linkage=linkage).fit(points).labels_
    assert sizes_of(output) == sorted(np.bincount(library), reverse=True)
    scored = labels_of(output, points)
    if linkage == "single":
        assert is_same_partition(scored, library)
        assert (output[output["parameter"] == "agreement"]["value"] == 1).all()
        assert "radius" not in set(output["parameter"])
        return
    expected = NearestCentroid().fit(points, library).predict(points)
    assert is_same_partition(scored, expected)
    shares = [(expected[library == cluster] == cluster).mean() for cluster in range(4)]
    agreements = output[output["parameter"] == "agreement"]["value"]
    np.testing.assert_allclose(sorted(agreements), sorted(shares))
    assert min(shares) < 1


def test_single_linkage_keeps_one_customer_per_distinct_point():
    points = np.repeat([[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]], [3, 2, 4], axis=0)
    output = run(points, "hierarchical", {"linkage": "single"}, k=(2, 2))
    assert output[output["parameter"] == "prototype"]["prototype"].nunique() == 3
    assert is_same_partition(labels_of(output, points), [0] * 5 + [1] * 4)


def test_agreement_is_the_share_that_scoring_places_alike():
    points, labels = np.array([[0.0], [1.0], [2.0], [9.0], [1.0]]), np.array([0, 0, 0, 0, 1])
    partition = fit.make_partition(points, labels, 2)
    assert partition.centroids.tolist() == [[3.0], [1.0]]
    whole = fit.Fit(partition, [], fit.Choice(2, {}), np.arange(5), np.full(5, 0.5))
    scored = fit.assign(points, fit.scoring_prototypes(partition))
    rows = fit.cluster_rows(whole, scored, pd.DataFrame(points), points, [{"feature": "f"}])
    agreement = {row["cluster"]: row["value"] for row in rows if row["parameter"] == "agreement"}
    # 0 and 1 are nearer to the other centroid, 2 is as near and goes to the lower cluster.
    assert agreement == {0: 0.5, 1: 1.0}


@pytest.mark.parametrize(
    ("algorithm", "options"), [way for way in WAYS if way[0] not in ("hierarchical", "dbscan")]
)
def test_agreement_is_complete_where_scoring_is_exact(algorithm, options):
    output = run(clouds()[0], algorithm, options)
    agreements = output[output["parameter"] == "agreement"]["value"]
    assert len(agreements) == number_of(output, "chosen_k") and (agreements == 1).all()


# ---------- the shares that scoring gives the sample


def shares_of(output):
    rows = output[output["parameter"] == "scored_share"]
    return dict(zip(rows["cluster"].astype(int), rows["value"], strict=True))


@pytest.mark.parametrize(("algorithm", "options"), WAYS)
def test_shares_are_what_scoring_gives_the_whole_sample(algorithm, options):
    points = clouds()[0]
    far = [[500.0, -500.0], [-40.0, 3.0]]
    wide = np.append(points, far, axis=0)
    fenced = {"outlier_low": 0.05, "outlier_high": 0.95, "outlier_fence": 1.5}
    output = run(wide, algorithm, options, scaler="none", **fenced)
    assert number_of(output, "sample_outliers") == len(far)
    scored, shares = labels_of(output, wide), shares_of(output)
    has_noise = algorithm in ("dbscan", "hdbscan")
    assert set(shares) == {*range(int(number_of(output, "chosen_k"))), *([-1] if has_noise else [])}
    for cluster, share in shares.items():
        assert share == (scored == cluster).mean()
    assert sum(shares.values()) == pytest.approx(1)
    if has_noise:
        assert scored[-2] == -1 and shares[-1] >= 1 / len(wide)


def test_shares_of_a_fit_without_outliers_or_noise():
    output = run([[0.0], [1.0], [10.0], [11.0], [12.0]], k=(2, 2))
    assert sorted(shares_of(output).values()) == [0.4, 0.6]
    assert set(shares_of(run(np.zeros((20, 2)), "dbscan")).values()) == {0.0, 1.0}


def test_any_customer_is_prepared_as_the_fitted_ones():
    generator = np.random.default_rng(5)
    features = {
        "log": {"transform": "log"},
        "box_cox": {"transform": "box_cox", "weight": 0.5},
        "yeo_johnson": {"transform": "yeo_johnson"},
        "clipped": {"transform": "none", "clip_low": 0.1, "clip_high": 0.9, "scaler": "robust"},
        "level": {"transform": "one_hot", "kind": "category", "weight": 0.7},
    }
    wide = pd.DataFrame({name: generator.lognormal(size=60) for name in features})
    wide["yeo_johnson"] -= 1
    wide["level"] = pd.Series(list("abc") * 20, dtype=object)
    wide.loc[7, :] = [np.nan] * 4 + [None]
    settings = settings_of(list(features))
    settings["weight"] = settings["weight"].astype(float)
    for row, changes in enumerate(features.values()):
        for column, value in ({"impute": "most_frequent"} | changes).items():
            settings[column] = settings[column].astype(object)
            settings.loc[row, column] = value
    request = fit.read_requests(settings)[0]
    fitted, _, points = fit.fit_features(wide, request)
    np.testing.assert_array_equal(fit.scale_features(wide, fitted), points)
    assert fit.scale_features(wide.iloc[:0], fitted).shape == (0, points.shape[1])

    # Outside the domain the smallest, beyond all bounds the largest; an unseen level is none.
    strangers = pd.DataFrame(
        {"log": [-5.0, 1e200], "box_cox": [0.0, 1e200], "yeo_johnson": [-1e200, 1e200]}
        | {"clipped": [-1e9, 1e9], "level": pd.Series(["new", "a"], dtype=object)}
    )
    scaled = fit.scale_features(strangers, fitted)
    assert np.isfinite(scaled).all() and (np.abs(scaled) <= fit.LARGEST_COORDINATE).all()
    lowest, highest = points.min(axis=0), points.max(axis=0)
    np.testing.assert_array_equal(scaled[0, [0, 1, 3]], lowest[[0, 1, 3]])
    assert scaled[1, 3] == highest[3]
    assert scaled[:, 4:].tolist() == [[0, 0, 0], [0.7, 0, 0]]


# ---------- the search


@pytest.mark.parametrize(("algorithm", "options"), WAYS)
def test_planted_groups_are_found(algorithm, options):
    wide, planted = blobs(FOUR_CORNERS)
    output = run(wide, algorithm, options, k=(2, 8))
    scored = labels_of(output, wide)
    assert number_of(output, "chosen_k") == 4
    assert adjusted_rand_score(planted[scored != -1], scored[scored != -1]) == 1
    assert (scored != -1).mean() > 0.9
    assert text_of(output, "algorithm") == algorithm


@pytest.mark.parametrize(("algorithm", "options"), WAYS)
def test_the_order_of_rows_never_matters(algorithm, options):
    wide = pd.DataFrame(clouds()[0], columns=["0", "1"])
    wide.iloc[::30, 1] = np.nan
    sample, settings = make_sample(wide), settings_of(wide.columns, algorithm, options)
    expected = fit.fit_segmentations(sample, settings)
    shuffled = fit.fit_segmentations(sample.sample(frac=1, random_state=1), settings.iloc[::-1])
    pd.testing.assert_frame_equal(shuffled, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("algorithm", "options"), WAYS)
def test_rows_have_keys_of_their_own_and_finite_values(algorithm, options):
    output = run(clouds()[0], algorithm, options)
    assert not output.duplicated(["segmentation", "parameter", *KEYS]).any()
    assert np.isfinite(output["value"].dropna()).all()
    resolved = json.loads(text_of(output, "algorithm_options"))
    assert list(resolved) == sorted(DEFAULTS[algorithm])
    assert "auto" not in resolved.values()
    assert ("bic" in set(output["parameter"])) == (algorithm == "gaussian_mixture")
    has_noise = ((output["parameter"] == "size") & (output["cluster"] == -1)).any()
    assert has_noise == (algorithm in ("dbscan", "hdbscan"))


@pytest.mark.parametrize("algorithm", WITH_K)
def test_k_is_searched_and_judged_alike(algorithm):
    wide, _ = blobs(FOUR_CORNERS, each=60)
    output = run(wide, algorithm, k=(2, 8))
    search = search_of(output)
    assert list(search.index) == list(range(1, 9))
    assert search["reason"][4].startswith("knee of the inertia curve, smallest segment 25.0 %")
    assert search["stability"][4] == pytest.approx(1) and search["stability"][7] < 0.9
    assert search["inertia"][4] < search["inertia"][3] / 3
    points, labels = wide.to_numpy(), labels_of(run(wide, algorithm, k=(4, 4)), wide)
    assert search["silhouette"][4] == pytest.approx(silhouette_score(points, labels))
    assert search["calinski_harabasz"][4] == pytest.approx(calinski_harabasz_score(points, labels))
    assert search["davies_bouldin"][4] == pytest.approx(davies_bouldin_score(points, labels))


@pytest.mark.parametrize("algorithm", WITH_K)
def test_a_fixed_k_needs_as_many_distinct_customers(algorithm):
    message = "'shop' asks for k = 4 but its fit sample holds only 2 distinct customers: lower k"
    with pytest.raises(ValueError, match=message):
        run({"0": [1.0] * 20 + [9.0] * 20}, algorithm, k=(4, 4))


@pytest.mark.parametrize("algorithm", WITH_K)
def test_one_customer_or_all_alike_make_one_segment(algorithm):
    for size in (1, 40):
        output = run({"0": [5.0] * size, "1": [2.0] * size}, algorithm)
        assert number_of(output, "chosen_k") == 1 and sizes_of(output) == [size]
        assert number_of(output, "agreement", cluster=0) == 1
        assert number_of(output, "mean_distance", cluster=0) == 0
        assert number_of(output, "deviation", cluster=0, feature="0") == 0
        assert list(labels_of(output, [[5.0, 2.0]])) == [0]
    assert sizes_of(run({"0": [1.0, 2.0]}, algorithm)) == [1, 1]


def test_k_means_takes_its_options():
    points = np.random.default_rng(0).uniform(size=(500, 2))
    inertia = {
        starts: number_of(run(points, options={"n_init": starts}, k=(8, 8)), "inertia", k=8)
        for starts in (1, 10)
    }
    expected = KMeans(8, n_init=1, random_state=42).fit(points).inertia_
    assert inertia[1] == pytest.approx(expected) and inertia[10] < inertia[1]


def test_resamples_start_less_often(monkeypatch):
    starts, library = [], KMeans
    monkeypatch.setattr(
        "sklearn.cluster.KMeans",
        lambda **options: (starts.append(options["n_init"]), library(**options))[1],
    )
    run(clouds()[0], k=(2, 2))
    assert set(starts) == {10, 3}
    starts.clear()
    run(clouds()[0], options={"n_init": 2}, k=(2, 2))
    assert set(starts) == {2}


# ---------- gaussian_mixture


def without_customers(monkeypatch, empty_from):
    """From so many components on, the first is taken for the second."""
    predict = GaussianMixture.predict

    def predict_fewer(self, points):
        labels = predict(self, points)
        return np.where(labels == 0, 1, labels) if self.n_components >= empty_from else labels

    monkeypatch.setattr(GaussianMixture, "predict", predict_fewer)


def test_a_fixed_k_with_a_component_without_customers_is_refused(monkeypatch):
    without_customers(monkeypatch, 3)
    message = "'shop': gaussian_mixture with k = 3 leaves a segment without customers: lower k"
    with pytest.raises(ValueError, match=message):
        run(clouds()[0], "gaussian_mixture", k=(3, 3))


def test_a_search_passes_over_a_k_with_a_component_without_customers(monkeypatch):
    without_customers(monkeypatch, 4)
    wide, _ = blobs(FOUR_CORNERS)
    for guards in ({}, {"minimum_segment_share": 0.0}):
        output = run(wide, "gaussian_mixture", minimum_stability=0.0, **guards)
        search = search_of(output)
        assert number_of(output, "chosen_k") < 4
        assert search["smallest_share"][4] == 0
        assert search["reason"][4].endswith("a segment holds no customers")


def test_a_mixture_that_cannot_be_fitted_says_what_to_do():
    points = np.column_stack([np.arange(20.0), np.arange(20.0)])
    message = "'shop': gaussian_mixture cannot be fitted with k = 1: raise reg_covar or lower k"
    with pytest.raises(ValueError, match=message):
        run(points, "gaussian_mixture", {"reg_covar": 0})


# ---------- dbscan and hdbscan


def test_eps_is_the_knee_of_the_distances_to_the_neighbors():
    generator = np.random.default_rng(0)
    points = np.concatenate([generator.normal(size=(200, 2)), generator.uniform(-9, 9, (20, 2))])
    fourth = np.sort(np.sort(pairwise_distances(points), axis=1)[:, 3])
    chord = np.linspace(fourth[0], fourth[-1], len(fourth))
    knee = fourth[(chord - fourth).argmax()]
    eps = fit.knee_distance(points, 4)
    assert knee < eps < knee * (1 + 1.1e-5)
    assert float(f"{eps:.6g}") == eps
    output = run(points, "dbscan", {"min_samples": 4})
    assert json.loads(text_of(output, "algorithm_options")) == {"eps": eps, "min_samples": 4}


def test_eps_is_rounded_up_so_that_it_equals_no_distance():
    assert fit.knee_distance(np.arange(30.0).reshape(-1, 1) * 1000, 2) == 1000.01
    assert fit.knee_distance(np.arange(30.0).reshape(-1, 1) / 8, 2) == 0.125001
    assert fit.knee_distance(np.arange(30.0).reshape(-1, 1) * 1234567, 2) == 1234570


def test_eps_without_a_knee_reaches_everybody(monkeypatch):
    for curve in (np.sqrt(np.arange(1.0, 41)), np.arange(1.0, 41)):
        monkeypatch.setattr(fit, "kth_distances", lambda points, k, curve=curve: curve)
        eps = fit.knee_distance(np.zeros((40, 1)), 2)
        assert curve.max() < eps < 1.0001 * curve.max()


def test_eps_is_never_zero():
    assert 1e-6 < fit.knee_distance(np.zeros((9, 2)), 5) < 1.1e-6


def test_dbscan_finds_moons_and_their_noise():
    points, planted = make_moons(400, noise=0.05, random_state=0)
    points = np.concatenate([points, [[9.0, 9.0], [-9.0, 5.0]]])
    output = run(points, "dbscan", {"eps": 0.2})
    assert adjusted_rand_score(np.append(planted, [2, 2]), labels_of(output, points)) == 1
    assert number_of(output, "size", cluster=-1) == 2
    assert number_of(output, "center", cluster=-1, feature="0") == 0
    assert number_of(output, "median", cluster=-1, feature="1") == 7
    noise = output[output["cluster"] == -1]
    assert set(noise["parameter"]) == {"size", "center", "median", "scored_share"}

    search = search_of(output)
    clustered = points[:-2]
    assert list(search.index) == [2] and "stability" not in search and search["is_chosen"][2] == 1
    assert search["reason"][2] == (
        "found by dbscan, 2 of 402 customers (0.5 %) are noise, smallest segment 49.8 %"
    )
    assert search["smallest_share"][2] == 200 / 402
    assert search["silhouette"][2] == pytest.approx(silhouette_score(clustered, planted))
    assert search["calinski_harabasz"][2] == pytest.approx(
        calinski_harabasz_score(clustered, planted)
    )
    assert search["davies_bouldin"][2] == pytest.approx(davies_bouldin_score(clustered, planted))
    means = np.array([clustered[planted == group].mean(axis=0) for group in (0, 1)])
    assert search["inertia"][2] == pytest.approx(((clustered - means[planted]) ** 2).sum())


def test_small_segments_of_dbscan_are_warned_of():
    points = np.concatenate([np.zeros((300, 1)), np.full((2, 1), 9.0)])
    output = run(points, "dbscan", {"eps": 1, "min_samples": 2})
    assert text_of(output, "reason") == (
        "found by dbscan, 0 of 302 customers (0.0 %) are noise; "
        "warning: smallest segment holds 0.7 % of customers, below 1 %"
    )
    assert number_of(output, "size", cluster=-1) == 0


def test_where_all_are_noise_the_options_are_named():
    points = np.random.default_rng(0).uniform(size=(40, 2))
    message = (
        "'shop': dbscan with eps = 1e-05, min_samples = 5 finds no segment, all of its 40 "
        "customers are noise: raise eps, lower min_samples, or say eps: auto"
    )
    with pytest.raises(ValueError, match=message):
        run(points, "dbscan", {"eps": 1e-5})
    message = "'shop': hdbscan with min_cluster_size = 30, .* 40 customers are noise: lower min_cl"
    with pytest.raises(ValueError, match=message):
        run(points, "hdbscan", {"min_cluster_size": 30})


@pytest.mark.parametrize(
    ("algorithm", "options", "size", "named"),
    [
        ("dbscan", {}, 4, "min_samples = 5 cannot be fitted on a sample of 4 customers"),
        ("dbscan", {"eps": 3}, 1, "min_samples = 5 cannot be fitted on a sample of 1 customer:"),
        ("hdbscan", {}, 4, "min_cluster_size = 5 cannot .* 4 customers: lower min_cluster_size"),
        ("hdbscan", {"min_samples": 9}, 8, "min_samples = 9 cannot .* 8 customers: lower min_s"),
    ],
)
def test_fewer_customers_than_a_segment_takes_are_refused(algorithm, options, size, named):
    with pytest.raises(ValueError, match=f"'shop': {algorithm} with {named}"):
        run({"0": [1.0] * size}, algorithm, options)


@pytest.mark.parametrize("algorithm", ["dbscan", "hdbscan"])
@pytest.mark.parametrize("size", [5, 40])
def test_customers_that_are_all_alike_are_one_segment(algorithm, size):
    output = run({"0": [3.0] * size}, algorithm)
    assert number_of(output, "chosen_k") == 1
    assert number_of(output, "size", cluster=0) == size
    assert list(labels_of(output, [[3.0], [4.0]])) == [0, -1]


def test_min_cluster_size_follows_the_smallest_share():
    def size_of(customers, share):
        request = request_for("hdbscan", minimum_segment_share=share)
        resolved = fit.resolve_options(np.zeros((customers, 1)), request)
        return resolved.options["min_cluster_size"]

    assert [size_of(40, 0.01), size_of(1000, 0.01), size_of(1001, 0.01)] == [5, 10, 11]
    # 0.07 * 100 is 7.000000000000001.
    assert size_of(100, 0.07) == 7


def test_hdbscan_finds_groups_of_unequal_density():
    points, planted = make_blobs(
        [150, 150, 150], centers=[(0, 0), (9, 0), (0, 9)], cluster_std=[0.3, 1, 1.4], random_state=1
    )
    output = run(points, "hdbscan")
    scored = labels_of(output, points)
    assert number_of(output, "chosen_k") == 3
    assert adjusted_rand_score(planted[scored != -1], scored[scored != -1]) == 1
    assert number_of(output, "size", cluster=-1) == (scored == -1).sum()


# ---------- the dendrogram


def dendrogram_of(output):
    rows = output[output["parameter"].str.startswith("dendrogram_")]
    table = rows.pivot(index="node_id", columns="parameter", values="value")
    table.columns = table.columns.str.removeprefix("dendrogram_")
    return table.assign(cluster=rows.drop_duplicates("node_id").set_index("node_id")["cluster"])


def test_a_small_dendrogram():
    output = run({"0": [0.0, 1.0, 10.0, 12.0, 30.0]}, "hierarchical", {"linkage": "single"}, (2, 2))
    nodes = dendrogram_of(output)
    assert nodes["height"].tolist() == [0, 0, 0, 0, 0, 1, 2, 9, 18]
    assert nodes["size"].tolist() == [1, 1, 1, 1, 1, 2, 2, 4, 5]
    # 30 is drawn first: scipy puts the older of two nodes left.
    assert nodes["position"].tolist() == [1, 2, 3, 4, 5, 2.5, 4.5, 3.5, 2.25]
    assert nodes["left"].tolist()[5:] == [2, 4, 6, 1]
    assert nodes["right"].tolist()[5:] == [3, 5, 7, 8]
    assert nodes["left"].iloc[:5].isna().all()
    assert nodes["cluster"].isna().tolist() == [False] * 8 + [True]
    assert nodes["cluster"].iloc[:8].nunique() == 2 and nodes["cluster"].iloc[1:8].nunique() == 1


@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_dendrogram_is_the_top_of_scipys(linkage):
    points, _ = clouds()
    output = run(points, "hierarchical", {"linkage": linkage}, k=(3, 3))
    nodes = dendrogram_of(output)
    assert len(nodes) == 59 and list(nodes.index) == list(range(1, 60))
    tree = hierarchy.linkage(points, linkage)
    np.testing.assert_allclose(nodes["height"].iloc[30:], tree[-29:, 2])
    np.testing.assert_array_equal(nodes["size"].iloc[30:], tree[-29:, 3])
    assert (nodes["height"].iloc[:30] == 0).all() and nodes["size"].iloc[:30].sum() == len(points)
    drawn = hierarchy.dendrogram(tree, truncate_mode="lastp", p=30, no_plot=True)
    # scipy draws leaves at 5, 15, 25, ...
    middles = [(x[1] + x[2]) / 20 + 0.5 for x in drawn["icoord"]]
    ours = nodes.iloc[30:].sort_values("height")["position"]
    by_height = np.argsort([y[1] for y in drawn["dcoord"]], kind="stable")
    np.testing.assert_allclose(ours, np.array(middles)[by_height])

    for _, node in nodes.iloc[30:].iterrows():
        below = nodes.loc[[node["left"], node["right"]]]
        assert below["size"].sum() == node["size"]
        assert below["position"].mean() == node["position"]
        assert below["position"].is_monotonic_increasing
        same = below["cluster"].nunique(dropna=False) == 1
        assert node["cluster"] is pd.NA or (same and below["cluster"].iloc[0] == node["cluster"])
    sizes = nodes.iloc[:30].groupby("cluster")["size"].sum()
    for cluster, size in sizes.items():
        assert number_of(output, "size", cluster=cluster) == size


def test_a_dendrogram_has_a_leaf_for_each_segment_at_least():
    points, _ = clouds()
    nodes = dendrogram_of(run(points, "hierarchical", k=(35, 35)))
    assert len(nodes) == 69 and nodes["cluster"].iloc[:35].nunique() == 35
    few = dendrogram_of(run(points[:4], "hierarchical", k=(2, 2)))
    assert len(few) == 7
    alone = dendrogram_of(run(points[:1], "hierarchical"))
    assert alone[["height", "size", "position", "cluster"]].values.tolist() == [[0, 1, 1, 0]]


def test_merges_of_equal_height_are_cut_all_the_same():
    points = np.arange(12.0).reshape(-1, 1)
    tree = hierarchy.linkage(points, "single")
    for k in range(1, 13):
        assert len(np.unique(fit.cut_tree(tree, k)[:12])) == k


@pytest.mark.parametrize("linkage", LINKAGES)
def test_the_cophenetic_correlation_is_scipys(linkage):
    points, _ = clouds()
    output = run(points, "hierarchical", {"linkage": linkage})
    expected, _ = hierarchy.cophenet(hierarchy.linkage(points, linkage), pdist(points))
    assert number_of(output, "cophenetic_correlation") == pytest.approx(expected)
    assert "cophenetic_correlation" not in set(run(points)["parameter"])
    # The corners of a regular triangle are equally far from each other but for rounding.
    corners = [
        (math.cos(angle), math.sin(angle))
        for angle in (0.1, 0.1 + math.tau / 3, 0.1 - math.tau / 3)
    ]
    for points in ([[1.0]] * 9, [[1.0], [2.0]], corners):
        output = run(points, "hierarchical", {"linkage": linkage})
        assert "cophenetic_correlation" not in set(output["parameter"])


# ---------- where the clusters stand


@pytest.mark.parametrize(("algorithm", "options"), WAYS)
def test_clusters_say_where_they_stand(algorithm, options):
    wide, _ = blobs(FOUR_CORNERS, each=50)
    points = wide.assign(f2=2.3).to_numpy()
    output = run(points, algorithm, options, k=(4, 4))
    deviation, spread = points - points.mean(axis=0), points.std(axis=0)
    labels = labels_of(output, points)
    for cluster in range(4):
        members = points[labels == cluster]
        centroid = members.mean(axis=0)
        assert number_of(output, "size", cluster=cluster) == len(members)
        distances = np.linalg.norm(members - centroid, axis=1)
        assert number_of(output, "mean_distance", cluster=cluster) == pytest.approx(
            distances.mean()
        )
        for column in range(2):
            keys = {"cluster": cluster, "feature": str(column)}
            expected = deviation[labels == cluster, column].mean() / spread[column]
            assert number_of(output, "deviation", **keys) == pytest.approx(expected)
            assert number_of(output, "centroid", **keys) == pytest.approx(centroid[column])
            assert number_of(output, "center", **keys) == pytest.approx(centroid[column])
            assert number_of(output, "median", **keys) == np.median(members[:, column])
        assert number_of(output, "deviation", cluster=cluster, feature="2") == 0


# ---------- the real data


@pytest.fixture(scope="module")
def wholesale(real_data: Path):
    path = real_data / "wholesale_customers.csv"
    return pd.read_csv(path).drop(columns=["Channel", "Region"])


def test_wholesale_reaches_the_published_tree(wholesale):
    settings = settings_of(
        wholesale.columns, "hierarchical", k=(3, 3), transform="log", scaler="standard"
    )
    output = fit.fit_segmentations(make_sample(wholesale), settings)
    heights = dendrogram_of(output)["height"].tolist()[-4:]
    np.testing.assert_allclose(heights, [16.4727, 20.4678, 24.4524, 35.2325], atol=5e-5)
    assert sizes_of(output) == [262, 125, 53]
    assert number_of(output, "silhouette", k=3) == pytest.approx(0.2547, abs=5e-5)
