"""Rules, explanations and profiles, computed once more by numpy, pandas and scikit-learn.

On planted groups with a category and missing values, on Online Retail, and on a hand-made model
over columns whose names and values are as awkward as they come.
"""

import numpy as np
import pandas as pd
import pytest
from consumer import REPOSITORY, Consumer
from sklearn.tree import DecisionTreeClassifier

PLANTED = {
    "customers": {"source": "raw", "table": "people"},
    "customer_id": "person",
    "features": {
        "income": {"transform": "log"},
        "visits": {"transform": "none", "impute": "median"},
        "age": {"transform": "none", "clip": [0.01, 0.99]},
        "plan": {"kind": "category", "weight": 1.5},
    },
    "value": "income",
    "k": 4,
}
MIXTURE = PLANTED | {"algorithm": "gaussian_mixture", "k": 3}
DENSITY = PLANTED | {
    "algorithm": "dbscan",
    "algorithm_options": {"eps": 0.9, "min_samples": 5},
    "k": "auto",
}
SINGLE = PLANTED | {"k": 1}
DEFINITIONS = {"planted": PLANTED, "mixture": MIXTURE, "density": DENSITY, "single": SINGLE}

# All features' shares, of which the view shows two.
SHARES = """\
{{%- set name = '{name}' %}}
{{%- set definition = segmentation.configuration()["definitions"][name] %}}
{{%- set columns = segmentation.customer_columns({{name: definition}})[name] %}}
{{%- set model = ref('segmentation', 'int_segmentation__current_model') %}}
{{%- set placements = ref('segmentation', 'segmentation__customer_segments') %}}
{{{{ config(materialized='table') }}}}
{{{{ segmentation.feature_pulls(
    segmentation.customers(definition, columns, segmentation.customers_relation(definition)),
    "(select * from " ~ model ~ " where segmentation = '" ~ name ~ "') as model",
    "(select * from " ~ placements ~ " where segmentation = '" ~ name ~ "') as placements",
    segmentation.model_shape(name, definition, model)
) }}}}
"""


def planted_people(customers=1200, seed=11):
    """Four groups in income, visits, age and plan; one in twelve values is missing."""
    generator = np.random.default_rng(seed)
    group = np.arange(customers) % 4
    people = pd.DataFrame(
        {
            "person": [f"P{number:05d}" for number in range(customers)],
            "income": np.round(
                generator.lognormal(np.array([9.5, 10.5, 11.0, 12.0])[group], 0.25), 2
            ),
            "visits": generator.poisson(np.array([2, 30, 8, 12])[group]).astype(float),
            "age": generator.normal(np.array([25, 40, 60, 45])[group], 4).round(1),
            "plan": np.array(["basic", "plus", "basic", "premium"])[group],
        }
    )
    swapped = generator.random(customers) < 0.1
    people.loc[swapped, "plan"] = generator.choice(["basic", "plus", "premium"], swapped.sum())
    for column in ["visits", "age", "plan"]:
        people.loc[generator.random(customers) < 1 / 12, column] = None
    return people


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A project on the planted groups with four segmentations of them, built and tested."""
    consumer = Consumer(
        tmp_path_factory.mktemp("planted") / "shop",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": DEFINITIONS,
            "segmentation_options": {"minimum_segment_share": 0},
        },
        files={f"models/shares_{name}.sql": SHARES.format(name=name) for name in DEFINITIONS},
        tables={"people": planted_people()},
    )
    consumer.dbt("build").assert_clean()
    return consumer


@pytest.fixture(scope="module")
def retail(real_data, tmp_path_factory):
    """A project over Online Retail with the defaults, built and tested."""
    file = real_data / "online_retail.csv.gz"
    columns = {
        "customer_id": "CustomerID",
        "ordered_at": "InvoiceDate",
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
    }
    consumer = Consumer(
        tmp_path_factory.mktemp("retail") / "shop",
        {"segmentation_input": {"transactions": "stg_lines", "columns": columns}},
        files={
            "models/stg_lines.sql": "{{ config(materialized='table') }} select * from "
            f"read_csv('{file}', header = true, all_varchar = true)",
            "models/shares_rfm.sql": SHARES.format(name="rfm"),
        },
    )
    consumer.dbt("build").assert_clean()
    return consumer


@pytest.fixture(params=[*DEFINITIONS, "rfm"])
def segmentation(request):
    """Gives a segmentation's project, name, features and customer table, one after the other."""
    if request.param == "rfm":
        features = ["recency_days", "frequency", "monetary"]
        consumer = request.getfixturevalue("retail")
        return consumer, "rfm", features, "main.segmentation__rfm", "customer_id"
    consumer = request.getfixturevalue("planted")
    return consumer, request.param, list(PLANTED["features"]), "raw.people", "person"


