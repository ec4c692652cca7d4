"""Input and configuration that break what trusts them: the package reads it, or says what is wrong."""

import re

import pandas as pd
import pytest
import yaml
from consumer import REPOSITORY, Consumer, run_dbt
from shop_data import order_lines

TEXT_LINES = """
    select * from (values
        ('C1', 'O1', '2024-01-05 10:00:00+00', 'P', '2', '1.50'),
        ('C1', 'O2', '2024-01-06T10:00:00.5 +02:00', 'P', '1', '123456789012345678901234567890e-29'),
        ('C2', 'O3', '2024-01-07', 'P', '11111111111111111111111e-22', '10'),
        ('C2', 'O4', '2024-01-08', 'X', '1', '1'),
        (chr(160) || chr(9), 'O5', '2024-01-09', 'P', '1', '1'),
        (chr(160) || 'C3 ', 'O6', '2024-01-10', 'P', '１２', '1'),
        ('C3', 'O7', '2024-01-10', 'P', '1_000', '1'),
        ('C3', 'O8', '300000-01-01', 'P', '1', '1'),
        ('C3', 'O9', '2024-01-11', 'P', '1e14', '1e14'),
        ('O''Brien''; drop table x; --', '{{ ref("x") }}', '2024-01-12', 'P', '1', '7')
    ) as lines(customer_id, order_id, ordered_at, fingerprint, quantity, unit_price)
"""

TYPED_LINES = """
    select
        17850.0 + i % 3 as customer_id,
        i as order_id,
        case when i = 9 then date '300000-01-01' else date '2024-01-01' + i::int end as ordered_at,
        ['P', 'Q'] as fingerprint,
        cast(2.5 as decimal(38, 30)) as quantity,
        cast(1.25 as decimal(38, 36)) as unit_price
    from range(10) as t(i)
"""


def input_of(**parts):
    """Gives the var for the table raw.lines, whose article stands in a column `fingerprint`."""
    return {
        "transactions": {"source": "raw", "table": "lines"},
        "columns": {"product_id": "fingerprint"},
        "latest_date": "9999-12-31",
    } | parts


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project over hostile lines; a definition called as a CTE might be."""
    return Consumer(
        tmp_path_factory.mktemp("hostile") / "shop",
        {
            "segmentation_input": input_of(exclude="fingerprint = 'X' -- not trade"),
            "segmentation_definitions": {"customer": {"where": "frequency > 0 -- all"}},
        },
        tables={"lines": TEXT_LINES},
    )


def test_hostile_text_is_read_or_rejected(consumer):
    consumer.dbt("build").assert_clean()
    rejected = consumer.rows(
        "select order_id, rejection_reason from segmentation__rejected_transactions order by 1"
    )
    assert rejected == [
        ("O4", "excluded"),
        ("O5", "missing_customer"),
        ("O6", "unreadable_number"),
        ("O7", "unreadable_number"),
        ("O8", "unreadable_date"),
        ("O9", "unreadable_number"),
    ]
    kept = consumer.rows(
        "select customer_id, order_id, cast(ordered_at as varchar), cast(amount as double) "
        "from segmentation__transactions order by 2"
    )
    assert [row[:3] for row in kept] == [
        ("C1", "O1", "2024-01-05 10:00:00"),
        ("C1", "O2", "2024-01-06 10:00:00.5"),
        ("C2", "O3", "2024-01-07 00:00:00"),
        ("O'Brien'; drop table x; --", '{{ ref("x") }}', "2024-01-12 00:00:00"),
    ]
    assert [row[3] for row in kept] == pytest.approx([3.0, 1.234568, 11.111111, 7.0], abs=1e-5)


def test_hostile_types_are_read_or_rejected(consumer):
    consumer.load("lines", TYPED_LINES)
    consumer.configure({"segmentation_input": input_of()})
    consumer.dbt("build").assert_clean()
    assert consumer.rows(
        "select outcome, row_count, cast(amount as double) "
        "from segmentation__transaction_audit order by 1"
    ) == [("kept", 9, 28.125), ("unreadable_date", 1, 3.125)]
    assert consumer.rows("select distinct customer_id from segmentation__rfm order by 1") == [
        ("17850",),
        ("17851",),
        ("17852",),
    ]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_timestamp_with_time_zone_is_taken_in_utc_on_every_machine(consumer, zone):
    consumer.load(
        "lines",
        "select 'C' as customer_id, 'O' as order_id, 1 as quantity, 2.0 as unit_price, "
        "'P' as fingerprint, timestamptz '2024-01-01 00:30:00+00' as ordered_at",
    )
    consumer.configure({"segmentation_input": input_of()})
    selection = ["run", "--select", "+segmentation__transactions"]
    assert run_dbt(consumer.folder, *selection, environment={"TZ": zone}).exit_code == 0
    assert consumer.rows(
        "select cast(ordered_at as varchar) from segmentation__transactions"
    ) == [("2024-01-01 00:30:00",)]


@pytest.mark.parametrize("condition", ["a = 1;", "a = '{{ var(1) }}'", "{% raw %}"])
def test_a_condition_with_a_semicolon_or_jinja_is_a_fault(consumer, condition):
    consumer.configure({"segmentation_input": input_of(exclude=condition)})
    run = consumer.dbt("run", "--select", "segmentation__settings")
    message = run.message("segmentation__settings")
    assert "segmentation_input.exclude: got" in message
    assert "without a semicolon at its end and without Jinja" in message


def test_an_ephemeral_input_is_read_by_its_text(tmp_path):
    consumer = Consumer(
        tmp_path / "shop",
        {"segmentation_input": {"transactions": "lines"}},
        files={
            "models/lines.sql": "{{ config(materialized='ephemeral') }} "
            "select i % 3 as customer_id, i as order_id, date '2024-01-01' + i::int as ordered_at, "
            "null as product_id, 2 as quantity, 1.5 + i as unit_price from range(9) as t(i)"
        },
    )
    consumer.dbt("build").assert_clean()
    assert consumer.rows(
        "select customer_id, frequency, cast(monetary as double) from segmentation__rfm order by 1"
    ) == [("0", 3, 27.0), ("1", 3, 33.0), ("2", 3, 39.0)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A project over a good table that has been built once."""
    shop = Consumer(
        tmp_path_factory.mktemp("kept") / "shop",
        {"segmentation_input": {"transactions": {"source": "raw", "table": "lines"}}},
        tables={"lines": order_lines()},
    )
    shop.dbt("build").assert_clean()
    return shop


