"""Fit and score apart: the macro score() on any table, and models exported, frozen and read back.

One project fits five segmentations and scores tables that no definition names; another reads the
five models from seeds and has the same customers in the same segments, to the last bit.
"""

import csv
import io

import numpy as np
import pandas as pd
import pytest
import yaml
from consumer import Consumer, faults

# Texts that a CSV file, a seed or a spreadsheet would like to change.
PLANS = [
    "01",
    "true",
    "2024-01-01",
    "null",
    "NULL",
    "a, b",
    'say "hi"',
    "two\nlines",
    "it's",
    "# Zürich ☃",
]
NUMBERS = {"income": "auto", "visits": "log"}
PREPARED = {
    "income": {"transform": "auto", "impute": "mean", "clip": [0.02, 0.98], "scale": "robust"},
    "visits": {"transform": "yeo_johnson", "weight": 0.3},
    "plan": {"kind": "category", "impute": "constant", "fill_value": "null", "weight": 0.7},
}
BUYERS = {"customers": {"source": "raw", "table": "buyers"}}
DEFINITIONS = {
    "plain": BUYERS
    | {
        "features": NUMBERS,
        "where": "region = 'north'",
        "k": 3,
        "outliers": {"fence": 1.0},
        "names": {"order_by": "income", "low_to_high": ["01", "true", 'a "b", c']},
    },
    "mixture": BUYERS
    | {
        "features": PREPARED,
        "algorithm": "gaussian_mixture",
        "algorithm_options": {"reg_covar": 0.01},
        "k": 3,
    },
    "dense": BUYERS | {"features": NUMBERS, "algorithm": "dbscan"},
    "denser": BUYERS | {"features": PREPARED, "algorithm": "hdbscan"},
    "chains": BUYERS
    | {
        "features": NUMBERS,
        "algorithm": "hierarchical",
        "algorithm_options": {"linkage": "single"},
        "k": 3,
    },
}
SCORED = (
    "customer_id, segment_id, segment_name, runner_up_segment_id, distance, margin, "
    "is_outlier, is_imputed, is_clamped, has_unseen_level"
)


def buyers(customers=240, seed=11):
    """Gives customers of three kinds, some with gaps, some far from everybody, in two regions."""
    generator = np.random.default_rng(seed)
    kind = np.arange(customers) % 3
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:04d}" for number in range(customers)],
            "income": np.exp(generator.normal(np.array([8.0, 9.5, 11.0])[kind], 0.25)),
            "visits": np.round(np.exp(generator.normal(np.array([3.0, 0.5, 2.0])[kind], 0.3))),
            "plan": np.array(PLANS)[generator.integers(0, len(PLANS), customers)],
            "region": np.where(np.arange(customers) % 5 == 0, "south", "north"),
        }
    )
    frame.loc[frame.index % 17 == 3, "income"] = None
    frame.loc[frame.index % 19 == 5, "visits"] = None
    frame.loc[frame.index % 23 == 7, "plan"] = None
    frame.loc[[10, 11], "income"] = [1e7, 1e-3]
    return frame


def variables(definitions):
    """Gives the vars of a project without transactions."""
    return {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": definitions,
    }


def score(relation, name, materialized="view", more=""):
    """Gives the text of a model that consists of score()."""
    return (
        f"{{{{ config(materialized='{materialized}') }}}}\n"
        f"{{{{ segmentation.score({relation}, '{name}'{more}) }}}}\n"
    )


def assert_only_small_segments_warn(run):
    """Fails where a build failed, or warned of anything but small segments."""
    assert run.exit_code == 0, run.output[-6000:]
    assert all("minimum_segment_share" in name for name in run.names("warn")), run.names("warn")


def raw(table):
    """Gives the reference to a table of the source `raw`."""
    return f"source('raw', '{table}')"


