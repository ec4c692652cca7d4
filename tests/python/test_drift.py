"""Drift from the sample that a model was fitted on, held to numpy and pandas on the same customers.

One project fits four segmentations once. Then its customers change, and are scored without a fit.
"""

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer

FEATURES = {"spend": "log", "visits": "none", "plan": {"kind": "category"}}
NUMBERS = {"spend": "log", "visits": "none"}
BUYERS = {"customers": {"source": "raw", "table": "buyers"}}
DEFINITIONS = {
    "whole": BUYERS | {"features": FEATURES, "k": 3},
    "fenced": BUYERS
    | {
        "features": FEATURES,
        "outliers": {"low": 0.05, "high": 0.95, "fence": 1.5},
        "algorithm": "hierarchical",
        "k": 3,
    },
    "dense": BUYERS | {"features": NUMBERS, "algorithm": "dbscan"},
    "northern": BUYERS | {"features": NUMBERS, "fit_where": "region = 'north'", "k": 2},
}
# Who is on `staff` is an outlier: the fit has not seen that level.
LEVELS = {"whole": ["basic", "gold", "staff", "trial"], "fenced": ["basic", "gold", "trial"]}
DRIFT = ("--select", "int_segmentation__drift_bins", "segmentation__drift")
SCORE = (*DRIFT, "segmentation__customer_segments", "--indirect-selection", "buildable")


def buyers(customers=600, seed=3):
    """Gives customers of three kinds, some with gaps and a few far from everybody."""
    generator = np.random.default_rng(seed)
    kind = np.arange(customers) % 3
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:04d}" for number in range(customers)],
            "spend": np.exp(generator.normal(np.array([2.0, 4.0, 6.0])[kind], 0.4)).round(2),
            # Half of all come once, as in a shop.
            "visits": np.maximum(generator.poisson(np.array([0.2, 1.0, 6.0])[kind]), 1.0),
            "plan": np.array(["basic", "gold", "trial"])[generator.integers(0, 3, customers)],
            "region": np.where(np.arange(customers) % 4 < 2, "north", "south"),
        }
    )
    frame.loc[frame.index % 20 == 3, "spend"] = None
    frame.loc[frame.index % 30 == 7, "plan"] = None
    # Far from everybody, and on a plan that nobody else has.
    frame.loc[:3, "visits"] = [300.0, 400.0, 500.0, 500.0]
    frame.loc[:3, "plan"] = "staff"
    return frame


def changed(frame):
    """Gives them later: the poor gone, more visits, more gaps, new plans."""
    later = frame[frame.index % 3 > 0].copy()
    later["visits"] += later.index % 4
    later.loc[later.index % 5 == 1, "spend"] = None
    later.loc[later.index % 7 == 1, "plan"] = "new"
    later.loc[later.index % 11 == 1, "visits"] = 0.0
    return later


def variables(drift=None):
    """Gives the vars, with the bounds of drift where they are not the defaults."""
    return {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": DEFINITIONS,
        "segmentation_options": {"minimum_segment_share": 0} | ({"drift": drift} if drift else {}),
    }


def shares_of(values, sample, levels=()):
    """Gives the share of values in each bin of the sample: deciles or levels, and missing."""
    missing = values.isna().sum()
    present, fitted = values.dropna(), sample.dropna()
    if levels:
        counts = [(present == level).sum() for level in levels]
        counts.append((~present.isin(levels)).sum())
    else:
        cuts = np.unique(np.quantile(fitted, np.arange(1, 10) / 10, method="inverted_cdf"))
        if cuts[0] == fitted.min():
            cuts = np.insert(cuts, 0, np.nextafter(cuts[0], -np.inf))
        counts = np.bincount(np.searchsorted(cuts, present), minlength=len(cuts) + 1)
    return np.array([missing, *counts]) / len(values)


