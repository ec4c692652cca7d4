"""Values that try to be SQL, Jinja, YAML, a formula or markup: they come out as they went in.

They stand as ids of customers, orders and products, as text where a date or a number should be, and
as levels of a category, and go through the whole package: judged, fitted, scored, explained, frozen.
"""

import csv
import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from consumer import Consumer

TEXTS = [
    "'; drop table raw.lines; --",
    "' or '1' = '1",
    "'') as x; delete from raw.people; --",
    "/* comment",
    "-- comment",
    "$$ dollars $$",
    "{{ 1/0 }}",
    "{{ ref('nowhere') }}",
    "{% raw %}",
    "{% endraw %}",
    "{# gone #}",
    "- yaml: [&a, *a, !!python/object/apply:os.system ['true']]",
    "<script>alert(1)</script>",
    "&lt;b&gt; <!-- -->",
    '=HYPERLINK("http://example.org","click")',
    "+1+1",
    "@SUM(1)",
    "${jndi:ldap://example.org/a}",
    "$(touch pwned) `touch pwned`",
    "%s %(name)s {0} {name}",
    "? :id $1 \\N",
    "two\nlines\r\nand three",
    "tab\tin the middle",
    '"quoted"',
    "back\\slash\\",
    "\\'; --",
    "\u202eleft to right",
    "e\u0301 is not \u00e9",
    "\u00e9 is not e\u0301",
    "zero\u200bwidth \ufeffmark",
    "nul\x00byte",
    "long " * 1000 + "end",
    "NULL",
    "None",
    "☃ 💥",
]
SALT = "a salt with '; -- and {{ braces }}"

MODEL_COLUMNS = [
    "segmentation",
    "parameter",
    "k",
    "segment_id",
    "prototype_id",
    "feature",
    "level_id",
    "node_id",
    "value",
    "text_value",
]


def lines() -> pd.DataFrame:
    """Gives three good lines for each text, as customer, order and product, and three bad ones."""
    rows = []
    for number, text in enumerate(TEXTS):
        good = {
            "customer_id": text,
            "product_id": text,
            "quantity": "2",
            "unit_price": "1.50",
        }
        for order in range(3):
            rows.append(
                good
                | {
                    "order_id": f"{text}{order}",
                    "ordered_at": f"2024-{1 + number % 12:02d}-{1 + order + number % 9:02d}",
                    "unit_price": str(1 + number % 3 * 10),
                }
            )
        day = "2024-03-01"
        rows += [
            good | {"order_id": "bad day", "ordered_at": text},
            good | {"order_id": "bad number", "ordered_at": day, "quantity": text},
            good
            | {"order_id": "bad price", "ordered_at": day, "unit_price": f" {text} "},
        ]
    return pd.DataFrame(rows)


def people() -> pd.DataFrame:
    """Gives two customers for each text, who is their name and their level, in two kinds."""
    generator = np.random.default_rng(5)
    number = np.arange(2 * len(TEXTS))
    return pd.DataFrame(
        {
            "person": [f"{text}{n % 2}" for n, text in enumerate(np.repeat(TEXTS, 2))],
            "spend": 10.0
            + 90 * (number < len(TEXTS))
            + generator.normal(0, 2, len(number)),
            "level": np.repeat(TEXTS, 2),
        }
    )


def variables(**more: object) -> dict[str, object]:
    """Gives the vars of the project."""
    people = {
        "customers": {"source": "raw", "table": "people"},
        "customer_id": "person",
        "features": {
            "spend": {"transform": "none"},
            "level": {"kind": "category", "weight": 5},
        },
        "k": len(TEXTS),
    }
    return {
        "segmentation_input": {"transactions": {"source": "raw", "table": "lines"}},
        "segmentation_definitions": {
            "rfm": {"k": 2},
            "people": people,
            "groups": people | {"k": 2, "names": {"order_by": "spend"}},
            "frozen": people | {"frozen_model": {"source": "raw", "table": "frozen"}},
        },
    } | more


def frozen_table(rows: list[dict[str, str]]) -> pd.DataFrame:
    """Gives exported rows as the table of a model, empty fields as nulls."""
    frame = pd.DataFrame(rows, columns=MODEL_COLUMNS, dtype=object)
    frame = frame.where(frame != "", None)
    for column in ("k", "segment_id", "prototype_id", "level_id", "node_id", "value"):
        frame[column] = frame[column].astype(float)
    return frame


def raw_tables(shop: Consumer) -> dict[str, list[tuple]]:
    """Gives all that stands in the user's own tables."""
    return {
        name: shop.rows(f"select * from raw.{name} order by all")
        for (name,) in shop.rows(
            "select table_name from information_schema.tables where table_schema = 'raw'"
        )
    }


def export(shop: Consumer, name: str) -> list[dict[str, str]]:
    """Gives the rows that export_model prints."""
    exit_code, text = shop.export_model(f"{{name: {name}}}")
    assert exit_code == 0, text
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Consumer:
    """The project, built on hostile tables; its frozen model is that of `people`."""
    shop = Consumer(
        tmp_path_factory.mktemp("values") / "shop",
        variables(),
        files={
            "models/scored.sql": "{{ segmentation.score(source('raw', 'people'), 'people') }}"
        },
        tables={
            "lines": lines(),
            "people": people(),
            "frozen": frozen_table([]),
            "salts": "select $$" + SALT + "$$ as salt",
            "erasures": "select null::varchar as customer_id",
        },
    )
    definitions = variables()["segmentation_definitions"]
    del definitions["frozen"]
    shop.configure(variables(segmentation_definitions=definitions))
    run = shop.dbt("run", "--select", "+segmentation__model")
    assert run.exit_code == 0, run.output[-4000:]
    shop.load("frozen", frozen_table(export(shop, "people")))
    shop.configure(variables())
    before = raw_tables(shop)
    run = shop.dbt("build")
    assert run.names("error", "fail", "skipped") == [], run.output[-6000:]
    assert raw_tables(shop) == before
    assert not list(shop.folder.rglob("pwned"))
    return shop


