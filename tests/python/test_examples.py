"""The three examples on their real files: built as a newcomer would, held to scikit-learn and scipy.

Each runs from a copy, so nothing of a build is left in the repository. Samples are put into the
package's order, by id as text, since the starts of k-means depend on it.
"""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from consumer import REPOSITORY, Consumer, install_package, read, run_dbt
from scipy import special
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist, pdist
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

SEED = 42
SPEND = ["Fresh", "Milk", "Grocery", "Frozen", "Detergents_Paper", "Delicassen"]
BUYERS_OF_THE_FIRST_DAY = 300
BUYERS = 400

LINKAGES = {
    "tiers": "ward",
    "tiers_complete": "complete",
    "tiers_average": "average",
    "tiers_single": "single",
}
LOAN_FEATURES = ["annual_income", "fico", "revolving_utilization", "debt_to_income"]


class Example:
    """A copy of an example, which installs the package from this repository.

    name     of its folder
    folder   where to make it
    file     name of the var with its data file -> the file
    """

    def __init__(self, name, folder, **file):
        self.folder = folder / name
        self.variables = {key: str(path) for key, path in file.items()}
        shutil.copytree(
            REPOSITORY / "examples" / name,
            self.folder,
            ignore=shutil.ignore_patterns("target", "logs", "dbt_packages", "*.duckdb", "*.lock*"),
        )
        self.database = self.folder / f"{name}.duckdb"
        packages = yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]})
        (self.folder / "packages.yml").write_text(packages)
        install_package(self.folder)

    def build(self, *arguments, **variables):
        """Builds it; fails where a test fails, or warns of anything but small segments."""
        given = yaml.safe_dump(self.variables | variables, default_flow_style=True)
        run = run_dbt(self.folder, "build", *arguments, "--vars", given)
        assert run.exit_code == 0, run.output[-6000:]
        return run

    def query(self, sql):
        """Gives the result of a query as a frame."""
        return read(self.database).sql(sql).df()

    def rows(self, sql):
        """Gives the result of a query as tuples, with exact decimals."""
        return read(self.database).execute(sql).fetchall()


def by_text(frame):
    """Gives the frame in the order of its ids as text."""
    return frame.sort_index(key=lambda ids: ids.astype(str))


def numbered_by(labels, values):
    """Gives labels as segment ids: from 1, the lowest by the mean of the values."""
    order = pd.Series(values).groupby(labels).mean().sort_values().index
    return np.array([list(order).index(label) + 1 for label in labels])


def transformed(values, transform, power):
    """Transforms values of one feature by scipy; fails where scikit-learn takes another lambda."""
    if power is not None:
        fit = PowerTransformer(transform.replace("_", "-")).fit(values[:, np.newaxis])
        assert power == pytest.approx(fit.lambdas_[0], abs=1e-3)
    functions = {
        "none": lambda values: values,
        "log": np.log1p,
        "sqrt": np.sqrt,
        "cbrt": np.cbrt,
        "box_cox": lambda values: special.boxcox(values, power),
    }
    return functions[transform](values)


def scaled(example, segmentation, frame, features):
    """Gives customers in scaled space by scipy and scikit-learn, by the transforms of the model."""
    chosen = {
        feature: (transform, power)
        for feature, transform, power in example.rows(
            'select feature, transform, "lambda" from segmentation__feature_scaling '
            f"where segmentation = '{segmentation}'"
        )
    }
    columns = [transformed(frame[feature].to_numpy(), *chosen[feature]) for feature in features]
    return StandardScaler().fit_transform(np.column_stack(columns))


def agree(found, expected, tolerance=1e-9):
    """Says whether numbers agree but for their last digits."""
    return np.allclose(found, expected, rtol=tolerance, atol=tolerance)


# ---------- wholesale: fit on some, score others on another day


@pytest.fixture(scope="module")
def firms(real_data):
    """The file by firm, numbered by line."""
    frame = pd.read_csv(real_data / "wholesale_customers.csv")
    return frame.set_axis(range(1, len(frame) + 1))