def index_of(expected, actual, customers, sample_customers):
    """Gives the population stability index of two arrays of shares."""
    smallest = max(0.0001, 0.5 / min(customers, sample_customers))
    expected, actual = np.maximum(expected, smallest), np.maximum(actual, smallest)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def verdicts(run):
    """Gives what the shipped test says of a build: at the bound to warn at, and to err at."""
    prefix = "segmentation_has_not_drifted_segmentation__drift_"
    statuses = {name.split(".")[0]: status for name, status in run.statuses().items()}
    return statuses[f"{prefix}warn"], statuses[f"{prefix}error"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A project that has been built once."""
    shop = Consumer(
        tmp_path_factory.mktemp("drift") / "shop", variables(), tables={"buyers": buyers()}
    )
    run = shop.dbt(
        "build", "--select", "+segmentation__drift", "--indirect-selection", "buildable"
    )
    assert run.exit_code == 0, run.output[-6000:]
    assert verdicts(run) == ("pass", "pass")
    return shop


@pytest.fixture(scope="module")
def first(shop):
    """The tables of the first build."""
    return shop.query("select * from segmentation__drift"), shop.query(
        "select segmentation, customer_id, segment_id from segmentation__customer_segments"
    )


@pytest.fixture(scope="module")
def drifted(shop, first):
    """The second build: other customers, scored by the same model."""
    shop.load("buyers", changed(buyers()))
    return shop.dbt("build", *SCORE)


def test_nothing_has_drifted_right_after_a_fit(first):
    drift, placed = first
    assert len(drift) == 4 + 4 + 3 + 3
    whole = drift[drift["segmentation"] != "northern"]
    assert whole["population_stability_index"].abs().max() < 1e-9
    assert set(whole["drift"]) == {"none"} and whole["largest_shift"].isna().all()
    assert set(whole["customers"]) == set(whole["sample_customers"]) == {600}
    # Outliers, noise and what scoring places otherwise than the algorithm are all there.
    assert (placed[placed["segmentation"] == "dense"]["segment_id"] == 0).any()


def test_customers_who_are_not_in_the_fit_are_compared_with_those_who_are(first):
    drift, frame = first[0][first[0]["segmentation"] == "northern"], buyers()
    sample = frame[frame["region"] == "north"]
    found = drift[drift["feature"] == "spend"].iloc[0]
    assert (found["customers"], found["sample_customers"]) == (600, len(sample))
    expected = index_of(
        shares_of(sample["spend"], sample["spend"]),
        shares_of(frame["spend"], sample["spend"]),
        len(frame),
        len(sample),
    )
    assert expected > 0
    assert found["population_stability_index"] == pytest.approx(expected, rel=1e-9)


def test_the_index_is_that_of_the_same_bins_in_numpy(shop, first, drifted):
    rows = shop.query("select * from segmentation__drift").fillna({"feature": "all"})
    drift = rows.set_index(["segmentation", "feature"])
    placed = shop.query("select segmentation, segment_id from segmentation__customer_segments")
    sample, now = buyers(), changed(buyers())
    for name, definition in DEFINITIONS.items():
        if name == "northern":
            continue
        for feature in definition["features"]:
            levels = LEVELS[name] if feature == "plan" else ()
            expected = index_of(
                shares_of(sample[feature], sample[feature], levels),
                shares_of(now[feature], sample[feature], levels),
                len(now),
                len(sample),
            )
            found = drift.loc[(name, feature)]
            index = found["population_stability_index"]
            assert index == pytest.approx(expected, rel=1e-9), (name, feature)
            assert found["drift"] == "major" and found["largest_shift"], (name, feature)
        before, after = (
            frame[frame["segmentation"] == name]["segment_id"].value_counts(normalize=True)
            for frame in (first[1], placed)
        )
        segments = before.index.union(after.index)
        expected = index_of(
            before.reindex(segments, fill_value=0),
            after.reindex(segments, fill_value=0),
            len(now),
            len(sample),
        )
        found = drift.loc[(name, "all"), "population_stability_index"]
        assert found == pytest.approx(expected, rel=1e-9), name


def test_the_largest_shift_is_told(shop, drifted):
    shifts = shop.query(
        "select feature, largest_shift from segmentation__drift where segmentation = 'whole' "
        "and subject = 'feature'"
    ).set_index("feature")["largest_shift"]
    sample, now = buyers(), changed(buyers())
    lowest = sample["spend"].quantile(0.1, interpolation="lower")
    before, after = (100 * (frame["spend"] <= lowest).mean() for frame in (sample, now))
    assert (
        shifts["spend"]
        == f"spend up to {lowest:g}: {before:.1f} % of the sample, {after:.1f} % now"
    )
    new = 100 * (now["plan"] == "new").mean()
    assert shifts["plan"] == f"plan any other value: 0.0 % of the sample, {new:.1f} % now"


def test_a_model_is_not_fitted_to_what_has_drifted(shop, drifted):
    assert "int_segmentation__fit_python" not in drifted.statuses()
    assert shop.rows("select distinct model_version from segmentation__drift") == [(1,)]


def test_drift_warns_and_errs_at_the_bound_where_that_is_asked_for(shop, drifted):
    assert drifted.exit_code == 0, drifted.output[-6000:]
    assert verdicts(drifted) == ("warn", "pass")
    largest = shop.rows("select max(population_stability_index) from segmentation__drift")[0][0]
    shop.configure(variables({"warn": None, "error": largest}))
    run = shop.dbt("test", "--select", "segmentation__drift")
    assert run.exit_code == 1
    assert verdicts(run) == ("pass", "fail")


def test_a_version_without_bins_is_compared_with_nothing(shop, drifted):
    """As every version is that was fitted before there were bins; without bounds drift is silent."""
    with shop.connect() as connection:
        connection.execute(
            "delete from segmentation__model where parameter in ('bin_share', 'bin_upper') "
            "and segmentation <> 'dense' or parameter = 'scored_share'"
        )
        connection.execute(
            "update segmentation__model as model set value = (select count(*) "
            "from segmentation__model as own where own.segmentation = model.segmentation) "
            "where parameter = 'parameter_count'"
        )
    shop.configure(variables({"warn": None}))
    shop.dbt("build", *DRIFT).assert_clean()
    assert shop.rows("select segmentation, feature, drift from segmentation__drift order by 2") == [
        ("dense", "spend", "major"),
        ("dense", "visits", "major"),
    ]