PROSPECTS = """
    select
        customer_id as "Customer_ID", income as "INCOME", visits as "Visits", plan as "Plan",
        region, 'more' as "and more"
    from raw.buyers
"""
# Nobody, twice the same, and three who have one id in common.
ODD_PROSPECTS = """
    select * from (values
        (null, 3000.0, 20.0, '01'), (null, 60000.0, 7.0, 'true'), (' ', 15000.0, 2.0, 'x'),
        ('twice', 3000.0, 20.0, '01'), ('twice', 3000.0, 20.0, '01'),
        ('shared', 3000.0, 20.0, '01'), ('shared', 15000.0, 2.0, '01'),
        ('shared', 60000.0, 7.0, 'new'),
        ('empty', null, null, null), ('infinite', 'inf'::double, 'nan'::double, '  ')
    ) as prospects(customer_id, income, visits, plan)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A project that fits the five, scores other tables with each, and has been built once."""
    files = {
        "models/prospect_view.sql": score(raw("prospects"), "plain"),
        "models/prospect_table.sql": score(raw("prospects"), "plain", "table"),
        "models/nobody_scored.sql": score(raw("prospects"), "nobody"),
        "models/read_by_text.sql": score("ref('in_passing')", "plain", "table"),
        "models/in_passing.sql": "{{ config(materialized='ephemeral') }} "
        f"select * from {{{{ {raw('prospects')} }}}}",
    }
    for name in DEFINITIONS:
        files[f"models/scored_{name}.sql"] = score(raw("prospects"), name, "table")
        files[f"models/odd_{name}.sql"] = score(raw("odd_prospects"), name)
    shop = Consumer(
        tmp_path_factory.mktemp("score") / "shop",
        variables(
            DEFINITIONS
            | {"nobody": {"customers": {"source": "raw", "table": "nobody"}, "features": NUMBERS}}
        ),
        files=files,
        tables={
            "buyers": buyers(),
            "prospects": PROSPECTS,
            "odd_prospects": ODD_PROSPECTS,
            "nobody": "select * from raw.buyers where false",
        },
    )
    run = shop.dbt("build")
    assert_only_small_segments_warn(run)
    return shop


# ---------- score()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_score_gives_a_customer_what_the_build_gives(shop, name):
    built = shop.rows(
        f"select {SCORED}, model_version from segmentation__customer_segments "
        f"where segmentation = '{name}' order by customer_id"
    )
    scored = {
        row[0]: row for row in shop.rows(f"select {SCORED}, model_version from scored_{name}")
    }
    # the definition's own `where` leaves buyers out, not prospects
    assert len(built) == (192 if name == "plain" else 240)
    assert len(scored) == 240
    assert [scored[row[0]] for row in built] == built


def test_a_view_a_table_and_an_ephemeral_input_score_alike(shop):
    rows = shop.rows("select * from prospect_table order by customer_id")
    assert rows == shop.rows("select * from prospect_view order by customer_id")
    assert rows == shop.rows("select * from read_by_text order by customer_id")
    assert shop.query("select * from prospect_table limit 0").columns.tolist() == [
        *SCORED.split(", ")[:6],
        "model_version",
        *SCORED.split(", ")[6:],
    ]


def test_without_a_model_nobody_is_scored(shop):
    assert shop.rows("select count(*) from nobody_scored") == [(0,)]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_odd_ids_do_not_mix_customers_up(shop, name):
    frame = shop.query(f"select * from odd_{name}")
    # one row a row: whoever shares an id, or has none, is scored by their own numbers
    assert frame["customer_id"].isna().sum() == 3
    assert len(frame) == 10
    own = frame[frame["customer_id"] == "shared"]
    assert own["distance"].nunique() == 3
    twins = frame[frame["customer_id"] == "twice"]
    assert len(twins.drop_duplicates()) == 1
    assert set(twins["distance"]) <= set(own["distance"])
    assert set(frame[frame["customer_id"].isin(["empty", "infinite"])]["is_imputed"]) == {True}


def test_an_unseen_level_is_said(shop):
    unseen = shop.rows("select customer_id from odd_mixture where has_unseen_level order by 1")
    assert unseen == [("shared",), (None,)]


# ---------- export_model and frozen_model


@pytest.fixture(scope="module")
def exported(shop):
    """The CSV text of each model of the first project."""
    texts = {}
    for name in DEFINITIONS:
        exit_code, texts[name] = shop.export_model(f"{{name: {name}}}")
        assert exit_code == 0, texts[name]
    return texts