class Model:
    """The rows of the model in force of a segmentation."""

    def __init__(self, consumer, name):
        self.rows = consumer.query(
            "select * from main.int_segmentation__current_model "
            f"where segmentation = '{name}' order by all"
        )

    def of(self, parameter, **keys):
        """Gives the rows of a parameter, where keys are equal."""
        found = self.rows[self.rows["parameter"] == parameter]
        for key, value in keys.items():
            found = found[found[key] == value]
        return found

    def value(self, parameter, feature, column="value", otherwise=None):
        """Gives the one value of a feature's parameter."""
        found = self.of(parameter, feature=feature)[column]
        return found.iloc[0] if len(found) else otherwise

    def levels(self, feature):
        """Gives the levels of a category in order; none of a number."""
        return self.of("level", feature=feature).sort_values("level_id")["text_value"].tolist()

    def imputed(self, feature, values):
        """Gives the values of a feature with what replaces the missing ones."""
        column = "text_value" if self.levels(feature) else "value"
        return values.fillna(self.value("fill_value", feature, column))

    def scaled(self, feature, values):
        """Gives the coordinates of a feature in scaled space, one column each."""
        values = self.imputed(feature, values)
        weight = self.value("weight", feature, otherwise=1.0)
        levels = self.levels(feature)
        if levels:
            return np.column_stack([(values == level) * weight for level in levels])
        values = values.to_numpy(float)
        if self.value("clip_low", feature) is not None:
            values = np.clip(
                values, self.value("clip_low", feature), self.value("clip_high", feature)
            )
        transform = self.value("transform", feature, "text_value")
        power = self.value("lambda", feature)
        smallest = self.value("minimum", feature)
        if transform in ("log", "sqrt"):
            values = np.where(values < 0, smallest, values)
        elif transform == "box_cox":
            values = np.where(values <= 0, smallest, values)
        transformed = {
            "none": lambda: values,
            "log": lambda: np.log1p(values),
            "sqrt": lambda: np.sqrt(values),
            "cbrt": lambda: np.cbrt(values),
            "box_cox": lambda: np.log(values) if power == 0 else (values**power - 1) / power,
            "yeo_johnson": lambda: yeo_johnson(values, power),
        }[transform]()
        mean, scale = self.value("mean", feature), self.value("scale", feature)
        return ((transformed - mean) / scale * weight)[:, None]

    def centroids(self, feature, segments):
        """Gives the coordinates of the segments' centroids in a feature; NaN where there is none."""
        rows = self.of("centroid", feature=feature).fillna({"level_id": 0})
        table = rows.pivot(index="segment_id", columns="level_id", values="value")
        return table.reindex(segments).to_numpy(float)


def yeo_johnson(values, power):
    """Yeo-Johnson as in scikit-learn's PowerTransformer."""
    up, down = np.maximum(values, 0), np.minimum(values, 0)
    above = np.log1p(up) if power == 0 else ((up + 1) ** power - 1) / power
    below = -np.log1p(-down) if power == 2 else -((1 - down) ** (2 - power) - 1) / (2 - power)
    return np.where(values >= 0, above, below)


