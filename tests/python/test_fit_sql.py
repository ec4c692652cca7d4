"""The SQL trainer against the Python model, scikit-learn and scipy, on the same samples.

One project has a segmentation for each kind of sample, so that one build answers for all of them.
"""

import importlib.util

import duckdb
import numpy as np
import pandas as pd
import pytest
from consumer import REPOSITORY, Consumer, faults, run_dbt
from scipy import stats
from sklearn.cluster import KMeans

CUSTOMERS = 600
# How near lambda comes to that of scipy, whose own search stops at a millionth.
LAMBDA_TOLERANCE = 2e-4


def load_python_model():
    """Loads the Python model by its path, as dbt does."""
    path = REPOSITORY / "models/model/int_segmentation__fit_python.py"
    specification = importlib.util.spec_from_file_location("fit_python", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


fit = load_python_model()


def with_ids(columns):
    """Makes a customer table of columns."""
    frame = pd.DataFrame(columns)
    frame.insert(0, "customer_id", [f"c{number}" for number in range(len(frame))])
    return frame


def some_missing(values, generator, share=0.1):
    """Takes some of the values away."""
    return np.where(generator.random(len(values)) < share, np.nan, values)


def make_tables():
    """Gives name -> (customer table, what the definition says of it)."""
    generator = np.random.default_rng(20)
    skewed = generator.lognormal(3, 1.2, CUSTOMERS)
    counts = 1.0 + generator.poisson(2, CUSTOMERS)
    signed = generator.normal(2, 5, CUSTOMERS) ** 3
    spread = generator.gamma(0.5, 100, CUSTOMERS)
    normal = generator.normal(50, 8, CUSTOMERS)
    plans = generator.choice(["basic", "Premium", "trial"], CUSTOMERS, p=[0.6, 0.3, 0.1])
    centers = 9 * np.eye(4)
    groups = centers[generator.integers(0, 4, CUSTOMERS)] + generator.normal(size=(CUSTOMERS, 4))
    zeros = np.where(generator.random(CUSTOMERS) < 0.2, 0.0, skewed)

    tables = {
        "usual": (
            {"skewed": skewed, "counts": counts, "signed": signed, "normal": normal},
            {"features": ["skewed", "counts", "signed", "normal"]},
        ),
        "gaps": (
            {
                "skewed": some_missing(skewed, generator),
                "counts": some_missing(counts, generator),
                "spread": some_missing(spread, generator),
                "normal": some_missing(normal, generator),
            },
            {
                "features": {
                    "skewed": {"transform": "box_cox", "impute": "median", "scale": "robust"},
                    "counts": {
                        "impute": "most_frequent",
                        "scale": "min_max",
                        "weight": 2,
                    },
                    "spread": {"impute": "mean", "clip": [0.01, 0.95]},
                    "normal": {
                        "impute": "constant",
                        "fill_value": 7.5,
                        "scale": "none",
                        "weight": 0.1,
                    },
                }
            },
        ),
        "fenced": (
            {"skewed": skewed, "normal": normal, "zeros": zeros},
            {
                "features": ["skewed", "normal", "zeros"],
                "outliers": {"low": 0.1, "high": 0.9, "fence": 1},
            },
        ),
        "named": (
            {name: signed for name in ("a", "b", "c", "d")}
            | {"e": zeros, "f": -skewed, "g": skewed, "h": skewed, "i": skewed},
            {
                "features": {
                    "a": "sqrt",
                    "b": "log",
                    "c": "box_cox",
                    "d": "yeo_johnson",
                    "e": "box_cox",
                    "f": "yeo_johnson",
                    "g": "yeo_johnson",
                    "h": "box_cox",
                    "i": "cbrt",
                },
                "k": 3,
            },
        ),
        "levels": (
            {
                "plan": np.where(generator.random(CUSTOMERS) < 0.1, None, plans),
                "town": np.where(generator.random(CUSTOMERS) < 0.5, None, "Ålesund"),
                "skewed": skewed,
            },
            {
                "features": {
                    "plan": {"kind": "category", "weight": 0.5},
                    "town": {
                        "kind": "category",
                        "impute": "constant",
                        "fill_value": "elsewhere",
                    },
                    "skewed": "auto",
                },
                "k": {"min": 2, "max": 6},
            },
        ),
        "groups": (
            dict(zip("abcd", groups.T, strict=True)),
            {"features": ["a", "b", "c", "d"]},
        ),
        "hostile": (
            {
                "far": 1e5 + generator.normal(size=CUSTOMERS),
                "tiny": 1e-12 * skewed,
                "huge": 1e60 * skewed,
                "both": np.where(np.arange(CUSTOMERS) % 2 == 0, 1e60, -1e60) * counts,
                "alone": np.where(np.arange(CUSTOMERS) == 7, 1e6, 1.0),
                "constant": np.full(CUSTOMERS, 5.0),
                "negative": -spread,
            },
            {
                "features": {
                    "far": "log",
                    "tiny": "auto",
                    "huge": "auto",
                    "both": "none",
                    "alone": "auto",
                    "constant": "auto",
                    "negative": "auto",
                },
                "k": 3,
            },
        ),
        "twins": (
            {
                "x": np.repeat([0.0, 1, 2, 9], [400, 3, 2, 1]),
                "y": np.repeat([0.0, 5, 5, 9], [400, 3, 2, 1]),
            },
            {"features": {"x": "none", "y": "none"}, "k": 4},
        ),
        "one": ({"x": [7.5], "y": [-3.0]}, {"features": ["x", "y"]}),
        "alike": ({"x": [4.0] * 30, "y": [2.5] * 30}, {"features": ["x", "y"]}),
        "two": ({"x": [0.0, 10.0], "y": [0.0, 1.0]}, {"features": ["x", "y"]}),
        "three": (
            {"x": [0.0, 1, 4], "y": [0.0, 1, 2]},
            {"features": ["x", "y"], "k": {"min": 5, "max": 8}},
        ),
        "nobody": (
            {"x": [1.0], "y": [1.0]},
            {"features": ["x", "y"], "where": "x < 0"},
        ),
    }
    return {name: (with_ids(columns), said) for name, (columns, said) in tables.items()}


TABLES = make_tables()
CHOSEN_BY_ALL = {
    "one": 1,
    "alike": 1,
    "two": 2,
    "three": 3,
    "twins": 4,
    "named": 3,
    "groups": 4,
}


def source(name):
    """Gives what a definition says of a customer table of raw data."""
    return {"customers": {"source": "raw", "table": name}}


def variables(names=tuple(TABLES), trainer="sql", **changes):
    """Gives the vars of a project that segments some of the tables."""
    return {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": {
            name: source(name) | TABLES[name][1] | changes for name in names
        },
        "segmentation_options": {"trainer": trainer, "refit": "always"},
    }


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with every table, fitted in SQL; what stands before a version has passed its tests."""
    consumer = Consumer(
        tmp_path_factory.mktemp("sql") / "shop",
        variables(),
        tables={name: frame for name, (frame, _) in TABLES.items()},
    )
    run = consumer.dbt(
        "build",
        "--select",
        "+int_segmentation__model_candidate",
        "--indirect-selection",
        "cautious",
    )
    assert run.exit_code == 0, run.output[-6000:]
    assert run.names("warn", "error", "fail", "skipped") == []
    return consumer


@pytest.fixture(scope="module")
def in_sql(consumer):
    """What SQL has fitted, as a frame."""
    return consumer.query("select * from int_segmentation__fit")


@pytest.fixture(scope="module")
def in_python(consumer):
    """What Python fits on the same sample, as a frame."""
    return fit.fit_segmentations(
        consumer.query("select * from int_segmentation__fit_sample"),
        consumer.query("select * from segmentation__settings"),
    )


FEATURE_PARAMETERS = (
    "transform", "scaler", "impute", "lambda", "mean", "scale", "minimum", "maximum", "weight",
    "fill_value", "clip_low", "clip_high", "fence_low", "fence_high", "level",
    *(f"skewness_{transform}" for transform in fit.TRANSFORMS),
)  # fmt: skip
SUMMARY_PARAMETERS = (
    "algorithm",
    "algorithm_options",
    "sample_size",
    "sample_outliers",
    "seed",
)
KEYS = ["segmentation", "parameter", "feature", "level_id"]


def side_by_side(in_sql, in_python, parameters):
    """Puts the rows of some parameters beside each other; fails where one side has more."""
    sides = []
    for frame in (in_sql, in_python):
        rows = frame[frame["parameter"].isin(parameters)].copy()
        rows["level_id"] = rows["level_id"].fillna(-1).astype(int)
        rows["feature"] = rows["feature"].fillna("")
        sides.append(rows.set_index(KEYS)[["value", "text_value"]].astype({"value": "float64"}))
    both = sides[0].join(sides[1], how="outer", suffixes=("_sql", "_python"))
    for side in ("sql", "python"):
        alone = both[both[f"value_{side}"].isna() & both[f"text_value_{side}"].isna()]
        assert alone.empty, alone
    return both.reset_index()


def test_features_are_prepared_alike(in_sql, in_python):
    both = side_by_side(in_sql, in_python, FEATURE_PARAMETERS + SUMMARY_PARAMETERS)
    assert len(both) > 300
    texts = both[both["text_value_python"].notna()]
    differing = texts[
        texts["text_value_sql"].astype(object) != texts["text_value_python"].astype(object)
    ]
    assert differing.empty, differing.to_string()

    powers = both[both["parameter"] == "lambda"].set_index(["segmentation", "feature"])
    assert (powers["value_sql"] - powers["value_python"]).abs().max() <= LAMBDA_TOLERANCE
    # Where lambda differs in its last digit, so does what is measured under it.
    moved = set(powers.index[powers["value_sql"] != powers["value_python"]])
    numbers = both[both["value_python"].notna() & (both["parameter"] != "lambda")]
    for row in numbers.itertuples():
        by_power = row.parameter in ("skewness_box_cox", "skewness_yeo_johnson") or (
            row.parameter in ("mean", "scale") and (row.segmentation, row.feature) in moved
        )
        # Of numbers of sixty digits the last digit of lambda moves hundredths.
        at_power = 5e-2 if row.segmentation == "hostile" else 1e-3
        tolerance = at_power if by_power else 1e-6 if "skewness" in row.parameter else 1e-9
        size = max(abs(row.value_python), 1 if "skewness" in row.parameter else 1e-300)
        assert abs(row.value_sql - row.value_python) <= tolerance * size, row


@pytest.mark.parametrize(
    ("feature", "library"),
    [
        ("h", stats.boxcox_normmax),
        ("d", stats.yeojohnson_normmax),
        ("g", stats.yeojohnson_normmax),
    ],
)
def test_lambda_is_scipys(in_sql, feature, library):
    powers = in_sql[(in_sql["segmentation"] == "named") & (in_sql["parameter"] == "lambda")]
    options = {"method": "mle"} if library is stats.boxcox_normmax else {}
    expected = library(TABLES["named"][0][feature].to_numpy(), **options)
    found = powers.set_index("feature")["value"][feature]
    assert found == pytest.approx(expected, abs=LAMBDA_TOLERANCE)


def measure(frame, segmentation, parameter):
    """Gives a measure of the search by k."""
    rows = frame[(frame["segmentation"] == segmentation) & (frame["parameter"] == parameter)]
    return rows.dropna(subset="k").set_index("k")["value"].astype(float).sort_index()


def test_every_k_is_nearly_as_tight_as_with_ten_starts(in_sql, in_python):
    # Where few customers lie far from all others, starts by chance find them sooner than slices.
    for name in set(TABLES) - {"hostile", "twins"}:
        sql, python = (measure(frame, name, "inertia") for frame in (in_sql, in_python))
        assert sorted(sql.index) == sorted(python.index), name
        for k in sql.index:
            assert sql[k] <= 1.05 * python[k] + 1e-9, (name, k)


def test_where_the_partitions_are_the_same_so_are_their_measures(in_sql, in_python):
    compared = 0
    for name in TABLES:
        inertias = [measure(frame, name, "inertia") for frame in (in_sql, in_python)]
        shares = [measure(frame, name, "smallest_share") for frame in (in_sql, in_python)]
        for k in inertias[0].index:
            if abs(inertias[0][k] - inertias[1][k]) > 1e-9 * inertias[1][k] or k == 1:
                continue
            assert shares[0][k] == pytest.approx(shares[1][k], abs=1e-12), (name, k)
            for parameter in ("calinski_harabasz", "davies_bouldin"):
                sql, python = (measure(frame, name, parameter) for frame in (in_sql, in_python))
                assert (k in sql) == (k in python), (name, k, parameter)
                if k in sql:
                    assert sql[k] == pytest.approx(python[k], rel=1e-6), (name, k, parameter)
            compared += 1
    assert compared >= 10


def test_silhouettes_of_a_small_sample_are_scikit_learns(in_sql, in_python):
    inertias, sides = (
        [measure(frame, "groups", parameter) for frame in (in_sql, in_python)]
        for parameter in ("inertia", "silhouette")
    )
    alike = [k for k in sides[0].index if inertias[0][k] == pytest.approx(inertias[1][k], rel=1e-9)]
    assert 4 in alike
    for k in alike:
        assert sides[0][k] == pytest.approx(sides[1][k], abs=1e-9), k


def test_the_same_number_of_segments(in_sql, in_python):
    chosen = [
        frame[frame["parameter"] == "chosen_k"].set_index("segmentation")["value"].to_dict()
        for frame in (in_sql, in_python)
    ]
    for name, k in CHOSEN_BY_ALL.items():
        assert [found[name] for found in chosen] == [k, k], name
    assert "nobody" not in chosen[0]


def test_where_the_segments_are_the_same_so_are_their_rows(in_sql, in_python):
    parameters = ["size", "mean_distance", "scored_share", "agreement"]
    parameters += ["centroid", "center", "median", "deviation"]
    for name in ("one", "alike", "two", "three", "twins", "groups"):
        sides = []
        for frame in (in_sql, in_python):
            rows = frame[(frame["segmentation"] == name) & frame["parameter"].isin(parameters)]
            first = rows["feature"].dropna().min()
            centers = rows[(rows["parameter"] == "center") & (rows["feature"] == first)]
            order = centers.sort_values("value")["cluster"].tolist()
            rows = rows.assign(place=rows["cluster"].map(order.index))
            rows["feature"] = rows["feature"].fillna("")
            sides.append(rows.set_index(["parameter", "place", "feature"])["value"].sort_index())
        assert sides[0].index.equals(sides[1].index), name
        assert np.allclose(*[side.astype(float) for side in sides], rtol=1e-6, atol=1e-6), name


def test_reasons_say_that_stability_is_not_measured(in_sql):
    reasons = in_sql[in_sql["parameter"] == "reason"].set_index(["segmentation", "k"])["text_value"]
    assert reasons["groups", 4].startswith("knee of the inertia curve, smallest segment ")
    assert reasons["groups", 4].endswith(" %, stability not measured")
    assert reasons["groups", 1] == "outside the range 2 to 8"
    assert reasons["groups", 3] == "not the knee of the inertia curve, which is at k = 4"
    assert reasons["three", 3].startswith("the fit sample holds only 3 distinct customers")
    assert reasons["named", 4].startswith("not asked for (k = 3 is), smallest segment ")
    assert not in_sql["parameter"].isin(["stability", "scikit_learn_version", "fault"]).any()


def test_the_order_of_rows_does_not_matter(consumer, in_sql, tmp_path):
    names = ("usual", "levels", "twins", "groups")
    shuffled = Consumer(
        tmp_path / "shop",
        variables(names),
        tables={name: TABLES[name][0].sample(frac=1, random_state=3) for name in names},
    )
    run = shuffled.dbt("run", "--select", "+int_segmentation__fit")
    assert run.exit_code == 0, run.output[-6000:]
    keys = ["segmentation", "parameter", "k", "cluster", "feature", "level_id"]
    again = shuffled.query("select * from int_segmentation__fit")
    before = in_sql[in_sql["segmentation"].isin(names)]
    sides = [
        frame.assign(**{key: frame[key].astype(object).fillna("") for key in keys})
        for frame in (again, before)
    ]
    both = sides[0].merge(sides[1], on=keys, how="outer", suffixes=("_again", "_before"))
    assert len(both) == len(again) == len(before)
    texts = [both[f"text_value_{side}"].fillna("") for side in ("again", "before")]
    assert texts[0].equals(texts[1])
    values = [both[f"value_{side}"].astype(float) for side in ("again", "before")]
    same = np.isclose(*values, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert same.all(), both[~same]


def test_where_no_fit_is_due_the_steps_have_no_rows_and_the_same_columns(tmp_path):
    """None of them is planned on such a day, so their columns are written a second time."""
    changed = variables(["usual"])
    changed["segmentation_options"]["refit"] = "never"
    consumer = Consumer(tmp_path / "shop", changed, tables={"usual": TABLES["usual"][0]})
    found = []
    for _ in range(2):
        run = consumer.dbt("run", "--select", "+segmentation__model")
        assert run.exit_code == 0, run.output[-6000:]
        steps = [name for name in consumer.relations() if "__fit_sql" in name]
        assert len(steps) == 8
        columns = {name: consumer.rows(f"describe {name}") for name in steps}
        rows = {name: consumer.rows(f"select count(*) from {name}")[0][0] for name in steps}
        found.append((columns, rows))
    (columns, rows), (later_columns, later_rows) = found
    assert later_columns == columns
    assert all(rows.values())
    assert not any(later_rows.values())


def test_faults_of_the_sample_are_told_together(tmp_path):
    usual = TABLES["usual"][0].assign(
        minus=-5.0,
        vast=1e150 * np.arange(CUSTOMERS),
        many=[f"level {number % 60}" for number in range(CUSTOMERS)],
    )
    two = TABLES["two"][0].assign(z=np.array([np.nan, np.nan]))
    twins = TABLES["twins"][0]
    consumer = Consumer(
        tmp_path / "shop",
        variables(["usual", "two", "twins"])
        | {
            "segmentation_definitions": {
                "empty": source("two") | {"features": {"x": "none", "z": "none"}},
                "minus": source("usual") | {"features": {"minus": "sqrt"}},
                "vast": source("usual")
                | {"features": {"vast": {"transform": "none", "scale": "none"}}},
                "many": source("usual")
                | {"features": {"normal": "none", "many": {"kind": "category"}}},
                "doubled": source("twins") | {"features": ["x"]},
            }
        },
        tables={
            "usual": usual,
            "two": two,
            "twins": pd.concat([twins, twins.iloc[:1]]),
        },
    )
    run = consumer.dbt("run", "--select", "+int_segmentation__fit")
    assert run.names("error") == ["int_segmentation__fit_sql_points"]
    assert faults(run.message("int_segmentation__fit_sql_points")) == [
        (
            "segmentation 'doubled' has customer 'c0' more than once: give it a table with one "
            "row per customer"
        ),
        (
            "segmentation 'empty', feature 'z': no customer of the fit sample has a value: leave "
            "the feature out or fill it upstream"
        ),
        (
            "segmentation 'many', feature 'many' has 60 different values; allowed at most 50: "
            "group them upstream, or leave it out"
        ),
        (
            "segmentation 'minus', feature 'minus': no value of the fit sample lies in the domain "
            "of sqrt: say auto, none, cbrt or yeo_johnson"
        ),
        (
            "segmentation 'vast', feature 'vast': its values are too large for transform none: "
            "say auto or log, or divide the feature upstream"
        ),
    ]

    consumer.configure(variables(["two"], k=30))
    run = consumer.dbt("run", "--select", "+int_segmentation__fit")
    assert run.names("error") == ["int_segmentation__fit_sql_centroids"]
    assert faults(run.message("int_segmentation__fit_sql_centroids")) == [
        (
            "segmentation 'two' asks for k = 30 but its fit sample holds only 2 distinct "
            "customers: lower k or say k: auto"
        )
    ]


def test_the_trainer_is_part_of_the_settings_by_what_it_is(tmp_path):
    twins = TABLES["twins"][0]
    consumer = Consumer(tmp_path / "shop", variables(["twins"]), tables={"twins": twins})
    found = {}
    for asked in ("auto", "python", "sql"):
        consumer.configure(variables(["twins"], trainer=asked))
        run = consumer.dbt("run", "--select", "segmentation__settings")
        assert run.exit_code == 0, run.output
        found[asked] = consumer.rows(
            "select distinct trainer, settings_hash from segmentation__settings"
        )
    assert found["auto"] == found["python"] != found["sql"]
    assert [found[asked][0][0] for asked in ("python", "sql")] == ["python", "sql"]


def test_unit_tests_of_the_sql_trainer(tmp_path):
    def dbt(*arguments):
        run = run_dbt(
            REPOSITORY,
            *arguments,
            "--vars",
            "{segmentation_options: {trainer: sql}}",
            environment={
                "SEGMENTATION_DATABASE": str(tmp_path / "demo.duckdb"),
                "DBT_TARGET_PATH": str(tmp_path / "target"),
                "DBT_LOG_PATH": str(tmp_path / "logs"),
                "DBT_PROFILES_DIR": ".",
            },
        )
        assert run.exit_code == 0, run.output[-6000:]
        return run

    # They take the columns of what they stand on from the warehouse.
    dbt(
        "build",
        "--select",
        "+int_segmentation__fit_sql",
        "--exclude",
        "test_type:unit",
        "test_type:data",
    )
    run = dbt("test", "--select", "test_type:unit,int_segmentation__fit_sql*")
    assert len(run.names("pass")) >= 10


# ---------- real data


def best_of_twenty(points, k):
    """Gives the inertia of scikit-learn's best of twenty starts."""
    return KMeans(k, n_init=20, random_state=0).fit(points).inertia_