def test_an_export_has_every_parameter_with_all_its_digits(shop, exported):
    for name, text in exported.items():
        found = list(csv.reader(io.StringIO(text, newline="")))
        columns = found[0]
        expected = shop.rows(
            f"select {', '.join(columns)} from segmentation__model where segmentation = '{name}'"
        )
        assert len(expected) == len(found) - 1

        def read(row):
            key = [int(cell) if cell else None for cell in (row[2], *row[3:5], *row[6:8])]
            value = float(row[8]) if row[8] else None
            return (*row[:2], *key, row[5] or None, value, row[9] or None)

        def as_read(row):
            return (*row[:2], row[2], *row[3:5], *row[6:8], row[5], *row[8:])

        assert sorted(map(repr, map(read, found[1:]))) == sorted(map(repr, map(as_read, expected)))


def test_an_export_of_what_is_not_there_says_so(shop):
    for arguments, message in [
        ("{name: plian}", "holds no model 'plian'. Fit it with dbt build --select +segmentation"),
        ("{name: plain, version: 7}", "holds no model 'plain' of version 7."),
    ]:
        exit_code, output = shop.export_model(arguments)
        assert exit_code == 1
        assert message in output
    assert shop.export_model("{name: plain, version: 1}") == shop.export_model("{name: plain}")


def frozen(definitions, **seeds):
    """Gives the definitions as they read their models from seeds; others by keyword."""
    kept = ("customers", "where", "features")
    return {
        name: {key: definition[key] for key in kept if key in definition}
        | {"frozen_model": seeds.get(name, f"{name}_model")}
        for name, definition in definitions.items()
    }


@pytest.fixture(scope="module")
def branch(exported, tmp_path_factory):
    """Another project with another database: the same customers, models from seeds, no fit."""
    branch = Consumer(
        tmp_path_factory.mktemp("frozen") / "shop",
        variables(frozen(DEFINITIONS)),
        files={f"seeds/{name}_model.csv": text for name, text in exported.items()},
        tables={"buyers": buyers()},
    )
    run = branch.dbt("build")
    assert_only_small_segments_warn(run)
    return branch


def test_a_frozen_model_scores_identically(shop, branch):
    query = f"select segmentation, {SCORED} from segmentation__customer_segments order by 1, 2"
    assert branch.rows(query) == shop.rows(query)
    model = (
        "select * from segmentation__model "
        "where parameter not in ('fitted_at', 'fit_reason') order by all"
    )
    assert branch.rows(model) == shop.rows(model)
    assert branch.rows("select fit_reason from segmentation__model_versions order by segmentation") == [
        (f"frozen model {name}_model",) for name in sorted(DEFINITIONS)
    ]
    # The bins of the sample came with the file.
    drift = "select * from segmentation__drift where segmentation <> 'nobody' order by all"
    assert branch.rows(drift) == shop.rows(drift) != []
    levels = branch.rows(
        "select text_value from segmentation__model where segmentation = 'mixture' "
        "and parameter = 'level' order by level_id"
    )
    assert [level for (level,) in levels] == sorted(PLANS)


def test_a_frozen_model_is_not_fitted_and_stays_version_1(branch):
    assert branch.rows("select count(*) from int_segmentation__fit_sample") == [(0,)]
    assert branch.rows("select count(*) from int_segmentation__fit_python") == [(0,)]
    before = branch.rows("select * from segmentation__model order by all")
    branch.dbt("run", "--select", "tag:segmentation_fit").assert_clean()
    assert branch.rows("select * from segmentation__model order by all") == before


def test_another_seed_makes_another_version(exported, branch):
    moved = exported["plain"].replace(',"a ""b"", c"', ",renamed")
    assert moved != exported["plain"]
    branch.write("seeds/plain_model.csv", moved)
    run = branch.dbt("build")
    assert run.exit_code == 0, run.output[-6000:]
    versions = branch.rows(
        "select segmentation, max(model_version) from segmentation__model group by 1 order by 1"
    )
    assert versions == [("chains", 1), ("dense", 1), ("denser", 1), ("mixture", 1), ("plain", 2)]
    assert branch.rows(
        "select distinct segment_name from segmentation__customer_segments "
        "where segmentation = 'plain' order by 1"
    ) == [("01",), ("renamed",), ("true",)]