def customers_of(consumer, name, table, customer_id):
    """Gives every customer with raw features and placement, in the order of their ids."""
    return consumer.query(
        f"select people.*, placed.segment_id as own, placed.runner_up_segment_id as other "
        f"from {table} as people inner join main.segmentation__customer_segments as placed "
        f"on people.{customer_id} = placed.customer_id and placed.segmentation = '{name}' "
        f"order by people.{customer_id}"
    )


def test_shares_are_those_of_numpy_and_sum_to_one(segmentation):
    consumer, name, features, table, customer_id = segmentation
    model = Model(consumer, name)
    people = customers_of(consumer, name, table, customer_id)
    pulls = np.zeros((len(people), len(features)))
    for position, feature in enumerate(features):
        points = model.scaled(feature, people[feature])
        own = model.centroids(feature, people["own"])
        other = model.centroids(feature, people["other"])
        pulls[:, position] = ((points - other) ** 2 - (points - own) ** 2).sum(axis=1)
    total = pulls.sum(axis=1)
    has_shares = total > 1e-9 * np.abs(pulls).sum(axis=1)

    found = consumer.query(f"select * from main.shares_{name} order by customer_id")
    shares = found[[f"share_{number + 1}" for number in range(len(features))]].to_numpy(float)
    assert len(found) == len(people)
    np.testing.assert_array_equal(~np.isnan(shares[:, 0]), has_shares)
    shares, expected = shares[has_shares], pulls[has_shares] / total[has_shares, None]
    # Where pulls cancel out, a share is a small difference of large numbers.
    largest = np.abs(expected).max(axis=1, keepdims=True) if len(expected) else 1.0
    np.testing.assert_allclose(shares / largest**2, expected / largest**2, atol=1e-8)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    if name in ("planted", "rfm"):
        assert has_shares.all()
    if name == "single":
        assert not has_shares.any()

    view = consumer.query(
        "select * from main.segmentation__customer_explanations "
        f"where segmentation = '{name}' order by customer_id"
    )
    assert view["customer_id"].tolist() == people[customer_id].tolist()
    assert view["explanation"].notna().all()
    view = view[has_shares]
    # Of equals the first, as of a stable sort.
    order = np.argsort(-shares, axis=1, kind="stable")
    for place, column in enumerate(["first", "second"]):
        assert view[f"{column}_feature"].tolist() == [features[row[place]] for row in order]
        np.testing.assert_allclose(
            view[f"{column}_share"].astype(float),
            np.take_along_axis(shares, order, axis=1)[:, place],
        )


def test_every_explanation_says_what_it_stands_on(planted):
    texts = planted.query(
        "select explanations.*, own.segment_name as own, other.segment_name as other "
        "from main.segmentation__customer_explanations as explanations "
        "left join main.segmentation__segments as own using (segmentation, segment_id) "
        "left join main.segmentation__segments as other "
        "on other.segmentation = explanations.segmentation "
        "and other.segment_id = explanations.runner_up_segment_id"
    )
    for row in texts.itertuples():
        if row.segmentation == "single":
            assert row.explanation == f"{row.own}: the only segment."
        elif row.segment_id == 0:
            assert row.explanation == f"In reach of no segment; nearest is {row.other}."
        elif pd.notna(row.first_share):
            assert row.explanation.startswith(
                f"{row.own} rather than {row.other} mainly because of {row.first_feature} "
            )
            assert (f" and {row.second_feature} " in row.explanation) == (row.second_share >= 0.005)
        assert "null" not in row.explanation.lower()
    assert (texts["segment_id"] == 0).any()
    assert texts["explanation"].str.contains("visits unknown").any()
    assert texts["explanation"].str.contains("plan premium").any()


def test_tests_run_alone_hold_explanations_to_the_same_model(planted):
    planted.dbt("test", "--select", "segmentation__customer_explanations").assert_clean()


def leaves_of(model):
    """Gives the leaves of the rule tree as {node: (segment, sample size, [bounds])}."""
    leaves = {}
    for row in model.of("rule_leaf_size").itertuples():
        leaves[row.node_id] = (row.segment_id, row.value, [])
    for parameter in ["rule_above", "rule_at_most", "rule_is"]:
        for row in model.of(parameter).itertuples():
            leaves[row.node_id][2].append((parameter, row.feature, row.level_id, row.value))
    return leaves


