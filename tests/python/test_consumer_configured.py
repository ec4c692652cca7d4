"""However the input is named and typed, the same comes out of it; what is said is in force."""

from datetime import date
from decimal import Decimal

import pytest
from consumer import Consumer

NAMES = ["customer_id", "ordered_at", "order_id", "product_id", "quantity", "unit_price"]

# The same lines as text; big is beyond what a double holds exactly.
BIG = 9_007_199_254_740_993
LINES = f"""
    select * from (values
        (' 17850 ', '2024-03-01',          '536365', 'A1', '2',   '1.25'),
        ('17850',   '2024-03-02',          '536366', 'A2', '-1',  '1.25'),
        ('17850',   '2024-03-02',          '536366', 'A2', '-1.0', '1.250'),
        ('12',      '2024-03-03',          '536367', null, '3',   '1e1'),
        ('12',      '2024-03-03 00:00:00', '536368', 'A1', ' 4 ', '.50'),
        ('7',       '2024-04-01T00:00',    '536369', 'a1', '5',   '+2.5'),
        ('7',       '2024-04-01',          '536370', 'A1', '5',   '0'),
        (null,      '2024-04-01',          '536371', 'A1', '5',   '2.5'),
        ('{BIG}',   '2024-04-02',          '536372', 'A3', '1',   '999.99')
    ) as lines(customer_id, ordered_at, order_id, product_id, quantity, unit_price)
"""


def typed(customer_id, order_id, ordered_at, quantity, unit_price):
    """Gives SQL of the lines with these data types."""
    return f"""
        select
            cast(trim(customer_id) as {customer_id}) as customer_id,
            cast(cast(ordered_at as timestamp) as {ordered_at}) as ordered_at,
            cast(order_id as {order_id}) as order_id,
            product_id,
            cast(cast(trim(quantity) as double) as {quantity}) as quantity,
            cast(unit_price as {unit_price}) as unit_price
        from ({LINES})
    """


# Blanks, mixed case, a reserved word, punctuation: what exports are full of.
ODD = {
    "customer_id": "Customer Key",
    "ordered_at": "Order Date (UTC)",
    "order_id": "order",
    "product_id": "SKU",
    "quantity": "Größe",
    "unit_price": "price, net",
}

TABLES = {
    "text_lines": LINES,
    "typed_lines": typed("bigint", "integer", "timestamp", "integer", "decimal(10, 2)"),
    "float_lines": typed("decimal(38, 0)", "double", "date", "double", "double"),
    "odd_lines": "select "
    + ", ".join(f'{name} as "{odd}"' for name, odd in ODD.items())
    + f" from ({LINES})",
}

FORMS = {
    "a model": {"transactions": "stg_lines"},
    "a model of a package": {"transactions": "feeds.feed_lines"},
    "a source": {"transactions": {"source": "raw", "table": "text_lines"}},
    "integers, decimals, timestamps": {"transactions": {"source": "raw", "table": "typed_lines"}},
    "doubles, dates": {"transactions": {"source": "raw", "table": "float_lines"}},
    "odd names": {"transactions": {"source": "raw", "table": "odd_lines"}, "columns": ODD},
    "names in another case": {
        "transactions": "shop.stg_lines",
        "columns": {name: name.upper() for name in NAMES},
    },
}


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with the tables, a model, and a second local package with a model."""
    consumer = Consumer(
        tmp_path_factory.mktemp("configured") / "shop",
        files={"models/stg_lines.sql": "select * from {{ source('raw', 'text_lines') }}"},
        tables=TABLES,
    )
    consumer.write(
        "feeds/dbt_project.yml",
        "name: feeds\nversion: 1.0.0\nconfig-version: 2\nprofile: shop\nmodel-paths: [models]\n",
    )
    consumer.write("feeds/models/feed_lines.sql", f"select * from ({LINES})")
    packages = (consumer.folder / "packages.yml").read_text()
    consumer.write("packages.yml", packages + "- local: feeds\n")
    (consumer.folder / "dbt_packages" / "feeds").symlink_to(consumer.folder / "feeds")
    return consumer


KEPT = [
    ("12", "536367", date(2024, 3, 3), None, 3, Decimal(10), Decimal(30), False),
    ("12", "536368", date(2024, 3, 3), "A1", 4, Decimal("0.5"), Decimal(2), False),
    ("17850", "536365", date(2024, 3, 1), "A1", 2, Decimal("1.25"), Decimal("2.5"), False),
    ("17850", "536366", date(2024, 3, 2), "A2", -1, Decimal("1.25"), Decimal("-1.25"), True),
    ("7", "536369", date(2024, 4, 1), "a1", 5, Decimal("2.5"), Decimal("12.5"), False),
    (str(BIG), "536372", date(2024, 4, 2), "A3", 1, Decimal("999.99"), Decimal("999.99"), False),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_transactions(consumer, form):
    consumer.configure({"segmentation_input": FORMS[form]})
    run = consumer.dbt(
        "run",
        "--select",
        "+segmentation__transaction_audit",
        "+segmentation__transactions",
        "segmentation__rejected_transactions",
    )
    run.assert_clean()
    assert (
        consumer.rows(
            "select customer_id, order_id, ordered_at::date, product_id, quantity, "
            "unit_price, amount, "
            "is_return from segmentation__transactions order by customer_id, order_id"
        )
        == KEPT
    )
    assert consumer.rows(
        "select trim(customer_id), order_id::double::int::varchar, rejection_reason "
        "from segmentation__rejected_transactions order by 3"
    ) == [
        ("17850", "536366", "duplicate"),
        (None, "536371", "missing_customer"),
        ("7", "536370", "non_positive_price"),
    ]
    assert consumer.rows(
        "select outcome, row_count, amount from segmentation__transaction_audit order by 1"
    ) == [
        ("duplicate", 1, Decimal("-1.25")),
        ("kept", 6, sum(line[6] for line in KEPT)),
        ("missing_customer", 1, Decimal("12.5")),
        ("non_positive_price", 1, Decimal(0)),
    ]


CUSTOMERS = """
    select
        'b' || i as "Borrower ID",
        (i % 3) * 1000 + i as "Income (total)",
        (i % 3) * 10.5 + i % 2 as "o'clock",
        case when i % 2 = 0 then 'uk' else 'de' end as country
    from range(90) as t(i)