def test_what_is_no_frozen_model_is_said_in_one_error(exported, branch):
    header, *lines = exported["dense"].splitlines()
    branch.write("seeds/lacking.csv", "segmentation,parameter,feature,value\ndense,mean,income,1\n")
    branch.write("seeds/none.csv", header + "\n")
    branch.write(
        "seeds/two.csv", exported["dense"] + "".join(f"{x}\n" for x in lines).replace("dense", "x")
    )
    branch.write("seeds/doubled.csv", exported["dense"] + "".join(f"{line}\n" for line in lines))
    before = branch.rows("select * from segmentation__model order by all")
    seeds = {"plain": "lacking", "mixture": "none", "dense": "two", "denser": "doubled"}
    definitions = frozen(DEFINITIONS, **seeds)
    definitions["chains"]["features"] = ["income", "spend"]
    branch.configure(variables(frozen(DEFINITIONS, plain="unseeded")))
    branch.write("seeds/unseeded.csv", exported["plain"])
    run = branch.dbt("run", "--select", "int_segmentation__model_candidate")
    assert faults(run.message("int_segmentation__model_candidate")) == [
        (
            'segmentation_definitions.plain.frozen_model: "shop"."main"."unseeded" does not exist; '
            "of a seed run dbt seed, or dbt build, first"
        )
    ]
    branch.configure(variables(definitions))
    branch.dbt("seed", "--select", *seeds.values()).assert_clean()
    run = branch.dbt("run", "--select", "int_segmentation__model_candidate")
    message = run.message("int_segmentation__model_candidate")
    relation = '"shop"."main"."{}"'
    one = "; allowed: one, as export_model writes it."
    assert faults(message) == [
        *(
            (
                f"segmentation_definitions.plain.frozen_model: no column '{column}' in "
                + relation.format("lacking")
            )
            for column in ("k", "segment_id", "prototype_id", "level_id", "node_id", "text_value")
        ),
        "segmentation_definitions.mixture.frozen_model: "
        + relation.format("none")
        + " holds no model"
        + one,
        "segmentation_definitions.dense.frozen_model: "
        + relation.format("two")
        + " holds models of 2 segmentations"
        + one,
        "segmentation_definitions.denser.frozen_model: "
        + relation.format("doubled")
        + " holds parameters twice, as where it holds versions"
        + one,
        (
            "segmentation_definitions.chains.frozen_model: "
            + relation.format("chains_model")
            + " was fitted on income, visits, not on income, spend. Export a model of these "
            "features, or name its features in the definition."
        ),
        "columns of "
        + relation.format("lacking")
        + " that exist: segmentation, parameter, feature, value",
    ]
    assert branch.rows("select * from segmentation__model order by all") == before


def test_another_project_scores_with_the_model_of_this_one(shop, tmp_path):
    expected = shop.rows(
        f"select {SCORED} from segmentation__customer_segments where segmentation = 'plain' "
        "order by customer_id"
    )
    other = Consumer(
        tmp_path / "shop",
        variables({"plain": {"customers": "prospects", "features": NUMBERS}}),
        files={
            "models/prospects.sql": "select * from {{ source('raw', 'buyers') }}",
            "models/scored.sql": score(
                "ref('prospects')", "plain", more=", model=source('crm', 'm')"
            ),
            "models/_crm.yml": yaml.safe_dump(
                {"sources": [{"name": "crm", "schema": "crm", "tables": [{"name": "m"}]}]}
            ),
        },
        tables={"buyers": buyers()},
    )
    with other.connect() as connection:
        connection.execute(f"attach '{shop.database}' as origin (read_only)")
        connection.execute("create schema crm")
        connection.execute("create table crm.m as select * from origin.main.segmentation__model")
    other.dbt("run", "--select", "prospects", "scored").assert_clean()
    assert len(expected) == 192
    found = {row[0]: row for row in other.rows(f"select {SCORED} from scored")}
    assert [found[row[0]] for row in expected] == expected
    assert other.package_relations() == []


