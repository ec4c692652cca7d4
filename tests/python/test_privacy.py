"""Pseudonyms, erasure, and what travels: no table, log or file holds what it should not.

Ids, the salt and what nobody listed are planted as texts that occur nowhere else, and then looked
for: in every column of every table, in everything that dbt writes, and in all that it prints.
"""

import hashlib
import json
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
import yaml
from consumer import REPOSITORY, Consumer, Run, faults, read
from shop_data import order_lines

SALT = "grain-of-salt-0f3c9a51"
SECRET = "never-listed-column"
# What every real id of the user's tables begins with.
IDS = ["buyer-100", "77700000000", "88800000000"]
SECRETS = [SALT, *IDS]
FORGOTTEN = ["buyer-10004-zq", "buyer-10009-zq", "7770000000008", "8880000000009"]

INPUT = {"transactions": {"source": "raw", "table": "lines"}}
NO_LINES = {"transactions": "none"}
NOBODY = {"arguments": {"values": ["nobody"]}}
PEOPLE = {
    "customers": {"source": "raw", "table": "people"},
    "customer_id": "person_id",
    "where": "is_active",
    "features": {
        "income": {"transform": "none"},
        "visits": {"transform": "none"},
        "plan": {"kind": "category"},
    },
    "k": 3,
}
DEFINITIONS = {
    "rfm": {"k": 3},
    "people": PEOPLE,
    "chained": PEOPLE
    | {"algorithm": "hierarchical", "algorithm_options": {"linkage": "single"}},
    "crowded": PEOPLE | {"algorithm": "dbscan", "k": "auto"},
}
PSEUDONYMIZE = {"salt": {"source": "raw", "table": "salts"}}
MODELS = {
    "models/forgotten.sql": "select * from {{ source('raw', 'erasures') }}",
    "models/scored_prospects.sql": (
        "{{ segmentation.score(source('raw', 'prospects'), 'people') }}"
    ),
    "models/scored_again.sql": (
        "{{ segmentation.score(ref('segmentation', 'segmentation__rfm'), 'rfm') }}"
    ),
}


def lines() -> pd.DataFrame:
    """Gives the shop's order lines, of customers found by a text search, with a column too many."""
    frame = order_lines(customers=90)
    known = frame["customer_id"].notna()
    frame.loc[known, "customer_id"] = "buyer-" + frame.loc[known, "customer_id"] + "-zq"
    # Ids as given differ from ids as kept.
    frame.loc[frame.index[::7], "customer_id"] = (
        " " + frame.loc[frame.index[::7], "customer_id"]
    )
    return frame.assign(email=SECRET)


def people(first_id: int = 7_770_000_000_000) -> pd.DataFrame:
    """Gives 60 customers in three kinds, their ids whole numbers."""
    generator = np.random.default_rng(3)
    kind = np.arange(60) % 3
    return pd.DataFrame(
        {
            "person_id": first_id + np.arange(60),
            "income": 10.0 + 50 * kind + generator.normal(0, 3, 60).round(2),
            "visits": 5 + 20 * kind + generator.integers(0, 4, 60),
            "plan": np.array(["basic", "plus", "pro"])[kind],
            "is_active": np.arange(60) != 1,
            "email": SECRET,
        }
    )


def tables() -> dict[str, pd.DataFrame | str]:
    """Gives the user's tables; prospects have ids of the type double."""
    prospects = people(first_id=8_880_000_000_000)
    return {
        "lines": lines(),
        "people": people(),
        "prospects": prospects.assign(person_id=prospects["person_id"].astype(float)),
        "salts": f"select '{SALT}' as salt",
        "erasures": erasure_list([]),
    }


def erasure_list(customers: Iterable[str]) -> str:
    """Gives SQL of an erasure table: each id twice, once with blanks, beside a null and a blank."""
    rows = [f"(' {customer} '), ('{customer}')" for customer in customers] + [
        "(null), ('  ')"
    ]
    return f"select * from (values {', '.join(rows)}) as ids(customer_id)"