def holds(model, bounds, people):
    """Gives for each customer whether the bounds of a leaf hold."""
    result = np.ones(len(people), dtype=bool)
    for parameter, feature, level_id, value in bounds:
        values = model.imputed(feature, people[feature])
        if parameter == "rule_is":
            has_level = values == model.levels(feature)[int(level_id) - 1]
            result &= has_level == bool(value)
        else:
            above = values.astype(float) > value
            result &= above if parameter == "rule_above" else ~above
    return result


def test_rules_hold_as_often_as_they_say(segmentation):
    consumer, name, _, table, customer_id = segmentation
    model = Model(consumer, name)
    people = customers_of(consumer, name, table, customer_id)
    leaves = leaves_of(model)
    predicted = np.full(len(people), -1)
    for segment, _, bounds in leaves.values():
        held = holds(model, bounds, people)
        assert (predicted[held] == -1).all(), "two leaves hold one customer"
        predicted[held] = segment
    assert (predicted >= 0).all(), "a customer is in no leaf"

    rules = consumer.query(
        f"select * from main.segmentation__segment_rules where segmentation = '{name}'"
    )
    assert len(rules) == len(model.of("segment_name"))
    for rule in rules.itertuples():
        members = (people["own"] == rule.segment_id).to_numpy()
        assert rule.customers == members.sum()
        assert rule.tree_fidelity == pytest.approx((predicted == people["own"]).mean(), abs=1e-12)
        own = {node: leaf for node, leaf in leaves.items() if leaf[0] == rule.segment_id}
        if not own:
            assert rule.rule == "no short rule finds this segment"
            assert pd.isna(rule.condition) and rule.coverage == 0 and pd.isna(rule.precision)
            continue
        node = min(own, key=lambda node: (-own[node][1], node))
        held = holds(model, own[node][2], people)
        assert rule.customers_in_rule == held.sum()
        assert rule.precision == pytest.approx((held & members).sum() / held.sum(), abs=1e-12)
        if members.any():
            assert rule.coverage == pytest.approx((held & members).sum() / members.sum(), abs=1e-12)
        # A campaign tool has the customer table and the condition, nothing else.
        selected = consumer.query(f"select {customer_id} as id from {table} where {rule.condition}")
        assert sorted(selected["id"]) == people[customer_id][held].tolist()


def test_the_tree_is_that_of_scikit_learn(segmentation):
    consumer, name, features, table, customer_id = segmentation
    model = Model(consumer, name)
    people = customers_of(consumer, name, table, customer_id)
    # Everybody is in the sample, so the tree can be grown again from what it was grown from.
    assert model.of("sample_size")["value"].iloc[0] == len(people)
    columns = []
    for feature in features:
        values = model.imputed(feature, people[feature])
        levels = model.levels(feature)
        columns += [values == level for level in levels] if levels else [values.astype(float)]
    matrix = np.column_stack(columns).astype(float)
    segments = people["own"].nunique()
    tree = DecisionTreeClassifier(
        max_depth=4,
        max_leaf_nodes=max(2, min(32, 4 * segments)),
        min_samples_leaf=max(5, int(np.ceil(0.01 * len(people)))),
        random_state=42,
    ).fit(matrix, people["own"])
    fidelity = (tree.predict(matrix) == people["own"]).mean()
    found = consumer.query(
        "select max(tree_fidelity) as fidelity from main.segmentation__segment_rules "
        f"where segmentation = '{name}'"
    )
    assert found["fidelity"].iloc[0] == pytest.approx(fidelity, abs=1e-12)
    assert fidelity > 0.8