# ---------- what changes the first project, so last


def test_missing_columns_come_in_one_error_and_an_unknown_name_in_another(shop):
    before = shop.rows("select * from prospect_table order by customer_id")
    shop.write("models/prospect_table.sql", score(raw("lacking"), "mixture", "table"))
    shop.write("models/prospect_view.sql", score(raw("prospects"), "plian"))
    add_source(shop, "lacking", "select 'c1' as id, 1 as income, 2 as spend, 'x' as visits")
    run = shop.dbt("run", "--select", "prospect_table", "prospect_view")
    message = run.message("prospect_table")
    assert "customer tables lack columns (3 faults)" in message
    path = "segmentation_definitions.mixture"
    lacking = '"shop"."raw"."lacking"'
    assert faults(message) == [
        f"{path}.customer_id: no column 'customer_id' in {lacking}",
        (
            f"{path}.features.visits: column 'visits' in {lacking} is of kind text; allowed: a "
            "number. Cast it upstream, or say kind: category."
        ),
        f"{path}.features.plan: no column 'plan' in {lacking}",
        f"columns of {lacking} that exist: id, income, spend, visits",
    ]
    message = run.message("prospect_view")
    assert "score() knows no such segmentation (1 fault)" in message
    assert faults(message) == [
        "got 'plian'; allowed: plain, mixture, dense, denser, chains, nobody."
    ]
    assert shop.rows("select * from prospect_table order by customer_id") == before
    shop.write("models/prospect_table.sql", score(raw("prospects"), "plain", "table"))
    shop.write("models/prospect_view.sql", score(raw("prospects"), "plain"))


def add_source(consumer, name, sql):
    """Puts one more table into the source `raw`."""
    consumer.load(name, sql)
    file = consumer.folder / "models" / "_sources.yml"
    sources = yaml.safe_load(file.read_text())
    sources["sources"][0]["tables"].append({"name": name})
    file.write_text(yaml.safe_dump(sources))


def test_a_view_keeps_to_its_version_until_it_is_built_again(shop):
    before = shop.rows("select * from prospect_view order by customer_id")
    changed = DEFINITIONS | {"plain": DEFINITIONS["plain"] | {"features": {"income": "log"}}}
    shop.configure(variables(changed | {"nobody": BUYERS | {"features": NUMBERS, "k": 2}}))
    shop.dbt("run", "--select", "+segmentation__model", "segmentation__segments").assert_clean()
    assert shop.rows("select * from prospect_view order by customer_id") == before
    assert {row[-5] for row in before} == {1}

    shop.dbt("run", "--select", "prospect_view", "prospect_table", "nobody_scored").assert_clean()
    after = shop.rows("select * from prospect_view order by customer_id")
    assert after == shop.rows("select * from prospect_table order by customer_id")
    assert {row[-5] for row in after} == {2}
    assert [row[:2] for row in after] != [row[:2] for row in before]
    assert shop.rows("select count(*) from nobody_scored") == [(240,)]


def test_a_model_of_other_features_stops_with_the_command_that_mends_it(shop):
    before = shop.rows("select * from prospect_table order by customer_id")
    # fitted on income alone now
    shop.configure(variables(DEFINITIONS | {"nobody": BUYERS | {"features": NUMBERS}}))
    run = shop.dbt("run", "--select", "prospect_table")
    assert (
        "segmentation_definitions.plain: it was fitted on income, not on income, visits. Fit again "
        "with dbt build --select +segmentation__model+"
    ) in run.message("prospect_table")
    kind = {"income": {}, "visits": {"kind": "category"}, "plan": {"kind": "category"}}
    changed = {"mixture": DEFINITIONS["mixture"] | {"features": kind}}
    shop.configure(variables(DEFINITIONS | changed | {"nobody": BUYERS | {"features": NUMBERS}}))
    run = shop.dbt("run", "--select", "scored_mixture")
    assert (
        "it was fitted on income, plan (category), visits, not on income, plan (category), visits "
        "(category)."
    ) in run.message("scored_mixture")
    assert shop.rows("select * from prospect_table order by customer_id") == before