def variables(**options: object) -> dict[str, object]:
    """Gives the vars with these options."""
    return {
        "segmentation_input": INPUT,
        "segmentation_definitions": DEFINITIONS,
        "segmentation_options": options,
    }


def pseudonym(customer_id: str | None) -> str | None:
    """Says what stands for an id where ids are pseudonymized."""
    clean = (customer_id or "").strip()
    return hashlib.sha256(f"{SALT}:{clean}".encode()).hexdigest() if clean else None


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Gives the rows in an order of their own, all but floating numbers as text."""
    exact = list(frame.select_dtypes(exclude="floating"))
    return frame.astype(dict.fromkeys(exact, str)).sort_values(exact, ignore_index=True)


def where_found(shop: Consumer, wanted: Iterable[str]) -> set[tuple[str, str]]:
    """Gives (table, column) of every place that holds one of the texts.

    It looks in all tables but those of the schema raw, which are the user's own.
    """
    pattern, found = re.compile("|".join(map(re.escape, wanted))), set()
    tables = shop.rows(
        "select distinct table_schema, table_name from information_schema.columns "
        "where table_schema <> 'raw' and table_name <> 'forgotten'"
    )
    for schema, table in tables:
        result = read(shop.database).execute(
            f'select columns(*)::varchar from "{schema}"."{table}"'
        )
        columns = [column[0] for column in result.description]
        for column, values in zip(
            columns, zip(*result.fetchall(), strict=True), strict=False
        ):
            if pattern.search("\n".join(filter(None, values))):
                found.add((table, column))
    return found


def files_with(shop: Consumer, wanted: Iterable[str]) -> list[str]:
    """Gives the files under target/ and logs/ that hold one of the texts."""
    pattern = re.compile("|".join(map(re.escape, wanted)).encode())
    files = [
        file
        for folder in ("target", "logs")
        for file in (shop.folder / folder).rglob("*")
        if file.is_file()
    ]
    assert {"dbt.log", "manifest.json", "run_results.json"} <= {
        file.name for file in files
    }
    return [
        str(file.relative_to(shop.folder))
        for file in files
        if pattern.search(file.read_bytes())
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Consumer:
    """A project with customers of every kind, built as it is."""
    shop = Consumer(
        tmp_path_factory.mktemp("plain") / "shop",
        variables(erased_customers="forgotten"),
        files=MODELS,
        tables=tables(),
    )
    shop.dbt("run").assert_clean()
    return shop


@pytest.fixture(scope="module")
def hidden(tmp_path_factory) -> tuple[Consumer, str]:
    """The same with pseudonyms, and all that dbt printed at its most talkative."""
    shop = Consumer(
        tmp_path_factory.mktemp("hidden") / "shop",
        variables(erased_customers="forgotten", pseudonymize=PSEUDONYMIZE),
        files=MODELS,
        tables=tables(),
    )
    run = shop.dbt("--debug", "build", "--store-failures").assert_clean()
    docs = shop.dbt("--debug", "docs", "generate")
    assert docs.exit_code == 0
    return shop, run.output + docs.output


# ---------- pseudonyms


def test_pseudonyms_are_all_that_differs(plain, hidden):
    shop, _ = hidden
    assert plain.package_relations() == shop.package_relations()
    for table in (
        "int_segmentation__lines",
        "segmentation__transactions",
        "segmentation__rejected_transactions",
        "segmentation__transaction_audit",
        "int_segmentation__order_days",
        "segmentation__orders",
        "segmentation__rfm",
        "segmentation__rfm_scores",
        "segmentation__feature_summary",
        "segmentation__segment_summary",
        "int_segmentation__fit_sample",
        "scored_again",
        "scored_prospects",
    ):
        real, mapped = (
            each.query(f"select * from main.{table}") for each in (plain, shop)
        )
        assert len(real) > 0
        for column in ("customer_id", "input_customer_id"):
            if column in real:
                real[column] = real[column].map(pseudonym, na_action="ignore")
        pd.testing.assert_frame_equal(
            in_order(real), in_order(mapped), obj=table, rtol=1e-9
        )
    segments = "select segmentation, customer_id, segment_name from main.segmentation__customer_segments"
    assert sorted((s, pseudonym(c), n) for s, c, n in plain.rows(segments)) == sorted(
        shop.rows(segments)
    )


def test_no_table_file_or_log_holds_a_real_id_or_the_salt(hidden):
    shop, output = hidden
    assert where_found(shop, SECRETS) == set()
    assert files_with(shop, SECRETS) == []
    assert [text for text in SECRETS if text in output] == []


def test_the_search_finds_what_is_there(plain, hidden):
    found = where_found(plain, IDS)
    assert ("segmentation__transactions", "customer_id") in found
    assert ("scored_prospects", "customer_id") in found
    assert files_with(hidden[0], ["segmentation__customer_segments"])


def test_an_error_of_the_fit_names_a_pseudonym(hidden, tmp_path):
    shop = Consumer(
        tmp_path / "shop",
        variables(pseudonymize=PSEUDONYMIZE)
        | {
            "segmentation_definitions": {"people": PEOPLE},
            "segmentation_input": NO_LINES,
        },
        tables=tables() | {"people": pd.concat([people(), people().iloc[:1]])},
    )
    run = shop.dbt("--debug", "run")
    message = run.message("int_segmentation__fit_python")
    assert f"customer '{pseudonym('7770000000000')}' more than once" in message
    assert [text for text in SECRETS if text in run.output] == []
    assert files_with(shop, SECRETS) == []


def test_a_failing_test_stores_pseudonyms(tmp_path):
    shop = Consumer(
        tmp_path / "shop",
        variables(pseudonymize=PSEUDONYMIZE)
        | {"segmentation_definitions": {"rfm": {"k": 3}}},
        files={
            "models/_tests.yml": yaml.safe_dump(
                {
                    "models": [
                        {
                            "name": "mine",
                            "columns": [
                                {
                                    "name": "customer_id",
                                    "data_tests": [
                                        "unique",
                                        {"accepted_values": NOBODY},
                                    ],
                                }
                            ],
                        }
                    ]
                }
            ),
            "models/mine.sql": "select * from {{ ref('segmentation__transactions') }}",
        },
        tables=tables(),
    )
    run = shop.dbt("--debug", "build", "--store-failures", "--select", "+mine")
    assert len(run.names("fail")) == 2
    audit = shop.rows(
        "select count(*) from information_schema.tables where table_schema = 'main_dbt_test__audit'"
    )
    assert audit[0][0] >= 2
    assert where_found(shop, SECRETS) == set()
    assert [text for text in SECRETS if text in run.output] == []
    assert files_with(shop, SECRETS) == []


# ---------- what travels, and what is tagged


def test_no_column_travels_that_nobody_listed(plain):
    assert where_found(plain, [SECRET]) == set()


def test_what_holds_an_id_is_tagged_and_nothing_else(plain):
    manifest = json.loads((plain.folder / "target" / "manifest.json").read_text())
    tagged, columns = set(), set()
    for node in manifest["nodes"].values():
        if node["package_name"] == "segmentation" and node["resource_type"] == "model":
            for name, column in node["columns"].items():
                columns.add((node["alias"], name))
                meta = column["config"]["meta"]
                assert set(meta) <= {"contains_pii"}
                if meta.get("contains_pii") is True:
                    tagged.add((node["alias"], name))
    holding = {
        (table, column)
        for table, column in where_found(plain, IDS)
        if "segmentation_" in table
    }
    # Good lines have no input_customer_id, bad ones have: both stand in one column.
    assert tagged == holding
    for table, column in plain.rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'main' and table_name like '%segmentation\\_\\_%' escape '\\' "
        "and column_name in ('customer_id', 'input_customer_id')"
    ):
        assert (table, column) in tagged


# ---------- erasure


@pytest.mark.parametrize("pseudonymized", [False, True], ids=["real ids", "pseudonyms"])
def test_the_erased_are_in_no_column_of_any_table(plain, hidden, pseudonymized):
    shop = hidden[0] if pseudonymized else plain
    planted = FORGOTTEN + [pseudonym(customer) for customer in FORGOTTEN]
    before = where_found(shop, planted)
    assert {
        ("segmentation__transactions", "customer_id"),
        ("segmentation__customer_segments", "customer_id"),
        ("segmentation__customer_explanations", "customer_id"),
        ("int_segmentation__fit_sample", "customer_id"),
        ("scored_prospects", "customer_id"),
    } <= before
    counts = dict(
        shop.rows(
            "select segmentation, count(*) from segmentation__customer_segments group by 1"
        )
    )
    ((rows, money, returns),) = shop.rows(
        "select sum(row_count), sum(amount), sum(return_row_count) "
        "from segmentation__transaction_audit"
    )
    shop.load("erasures", erasure_list(FORGOTTEN))

    # Scoring alone reaches all but the samples.
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    selectors = readme[readme.index("selectors:") :]
    shop.write("selectors.yml", selectors[: selectors.index("```")])
    shop.dbt("build", "--selector", "segmentation_score").assert_clean()
    package = {
        place for place in where_found(shop, planted) if "segmentation_" in place[0]
    }
    assert package == {
        ("int_segmentation__customer_sample", "customer_id"),
        ("int_segmentation__fit_sample", "customer_id"),
    }

    shop.dbt("build").assert_clean()
    assert where_found(shop, planted) == set()

    assert shop.rows(
        "select sum(row_count), sum(amount), sum(return_row_count) "
        "from segmentation__transaction_audit"
    ) == [(rows, money, returns)]
    forgotten = lines()["customer_id"].str.strip().isin(FORGOTTEN)
    erased = "select row_count, return_row_count from segmentation__transaction_audit "
    [(erased_rows, _)] = shop.rows(erased + "where outcome = 'erased'")
    assert erased_rows == forgotten.sum() > 0
    assert shop.rows(
        "select segmentation, count(*) from segmentation__customer_segments group by 1 order by 1"
    ) == sorted(
        (name, count - (2 if name == "rfm" else 1)) for name, count in counts.items()
    )
    assert shop.rows("select count(*) from scored_prospects") == [(59,)]


@pytest.mark.parametrize(
    ("id_type", "list_type"),
    [
        ("bigint", "varchar"),
        ("bigint", "double"),
        ("varchar", "integer"),
        ("varchar", "decimal(20, 2)"),
        ("decimal(20, 2)", "varchar"),
    ],
)
def test_ids_of_any_type_are_found(types, id_type, list_type):
    types.load(
        "lines",
        f"select cast(17850 + i as {id_type}) as customer_id, i as order_id, 'P' as product_id, "
        "date '2024-01-01' as ordered_at, 1 as quantity, 2.0 as unit_price from range(4) as t(i)",
    )
    types.load(
        "erasures",
        f"select cast(17851 as {list_type}) as CUSTOMER_ID union all select null "
        f"union all select cast(17851 as {list_type})",
    )
    run = types.dbt(
        "run", "--select", "segmentation__settings", "int_segmentation__lines"
    )
    assert run.exit_code == 0, run.output[-3000:]
    assert types.rows(
        "select customer_id, order_id, rejection_reason from int_segmentation__lines order by 2"
    ) == [
        ("17850", "0", None),
        ("17852", "2", None),
        ("17853", "3", None),
        (None, None, "erased"),
    ]


@pytest.fixture(scope="module")
def types(tmp_path_factory) -> Consumer:
    """A project over lines and an erasure table, of which only the lines are judged."""
    return Consumer(
        tmp_path_factory.mktemp("types") / "shop",
        {
            "segmentation_input": INPUT,
            "segmentation_options": {
                "erased_customers": {"source": "raw", "table": "erasures"},
                "pseudonymize": None,
            },
        },
        tables={
            "lines": "select 1 as customer_id",
            "erasures": "select 1 as customer_id",
        },
    )


def test_everybody_erased_is_like_an_empty_input(tmp_path):
    shop = Consumer(
        tmp_path / "shop",
        variables(erased_customers="everybody", pseudonymize=PSEUDONYMIZE)
        | {"segmentation_definitions": {"rfm": {}, "people": PEOPLE | {"k": "auto"}}},
        files={
            # An ephemeral list is read by its text.
            "models/everybody.sql": "{{ config(materialized='ephemeral') }} "
            "select customer_id from {{ source('raw', 'lines') }} union all "
            "select cast(person_id as varchar) from {{ source('raw', 'people') }}"
        },
        tables=tables() | {"lines": lines().dropna(subset=["customer_id"])},
    )
    run = shop.dbt("build")
    assert run.exit_code == 0 and run.names("error", "fail", "skipped") == []
    assert shop.rows("select outcome from segmentation__transaction_audit") == [
        ("erased",)
    ]
    for table in (
        "transactions",
        "rejected_transactions",
        "rfm",
        "model",
        "customer_segments",
    ):
        assert shop.rows(f"select count(*) from segmentation__{table}") == [(0,)]


# ---------- bad input: one clear error


ALLOWED_SALT = (
    "allowed: a relation of one row with a column salt: a model ('my_model'), a model of a package "
    "('package.model') or a source ({source: shop, table: lines})."
)
OF_SALT = "segmentation_options.pseudonymize.salt: "


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> Consumer:
    """A project whose lines are good, and whose salt and erasure table are not."""
    return Consumer(
        tmp_path_factory.mktemp("faulty") / "shop",
        {},
        files={
            "models/written.sql": "{{ config(materialized='ephemeral') }} "
            "select 'written-in-the-project' as salt"
        },
        tables={
            "lines": lines(),
            "people": people(),
            "salts": "select 1 as one",
            "erasures": "select 1 as one",
            "gone": "select 1 as one",
        },
    )


def drop_gone(shop: Consumer) -> None:
    """Leaves the source raw.gone without a table."""
    with shop.connect() as connection:
        connection.execute("drop table if exists raw.gone")


def build_faulty(shop: Consumer, **options: object) -> Run:
    """Runs the judged lines under these options."""
    shop.configure(variables(**options))
    run = shop.dbt(
        "run", "--select", "segmentation__settings", "int_segmentation__lines"
    )
    assert run.exit_code == 1
    assert len(run.names("error")) == 1
    return run


def has(rows: str, salts: int) -> str:
    """Gives the sentence of a table with so many rows and salts."""
    return (
        f'{OF_SALT}"shop"."raw"."salts" has {rows}, {salts} with a salt of 16 characters or more; '
        "allowed: one row, with such a salt."
    )


@pytest.mark.parametrize(
    ("salts", "sentence"),
    [
        (
            "select 1 as pepper",
            f'{OF_SALT}no column \'salt\' in "shop"."raw"."salts"; columns that exist: pepper',
        ),
        (f"select '{SALT}' as salt where false", has("0 rows", 0)),
        (f"select '{SALT}' as salt from range(2)", has("2 rows", 2)),
        (f"select '{SALT}' as salt union all select null", has("2 rows", 1)),
        ("select cast(null as varchar) as salt", has("1 row", 0)),
        ("select 'fifteen-letters' as salt", has("1 row", 0)),
        ("select repeat(' ', 20) || chr(9) as salt", has("1 row", 0)),
        (
            "select 1234567890123456789 as salt",
            f'{OF_SALT}column \'salt\' in "shop"."raw"."salts" is of kind integer; allowed: text, which is the same on every engine.',
        ),
    ],
)
def test_a_salt_table_that_is_none(faulty, salts, sentence):
    faulty.load("salts", salts)
    run = build_faulty(faulty, pseudonymize=PSEUDONYMIZE)
    assert faults(run.message("int_segmentation__lines")) == [sentence]
    assert SALT not in run.output


@pytest.mark.parametrize("salt", ["written", {"source": "raw", "table": "gone"}])
def test_a_salt_that_is_no_table(faulty, salt):
    drop_gone(faulty)
    run = build_faulty(faulty, pseudonymize={"salt": salt})
    [sentence] = faults(run.message("int_segmentation__lines"))
    assert "is no table or view that exists" in sentence
    assert "written-in-the-project" not in run.output


def test_a_model_that_does_not_exist_is_dbts_own_error(faulty):
    faulty.configure(variables(pseudonymize={"salt": "nowhere"}))
    run = faulty.dbt("run")
    assert run.exit_code == 2
    assert "depends on a node named 'nowhere'" in run.output


@pytest.mark.parametrize(
    ("pseudonymize", "sentences"),
    [
        (
            "no such text",
            [
                ": is no mapping; allowed: {salt: a relation of one row with a column salt}, or null."
            ],
        ),
        ({}, [f".salt: names no relation; {ALLOWED_SALT}"]),
        ({"salt": None}, [f".salt: names no relation; {ALLOWED_SALT}"]),
        ({"salt": "no such text"}, [f".salt: names no relation; {ALLOWED_SALT}"]),
        (
            {"no such text": 1},
            [
                ": 1 unknown key; allowed: salt.",
                f".salt: names no relation; {ALLOWED_SALT}",
            ],
        ),
        ({"salt": "written", "x": 1, "y": 2}, [": 2 unknown keys; allowed: salt."]),
    ],
)
def test_an_option_that_is_wrong_says_so_without_what_may_be_a_salt(
    faulty, pseudonymize, sentences
):
    run = build_faulty(faulty, pseudonymize=pseudonymize)
    assert faults(run.message("segmentation__settings")) == [
        "segmentation_options.pseudonymize" + sentence for sentence in sentences
    ]
    assert "no such text" not in run.output


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"pseudonymise": PSEUDONYMIZE}, "int_segmentation__lines"),
        ({"erased": "erasures"}, "segmentation__customer_segments"),
        ({"pseudonymize": {"salt": "no such text"}}, "segmentation__customer_segments"),
    ],
)
def test_a_faulty_option_lets_no_id_through_where_the_settings_are_not_built(
    faulty, options, model
):
    faulty.configure(variables(**options))
    run = faulty.dbt("run", "--select", model)
    assert run.names("error") == [model]
    assert "the vars are not right (1 fault)" in run.message(model)


def test_a_column_that_shows_whom_pseudonyms_hide(faulty):
    faulty.load("salts", f"select '{SALT}' as salt")
    faulty.configure(
        variables(pseudonymize=PSEUDONYMIZE)
        | {
            "segmentation_input": INPUT | {"columns": {"order_id": "CUSTOMER_ID"}},
            "segmentation_definitions": {
                "people": PEOPLE
                | {"features": ["person_id", "visits"], "value": "person_id"}
            },
        }
    )
    run = faulty.dbt(
        "run", "--select", "segmentation__settings", "int_segmentation__lines"
    )
    allowed = "any column but that of the customer's id, since it would not be hashed."
    assert faults(run.message("int_segmentation__lines")) == [
        f"segmentation_input.columns.order_id: got 'CUSTOMER_ID'; allowed: {allowed}",
        f"segmentation_definitions.people.value: got 'person_id'; allowed: {allowed}",
        f"segmentation_definitions.people.features: got 'person_id'; allowed: {allowed}",
    ]


@pytest.mark.parametrize(
    ("erasures", "reference", "sentence"),
    [
        (
            'select 1 as buyer, 2 as "when"',
            "erasures",
            'no column \'customer_id\' in "shop"."raw"."erasures"; columns that exist: buyer, when',
        ),
        ("select 1 as one", "gone", '"shop"."raw"."gone" does not exist'),
    ],
)
def test_an_erasure_table_that_is_none(faulty, erasures, reference, sentence):
    faulty.load("erasures", erasures)
    drop_gone(faulty)
    run = build_faulty(faulty, erased_customers={"source": "raw", "table": reference})
    assert faults(run.message("int_segmentation__lines")) == [
        f"segmentation_options.erased_customers: {sentence}"
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1, "-1"),
        (1.5, "1.5"),
        ("5", "'5'"),
        (10**9 + 1, "1000000001"),
    ],
)
def test_suppress_below_is_a_whole_number(faulty, value, shown):
    run = build_faulty(faulty, suppress_below=value)
    [sentence] = faults(run.message("segmentation__settings"))
    assert sentence == (
        f"segmentation_options.suppress_below: got {shown}; allowed: a whole number from 0 to "
        "1000000000."
    )