# One leaf a segment, over a word of SQL, a name with a blank, and levels with quotes and slashes.
AWKWARD_LEVELS = {"region": ["O'Neil", "a\\b", "nord\nsued"], "grade": ["1", "2", "3"]}
AWKWARD_FILLS = {"order value": 25.0, "select": 2.0, "region": "O'Neil", "grade": "2"}
AWKWARD_LEAVES = [
    [("rule_at_most", "order value", None, 20.5)],
    [
        ("rule_above", "order value", None, 20.5),
        ("rule_at_most", "select", None, 3.0),
        ("rule_is", "region", 1, 1.0),
    ],
    [
        ("rule_above", "order value", None, 20.5),
        ("rule_at_most", "select", None, 3.0),
        ("rule_is", "region", 1, 0.0),
        ("rule_is", "region", 2, 0.0),
    ],
    [
        ("rule_above", "order value", None, 20.5),
        ("rule_at_most", "select", None, 3.0),
        ("rule_is", "region", 1, 0.0),
        ("rule_is", "region", 2, 1.0),
    ],
    [
        ("rule_above", "order value", None, 20.5),
        ("rule_above", "select", None, 3.0),
        ("rule_is", "grade", 2, 1.0),
    ],
    [
        ("rule_above", "order value", None, 20.5),
        ("rule_above", "select", None, 3.0),
        ("rule_is", "grade", 2, 0.0),
    ],
]


def awkward_model():
    """A model as export_model writes it, of six segments along order value, with these leaves."""
    rows = [{"parameter": "sample_size", "value": 60.0}]
    for feature, fill in AWKWARD_FILLS.items():
        is_category = feature in AWKWARD_LEVELS
        rows.append({"parameter": "weight", "feature": feature, "value": 1.0})
        rows.append(
            {
                "parameter": "transform",
                "feature": feature,
                "text_value": "one_hot" if is_category else "none",
            }
        )
        column = "text_value" if is_category else "value"
        rows.append({"parameter": "fill_value", "feature": feature, column: fill})
        for parameter, value in [("mean", 0.0), ("scale", 1.0)]:
            rows.append({"parameter": parameter, "feature": feature, "value": value})
        for number, level in enumerate(AWKWARD_LEVELS.get(feature, []), 1):
            rows.append(
                {
                    "parameter": "level",
                    "feature": feature,
                    "level_id": number,
                    "value": 0.3,
                    "text_value": level,
                }
            )
    for segment, bounds in enumerate(AWKWARD_LEAVES, 1):
        own = {"segment_id": segment}
        rows.append(own | {"parameter": "segment_name", "text_value": f"segment {segment}"})
        rows.append(own | {"parameter": "size", "value": 10.0})
        for feature in AWKWARD_FILLS:
            at = {"parameter": "centroid", "prototype_id": segment, "feature": feature}
            value = 10.0 * segment if feature == "order value" else 0.0
            for number in range(1, len(AWKWARD_LEVELS.get(feature, [])) + 1):
                rows.append(own | at | {"level_id": number, "value": 0.0})
            if feature not in AWKWARD_LEVELS:
                rows.append(own | at | {"value": value})
        at = own | {"node_id": segment}
        rows.append(at | {"parameter": "rule_leaf_size", "value": 10.0})
        for parameter, feature, level_id, value in bounds:
            rows.append(
                at
                | {"parameter": parameter, "feature": feature, "level_id": level_id, "value": value}
            )
    columns = ["parameter", "k", "segment_id", "prototype_id", "feature", "level_id", "node_id"]
    frame = pd.DataFrame(rows).reindex(columns=[*columns, "value", "text_value"])
    whole = ["k", "segment_id", "prototype_id", "level_id", "node_id"]
    return frame.assign(segmentation="elsewhere").astype(dict.fromkeys(whole, "Int64"))


def awkward_people(customers=600, seed=5):
    """Customers with every odd value that a number or a text may be."""
    generator = np.random.default_rng(seed)

    def any_of(values, missing=0.1):
        chosen = pd.Series(generator.choice(np.array(values, dtype=object), customers))
        return chosen.where(generator.random(customers) >= missing, None)

    return pd.DataFrame(
        {
            "Person Id": [f"P{number:04d}" for number in range(customers)],
            "order value": any_of([1.5, 20.5, 20.6, 40.0, np.nan, np.inf, -np.inf]).astype(float),
            "select": any_of([1, 3, 4, 9]).astype("Int64"),
            "region": any_of(
                ["O'Neil", " O'Neil\t", "a\\b", "a\\b ", "nord\nsued", "unseen", "", "  "]
            ),
            "grade": any_of([1, 2, 3, 7]).astype("Int64"),
            "is_active": generator.random(customers) < 0.8,
        }
    )