@pytest.fixture(scope="module")
def real_tables(real_data):
    """The RFM measures of online retail and the spend of the wholesale firms, as customer tables."""
    path = real_data / "online_retail.csv.gz"
    rfm = duckdb.sql(
        f"""
        select
            cast(CustomerID as varchar) as customer_id,
            date_diff('day', max(cast(InvoiceDate as date)), date '2011-12-10') as recency_days,
            count(distinct InvoiceNo) as frequency,
            sum(Quantity * UnitPrice) as monetary
        from read_csv('{path}', types = {{'InvoiceNo': 'varchar'}})
        where CustomerID is not null and Quantity > 0 and UnitPrice > 0
        group by 1
        """
    ).df()
    wholesale = pd.read_csv(real_data / "wholesale_customers.csv")
    spend = ["Fresh", "Milk", "Grocery", "Frozen", "Detergents_Paper", "Delicassen"]
    return {
        "retail": (rfm, ["recency_days", "frequency", "monetary"]),
        "wholesale": (with_ids(wholesale[spend]), spend),
    }


def test_real_data_is_as_tight_as_the_best_of_twenty_starts(real_tables, tmp_path):
    definitions = {
        name: source(name)
        | {
            "features": features,
            "k": {"min": 3, "max": 6},
        }
        for name, (_, features) in real_tables.items()
    }
    consumer = Consumer(
        tmp_path / "shop",
        variables(()) | {"segmentation_definitions": definitions},
        tables={name: frame for name, (frame, _) in real_tables.items()},
    )
    run = consumer.dbt("run", "--select", "+int_segmentation__fit")
    assert run.exit_code == 0, run.output[-6000:]
    fitted = consumer.query("select * from int_segmentation__fit")
    for name, (_, features) in real_tables.items():
        columns = ", ".join(f"coordinate_{number + 1}" for number in range(len(features)))
        points = consumer.query(
            f"select {columns} from int_segmentation__fit_sql_points where segmentation = '{name}'"
        ).to_numpy()
        inertias = measure(fitted, name, "inertia")
        for k in range(3, 7):
            assert inertias[k] <= 1.005 * best_of_twenty(points, k), (name, k)
