"""Naming schemes, the user's own included, and every option: each has its effect."""

from collections import defaultdict

import pytest
from consumer import Consumer, faults
from shop_data import order_lines

INPUT = {"transactions": {"source": "raw", "table": "lines"}}
SCORES = [
    "--select",
    "segmentation__settings",
    "segmentation__rfm_scheme",
    "segmentation__rfm_scores",
]

# Own schemes: name -> SQL. The good ones have two and three bands.
BY_CELL = """
    select * from (values
        (2, '22.', 'Core'), (2, '21.', 'New'), (2, '12.', 'Lapsing'), (2, '11.', 'Gone')
    ) as rules(bands, rfm_score, rfm_segment)
"""
BY_RANGE = """
    select 3 as bands, rfm_segment, recency_from, recency_to, frequency_from, frequency_to,
        null::int as monetary_from, null::int as monetary_to
    from (values
        ('Good', 2, 3, 2, 3), ('Young', 2, 3, 1, 1), ('Old', 1, 1, null, null)
    ) as rules(rfm_segment, recency_from, recency_to, frequency_from, frequency_to)
"""
MODELS = {
    "rules_by_cell": BY_CELL,
    "rules_by_range": BY_RANGE,
    "no_columns": "select 5 as bands, 'x' as name, 1 as recency_from, 5 as recency_to",
    "no_name": "select 5 as bands, '...' as rfm_score",
    "mixed_bands": "select 5 as bands, '...' as rfm_score, 'x' as rfm_segment "
    "union all select 3, '111', 'y'",
    "too_many_bands": "select 10 as bands, '...' as rfm_score, 'x' as rfm_segment",
    "one_band": "select 1 as bands, '...' as rfm_score, 'x' as rfm_segment",
    "no_rules": "select 5 as bands, '...' as rfm_score, 'x' as rfm_segment where false",
    "holes": """
        select 2 as bands, * from (values
            ('22.', 'Core'), ('222', 'Best'), ('21.', 'New'), ('121', 'Lapsing'), ('333', 'Never'),
            ('112', '')
        ) as rules(rfm_score, rfm_segment)
    """,
}


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A project with its own schemes, built once with two segments."""
    consumer = Consumer(
        tmp_path_factory.mktemp("options") / "shop",
        {"segmentation_input": INPUT, "segmentation_definitions": {"rfm": {"k": 2}}},
        files={f"models/{name}.sql": sql for name, sql in MODELS.items()},
        tables={"lines": order_lines()},
    )
    run = consumer.dbt("run")
    assert run.exit_code == 0, run.output[-6000:]
    return consumer


def with_options(consumer, *arguments, definition=None, **options):
    """Runs dbt with these options."""
    consumer.configure(
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {"rfm": definition or {"k": 2}},
            "segmentation_options": options,
        }
    )
    return consumer.dbt("run", *arguments)


def scheme_in_use(consumer):
    """Gives name -> sorted cells of the scheme that was built."""
    cells = defaultdict(list)
    for name, cell in consumer.rows(
        "select rfm_segment, rfm_score from segmentation__rfm_scheme order by 2"
    ):
        cells[name].append(cell)
    return dict(cells)


def test_eleven_segments_are_the_default(consumer):
    cells = scheme_in_use(consumer)
    assert len(cells) == 11 and sum(map(len, cells.values())) == 125
    assert cells["Champions"] == ["445", "454", "455", "544", "545", "554", "555"]
    assert cells["Lost"] == ["111", "112", "121", "131", "141", "151"]


def test_ten_segments(consumer):
    run = with_options(consumer, *SCORES, rfm_scheme="ten")
    assert run.exit_code == 0, run.output
    cells = scheme_in_use(consumer)
    assert len(cells) == 10 and sum(map(len, cells.values())) == 125
    by_digits = {name: sorted({cell[:2] for cell in of_name}) for name, of_name in cells.items()}
    assert by_digits["Champions"] == ["54", "55"]
    assert by_digits["Hibernating"] == ["11", "12", "21", "22"]
    assert by_digits["Cannot Lose Them"] == ["15", "25"]
    assert by_digits["Loyal"] == ["34", "35", "44", "45"]
    assert by_digits["Potential Loyalist"] == ["42", "43", "52", "53"]


def test_six_segments_have_three_bands(consumer):
    run = with_options(consumer, *SCORES, rfm_scheme="six")
    assert run.exit_code == 0, run.output
    cells = scheme_in_use(consumer)
    assert len(cells) == 6 and sum(map(len, cells.values())) == 27
    assert cells["Champions"] == ["323", "332", "333"]
    assert consumer.rows(
        "select min(recency_score), max(recency_score), max(monetary_score) "
        "from segmentation__rfm_scores"
    ) == [(1, 3, 3)]


def test_own_scheme_by_cell(consumer):
    run = with_options(consumer, *SCORES, "rules_by_cell", rfm_scheme="rules_by_cell")
    assert run.exit_code == 0, run.output
    assert scheme_in_use(consumer) == {
        "Gone": ["111", "112"],
        "Lapsing": ["121", "122"],
        "New": ["211", "212"],
        "Core": ["221", "222"],
    }
    assert consumer.rows(
        "select count(*) from segmentation__rfm_scores where rfm_segment is null"
    ) == [(0,)]


def test_own_scheme_by_range_from_a_seed(consumer):
    consumer.write(
        "seeds/naming_rules.csv",
        "bands,rfm_segment,recency_from,recency_to,frequency_from,frequency_to,monetary_from,"
        "monetary_to\n3,Good,2,3,2,3,,\n3,Young,2,3,1,1,,\n3,Old,1,1,,,,\n",
    )
    consumer.write(
        "seeds/_seeds.yml",
        "seeds:\n  - name: naming_rules\n    config:\n      column_types: "
        "{monetary_from: integer, monetary_to: integer}\n",
    )
    consumer.configure(
        {"segmentation_input": INPUT, "segmentation_options": {"rfm_scheme": "naming_rules"}}
    )
    run = consumer.dbt("build", *SCORES, "naming_rules", "--exclude-resource-type", "test")
    assert run.exit_code == 0, run.output
    cells = scheme_in_use(consumer)
    assert {name: len(of_name) for name, of_name in cells.items()} == {
        "Good": 12,
        "Young": 6,
        "Old": 9,
    }


BANDS = "allowed: one number from 2 to 9, the same in every row."


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (
            "no_columns",
            [
                "missing: rfm_segment, frequency_from, frequency_to, monetary_from, monetary_to",
                (
                    "needed: bands, rfm_segment, and rfm_score or recency_from, recency_to, "
                    "frequency_from, frequency_to, monetary_from, monetary_to"
                ),
                "columns that exist: bands, name, recency_from, recency_to",
            ],
        ),
        (
            "no_name",
            [
                "missing: rfm_segment",
                (
                    "needed: bands, rfm_segment, and rfm_score or recency_from, recency_to, "
                    "frequency_from, frequency_to, monetary_from, monetary_to"
                ),
                "columns that exist: bands, rfm_score",
            ],
        ),
        ("mixed_bands", [f"bands: got 3, 5; {BANDS}"]),
        ("too_many_bands", [f"bands: got 10; {BANDS}"]),
        ("one_band", [f"bands: got 1; {BANDS}"]),
        ("no_rules", [f"bands: got no rules; {BANDS}"]),
        (
            "holes",
            [
                "cell 222 has 2 rules: Best, Core",
                "cells without a name: 111 122",
                "a rule has no name: rfm_segment is empty",
                "name 'Never' is never reached: its rules cover no cell",
            ],
        ),
    ],
)
def test_a_scheme_that_is_none_stops_the_build(consumer, scheme, expected):
    before = consumer.contents()
    run = with_options(consumer, *SCORES, scheme, rfm_scheme=scheme)
    assert run.names("error") == ["segmentation__rfm_scheme"]
    message = run.message("segmentation__rfm_scheme")
    assert sorted(faults(message)) == sorted(expected)
    assert scheme in message
    after = consumer.contents()
    for table in set(before) - {"segmentation__settings"}:
        assert after[table] == before[table], table


def test_as_of_date_is_a_filter(consumer):
    run = with_options(
        consumer, "--select", "segmentation__settings", "segmentation__rfm", as_of_date="2024-06-30"
    )
    assert run.exit_code == 0, run.output
    expected = consumer.rows(
        """
        select
            customer_id,
            date_diff('day', max(ordered_at::date) filter (not is_return), date '2024-06-30'),
            count(distinct order_id) filter (not is_return),
            sum(amount)
        from segmentation__transactions
        where ordered_at::date <= date '2024-06-30'
        group by 1 having count(*) filter (not is_return) > 0 order by 1
        """
    )
    assert (
        consumer.rows(
            "select customer_id, recency_days, frequency, monetary "
            "from segmentation__rfm order by 1"
        )
        == expected
    )
    assert expected
    assert consumer.rows("select distinct as_of_date::varchar from segmentation__rfm") == [
        ("2024-06-30",)
    ]


def test_a_day_before_every_purchase_has_no_customers(consumer):
    run = with_options(
        consumer, "--select", "segmentation__settings", "segmentation__rfm", as_of_date="2001-01-01"
    )
    assert run.exit_code == 0, run.output
    assert consumer.rows("select count(*) from segmentation__rfm") == [(0,)]
    # back to the default, the day after the last purchase
    assert with_options(consumer, "--select", "segmentation__rfm").exit_code == 0
    ((as_of, last),) = consumer.rows(
        "select max(as_of_date), (select max(ordered_at)::date from segmentation__transactions "
        "where not is_return) from segmentation__rfm"
    )
    assert (as_of - last).days == 1


def parameter(consumer, name):
    """Gives a number of the model in force."""
    ((value,),) = consumer.rows(
        f"select value from int_segmentation__current_model where parameter = '{name}'"
    )
    return value


def test_fit_sample_size_and_seed(consumer):
    before = consumer.query("select customer_id, segment_name from segmentation__customer_segments")
    run = with_options(consumer, fit_sample_size=100, seed=7)
    assert run.exit_code == 0, run.output
    assert parameter(consumer, "sample_size") == 100
    assert parameter(consumer, "seed") == 7
    assert consumer.rows(
        "select count(distinct customer_id), count(*) from int_segmentation__fit_sample"
    ) == [(100, 300)]
    assert consumer.rows(
        "select customer_id from int_segmentation__fit_sample where feature = 'monetary' order by 1"
    ) == sorted(
        consumer.rows(
            "select customer_id from segmentation__rfm order by md5(customer_id) limit 100"
        )
    )
    # another sample and seed, another version, the same story
    assert consumer.rows("select max(model_version) from segmentation__model") == [(2,)]
    after = consumer.query("select customer_id, segment_name from segmentation__customer_segments")
    both = before.merge(after, on="customer_id", suffixes=("_before", "_after"))
    agreement = (
        both.groupby(["segment_name_before", "segment_name_after"]).size().groupby(level=0).max()
    )
    assert agreement.sum() >= 0.9 * len(both)


def test_guards_of_the_search(consumer):
    definition = {"k": {"min": 2, "max": 3}}
    run = with_options(
        consumer, definition=definition, minimum_segment_share=0.6, minimum_stability=1
    )
    assert run.exit_code == 0, run.output
    reasons = dict(consumer.rows("select k, reason from segmentation__k_search"))
    assert sorted(reasons) == [1, 2, 3]
    assert all("below 60 %" in reasons[k] for k in (2, 3))
    ((chosen, reason),) = consumer.rows(
        "select k, reason from segmentation__k_search where is_chosen"
    )
    assert reason.startswith("warning: no k passes the guards")
    shares = dict(consumer.rows("select k, smallest_share from segmentation__k_search where k > 1"))
    assert shares[chosen] == max(shares.values())
    assert consumer.rows(
        "select distinct minimum_segment_share, minimum_stability from segmentation__settings"
    ) == [(0.6, 1.0)]


@pytest.mark.parametrize("severity", ["warn", "error"])
def test_a_small_segment_warns_or_fails(consumer, severity):
    options = {} if severity == "warn" else {"data_test_severity": "error"}
    consumer.configure(
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {"rfm": {"k": {"min": 2, "max": 3}}},
            "segmentation_options": {"minimum_segment_share": 0.6} | options,
        }
    )
    run = consumer.dbt(
        "test", "--select", "segmentation__segments", "segmentation__segment_summary"
    )
    small = run.names("fail" if severity == "error" else "warn")
    assert len(small) == 2 and all("is_minimum_segment_share" in name for name in small)
    assert run.names("warn" if severity == "error" else "fail") == []
    assert run.exit_code == (1 if severity == "error" else 0)