def test_awkward_columns_and_values_in_a_condition(tmp_path):
    people = awkward_people()
    consumer = Consumer(
        tmp_path / "shop",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                "odd": {
                    "customers": {"source": "raw", "table": "people"},
                    "customer_id": "Person Id",
                    "where": "is_active -- and nobody else",
                    "features": {
                        "order value": {"transform": "none"},
                        "select": {"transform": "none"},
                        "region": {"kind": "category"},
                        "grade": {"kind": "category"},
                    },
                    "value": None,
                    "frozen_model": {"source": "raw", "table": "model"},
                }
            },
            "segmentation_options": {"erased_customers": "forgotten"},
        },
        files={"models/forgotten.sql": "select ' P0007 ' as customer_id"},
        tables={"people": people, "model": awkward_model()},
    )
    # Of a frame DuckDB takes NaN as null.
    consumer.load(
        "people",
        'select * replace (case when "order value" = 40 then \'nan\' else "order value" end '
        'as "order value") from raw.people',
    )
    people["order value"] = people["order value"].replace(40.0, np.nan)
    run = consumer.dbt("run")
    assert run.exit_code == 0, run.output[-4000:]

    rules = consumer.query("select * from main.segmentation__segment_rules order by segment_id")
    model = Model(consumer, "odd")
    people = people[people["is_active"] & (people["Person Id"] != "P0007")]
    clean = people.assign(
        **{
            "order value": people["order value"].where(np.isfinite(people["order value"])),
            "select": people["select"].astype(float),
            "region": people["region"].str.strip().replace("", None),
            "grade": people["grade"].astype("string").astype(object),
        }
    )
    clean = clean.where(clean.notna(), None)
    counted = 0
    for rule, bounds in zip(rules.itertuples(), AWKWARD_LEAVES, strict=True):
        held = holds(model, bounds, clean)
        counted += held.sum()
        assert rule.customers_in_rule == held.sum() > 0
        selected = consumer.query(
            f'select "Person Id" as id from raw.people where ({rule.condition})'
        )
        assert sorted(selected["id"]) == sorted(people["Person Id"][held])
    assert counted == len(people)
    assert rules["rule"].tolist() == [
        "order value at most 20.5",
        "order value above 20.5 and select at most 3 and region is O'Neil",
        "order value above 20.5 and select at most 3 and region is not O'Neil or a\\b",
        "order value above 20.5 and select at most 3 and region is a\\b",
        "order value above 20.5 and select above 3 and grade is 2",
        "order value above 20.5 and select above 3 and grade is not 2",
    ]
    # Quotes only where they are needed, and nothing of the package.
    assert '"order value"' in rules["condition"][0] and '"select"' in rules["condition"][1]
    assert "region" in rules["condition"][1] and '"region"' not in rules["condition"][1]
    assert not rules["condition"].str.contains("segmentation").any()


def test_profiles_say_what_makes_a_segment_different(segmentation):
    consumer, name, features, table, customer_id = segmentation
    people = customers_of(consumer, name, table, customer_id)
    found = consumer.query(
        f"select * from main.segmentation__segment_profiles where segmentation = '{name}'"
    )
    for feature in features:
        rows = found[found["feature"] == feature]
        if not pd.api.types.is_numeric_dtype(people[feature]):
            assert rows["share_above_median"].isna().all()
        else:
            values = people[feature].astype(float)
            is_above = (values > values.median()).where(values.notna())
            expected = is_above.astype(float).groupby(people["own"]).mean()
            np.testing.assert_allclose(
                rows.set_index("segment_id")["share_above_median"].sort_index().astype(float),
                expected.sort_index(),
            )
        for _, ranked in rows.groupby("level", dropna=False):
            ranked = ranked.sort_values(["mean", "segment_id"], ascending=[False, True])
            assert ranked["rank"].tolist() == list(range(1, len(ranked) + 1))