@pytest.fixture(scope="module")
def wholesale(real_data, tmp_path_factory):
    """The example after two days, with what the model held on the first."""
    example = Example(
        "wholesale",
        tmp_path_factory.mktemp("examples"),
        wholesale_file=real_data / "wholesale_customers.csv",
    )
    assert example.build(buyers_known=BUYERS_OF_THE_FIRST_DAY).names("warn") == []
    example.first_day = {
        table: example.rows(f"select * from {table} order by all")
        for table in ("segmentation__model", "segmentation__customer_segments", "prospect_segments")
    }
    second = example.build("--selector", "segmentation_score")
    assert second.names("warn") == []
    assert [name for name in second.names("success") if "fit" in name or "__model" in name] == []
    return example


@pytest.fixture(scope="module")
def buyers_model(firms):
    """scikit-learn, fitted on the first 300: what prepares, and the k-means behind it."""
    known = by_text(firms.loc[:BUYERS_OF_THE_FIRST_DAY])
    prepare = make_pipeline(FunctionTransformer(np.log1p), StandardScaler())
    points = prepare.fit_transform(known[SPEND].to_numpy())
    k_means = KMeans(3, n_init=10, random_state=SEED).fit(points)
    return prepare, k_means, known[SPEND].sum(axis=1).to_numpy()


def test_wholesale_is_not_fitted_again_on_the_second_day(wholesale):
    rows = wholesale.rows("select * from segmentation__model order by all")
    assert rows == wholesale.first_day["segmentation__model"]
    known = wholesale.first_day["segmentation__customer_segments"]
    assert len(known) == BUYERS_OF_THE_FIRST_DAY
    after = wholesale.rows("select * from segmentation__customer_segments order by all")
    assert len(after) == BUYERS
    assert set(known) < set(after)
    assert wholesale.rows("select distinct model_version from segmentation__customer_segments") == [
        (1,)
    ]


@pytest.mark.parametrize(
    ("table", "first", "last", "sizes"),
    [
        ("segmentation__customer_segments", 1, BUYERS, [198, 77, 125]),
        ("prospect_segments", BUYERS + 1, 440, [16, 6, 18]),
    ],
)
def test_wholesale_scores_whom_the_fit_never_saw_as_scikit_learn_does(
    wholesale, firms, buyers_model, table, first, last, sizes
):
    prepare, k_means, spend = buyers_model
    number = dict(zip(k_means.labels_, numbered_by(k_means.labels_, spend), strict=True))
    found = wholesale.query(f"select * from {table}").set_index("customer_id")
    found = found.loc[[str(firm) for firm in range(first, last + 1)]]
    points = prepare.transform(firms.loc[first:last, SPEND].to_numpy())
    labels = k_means.predict(points)
    assert found["segment_id"].tolist() == [number[label] for label in labels]
    assert agree(found["distance"], k_means.transform(points).min(axis=1))
    assert np.bincount(found["segment_id"])[1:].tolist() == sizes
    names = {1: "small buyers", 2: "medium buyers", 3: "large buyers"}
    assert found["segment_name"].tolist() == [names[x] for x in found["segment_id"]]


# ---------- wholesale: the numbers of the reference, on all 440


@pytest.fixture(scope="module")
def reference(real_data, tmp_path_factory):
    """A project over all 440 firms: k-means on logarithms and as they are, Ward.

    k-means has many optima here; the reference took the best of 20 starts of its own seed.
    """
    definition = {"customers": {"source": "raw", "table": "firms"}, "customer_id": "firm"}
    logs = definition | {"features": dict.fromkeys(SPEND, "log"), "k": 3}
    consumer = Consumer(
        tmp_path_factory.mktemp("reference") / "shop",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_options": {"seed": 0},
            "segmentation_definitions": {
                "logs": logs | {"algorithm_options": {"n_init": 20}},
                "plain": definition
                | {
                    "features": dict.fromkeys(SPEND, "none"),
                    "algorithm_options": {"n_init": 30},
                },
                "ward": logs | {"algorithm": "hierarchical"},
            },
        },
        tables={
            "firms": "select row_number() over () as firm, * from "
            f"read_csv('{real_data / 'wholesale_customers.csv'}')"
        },
    )
    run = consumer.dbt("build")
    assert run.exit_code == 0, run.output[-6000:]
    return consumer


