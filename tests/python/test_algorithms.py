"""Whole builds with every algorithm place customers where scikit-learn places them.

One build of a consumer project holds a definition for each algorithm, over planted groups with
gaps, a category, outliers and customers whom the fit never saw. The customers are prepared again
here, from the raw table, by scikit-learn; its own estimators are fitted to them; and what they say
is compared with the tables of the build.
"""

import json

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, NearestNeighbors
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

SEED = 4711
# income, visits, balance, purpose and number of customers of each planted group.
GROUPS = [
    (20_000, 3, 0, "home", 260),
    (45_000, 15, 1_500, "car", 240),
    (90_000, 6, -2_000, "home", 220),
    (150_000, 30, 4_000, "travel", 200),
]
STRAYS = 90
TRAINING_SHARE = 0.7
CLIP = [0.01, 0.99]
FENCES = {"low": 0.05, "high": 0.95, "fence": 1.5}
WEIGHTS = {"visits": 1.5, "balance": 0.75, "purpose": 0.4}
FILLED_BALANCE = 100
K = 4

# Of customers whom the fit never saw. pandas' NaN would come as null: this number stands for it.
NOT_A_NUMBER = -7e77
EXTREMES = [5e-324, -5e-324, 1e160, -1e160, 9e299, 1e308, np.inf, -np.inf, NOT_A_NUMBER, None]
BORROWERS = f"""
select * replace (
    case when income = {NOT_A_NUMBER} then cast('nan' as double) else income end as income,
    case when visits = {NOT_A_NUMBER} then cast('nan' as double) else visits end as visits,
    case when balance = {NOT_A_NUMBER} then cast('nan' as double) else balance end as balance
)
from raw.borrowers
"""

LINKAGES = ["ward", "complete", "average", "single"]
COVARIANCES = ["full", "tied", "diag", "spherical"]
# By definition: its algorithm and the options that it states.
ALGORITHMS = (
    {"kmeans": ("kmeans", {})}
    | {linkage: ("hierarchical", {"linkage": linkage}) for linkage in LINKAGES}
    | {
        "dbscan": ("dbscan", {"min_samples": 8}),
        "hdbscan": ("hdbscan", {}),
        "hdbscan_leaf": ("hdbscan", {"min_samples": 6, "cluster_selection_method": "leaf"}),
    }
    | {kind: ("gaussian_mixture", {"covariance_type": kind}) for kind in COVARIANCES}
)
DISTANCE_TOLERANCE = 1e-6

# Of these most are exactly alike, where the last digits of SQL and Python differ.
VISITORS = 600
EQUALS = {
    "equals_by_dbscan": {"algorithm": "dbscan"},
    "equals_by_hdbscan": {"algorithm": "hdbscan"},
    "equals_by_single": {
        "algorithm": "hierarchical",
        "algorithm_options": {"linkage": "single"},
        "k": 3,
    },
}
VISITOR_FEATURES = {"orders": {"transform": "box_cox"}, "returns": {"transform": "yeo_johnson"}}


# ---------- customers and the project


def make_customers():
    """Gives the raw customer table: groups, strays between them, gaps, outliers, extremes."""
    draw = np.random.default_rng(SEED)
    parts = []
    for income, visits, balance, purpose, size in GROUPS:
        parts.append(
            pd.DataFrame(
                {
                    "income": income * np.exp(0.12 * draw.normal(size=size)),
                    "visits": np.maximum(draw.poisson(visits, size), 0),
                    "balance": balance + 300 * draw.normal(size=size),
                    "purpose": np.where(draw.random(size) < 0.9, purpose, "other"),
                }
            )
        )
    parts.append(
        pd.DataFrame(
            {
                "income": np.exp(draw.uniform(np.log(12_000), np.log(250_000), STRAYS)),
                "visits": draw.integers(0, 45, STRAYS),
                "balance": draw.uniform(-3_500, 6_000, STRAYS),
                "purpose": draw.choice(["home", "car", "travel", "other"], STRAYS),
            }
        )
    )
    customers = pd.concat(parts, ignore_index=True)
    customers["visits"] = customers["visits"].astype(float)
    customers = customers.sample(frac=1, random_state=SEED, ignore_index=True)
    customers["is_training"] = draw.random(len(customers)) < TRAINING_SHARE
    for column in ("income", "visits", "balance", "purpose"):
        customers.loc[draw.random(len(customers)) < 0.03, column] = None
    outliers = draw.choice(len(customers), 30, replace=False)
    customers.loc[outliers, "balance"] = draw.choice([-60_000.0, 80_000.0], 30)
    held_out = np.flatnonzero(~customers["is_training"])
    customers.loc[held_out[:12], "purpose"] = "a level never seen"

    extremes = pd.DataFrame(
        [
            {"income": 50_000.0, "visits": 10.0, "balance": 0.0, "purpose": "car"} | {column: value}
            for column in ("income", "visits", "balance")
            for value in EXTREMES
        ]
        + [dict.fromkeys(("income", "visits", "balance"), value) for value in EXTREMES]
    )
    extremes["is_training"] = False
    customers = pd.concat([customers, extremes], ignore_index=True)
    customers.insert(0, "borrower_id", [f"b{number:04d}" for number in range(len(customers))])
    return customers


