"""Tests of the tree of rules: leaves are boxes of customers, readable, and held to scikit-learn."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier
from test_fit_algorithms import categories, make_sample, settings_of
from test_fit_python import (
    fit,
    one_thread,  # noqa: F401  a fixture for every test of this file too
)

pytestmark = pytest.mark.filterwarnings("error")

SEED = 42


def customers(count=3_000, seed=1):
    """Values of three features of very different size, and clusters that boxes describe well."""
    draw = np.random.default_rng(seed)
    values = np.column_stack(
        [
            draw.lognormal(4, 1, count),
            draw.integers(1, 30, count).astype(float),
            draw.normal(0, 1, count),
        ]
    )
    labels = (values[:, 0] > 80).astype(int) + (values[:, 1] > 12)
    return values, labels


def leaves_of(values, labels, columns=None):
    columns = range(values.shape[1]) if columns is None else columns
    return fit.find_leaves(values, labels, list(columns), SEED)


def in_box(values, leaf):
    inside = np.ones(len(values), dtype=bool)
    for column, (above, at_most) in leaf.bounds.items():
        inside &= (values[:, column] > above) & (values[:, column] <= at_most)
    return inside


def predicted(values, leaves):
    clusters = np.full(len(values), -99)
    for leaf in leaves:
        clusters[in_box(values, leaf)] = leaf.cluster
    return clusters


# ---------- the bounds


@pytest.mark.parametrize(
    ("low", "high", "bound"),
    [
        (11, 12, 11),
        (52, 97, 60),
        (51, 60, 51),
        (0, 3, 0),
        (-0.5, 0.1, -0.5),
        (-57, -41, -50),
        (1234.5, 1234.6, 1234.5),
        (99.6, 123, 100),
        (0.30000000000000004, 0.31, 0.301),
        (1e299, 1e300, 1e299),
        (5e-324, 1.0, 5e-324),
    ],
)
def test_a_bound_has_the_fewest_digits_that_fit(low, high, bound):
    assert fit.round_bound(float(low), float(high)) == bound


def test_a_bound_never_changes_a_side():
    draw = np.random.default_rng(3)
    for low, width in zip(draw.normal(0, 10.0 ** draw.integers(-9, 9, 500)), draw.random(500)):
        high = np.nextafter(low, math.inf) if width < 0.2 else low + width * abs(low)
        assert low <= fit.round_bound(float(low), float(high)) < high


# ---------- the leaves


def test_each_customer_is_in_one_leaf_and_in_its_box():
    values, labels = customers()
    leaves = leaves_of(values, labels)
    assert len(leaves) > 3
    members = np.concatenate([leaf.members for leaf in leaves])
    assert sorted(members) == list(range(len(values)))
    for leaf in leaves:
        assert np.array_equal(np.flatnonzero(in_box(values, leaf)), np.sort(leaf.members))
        counts = np.bincount(labels[leaf.members])
        assert leaf.cluster == counts.argmax()


def test_the_leaves_say_what_the_library_tree_says():
    values, labels = customers()
    library = DecisionTreeClassifier(
        max_depth=4, max_leaf_nodes=12, min_samples_leaf=30, random_state=SEED
    ).fit(values, labels)
    assert np.array_equal(predicted(values, leaves_of(values, labels)), library.predict(values))


def test_planted_bounds_are_found():
    values, labels = customers(20_000)
    leaves = leaves_of(values, labels)
    bounds = {0: set(), 1: set()}
    for leaf in leaves:
        for column, pair in leaf.bounds.items():
            bounds[column] |= {bound for bound in pair if math.isfinite(bound)}
    assert bounds[1] == {12.0}
    # All lie where the groups were parted, to the digits that the sample tells.
    assert bounds[0] and all(abs(bound - 80) < 0.1 for bound in bounds[0])
    assert accuracy_score(labels, predicted(values, leaves)) > 0.999


def test_a_feature_may_be_bounded_from_both_sides():
    values = np.arange(400, dtype=float).reshape(-1, 1)
    leaves = leaves_of(values, np.repeat([0, 1, 2, 3], 100))
    ends = [-math.inf, 99, 199, 299, math.inf]
    assert [leaf.bounds[0] for leaf in leaves] == list(itertools.pairwise(ends))


def test_neighbors_of_one_cluster_are_one_leaf():
    values = np.arange(400, dtype=float).reshape(-1, 1)
    # Some of cluster 2 among those of 0: the tree may part them further, but no leaf is of 2.
    labels = np.where(values[:, 0] > 200, 1, np.where(values[:, 0] % 10 == 0, 2, 0))
    leaves = leaves_of(values, labels)
    assert [leaf.cluster for leaf in leaves] == [0, 1]


@pytest.mark.parametrize("count", [1, 4, 11])
def test_few_customers_are_one_leaf_or_leaves_of_five(count):
    values = np.arange(count, dtype=float).reshape(-1, 1)
    leaves = leaves_of(values, (values[:, 0] >= count / 2).astype(int))
    assert all(len(leaf.members) >= min(5, count) for leaf in leaves)
    assert len(leaves) == (2 if count == 11 else 1)


def test_one_cluster_is_one_leaf_without_bounds():
    values, labels = customers(100)
    [leaf] = leaves_of(values, np.zeros_like(labels))
    assert leaf.bounds == {} and leaf.cluster == 0 and len(leaf.members) == 100


def test_only_the_columns_given_make_rules():
    values, labels = customers()
    assert {column for leaf in leaves_of(values, labels, [0, 2]) for column in leaf.bounds} <= {
        0,
        2,
    }


def test_what_32_bits_cannot_tell_apart_or_hold_breaks_nothing():
    close = np.repeat([16_777_216.0, 16_777_217.0], 50).reshape(-1, 1)
    assert len(leaves_of(close, np.repeat([0, 1], 50))) == 1
    # The threshold between the two in 32 bits is the larger one itself.
    odd = np.repeat([16_777_218.0, 16_777_219.0], 50).reshape(-1, 1)
    assert len(leaves_of(odd, np.repeat([0, 1], 50))) == 1
    huge = np.repeat([-1e250, 1.0, 1e299], 50).reshape(-1, 1)
    labels = np.repeat([0, 1, 2], 50)
    assert np.array_equal(predicted(huge, leaves_of(huge, labels)), labels)


# ---------- the rows


def rules_of(frame):
    return frame[frame["parameter"].str.startswith("rule_")]


def test_rows_hold_the_leaves_and_leave_out_features_without_weight():
    values, _ = customers(600)
    wide = pd.DataFrame(values, columns=["spend", "visits", "noise"])
    wide["spend"] = np.where(np.arange(600) % 2 == 0, wide["spend"] + 10_000, wide["spend"])
    # They would part the customers as well as spend.
    without_weight = [f"copy_{number}" for number in range(5)]
    wide = pd.DataFrame({name: wide["spend"] for name in without_weight}).join(wide)
    settings = settings_of(list(wide), k=(2, 2), scaler="standard")
    settings.loc[settings["feature"].isin(without_weight), "weight"] = 0.0
    rows = rules_of(fit.fit_segmentations(make_sample(wide), settings))
    assert not set(rows["feature"].dropna()) & set(without_weight)
    sizes = rows[rows["parameter"] == "rule_leaf_size"]
    assert sizes["value"].sum() == 600
    assert sizes["node_id"].tolist() == list(range(1, len(sizes) + 1))
    assert sizes["cluster"].notna().all()
    # One side of each bound has it as its upper end, the other as its lower.
    ends = {
        end: set(rows.loc[rows["parameter"] == end, "value"])
        for end in ("rule_above", "rule_at_most")
    }
    assert ends["rule_above"] and ends["rule_above"] == ends["rule_at_most"]


def test_a_category_is_or_is_not():
    count = 300
    plan = np.array(["free", "basic", "gold"])[np.arange(count) % 3]
    wide = pd.DataFrame({"spend": np.where(plan == "gold", 100.0, 1.0), "plan": plan})
    settings = categories(settings_of(list(wide), k=(2, 2)), "plan")
    settings.loc[settings["feature"] == "spend", "weight"] = 0.0
    frame = fit.fit_segmentations(make_sample(wide), settings)
    rows = rules_of(frame)
    levels = frame[frame["parameter"] == "level"].set_index("level_id")["text_value"]
    conditions = rows[rows["parameter"] == "rule_is"]
    assert set(conditions["feature"]) == {"plan"}
    by_leaf = {
        node: {(levels[row.level_id], row.value) for row in leaf.itertuples()}
        for node, leaf in conditions.groupby("node_id")
    }
    # Of three equal levels any may stand alone; its leaf says so, the other that it is not.
    [alone] = {level for leaf in by_leaf.values() for level, has in leaf if has == 1}
    sizes = rows[rows["parameter"] == "rule_leaf_size"].set_index("node_id")["value"]
    assert {sizes[node]: leaf for node, leaf in by_leaf.items()} == {
        100.0: {(alone, 1.0)},
        200.0: {(alone, 0.0)},
    }


def test_noise_may_have_a_leaf():
    draw = np.random.default_rng(8)
    near = draw.normal(0, 0.05, (300, 1))
    far = draw.uniform(20, 4_000, (60, 1))
    wide = pd.DataFrame(np.vstack([near, far]), columns=["x"])
    settings = settings_of(["x"], "dbscan", {"eps": 0.5, "min_samples": 5})
    rows = rules_of(fit.fit_segmentations(make_sample(wide), settings))
    sizes = rows[rows["parameter"] == "rule_leaf_size"]
    assert dict(zip(sizes["cluster"], sizes["value"], strict=True)) == {0: 300.0, -1: 60.0}