def test_the_selector_of_the_readme_scores_new_customers_and_keeps_the_tables_together(shop):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    [selectors] = re.findall(r"```yaml\n(selectors:.*?)```", readme, flags=re.DOTALL)
    shop.write("selectors.yml", selectors)
    lines = order_lines()
    newcomer = lines.iloc[[0]].assign(customer_id="newcomer", order_id="1", quantity="3")
    shop.load("lines", pd.concat([lines, newcomer], ignore_index=True))
    shop.dbt("build", "--selector", "segmentation_score").assert_clean()
    assert shop.rows(
        "select count(*) from segmentation__customer_segments where customer_id = 'newcomer'"
    ) == [(1,)]
    assert shop.rows("select max(model_version) from segmentation__model") == [(1,)]


@pytest.mark.parametrize(
    ("setting", "value"), [("materialized", "table"), ("materialized", "view")]
)
def test_the_history_of_models_outlives_a_projects_own_configuration(shop, setting, value):
    before = shop.contents()
    project = yaml.safe_load((shop.folder / "dbt_project.yml").read_text())
    shop.write("dbt_project.yml", yaml.safe_dump(project | {"models": {f"+{setting}": value}}))
    for selection in ("segmentation__settings", "segmentation__model"):
        run = shop.dbt("run", "--select", selection)
        assert run.names("error") == [selection]
        assert "Put +materialized under your own project's name" in run.message(selection)
    assert shop.contents() == before
    shop.write("dbt_project.yml", yaml.safe_dump(project))


def test_scoring_alone_refuses_a_model_of_other_features(shop):
    before = shop.contents()
    shop.configure(
        {
            "segmentation_input": {"transactions": {"source": "raw", "table": "lines"}},
            "segmentation_definitions": {
                "rfm": {"features": ["recency_days", "tenure_days"], "value": None}
            },
        }
    )
    run = shop.dbt("run", "--select", "segmentation__customer_segments")
    assert run.exit_code == 1
    assert (
        "segmentation_definitions.rfm: it was fitted on frequency, monetary, recency_days, "
        "not on recency_days, tenure_days. Fit again with dbt build --select +segmentation__model+"
    ) in run.message("segmentation__customer_segments")
    assert shop.contents() == before