def make_visitors():
    """Gives a raw table of whole numbers, so that most customers are exactly alike."""
    draw = np.random.default_rng(0)
    group = draw.integers(0, 3, VISITORS)
    visitors = pd.DataFrame(
        {
            "visitor_id": [f"v{number:04d}" for number in range(VISITORS)],
            "orders": np.array([3.0, 12.0, 40.0])[group] + draw.integers(0, 3, VISITORS),
            "returns": np.array([7.0, 2.0, 20.0])[group] + draw.integers(0, 3, VISITORS),
        }
    )
    visitors.loc[:20, "orders"] = draw.integers(0, 60, 21).astype(float)
    visitors.loc[:20, "returns"] = draw.integers(0, 30, 21).astype(float)
    return visitors


def make_definition(algorithm, options):
    """Gives a definition that prepares the customers in every way there is."""
    definition = {
        "customers": "borrowers",
        "customer_id": "borrower_id",
        "features": {
            "income": {"transform": "log", "impute": "mean", "clip": CLIP, "scale": "robust"},
            "visits": {
                "transform": "yeo_johnson",
                "impute": "most_frequent",
                "scale": "min_max",
                "weight": WEIGHTS["visits"],
            },
            "balance": {
                "transform": "none",
                "impute": "constant",
                "fill_value": FILLED_BALANCE,
                "weight": WEIGHTS["balance"],
            },
            "purpose": {"kind": "category", "weight": WEIGHTS["purpose"]},
        },
        "outliers": FENCES,
        "fit_where": "is_training",
        "algorithm": algorithm,
        "algorithm_options": options,
        "names": {"order_by": "income"},
    }
    return definition | ({} if algorithm in ("dbscan", "hdbscan") else {"k": K})


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """The project, built."""
    definitions = {name: make_definition(*how) for name, how in ALGORITHMS.items()}
    for name, how in EQUALS.items():
        visitors = {"customers": {"source": "raw", "table": "visitors"}, "customer_id": "visitor_id"}
        names = {"order_by": "orders"}
        definitions[name] = visitors | {"features": VISITOR_FEATURES, "names": names} | how
    project = Consumer(
        tmp_path_factory.mktemp("algorithms") / "bank",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": definitions,
            "segmentation_options": {"seed": SEED},
        },
        files={"models/borrowers.sql": BORROWERS},
        tables={"borrowers": make_customers(), "visitors": make_visitors()},
    )
    project.dbt("run", "--select", "+segmentation__customer_segments").assert_clean()
    return project


# ---------- the same customers by scikit-learn