"""


@pytest.fixture(scope="module")
def customer_tables(tmp_path_factory):
    """A project that segments customer tables only, built with tests."""
    consumer = Consumer(
        tmp_path_factory.mktemp("customers") / "shop",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                "tiers": {
                    "customers": "stg_borrowers",
                    "customer_id": "Borrower ID",
                    "features": {"Income (total)": "none", "o'clock": "auto"},
                    "k": 3,
                    "names": {
                        "order_by": "Income (total)",
                        "low_to_high": ["bronze", "sil'ver", "gold"],
                    },
                },
                "british": {
                    "customers": {"source": "raw", "table": "borrowers"},
                    "customer_id": "borrower id",
                    "where": "country = 'uk'",
                    "features": ["o'clock", "Income (total)"],
                    "value": "Income (total)",
                    "names": "auto",
                },
            },
            "segmentation_options": {"as_of_date": "2024-06-30"},
        },
        files={"models/stg_borrowers.sql": "select * from {{ source('raw', 'borrowers') }}"},
        tables={"borrowers": CUSTOMERS},
    )
    run = consumer.dbt("build")
    run.assert_clean()
    return consumer


def test_no_table_of_transactions_is_built(customer_tables):
    assert not {
        "int_segmentation__lines",
        "segmentation__transactions",
        "segmentation__orders",
        "segmentation__rfm",
        "segmentation__rfm_scores",
        "segmentation__transaction_audit",
    } & set(customer_tables.relations())


def test_names_given_from_low_to_high(customer_tables):
    assert customer_tables.rows(
        "select segment_id, segment_name, customers, revenue, revenue_share "
        "from segmentation__segment_summary where segmentation = 'tiers' order by 1"
    ) == [
        (1, "bronze", 30, None, None),
        (2, "sil'ver", 30, None, None),
        (3, "gold", 30, None, None),
    ]
    assert customer_tables.rows(
        "select naming_evidence from segmentation__segments "
        "where segmentation = 'tiers' and segment_id = 3"
    ) == [("number 3 of 3 by Income (total), mean 2045.50",)]


def test_names_by_what_stands_out_and_where(customer_tables):
    customers, revenue = customer_tables.rows(
        "select sum(customers), sum(revenue) from segmentation__segment_summary "
        "where segmentation = 'british'"
    )[0]
    assert customers == 45
    assert revenue == sum((i % 3) * 1000 + i for i in range(0, 90, 2))
    names = customer_tables.rows(
        "select segment_name from segmentation__segments where segmentation = 'british'"
    )
    assert len(set(names)) == len(names) >= 2
    assert all(name.split(" (")[0].startswith(("high ", "low ", "average ")) for (name,) in names)


def test_as_of_date_is_the_option_where_there_are_no_transactions(customer_tables):
    assert customer_tables.rows(
        "select distinct as_of_date from segmentation__customer_segments"
    ) == [(date(2024, 6, 30),)]


def test_features_of_one_spelling_in_two_definitions_do_not_collide(customer_tables):
    customer_tables.configure(
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                name: {
                    "customers": "stg_borrowers",
                    "customer_id": "Borrower ID",
                    "features": [feature],
                    "k": 2,
                }
                for name, feature in {"lower": "income (total)", "mixed": "Income (total)"}.items()
            },
        }
    )
    run = customer_tables.dbt("run")
    assert run.exit_code == 0, run.output[-6000:]
    columns = customer_tables.query("select * from segmentation__segment_summary").columns
    assert len(columns) == len(set(columns))
    assert customer_tables.rows(
        "select segmentation, count(*) from segmentation__segment_summary "
        "where median_income__total_ is not null group by 1 order by 1"
    ) == [("lower", 2), ("mixed", 2)]


EVERY_KEY = {
    "tiers": {
        "customers": {"source": "raw", "table": "borrowers"},
        "customer_id": "Borrower ID",
        "where": "country = 'uk'",
        "fit_where": '"o\'clock" < 20',
        "features": {
            "Income (total)": {
                "kind": "number",
                "transform": "cbrt",
                "impute": "constant",
                "fill_value": -0.5,
                "clip": [0, 0.99],
                "scale": "robust",
                "weight": 2.5,
            },
            "country": {
                "kind": "category",
                "impute": "constant",
                "fill_value": "it's ü",
                "weight": 0,
            },
            "o'clock": None,
        },
        "value": "Income (total)",
        "outliers": {"low": 0, "high": 1, "fence": 3},
        "algorithm": "gaussian_mixture",
        "algorithm_options": {"covariance_type": "diag", "n_init": 1, "reg_covar": 0.001},
        "k": 2,
        "names": {"order_by": "o'clock", "low_to_high": ["early", "late"]},
        "frozen_model": {"source": "raw", "table": "borrowers"},
    }
}


def test_every_key_of_a_definition_is_in_force(customer_tables):
    customer_tables.configure(
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": EVERY_KEY,
            "segmentation_options": {
                "fit_sample_size": 20_000,
                "seed": 7,
                "refit": {"after_days": 90},
                "history": {"period": "week", "periods": 26},
                "drift": {"warn": 0.1, "error": 0.5},
            },
        }
    )
    run = customer_tables.dbt("run", "--select", "segmentation__settings")
    assert run.exit_code == 0, run.output
    settings = customer_tables.query("select * from segmentation__settings")
    settings = settings.sort_values("feature_position").drop(columns=["settings_hash"])
    settings = settings.astype(object).where(settings.notna(), None).to_dict("records")
    source = "{'source': 'raw', 'table': 'borrowers'}"
    every = {
        "segmentation": "tiers",
        "customers": source,
        "customer_id_column": "Borrower ID",
        "where_condition": "country = 'uk'",
        "fit_where_condition": '"o\'clock" < 20',
        "value_column": "Income (total)",
        "clip_low": None,
        "clip_high": None,
        "outlier_low": 0.0,
        "outlier_high": 1.0,
        "outlier_fence": 3.0,
        "algorithm": "gaussian_mixture",
        "algorithm_options": '{"covariance_type": "diag", "n_init": 1, "reg_covar": 0.001}',
        "k_min": 2,
        "k_max": 2,
        "is_k_fixed": True,
        "naming": "low_to_high",
        "order_by_feature": "o'clock",
        "names_low_to_high": "early < late",
        "frozen_model": source,
        "rfm_scheme": "eleven",
        "fit_sample_size": 20_000,
        "minimum_segment_share": 0.01,
        "minimum_stability": 0.8,
        "seed": 7,
        "trainer": "python",
        "refit": "after_days",
        "refit_after_days": 90,
        "history_period": "week",
        "history_periods": 26,
        "drift_warn": 0.1,
        "drift_error": 0.5,
    }
    keys = ["feature", "feature_position", "kind", "transform", "impute", "fill_value"]
    keys += ["scaler", "weight"]
    features = [
        ("Income (total)", 1, "number", "cbrt", "constant", "-0.5", "robust", 2.5),
        ("country", 2, "category", "one_hot", "constant", "it's ü", "none", 0.0),
        ("o'clock", 3, "number", "auto", "median", None, "standard", 1.0),
    ]
    expected = [every | dict(zip(keys, feature, strict=True)) for feature in features]
    expected[0] |= {"clip_low": 0.0, "clip_high": 0.99}
    assert settings == expected


# What an algorithm is given where nothing is said, and how many customers it is fitted on.
DEFAULTS = {
    "kmeans": ('{"n_init": 10}', 2, 8, 50_000),
    "hierarchical": ('{"linkage": "ward"}', 2, 8, 10_000),
    "dbscan": ('{"eps": "auto", "min_samples": 5}', None, None, 10_000),
    "hdbscan": (
        '{"min_cluster_size": "auto", "min_samples": null, "cluster_selection_method": "eom"}',
        None,
        None,
        10_000,
    ),
    "gaussian_mixture": (
        '{"covariance_type": "full", "n_init": 3, "reg_covar": 1e-06}',
        2,
        8,
        50_000,
    ),
}


def test_every_algorithm_has_its_defaults(customer_tables):
    definition = {"customers": "stg_borrowers", "features": ["o'clock"]}
    customer_tables.configure(
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                algorithm: definition | {"algorithm": algorithm} for algorithm in DEFAULTS
            },
            "segmentation_options": {"fit_sample_size": 50_000},
        }
    )
    run = customer_tables.dbt("run", "--select", "segmentation__settings")
    assert run.exit_code == 0, run.output
    assert {
        algorithm: rest
        for algorithm, *rest in customer_tables.rows(
            "select algorithm, algorithm_options, k_min, k_max, fit_sample_size "
            "from segmentation__settings"
        )
    } == {algorithm: list(defaults) for algorithm, defaults in DEFAULTS.items()}