def sizes(consumer, segmentation):
    """Gives the customers of the fit sample by segment, the largest first."""
    return [
        size
        for (size,) in consumer.rows(
            "select sample_customers from segmentation__segments "
            f"where segmentation = '{segmentation}' order by 1 desc"
        )
    ]


def test_three_segments_of_all_firms(reference):
    ((inertia, silhouette),) = reference.rows(
        "select inertia, silhouette from segmentation__k_search "
        "where segmentation = 'logs' and is_chosen"
    )
    assert inertia == pytest.approx(1553.340, abs=1e-3)
    assert silhouette == pytest.approx(0.2592, abs=5e-5)
    assert sizes(reference, "logs") == [212, 147, 81]


def test_the_guards_refuse_two_firms_as_a_segment(reference):
    search = {
        k: row
        for k, *row in reference.rows(
            "select k, inertia, silhouette, round(smallest_share * 440), is_chosen, reason "
            "from segmentation__k_search where segmentation = 'plain'"
        )
    }
    inertia, silhouette, smallest, is_chosen, reason = search[3]
    # sizes 393, 45 and 2: a fine silhouette, and no answer
    assert inertia == pytest.approx(1608.431, abs=1e-2)
    assert silhouette == pytest.approx(0.5483, abs=5e-4)
    assert (smallest, is_chosen) == (2, False)
    assert "smallest segment holds 0.5 % of customers, below 1 %" in reason
    ((chosen,),) = [(k,) for k, row in search.items() if row[3]]
    assert len(sizes(reference, "plain")) == chosen
    assert min(sizes(reference, "plain")) > 2


def test_ward_merges_all_firms_as_the_reference_says(reference):
    heights = reference.rows(
        "select height from segmentation__dendrogram where segmentation = 'ward' "
        "order by height desc limit 4"
    )
    assert [height for (height,) in heights] == pytest.approx(
        [35.2325, 24.4524, 20.4678, 16.4727], abs=5e-5
    )
    assert sizes(reference, "ward") == [262, 125, 53]
    ((silhouette,),) = reference.rows(
        "select silhouette from segmentation__k_search where segmentation = 'ward' and is_chosen"
    )
    assert silhouette == pytest.approx(0.2547, abs=5e-5)


# ---------- bank_loans: tiers by four linkages, outliers kept out of the fit


@pytest.fixture(scope="module")
def bank_loans(real_data, tmp_path_factory):
    """The example, built."""
    example = Example(
        "bank_loans", tmp_path_factory.mktemp("examples"), loan_file=real_data / "loan_data.csv"
    )
    run = example.build()
    # Single and average linkage chain: tiers of one borrower are what the comparison shows.
    assert {name.split("_segmentation__")[0] for name in run.names("warn")} == {
        "segmentation_is_minimum_segment_share"
    }
    return example


@pytest.fixture(scope="module")
def borrowers(real_data):
    """The file by borrower, numbered by line, with the features as the example names them."""
    loans = pd.read_csv(real_data / "loan_data.csv")
    frame = pd.DataFrame(
        {
            "annual_income": np.exp(loans["log.annual.inc"]),
            "fico": loans["fico"].astype(float),
            "revolving_utilization": loans["revol.util"],
            "debt_to_income": loans["dti"],
            "meets_credit_policy": loans["credit.policy"] == 1,
        }
    )
    return frame.set_axis(range(1, len(frame) + 1))


@pytest.fixture(scope="module")
def fences(borrowers):
    """The fences by the quantile rule, of those who may be in the fit."""
    lends_to = borrowers.loc[borrowers["meets_credit_policy"], LOAN_FEATURES]
    low, high = lends_to.quantile(0.05), lends_to.quantile(0.95)
    return low - 1.5 * (high - low), high + 1.5 * (high - low)


@pytest.fixture(scope="module")
def is_outlier(borrowers, fences):
    """Whether a borrower lies outside of a fence."""
    values = borrowers[LOAN_FEATURES]
    return ((values < fences[0]) | (values > fences[1])).any(axis=1)


@pytest.fixture(scope="module")
def prepared(bank_loans, borrowers, is_outlier):
    """The fitted borrowers in scaled space, by scipy and scikit-learn, and their incomes."""
    fitted = by_text(borrowers[borrowers["meets_credit_policy"] & ~is_outlier])
    points = scaled(bank_loans, "tiers", fitted, LOAN_FEATURES)
    return fitted.index.astype(str), points, fitted["annual_income"].to_numpy()