class Prepared:
    """The customers in scaled space, by scikit-learn; the sample are the rows at `fitted`."""

    def __init__(self, consumer):
        raw = consumer.query("select * from borrowers order by borrower_id")
        numbers = raw[["income", "visits", "balance"]].to_numpy(float, copy=True)
        self.is_extreme = raw.index >= len(raw) - 4 * len(EXTREMES)
        numbers[~(np.abs(numbers) < 1e300)] = np.nan
        training = raw["is_training"].to_numpy()
        shares = [FENCES["low"], FENCES["high"]]
        low, high = np.nanquantile(numbers[training], shares, axis=0)
        beyond = FENCES["fence"] * (high - low)
        self.is_outlier = ((numbers < low - beyond) | (numbers > high + beyond)).any(axis=1)
        self.customer_id = raw["borrower_id"].to_numpy()
        self.fitted = np.flatnonzero(training & ~self.is_outlier)

        with np.errstate(over="ignore"):
            income = self.fill(numbers[:, [0]], "mean")
            income = np.clip(income, *np.nanquantile(numbers[self.fitted, 0], CLIP))
            income = self.scale(FunctionTransformer(np.log1p).transform(income), RobustScaler())
            visits = self.fill(numbers[:, [1]], "most_frequent")
            power = PowerTransformer(standardize=False).fit(visits[self.fitted])
            # The package keeps four decimals of lambda.
            power.lambdas_ = np.round(power.lambdas_, 4)
            visits = self.scale(power.transform(visits), MinMaxScaler())
            balance = self.fill(numbers[:, [2]], "constant", fill_value=FILLED_BALANCE)
            balance = self.scale(balance, StandardScaler())
        purpose = raw[["purpose"]].astype(object).where(raw[["purpose"]].notna(), None)
        purpose = self.fill(purpose.to_numpy(), "most_frequent", missing_values=None)
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        encoded = encoder.fit(purpose[self.fitted]).transform(purpose)
        self.has_unseen_level = encoded.sum(axis=1) == 0
        self.points = np.hstack(
            [
                income,
                visits * WEIGHTS["visits"],
                balance * WEIGHTS["balance"],
                encoded * WEIGHTS["purpose"],
            ]
        )
        self.sample = self.points[self.fitted]
        # Whom scikit-learn can predict: its distances to the extremes overflow.
        self.everyday = np.flatnonzero(~self.is_extreme)

    def fill(self, column, strategy, **options):
        """Fills the gaps of a column by what the sample says."""
        imputer = SimpleImputer(strategy=strategy, **options)
        return imputer.fit(column[self.fitted]).transform(column)

    def scale(self, column, scaler):
        """Scales a column by the sample."""
        return scaler.fit(column[self.fitted]).transform(column)


@pytest.fixture(scope="module")
def prepared(consumer):
    """The customers as scikit-learn prepares them."""
    return Prepared(consumer)


@pytest.fixture(scope="module")
def scores(consumer):
    """By definition the package's scores, in the order of the customers' ids."""
    rows = consumer.query("select * from segmentation__customer_segments order by customer_id")
    return {name: part.reset_index(drop=True) for name, part in rows.groupby("segmentation")}


@pytest.fixture(scope="module")
def options(consumer):
    """By definition the options of its algorithm, those that were auto as numbers."""
    rows = consumer.rows(
        "select segmentation, text_value from segmentation__model "
        "where parameter = 'algorithm_options'"
    )
    return {name: json.loads(text) for name, text in rows}


def as_segments(labels, example_labels, example_segments):
    """Numbers labels as the package does, going by examples; noise (-1) becomes 0.

    Fails unless each label of the examples is one segment, and each segment one label.
    """
    pairs = set(zip(example_labels.tolist(), example_segments.tolist(), strict=True))
    segment_of = dict(pairs)
    assert len(pairs) == len(segment_of) == len(set(segment_of.values())), sorted(pairs)
    assert segment_of.setdefault(-1, 0) == 0
    return np.array([segment_of[label] for label in labels.tolist()])


def reach(points, prototypes, radius, labels):
    """Gives the label of the nearest prototype that reaches each point, else noise, -1."""
    distances, indices = (
        NearestNeighbors(n_neighbors=len(prototypes)).fit(prototypes).kneighbors(points)
    )
    is_reached = distances <= radius[indices]
    nearest = indices[np.arange(len(points)), is_reached.argmax(axis=1)]
    return np.where(is_reached.any(axis=1), labels[nearest], -1)


# ---------- how customers are prepared


