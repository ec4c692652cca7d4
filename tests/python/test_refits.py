"""A model is fitted again when it is due, and its segments keep their ids: one project through time."""

import pytest
from consumer import Consumer
from shop_data import order_lines

INPUT = {"transactions": {"source": "raw", "table": "lines"}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A project with transactions of a year; the tests build it day after day."""
    return Consumer(
        tmp_path_factory.mktemp("refits") / "shop", tables={"lines": order_lines(150)}
    )


def build(shop, day, k=3, more=(), **options):
    """Builds as of a day; gives (last version, whether a fit was made, why or why not)."""
    shop.configure(
        {
            "segmentation_input": INPUT,
            "segmentation_definitions": {"rfm": {"k": k}},
            "segmentation_options": {"as_of_date": day} | options,
        }
    )
    run = shop.dbt(
        "run", "--select", "+segmentation__customer_segments", "+segmentation__segment_lineage", *more
    )
    assert run.exit_code == 0, run.output
    [[version]] = shop.rows("select max(model_version) from segmentation__model")
    [[is_due, reason]] = shop.rows("select is_due, reason from int_segmentation__fits_due")
    [[sampled]] = shop.rows("select count(*) from int_segmentation__fit_sample")
    assert (sampled > 0) == is_due
    assert shop.rows(
        "select distinct model_version, cast(as_of_date as text) from segmentation__customer_segments"
    ) == [(version, day)]
    return version, is_due, reason


def lineage(shop, version):
    """Gives {segment id: status} of a version."""
    return dict(
        shop.rows(
            "select segment_id, status from segmentation__segment_lineage "
            f"where model_version = {version}"
        )
    )


def names(shop):
    """Gives {segment id: name} of the version in force."""
    return dict(shop.rows("select segment_id, segment_name from segmentation__segments"))


def test_a_model_is_fitted_when_there_is_none(shop):
    assert build(shop, "2024-10-01") == (1, True, "no model yet")
    assert lineage(shop, 1) == {1: "new", 2: "new", 3: "new"}


def test_within_thirty_days_customers_are_scored_by_the_last_version(shop):
    version = build(shop, "2024-10-30")
    assert version == (1, False, "29 days since the last fit, a refit is due after 30")
    assert shop.rows("select count(*) > 0 from int_segmentation__customer_sample") == [(True,)]


def test_a_replay_of_the_past_is_scored_by_the_last_version_too(shop):
    assert build(shop, "2024-06-01")[:2] == (1, False)


def test_a_refit_keeps_the_ids_of_segments(shop):
    before = shop.rows("select customer_id, segment_id from segmentation__customer_segments order by 1")
    version = build(shop, "2024-10-31")
    assert version == (2, True, "30 days since the last fit, a refit is due after 30")
    assert lineage(shop, 2) == {1: "kept", 2: "kept", 3: "kept"}
    assert shop.rows(
        "select count(*) from segmentation__segment_lineage "
        "where model_version = 2 and (distance_moved is null or distance_moved > 1)"
    ) == [(0,)]
    build(shop, "2024-06-01")
    after = shop.rows("select customer_id, segment_id from segmentation__customer_segments order by 1")
    moved = sum(row not in after for row in before)
    assert moved < 0.1 * len(before)


def test_changed_settings_make_a_fit_and_a_new_segment_a_new_id(shop):
    assert build(shop, "2024-10-31", k=4, refit="never") == (3, True, "the settings changed")
    statuses = lineage(shop, 3)
    assert sorted(statuses) == [1, 2, 3, 4]
    assert statuses[4] == "new"
    assert len(set(names(shop).values())) == 4


def test_a_retired_id_is_never_given_again(shop):
    assert build(shop, "2024-10-31", k=3)[0] == 4
    [retired] = [segment for segment, status in lineage(shop, 4).items() if status == "retired"]
    assert retired not in names(shop)
    assert build(shop, "2024-10-31", k=4)[0] == 5
    assert retired not in names(shop)
    assert 5 in names(shop)
    assert lineage(shop, 5)[5] == "new"


def test_never_is_never(shop):
    assert build(shop, "2024-12-31", k=4, refit="never") == (5, False, "refit: never")


def test_always_is_always_but_a_fit_of_equal_content_is_no_version(shop):
    assert build(shop, "2024-10-31", k=4, refit="always") == (5, True, "refit: always")
    # For one build, whatever the options say, and without a word about them.
    out_of_turn = ("--vars", "segmentation_refit: true")
    assert build(shop, "2024-10-31", k=4, more=out_of_turn) == (5, True, "refit: always")


def test_each_version_says_when_and_why_it_was_fitted(shop):
    versions = shop.rows(
        "select model_version, cast(as_of_date as text), fit_reason, k, is_current, "
        "sample_size > 0 and inertia > 0 and silhouette > 0 and stability > 0, "
        "dbt_version is not null and scikit_learn_version is not null "
        "from segmentation__model_versions order by 1"
    )
    assert versions == [
        (1, "2024-10-01", "no model yet", 3, False, True, True),
        (
            2,
            "2024-10-31",
            "30 days since the last fit, a refit is due after 30",
            3,
            False,
            True,
            True,
        ),
        (3, "2024-10-31", "the settings changed", 4, False, True, True),
        (4, "2024-10-31", "the settings changed", 3, False, True, True),
        (5, "2024-10-31", "the settings changed", 4, True, True, True),
    ]


def test_a_version_that_was_written_in_part_is_never_scored_with(shop):
    with shop.connect() as connection:
        connection.execute(
            "delete from segmentation__model where model_version = 5 and parameter = 'centroid' "
            "and segment_id = 1"
        )
    run = shop.dbt("run", "--select", "segmentation__customer_segments")
    assert run.exit_code == 0, run.output
    assert shop.rows("select distinct model_version from segmentation__customer_segments") == [(4,)]
    version = build(shop, "2024-10-31", k=4)
    assert version == (6, True, "the settings changed")
    assert shop.rows("select model_version from segmentation__model_versions order by 1") == [
        (1,),
        (2,),
        (3,),
        (4,),
        (6,),
    ]


def test_a_segment_of_absurd_values_is_matched_too(tmp_path):
    customers = (
        "select 'c' || i as customer_id, {first} as spend, cast(i % 7 as double) as visits "
        "from range(60) as t(i)"
    )
    usual = "cast(100 * (i % 3) + i as double)"
    shop = Consumer(
        tmp_path / "shop",
        {
            "segmentation_input": {"transactions": "none"},
            "segmentation_definitions": {
                "big": {
                    "customers": {"source": "raw", "table": "big"},
                    "features": {"spend": "none", "visits": "none"},
                    "k": 3,
                }
            },
            "segmentation_options": {"refit": "always"},
        },
        tables={"big": customers.format(first=f"case i when 0 then 1e200 else {usual} end")},
    )
    shop.dbt("run").assert_clean()
    shop.load("big", customers.format(first=usual))
    shop.dbt("run").assert_clean()
    assert lineage(shop, 2) == {1: "kept", 2: "kept", 3: "kept"}