@pytest.fixture(scope="module")
def trees(prepared):
    """By segmentation: scikit-learn's clusters as tiers, scipy's cophenetic correlation."""
    _, points, income = prepared
    distances = pdist(points)
    found = {}
    for segmentation, linkage in LINKAGES.items():
        labels = AgglomerativeClustering(4, linkage=linkage).fit_predict(points)
        correlation, _ = hierarchy.cophenet(hierarchy.linkage(distances, linkage), distances)
        found[segmentation] = numbered_by(labels, income), correlation
    return found


def test_loans_have_no_missing_values(bank_loans):
    assert bank_loans.rows("select distinct count, missing from segmentation__feature_summary") == [
        (9_578, 0)
    ]


def test_loans_have_fences_by_the_quantile_rule(bank_loans, fences):
    for segmentation in LINKAGES:
        found = bank_loans.query(
            "select feature, parameter, value from segmentation__model "
            f"where segmentation = '{segmentation}' and parameter like 'fence%'"
        ).pivot(index="feature", columns="parameter", values="value")
        assert sorted(found.index) == sorted(LOAN_FEATURES)
        assert agree(found["fence_low"], fences[0][found.index])
        assert agree(found["fence_high"], fences[1][found.index])


def test_outliers_are_kept_out_of_the_fit_and_nobody_disappears(bank_loans, borrowers, is_outlier):
    lends_to = borrowers["meets_credit_policy"]
    assert (lends_to.sum(), len(borrowers)) == (7_710, 9_578)
    expected = {str(borrower) for borrower in borrowers.index[is_outlier]}
    assert len(expected) == 49
    for segmentation in LINKAGES:
        sample = dict(
            bank_loans.rows(
                "select parameter, value from segmentation__model "
                f"where segmentation = '{segmentation}' and parameter like 'sample%'"
            )
        )
        assert sample == {"sample_size": 7_675, "sample_outliers": 35}
        assert sample["sample_outliers"] == (lends_to & is_outlier).sum()
        scored = bank_loans.query(
            "select customer_id, segment_name, is_outlier from segmentation__customer_segments "
            f"where segmentation = '{segmentation}'"
        )
        assert set(scored["customer_id"]) == {str(borrower) for borrower in borrowers.index}
        assert len(scored) == 9_578
        assert set(scored["segment_name"]) == {"low", "average", "medium", "platinum"}
        assert set(scored.loc[scored["is_outlier"], "customer_id"]) == expected


@pytest.mark.parametrize("segmentation", LINKAGES)
def test_tiers_are_the_clusters_of_scikit_learn(bank_loans, trees, segmentation):
    tiers, correlation = trees[segmentation]
    found = bank_loans.rows(
        "select segment_id, sample_customers from segmentation__segments "
        f"where segmentation = '{segmentation}' order by 1"
    )
    assert found == list(enumerate(np.bincount(tiers)[1:].tolist(), start=1))
    ((kept,),) = bank_loans.rows(
        "select distinct cophenetic_correlation from segmentation__dendrogram "
        f"where segmentation = '{segmentation}'"
    )
    assert kept == pytest.approx(correlation, abs=1e-9)


# Adjusted Rand index of the tiers as scored and as clustered.
KEPT_BY_SCORING = {
    "tiers": 0.560,
    "tiers_complete": 0.474,
    "tiers_average": 0.125,
    "tiers_single": 1.0,
}


@pytest.mark.parametrize("segmentation", LINKAGES)
def test_agreement_says_what_scoring_keeps_of_the_clusters(
    bank_loans, prepared, trees, segmentation
):
    customer_ids, points, _ = prepared
    tiers, _ = trees[segmentation]
    if LINKAGES[segmentation] == "single":
        nearest = tiers
    else:
        centroids = [points[tiers == tier].mean(axis=0) for tier in range(1, 5)]
        nearest = cdist(points, centroids).argmin(axis=1) + 1
    scored = bank_loans.query(
        "select customer_id, segment_id from segmentation__customer_segments "
        f"where segmentation = '{segmentation}'"
    ).set_index("customer_id")["segment_id"]
    assert scored.loc[customer_ids].tolist() == nearest.tolist()
    agreement = dict(
        bank_loans.rows(
            "select segment_id, agreement from segmentation__segments "
            f"where segmentation = '{segmentation}'"
        )
    )
    assert agreement == {
        tier: pytest.approx((nearest[tiers == tier] == tier).mean(), abs=1e-12)
        for tier in range(1, 5)
    }
    index = adjusted_rand_score(tiers, scored.loc[customer_ids])
    assert index == pytest.approx(KEPT_BY_SCORING[segmentation], abs=1e-3)