@pytest.mark.parametrize("name", ALGORITHMS)
def test_everybody_is_scored_and_flagged(scores, prepared, name):
    got = scores[name]
    assert list(got["customer_id"]) == list(prepared.customer_id)
    assert np.array_equal(got["is_outlier"], prepared.is_outlier)
    assert np.array_equal(got["has_unseen_level"], prepared.has_unseen_level)
    assert 20 < prepared.is_outlier[prepared.everyday].sum() < 100
    assert prepared.has_unseen_level.sum() >= 10


@pytest.mark.parametrize("name", ALGORITHMS)
def test_extreme_numbers_have_a_segment_a_distance_and_a_margin(scores, prepared, name):
    got = scores[name][prepared.is_extreme]
    assert len(got) == 4 * len(EXTREMES)
    has_noise = ALGORITHMS[name][0] in ("dbscan", "hdbscan")
    assert (got["segment_id"] >= (0 if has_noise else 1)).all()
    assert np.isfinite(got["distance"]).all()
    is_noise = got["segment_id"] == 0
    assert got["margin"][is_noise].isna().all()
    assert got["margin"][~is_noise].between(0, 1).all()
    assert (got["segment_id"] != got["runner_up_segment_id"]).all()
    # Missing and infinite are the same: the customer with all numbers missing tells.
    missing = got[6 - len(EXTREMES) :]
    assert missing["is_imputed"].all()
    assert len(missing[["segment_id", "distance", "margin"]].drop_duplicates()) == 1


# ---------- where scikit-learn predicts


@pytest.mark.parametrize("name", ["kmeans", *COVARIANCES])
def test_labels_are_those_of_the_estimator_for_sample_and_held_out(
    scores, prepared, options, name
):
    estimator = KMeans if name == "kmeans" else GaussianMixture
    fit = estimator(K, random_state=SEED, **options[name]).fit(prepared.sample)
    segments = scores[name]["segment_id"].to_numpy()
    sample_labels = fit.predict(prepared.sample)
    labels = fit.predict(prepared.points[prepared.everyday])
    expected = as_segments(labels, sample_labels, segments[prepared.fitted])
    assert np.array_equal(segments[prepared.everyday], expected)
    assert len(set(expected)) == K
    if name == "kmeans":
        np.testing.assert_allclose(
            scores[name]["distance"].to_numpy()[prepared.everyday],
            fit.transform(prepared.points[prepared.everyday]).min(axis=1),
            rtol=DISTANCE_TOLERANCE,
        )


@pytest.mark.parametrize("name", COVARIANCES)
def test_of_a_mixture_the_distances_order_as_the_probabilities(scores, prepared, options, name):
    fit = GaussianMixture(K, random_state=SEED, **options[name]).fit(prepared.sample)
    got = scores[name].iloc[prepared.everyday]
    probabilities = np.sort(fit.predict_proba(prepared.points[prepared.everyday]), axis=1)
    # The ratio of the two largest: half the difference of the squared distances, in logarithms.
    runner_up = got["distance"] / (1 - got["margin"])
    log_ratio = (runner_up**2 - got["distance"] ** 2) / 2
    with np.errstate(divide="ignore"):
        expected = np.log(probabilities[:, -1] / probabilities[:, -2])
    is_measurable = expected < 300
    assert is_measurable.sum() > 500
    np.testing.assert_allclose(
        log_ratio[is_measurable], expected[is_measurable], rtol=1e-6, atol=1e-6
    )


# ---------- where scikit-learn has labels of the sample alone


@pytest.mark.parametrize("name", ["ward", "complete", "average"])
def test_linkages_agree_with_the_tree_as_reported(consumer, scores, prepared, options, name):
    labels = AgglomerativeClustering(K, **options[name]).fit_predict(prepared.sample)
    rule = NearestCentroid().fit(prepared.sample, labels)
    segments = scores[name]["segment_id"].to_numpy()
    predicted = rule.predict(prepared.points[prepared.everyday])
    in_sample = np.isin(prepared.everyday, prepared.fitted)
    expected = as_segments(predicted, predicted[in_sample], segments[prepared.fitted])
    assert np.array_equal(segments[prepared.everyday], expected)

    reported = dict(consumer.rows(f"""
        select segment_id, agreement from segmentation__segments where segmentation = '{name}'
    """))
    own = as_segments(labels, predicted[in_sample], segments[prepared.fitted])
    agrees = pd.Series(segments[prepared.fitted] == own).groupby(own).mean()
    assert len(reported) == K
    assert reported == pytest.approx(agrees.to_dict())