AGGREGATES = {
    "segmentation__segment_summary": ["segmentation", "segment_id", "segment_name"],
    "segmentation__segment_profiles": [
        "segmentation",
        "segment_id",
        "segment_name",
        "feature",
        "level",
    ],
    "segmentation__segment_rules": ["segmentation", "segment_id", "segment_name"],
}


def test_small_segments_are_suppressed(tmp_path):
    variables = {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": {"planted": PLANTED, "density": DENSITY},
        "segmentation_options": {"minimum_segment_share": 0},
    }
    consumer = Consumer(tmp_path / "shop", variables, tables={"people": planted_people()})
    consumer.dbt("build").assert_clean()

    def contents():
        return {
            table: consumer.query(f"select * from main.{table} order by {', '.join(ids)}")
            for table, ids in AGGREGATES.items()
        }

    before = contents()
    sizes = before["segmentation__segment_summary"].set_index(["segmentation", "segment_id"])
    assert not any(frame["is_suppressed"].any() for frame in before.values())
    smallest = int(sizes["customers"].median())
    for suppress_below in [smallest, 1_000_000]:
        options = {"minimum_segment_share": 0, "suppress_below": suppress_below}
        consumer.configure(variables | {"segmentation_options": options})
        consumer.dbt("build", "--select", *AGGREGATES).assert_clean()
        for table, after in contents().items():
            ids = AGGREGATES[table]
            own_sizes = sizes["customers"].reindex(
                pd.MultiIndex.from_frame(after[["segmentation", "segment_id"]])
            )
            is_small = (own_sizes < suppress_below).to_numpy()
            assert after["is_suppressed"].tolist() == is_small.tolist()
            pd.testing.assert_frame_equal(after[ids], before[table][ids])
            statistics = after.columns.difference([*ids, "is_suppressed", "model_version"])
            assert after.loc[is_small, statistics].isna().all(axis=None), table
            pd.testing.assert_frame_equal(
                after[~is_small], before[table][~is_small], check_dtype=False
            )
            assert is_small.any() and (is_small.all() == (suppress_below == 1_000_000))


def test_the_docs_tell_the_truth(retail):
    docs = (REPOSITORY / "docs" / "explain.md").read_text(encoding="utf-8")
    rule = retail.rows(
        "select rule, condition, customers, customers_in_rule, round(coverage, 2), "
        'round("precision", 2), round(tree_fidelity, 2) '
        "from main.segmentation__segment_rules where segment_name = 'Champions'"
    )[0]
    assert f"> {rule[0]}\n" in docs and f"{rule[1]}\n```" in docs
    assert "| " + " | ".join(f"{number:g}" for number in rule[2:]) + " |" in docs
    told = retail.rows(
        "select customer_id, recency_days, frequency, monetary, round(margin, 2), explanation "
        "from main.segmentation__customer_explanations "
        "inner join main.segmentation__rfm using (customer_id) "
        "inner join main.segmentation__customer_segments using (segmentation, customer_id) "
        "where customer_id in ('16265', '18226', '12948')"
    )
    assert len(told) == 3
    for customer, recency, frequency, monetary, margin, explanation in told:
        line = f"| {customer} | {recency} | {frequency} | {monetary:.2f} |"
        assert any(
            text.startswith(line) and f"| {margin:.2f} |" in text and explanation in text
            for text in docs.splitlines()
        ), line
    profiles = retail.rows(
        "select feature, median, round(mean_z, 2), share_above_median, rank "
        "from main.segmentation__segment_profiles where segment_name = 'Champions'"
    )
    for feature, median, mean_z, share, rank in profiles:
        assert f"| {feature} | {median:g} | {mean_z:g} | {share:.3f} | {rank} |" in docs