def test_the_picture_of_the_tree_is_drawn_from_the_tables(bank_loans):
    script = REPOSITORY / "scripts" / "draw_dendrogram.py"
    command = [sys.executable, str(script), str(bank_loans.database)]
    drawn = subprocess.run([*command, "tiers"], capture_output=True, text=True, check=True).stdout
    committed = (REPOSITORY / "docs" / "dendrogram.svg").read_text(encoding="utf-8")
    assert drawn == committed
    nothing = subprocess.run([*command, "nobody"], capture_output=True, text=True, check=False)
    assert nothing.returncode == 1
    assert "holds no dendrogram of 'nobody'" in nothing.stderr


# ---------- online_retail: two segmentations of one customer base


@pytest.fixture(scope="module")
def online_retail(real_data, tmp_path_factory):
    """The example, built."""
    example = Example(
        "online_retail",
        tmp_path_factory.mktemp("examples"),
        online_retail_file=real_data / "online_retail.csv.gz",
    )
    assert example.build().names("warn") == []
    return example


def test_two_segmentations_share_the_tables(online_retail):
    for table in ("customer_segments", "segment_summary", "segment_profiles", "k_search"):
        assert online_retail.rows(
            f"select distinct segmentation from segmentation__{table} order by 1"
        ) == [("baskets",), ("rfm",)]
    assert online_retail.rows(
        "select segmentation, sum(customers), cast(sum(revenue) as decimal(18, 2))::varchar "
        "from segmentation__segment_summary group by 1 order by 1"
    ) == [("baskets", 4_338, "8288378.81"), ("rfm", 4_338, "8288378.81")]


def test_rfm_is_what_it_is_alone(online_retail):
    assert online_retail.rows(
        "select segment_name, customers, cast(revenue as decimal(18, 2))::varchar "
        "from segmentation__segment_summary where segmentation = 'rfm' order by segment_id"
    ) == [
        ("Hibernating", 1_836, "697726.06"),
        ("Need Attention", 1_802, "2018588.60"),
        ("Champions", 700, "5572064.15"),
    ]
    inertias = online_retail.rows(
        "select inertia from segmentation__k_search where segmentation = 'rfm' order by k"
    )
    assert [round(inertia, 1) for (inertia,) in inertias[:4]] == [13014.0, 6697.4, 5048.3, 4112.6]


def test_baskets_are_those_of_scikit_learn(online_retail):
    features = ["average_order_value", "days_between_orders"]
    rfm = online_retail.query(
        "select customer_id, average_order_value::double as average_order_value, "
        "days_between_orders from segmentation__rfm order by customer_id"
    ).set_index("customer_id")
    assert rfm["days_between_orders"].isna().sum() > 1_000
    points = scaled(online_retail, "baskets", rfm.fillna(rfm.median()), features)
    k_means = KMeans(4, n_init=10, random_state=SEED).fit(points)
    baskets = numbered_by(k_means.labels_, rfm["average_order_value"].to_numpy())
    found = online_retail.query(
        "select customer_id, segment_id from segmentation__customer_segments "
        "where segmentation = 'baskets' order by customer_id"
    )
    sizes_found = np.bincount(found["segment_id"])[1:]
    assert np.abs(sizes_found - np.bincount(baskets)[1:]).max() <= 2
    assert sizes_found.tolist() == [2_175, 564, 599, 1_000]
    assert adjusted_rand_score(baskets, found["segment_id"]) > 0.995
    ((silhouette,),) = online_retail.rows(
        "select silhouette from segmentation__k_search where segmentation = 'baskets' and is_chosen"
    )
    assert silhouette == pytest.approx(silhouette_score(points, k_means.labels_), abs=2e-3)