def test_single_linkage_is_the_tree_on_the_sample_and_its_nearest_neighbor_beyond(
    scores, prepared
):
    labels = AgglomerativeClustering(K, linkage="single").fit_predict(prepared.sample)
    segments = scores["single"]["segment_id"].to_numpy()
    as_segments(labels, labels, segments[prepared.fitted])
    neighbor = KNeighborsClassifier(1).fit(prepared.sample, segments[prepared.fitted])
    expected = neighbor.predict(prepared.points[prepared.everyday])
    assert np.array_equal(segments[prepared.everyday], expected)


def test_dbscan_is_exact_but_for_border_points_between_segments(scores, prepared, options):
    fit = DBSCAN(**options["dbscan"]).fit(prepared.sample)
    core = fit.core_sample_indices_
    is_core = np.isin(np.arange(len(prepared.sample)), core)
    segments = scores["dbscan"]["segment_id"].to_numpy()
    in_sample = segments[prepared.fitted]
    labels = as_segments(fit.labels_, fit.labels_[core], in_sample[core])
    assert np.array_equal(in_sample == 0, fit.labels_ == -1)
    assert np.array_equal(in_sample[is_core], labels[is_core])
    # scikit-learn gives a border point to the first segment that comes by, we to the nearest.
    radius = np.full(len(core), fit.eps)
    everyday = reach(
        prepared.points[prepared.everyday], prepared.sample[core], radius, fit.labels_[core]
    )
    expected = as_segments(everyday, fit.labels_[core], in_sample[core])
    assert np.array_equal(segments[prepared.everyday], expected)
    is_border = ~is_core & (fit.labels_ != -1)
    assert is_border.sum() > 10 and (fit.labels_ == -1).sum() > 10
    assert (in_sample[is_border] == labels[is_border]).mean() > 0.9
    assert fit.labels_.max() >= 2


@pytest.mark.parametrize("name", ["hdbscan", "hdbscan_leaf"])
def test_hdbscan_is_exact_on_the_sample_and_reaches_as_stated(scores, prepared, options, name):
    fit = HDBSCAN(**options[name], copy=True).fit(prepared.sample)
    segments = scores[name]["segment_id"].to_numpy()
    in_sample = segments[prepared.fitted]
    labels = as_segments(fit.labels_, fit.labels_, in_sample)
    assert np.array_equal(in_sample, labels)
    assert fit.labels_.max() >= 2 and (fit.labels_ == -1).sum() > 10

    is_member = fit.labels_ != -1
    members, noise = prepared.sample[is_member], prepared.sample[~is_member]
    neighbors = options[name]["min_samples"] or options[name]["min_cluster_size"]
    core_distance = NearestNeighbors(n_neighbors=neighbors).fit(prepared.sample)
    core_distance = core_distance.kneighbors(members)[0][:, -1]
    to_noise = NearestNeighbors(n_neighbors=1).fit(noise).kneighbors(members)[0][:, 0]
    radius = np.minimum(core_distance, to_noise * (1 - 1e-9))
    everyday = reach(
        prepared.points[prepared.everyday], members, radius, fit.labels_[is_member]
    )
    # Where rounding would decide, there is nothing to compare.
    expected = as_segments(everyday, fit.labels_, in_sample)
    held_out = ~np.isin(prepared.everyday, prepared.fitted)
    got = segments[prepared.everyday]
    assert np.array_equal(got[held_out], expected[held_out])
    assert (got[held_out] == 0).any() and (got[held_out] > 0).any()


@pytest.mark.parametrize("name", EQUALS)
def test_customers_who_are_alike_are_scored_as_fitted(consumer, scores, name):
    sizes = dict(consumer.rows(f"""
        select segment_id, sample_customers
        from segmentation__segments
        where segmentation = '{name}' and sample_customers > 0
    """))
    assert scores[name]["segment_id"].value_counts().to_dict() == sizes
    assert sum(sizes.values()) == VISITORS and len(sizes) >= 3
