"""Describing features before a fit and segments after it: the same numbers as pandas and scipy.

One project with several customer tables: numbers with ties, gaps and a constant, categories,
numbers whose squares are no doubles, noise, and levels that the fit has not seen.
"""

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer
from scipy.spatial.distance import cdist

EXACT = {"rtol": 1e-9, "atol": 1e-9}
MEASURES = ["mean", "deviation", "minimum", "p25", "median", "p75", "maximum", "skewness"]


def shoppers() -> pd.DataFrame:
    """Three groups of shoppers, with ties, gaps of every kind, a constant and two categories."""
    generator = np.random.default_rng(5)
    group = np.repeat([0, 1, 2], [150, 90, 60])
    size = len(group)
    age = generator.normal(30 + 10 * group, 3).round()
    age[generator.choice(size, 30, replace=False)] = np.nan
    age[:2] = [np.inf, -np.inf]
    region = generator.choice(["north", "south", " east "], size).astype(object)
    region[generator.choice(size, 20, replace=False)] = None
    region[5:8] = "  "
    return pd.DataFrame(
        {
            "id": [f"c{number:03d}" for number in range(size)],
            "spend": generator.lognormal(group, 0.3) * 1e6,
            "visits": generator.poisson(2 + 6 * group),
            "age": age,
            "fee": 0.1,
            "region": region,
            "plan": np.where(group == 2, "gold", generator.choice(["blue", "green"], size)),
            "is_old": generator.random(size) < 0.7,
        }
    )


def clusters_and_strays() -> pd.DataFrame:
    """Two dense groups, in one of which nobody is 'b', and five points far from everybody."""
    generator = np.random.default_rng(6)
    x = np.concatenate([generator.normal(0, 0.3, 60), generator.normal(9, 0.3, 40)])
    y = np.concatenate([generator.normal(0, 0.3, 60), generator.normal(9, 0.3, 40)])
    strays = np.array([[40, -40], [-40, 40], [60, 60], [-50, -50], [0, 90]])
    return pd.DataFrame(
        {
            "id": range(105),
            "x": np.concatenate([x, strays[:, 0]]),
            "y": np.concatenate([y, strays[:, 1]]),
            "letter": ["a"] * 60 + ["a", "b"] * 20 + ["b"] * 5,
        }
    )


def extremes() -> pd.DataFrame:
    """Numbers whose squares are above and below every double."""
    generator = np.random.default_rng(7)
    unit = np.concatenate([generator.normal(-1, 0.1, 40), generator.normal(1, 0.1, 40)])
    return pd.DataFrame(
        {"id": range(80), "large": unit * 1e200, "small": unit * 1e-200, "edge": unit * 5e299}
    )


NUMBERS = {
    "shoppers": ["spend", "visits", "age", "fee"],
    "dense": ["x", "y"],
    "tree": ["spend", "visits"],
    "extreme": ["large", "small", "edge"],
    "newcomers": ["spend", "visits"],
}
CATEGORIES = {"shoppers": ["region", "plan"], "dense": ["letter"], "newcomers": ["plan"]}
TABLES = {
    "shoppers": shoppers,
    "dense": clusters_and_strays,
    "tree": shoppers,
    "extreme": extremes,
    "newcomers": shoppers,
}
FENCES = {"shoppers": {"low": 0.05, "high": 0.9, "fence": 0.25}}
ASKED = {
    "shoppers": {"k": 3, "outliers": FENCES["shoppers"], "value": "spend"},
    "dense": {"algorithm": "dbscan", "algorithm_options": {"eps": 0.5}},
    "tree": {"algorithm": "hierarchical", "k": 3},
    "extreme": {"k": 2},
    "newcomers": {"k": 2, "fit_where": "plan <> 'gold'"},
}