def test_ids_come_out_as_they_went_in(shop):
    kept = shop.rows(
        "select customer_id, order_id, product_id from segmentation__transactions order by all"
    )
    assert kept == sorted(
        (text, f"{text}{order}", text) for text in TEXTS for order in range(3)
    )
    for table in ("rfm", "rfm_scores", "orders"):
        found = shop.rows(
            f"select distinct customer_id from segmentation__{table} order by 1"
        )
        assert found == sorted((text,) for text in TEXTS)


def test_rejected_lines_say_what_was_given(shop):
    rejected = shop.rows(
        "select customer_id, order_id, ordered_at, quantity, unit_price, rejection_reason "
        "from segmentation__rejected_transactions order by all"
    )
    day, bad_day, bad_number = "2024-03-01", "unreadable_date", "unreadable_number"
    expected = []
    for text in TEXTS:
        expected.append((text, "bad day", text, "2", "1.50", bad_day))
        expected.append((text, "bad number", day, text, "1.50", bad_number))
        expected.append((text, "bad price", day, "2", f" {text} ", bad_number))
    assert rejected == sorted(expected)


def test_levels_survive_fit_model_and_scoring(shop):
    levels = sorted(TEXTS)
    for name in ("people", "groups", "frozen"):
        assert shop.rows(
            "select text_value from segmentation__model "
            f"where segmentation = '{name}' and parameter = 'level' order by level_id"
        ) == [(level,) for level in levels]
        ((customers, unseen, imputed),) = shop.rows(
            "select count(*), sum(has_unseen_level::int), sum(is_imputed::int) "
            f"from segmentation__customer_segments where segmentation = '{name}'"
        )
        assert (customers, unseen, imputed) == (len(people()), 0, 0)
        assert shop.rows(
            "select distinct level from segmentation__segment_profiles "
            f"where segmentation = '{name}' and level is not null order by 1"
        ) == sorted((level,) for level in TEXTS)
    # Each level is a segment of its own, whose name and rule hold it as it is.
    placed = shop.rows(
        "select people.level, segments.segment_id, segments.segment_name "
        "from segmentation__customer_segments as segments "
        "inner join raw.people on segments.customer_id = people.person "
        "where segments.segmentation = 'people'"
    )
    by_level = {level: segment for level, segment, _ in placed}
    assert len(placed) == len(people())
    assert len(set(by_level.values())) == len(TEXTS)
    for level, segment, name in placed:
        assert segment == by_level[level]
        assert name == f"level {level}"


def test_scoring_another_table_and_a_frozen_model_give_the_same(shop):
    columns = "customer_id, segment_id, segment_name, distance, margin"
    wanted = shop.rows(
        f"select {columns} from segmentation__customer_segments "
        "where segmentation = 'people' order by all"
    )
    assert shop.rows(f"select {columns} from scored order by all") == wanted
    assert wanted == shop.rows(
        f"select {columns} from segmentation__customer_segments "
        "where segmentation = 'frozen' order by all"
    )


def test_rules_are_conditions_and_nothing_else(shop):
    before = raw_tables(shop)
    rules = shop.rows(
        "select segment_id, condition, customers_in_rule from segmentation__segment_rules "
        "where segmentation = 'people' and condition is not null"
    )
    assert len(rules) > 2
    for _, condition, customers in rules:
        found = shop.rows(f"select count(*) from raw.people where ({condition})")
        assert found == [(customers,)]
    assert raw_tables(shop) == before


def test_explanations_read_out_the_level_as_it_is(shop):
    explained = shop.rows(
        "select people.level, explanations.first_feature, explanations.explanation "
        "from segmentation__customer_explanations as explanations "
        "inner join raw.people on explanations.customer_id = people.person "
        "where explanations.segmentation = 'people' and first_feature = 'level'"
    )
    assert {level for level, _, _ in explained} == set(TEXTS)
    for level, _, explanation in explained:
        assert f"level {level}" in explanation


def test_pseudonyms_and_erasure_take_any_id(shop):
    forgotten = TEXTS[::4]
    with shop.connect() as connection:
        connection.executemany(
            "insert into raw.erasures values (?)", [[t] for t in forgotten]
        )
    before = raw_tables(shop)
    shop.configure(
        variables(
            segmentation_options={
                "pseudonymize": {"salt": {"source": "raw", "table": "salts"}},
                "erased_customers": {"source": "raw", "table": "erasures"},
            }
        )
    )
    run = shop.dbt("run", "--select", "+segmentation__orders", "scored")
    assert run.exit_code == 0, run.output[-4000:]
    assert raw_tables(shop) == before
    kept = sorted(
        hashlib.sha256(f"{SALT}:{text}".encode()).hexdigest()
        for text in TEXTS
        if text not in forgotten
    )
    assert shop.rows(
        "select distinct customer_id from segmentation__orders order by 1"
    ) == [(text,) for text in kept]
    assert shop.rows("select count(*) from scored") == [(len(people()),)]