def cleaned(name: str) -> pd.DataFrame:
    """Gives a customer table as the package reads it: infinity and blanks are missing."""
    frame = TABLES[name]().replace([np.inf, -np.inf], np.nan)
    for column in CATEGORIES.get(name, []):
        frame[column] = frame[column].str.strip().replace("", None)
    return frame.assign(id=frame["id"].astype(str)).set_index("id")


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with a segmentation of each table."""
    definitions = {
        name: {
            "customers": {"source": "raw", "table": TABLES[name].__name__},
            "customer_id": "id",
            "features": {feature: "none" for feature in NUMBERS[name]}
            | {
                feature: {"kind": "category", "weight": 0.1} for feature in CATEGORIES.get(name, [])
            },
        }
        | asked
        for name, asked in ASKED.items()
    }
    return Consumer(
        tmp_path_factory.mktemp("describe"),
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": definitions,
        },
        tables={table.__name__: table() for table in TABLES.values()},
    )


@pytest.fixture(scope="module")
def build(consumer):
    """The first build of it."""
    build = consumer.dbt("build")
    assert build.exit_code == 0, build.output[-6000:]
    return build


def table(consumer, name: str, *keys: str) -> pd.DataFrame:
    """Gives a table of the package, by its keys."""
    return consumer.query(f"select * from segmentation__{name}").set_index(list(keys)).sort_index()


def test_unseen_levels_and_their_drift_are_reported_and_nothing_else(build):
    # Whom the fit left out by its condition are others than those it saw, so they have drifted too.
    drifted, unseen = build.names("warn")
    assert drifted.startswith("segmentation_has_not_drifted_segmentation__drift_warn")
    assert unseen.startswith("segmentation_is_never_true_segmentation__customer_segments")


def test_drift_is_that_of_customers_whom_the_fit_left_out(consumer, build):
    rows = consumer.rows("select distinct segmentation from segmentation__drift where drift = 'major'")
    assert rows == [("newcomers",)]


def test_a_level_that_the_fit_has_not_seen_is_told(consumer, build):
    rows = consumer.rows(
        "select distinct segmentation, plan, has_unseen_level from segmentation__customer_segments "
        "inner join raw.shoppers on customer_id = id "
        "where segmentation in ('shoppers', 'newcomers')"
    )
    assert {row[1] for row in rows if row[2]} == {"gold"}
    assert {row[0] for row in rows if row[2]} == {"newcomers"}
    assert ("newcomers", "gold", False) not in rows


@pytest.mark.parametrize("name", TABLES)
def test_feature_summary_is_that_of_pandas(consumer, build, name):
    found = table(consumer, "feature_summary", "segmentation", "feature").loc[name]
    frame = cleaned(name)
    assert sorted(found.index) == sorted(NUMBERS[name] + CATEGORIES.get(name, []))
    for feature, row in found.iterrows():
        values = frame[feature].dropna()
        assert row["kind"] == ("number" if feature in NUMBERS[name] else "category")
        assert (row["count"], row["missing"]) == (len(values), len(frame) - len(values))
        assert row["distinct_count"] == values.nunique()
        if row["kind"] == "category":
            assert row[[*MEASURES, "fence_low", "fence_high", "outliers"]].isna().all()
            continue
        values = values.astype(float)
        # pandas too squares deviations: it is asked in units of the largest value.
        unit = values.abs().max()
        scaled = values / unit
        expected = [scaled.mean(), scaled.std(ddof=0), scaled.min()]
        expected += [*scaled.quantile([0.25, 0.5, 0.75]), scaled.max()]
        np.testing.assert_allclose(row[MEASURES[:-1]].astype(float) / unit, expected, **EXACT)
        if values.nunique() == 1:
            assert row["mean"] == row["minimum"] == row["maximum"]
            assert row["deviation"] == 0 and np.isnan(row["skewness"])
        else:
            np.testing.assert_allclose(row["skewness"], scaled.skew(), **EXACT)
        fences = FENCES.get(name, {"low": 0.25, "high": 0.75, "fence": 1.5})
        low, high = scaled.quantile([fences["low"], fences["high"]])
        reach = fences["fence"] * (high - low)
        np.testing.assert_allclose(row["fence_low"] / unit, low - reach, **EXACT)
        np.testing.assert_allclose(row["fence_high"] / unit, high + reach, **EXACT)
        outside = (values < row["fence_low"]) | (values > row["fence_high"])
        assert row["outliers"] == outside.sum()
    if name == "shoppers":
        assert found.loc["spend", "outliers"] > 0 and found.loc["age", "missing"] > 30


@pytest.mark.parametrize("name", TABLES)
def test_correlations_are_those_of_pandas(consumer, build, name):
    found = table(consumer, "feature_correlations", "segmentation").loc[[name]]
    frame = cleaned(name)
    if name == "newcomers":
        frame = frame[frame["plan"] != "gold"]
    numbers = frame[NUMBERS[name]].astype(float)
    numbers = numbers / numbers.abs().max()
    pairs = [
        (left, right)
        for position, left in enumerate(NUMBERS[name])
        for right in NUMBERS[name][position + 1 :]
    ]
    assert sorted(zip(found["feature"], found["other_feature"], strict=True)) == sorted(pairs)
    for _, row in found.iterrows():
        complete = numbers[[row["feature"], row["other_feature"]]].dropna()
        assert row["customers"] == len(complete)
        for method in ["pearson", "spearman"]:
            expected = complete.corr(method=method).iloc[0, 1]
            np.testing.assert_allclose(row[method], expected, **EXACT)
    if name == "shoppers":
        constant = found[(found["feature"] == "fee") | (found["other_feature"] == "fee")]
        assert len(constant) == 3 and constant[["pearson", "spearman"]].isna().all(axis=None)


@pytest.mark.parametrize("name", TABLES)
def test_profiles_are_those_of_pandas(consumer, build, name):
    found = table(consumer, "segment_profiles", "segmentation").loc[[name]]
    placed = table(consumer, "customer_segments", "segmentation", "customer_id").loc[name]
    frame = cleaned(name).join(placed["segment_id"])
    segment_ids = sorted(frame["segment_id"].unique())
    for feature in NUMBERS[name]:
        profile = found[found["feature"] == feature].set_index("segment_id").sort_index()
        assert list(profile.index) == segment_ids and profile["level"].isna().all()
        unit = frame[feature].abs().max()
        values = frame[feature].astype(float) / unit
        groups = values.groupby(frame["segment_id"])
        np.testing.assert_allclose(profile["mean"] / unit, groups.mean(), **EXACT)
        for column, share in {"p25": 0.25, "median": 0.5, "p75": 0.75}.items():
            np.testing.assert_allclose(profile[column] / unit, groups.quantile(share), **EXACT)
        np.testing.assert_allclose(profile["population_mean"] / unit, values.mean(), **EXACT)
        if values.nunique() > 1:
            standings = (groups.mean() - values.mean()) / values.std(ddof=0)
            np.testing.assert_allclose(profile["mean_z"], standings, **EXACT)
        else:
            assert (profile["mean_z"] == 0).all() and (profile["mean"] == 0.1).all()
    for feature in CATEGORIES.get(name, []):
        profile = found[found["feature"] == feature].set_index(["segment_id", "level"])
        known = frame[frame[feature].notna()]
        shares = pd.crosstab(known["segment_id"], known[feature], normalize="index").stack()
        assert sorted(profile.index) == sorted(shares.index)
        profile = profile.loc[shares.index]
        np.testing.assert_allclose(profile["mean"], shares, **EXACT)
        everybody = known[feature].value_counts(normalize=True)
        everybody = everybody.loc[shares.index.get_level_values(1)].to_numpy()
        np.testing.assert_allclose(profile["population_mean"], everybody, **EXACT)
        standings = (shares - everybody) / np.sqrt(everybody * (1 - everybody))
        np.testing.assert_allclose(profile["mean_z"], standings, **EXACT)
        assert profile[["median", "p25", "p75"]].isna().all(axis=None)


def test_a_level_that_nobody_in_a_segment_has_is_in_its_profile(consumer, build):
    shares = consumer.rows(
        "select mean from segmentation__segment_profiles "
        "where segmentation = 'dense' and level = 'b' and segment_id > 0 order by mean"
    )
    assert shares == [(0.0,), (0.5,)]


@pytest.mark.parametrize("name", TABLES)
def test_distances_of_segments_are_those_of_their_centroids(consumer, build, name):
    model = consumer.query(
        "select segment_id, feature, level_id, value from int_segmentation__current_model "
        f"where segmentation = '{name}' and parameter = 'centroid'"
    )
    model["coordinate"] = model["feature"] + model["level_id"].fillna(0).astype(str)
    centroids = model.pivot(index="segment_id", columns="coordinate", values="value")
    found = consumer.query(
        f"select * from segmentation__segment_distances where segmentation = '{name}'"
    ).pivot(index="segment_id", columns="other_segment_id", values="distance")
    assert list(found.index) == list(found.columns) == list(centroids.index)
    assert centroids.index.min() == 1 and len(centroids) > 1
    np.testing.assert_allclose(found.fillna(0), cdist(centroids, centroids), **EXACT)


def test_names_in_the_matrix_are_those_of_the_segments(consumer, build):
    assert consumer.rows(
        "select count(*) from segmentation__segment_distances as distances "
        "inner join segmentation__segments as segments "
        "on distances.segmentation = segments.segmentation "
        "and distances.other_segment_id = segments.segment_id "
        "where distances.other_segment_name <> segments.segment_name"
    ) == [(0,)]


def test_noise_is_described_as_a_segment(consumer, build):
    summary = table(consumer, "segment_summary", "segmentation", "segment_id").loc["dense"]
    assert summary.loc[0, "segment_name"] == "noise" and list(summary.index) == [0, 1, 2]
    assert list(summary["customers"]) == [5, 60, 40]
    assert np.isclose(summary["customer_share"].sum(), 1)
    assert summary.loc[0, ["silhouette", "mean_distance"]].isna().all()
    assert summary.loc[[1, 2], ["silhouette", "mean_distance"]].notna().all(axis=None)
    segments = table(consumer, "segments", "segmentation", "segment_id").loc["dense"]
    assert segments.loc[0, ["silhouette", "mean_distance", "agreement"]].isna().all()
    assert (segments.loc[[1, 2], "agreement"] == 1).all()
    noise = consumer.query(
        "select * from segmentation__customer_segments "
        "where segmentation = 'dense' and segment_id = 0"
    )
    assert noise["margin"].isna().all() and noise["runner_up_segment_id"].isin([1, 2]).all()
    assert (noise["distance"] > 0.5).all()


def test_mean_distance_is_that_of_the_customers_to_their_centroid(consumer, build):
    """Without outliers everybody is in the sample, and scoring says the same distances."""
    expected = consumer.query(
        "select segment_id, avg(distance) as distance from segmentation__customer_segments "
        "where segmentation = 'extreme' group by 1 order by 1"
    )
    found = table(consumer, "segment_summary", "segmentation", "segment_id").loc["extreme"]
    np.testing.assert_allclose(found["mean_distance"], expected["distance"], rtol=1e-6)


def test_outliers_lie_outside_the_fences_of_the_fit(consumer, build):
    fences = table(consumer, "feature_scaling", "segmentation", "feature").loc["shoppers"]
    frame = cleaned("shoppers")
    outside = pd.Series(False, index=frame.index)
    for feature in NUMBERS["shoppers"]:
        low, high = fences.loc[feature, ["fence_low", "fence_high"]]
        outside |= (frame[feature] < low) | (frame[feature] > high)
    found = table(consumer, "customer_segments", "segmentation", "customer_id").loc["shoppers"]
    assert found["is_outlier"].to_dict() == outside.to_dict() and outside.any()
    assert (found["segment_id"] > 0).all() and len(found) == len(frame)


def test_a_tree_can_be_drawn(consumer, build):
    nodes = table(consumer, "dendrogram", "segmentation", "node_id")
    assert set(nodes.index.get_level_values(0)) == {"tree"}
    nodes = nodes.loc["tree"]
    merges = nodes[nodes["left_node_id"].notna()]
    leaves = nodes[nodes["left_node_id"].isna()]
    assert len(leaves) == 30 and len(merges) == 29
    assert list(nodes.index) == list(range(1, 60)) and list(leaves.index) == list(range(1, 31))
    assert sorted(leaves["leaf_position"]) == list(range(1, 31))
    assert (leaves["height"] == 0).all() and merges["height"].is_monotonic_increasing
    children = [nodes.loc[merges[f"{side}_node_id"].astype(int)] for side in ["left", "right"]]
    left, right = [child.set_axis(merges.index) for child in children]
    assert (merges["size"] == left["size"] + right["size"]).all()
    middle = (left["leaf_position"] + right["leaf_position"]) / 2
    np.testing.assert_allclose(merges["leaf_position"], middle)
    assert nodes["size"].iloc[-1] == leaves["size"].sum() == 300
    # The cut: the last two merges of three segments stand above it.
    assert list(nodes.index[nodes["segment_id"].isna()]) == [58, 59]
    sizes = leaves.groupby("segment_id")["size"].sum()
    segments = table(consumer, "segments", "segmentation", "segment_id").loc["tree"]
    assert sizes.to_dict() == segments["sample_customers"].to_dict()
    assert nodes["cophenetic_correlation"].nunique() == 1
    assert 0 < nodes["cophenetic_correlation"].iloc[0] <= 1


# ---------- real data


WHOLESALE = ["Fresh", "Milk", "Grocery", "Frozen", "Detergents_Paper", "Delicassen"]
LOANS = ["installment", "dti", "fico", "revol_bal", "days_with_cr_line"]


@pytest.fixture(scope="module")
def real(tmp_path_factory, real_data):
    """The wholesale buyers and the borrowers, described without a fit."""
    buyers = pd.read_csv(real_data / "wholesale_customers.csv")
    loans = pd.read_csv(real_data / "loan_data.csv")
    loans.columns = [column.replace(".", "_") for column in loans.columns]
    frames = {"buyers": buyers, "loans": loans}
    frames = {name: frame.assign(id=range(len(frame))) for name, frame in frames.items()}
    definitions = {
        "buyers": {"features": WHOLESALE},
        "loans": {
            "features": {feature: "auto" for feature in LOANS} | {"purpose": {"kind": "category"}},
            "outliers": {"low": 0.05, "high": 0.95, "fence": 1.5},
        },
    }
    for name, definition in definitions.items():
        definition |= {"customers": {"source": "raw", "table": name}, "customer_id": "id"}
    project = Consumer(
        tmp_path_factory.mktemp("describe_real"),
        {"segmentation_input": {"transactions": "none"}, "segmentation_definitions": definitions},
        tables=frames,
    )
    models = ["segmentation__feature_summary", "segmentation__feature_correlations"]
    project.dbt("run", "--select", *[f"+{model}" for model in models]).assert_clean()
    project.frames = frames
    return project


def test_wholesale_has_the_published_sums_and_skewness(real):
    found = table(real, "feature_summary", "segmentation", "feature").loc["buyers"].loc[WHOLESALE]
    assert (found["count"] == 440).all() and (found["missing"] == 0).all()
    sums = [5280131, 2550357, 3498562, 1351650, 1267857, 670943]
    np.testing.assert_allclose(found["mean"] * found["count"], sums, rtol=1e-12)
    skewness = [2.561, 4.054, 3.587, 5.908, 3.632, 11.152]
    assert list(found["skewness"].round(3)) == skewness


@pytest.mark.parametrize(("name", "features"), [("buyers", WHOLESALE), ("loans", LOANS)])
def test_real_features_are_described_as_by_pandas(real, name, features):
    frame = real.frames[name][features].astype(float)
    found = table(real, "feature_summary", "segmentation", "feature").loc[name].loc[features]
    for column, expected in {
        "mean": frame.mean(),
        "deviation": frame.std(ddof=0),
        "skewness": frame.skew(),
        "p25": frame.quantile(0.25),
        "median": frame.median(),
        "p75": frame.quantile(0.75),
    }.items():
        np.testing.assert_allclose(found[column], expected, **EXACT)
    correlations = table(real, "feature_correlations", "segmentation").loc[name]
    for method in ["pearson", "spearman"]:
        expected = frame.corr(method=method)
        pairs = zip(correlations["feature"], correlations["other_feature"], strict=True)
        np.testing.assert_allclose(
            correlations[method], [expected.loc[pair] for pair in pairs], **EXACT
        )


def test_borrowers_outside_the_fences_are_counted(real):
    frame = real.frames["loans"]
    found = table(real, "feature_summary", "segmentation", "feature").loc["loans"]
    assert found.loc["purpose", ["count", "distinct_count"]].tolist() == [9578, 7]
    for feature in LOANS:
        low, high = np.quantile(frame[feature], [0.05, 0.95])
        reach = 1.5 * (high - low)
        outside = (frame[feature] < low - reach) | (frame[feature] > high + reach)
        assert found.loc[feature, "outliers"] == outside.sum()
    assert found.loc["revol_bal", "outliers"] > 0
