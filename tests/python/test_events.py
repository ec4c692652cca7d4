"""Events: who entered or left a segment, and whether the customer moved or the model did.

One project is built again and again, each time with one change: of the data, the model, both, the
privacy options. What each build appended is checked against segments computed here by numpy.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from consumer import Consumer

EVENTS = [
    "segmentation",
    "customer_id",
    "build_number",
    "event",
    "segment_id",
    "other_segment_id",
    "cause",
]
SCORING = ("run", "--select", "segmentation__customer_segments+", "--exclude", "tag:segmentation_fit")
FITTING = ("run", "--select", "+int_segmentation__scored_versions")
SALTS = ["first-grain-of-salt-61", "second-grain-of-salt-7"]


def people(customers: int = 60) -> pd.DataFrame:
    """Gives customers in three groups by spend, with visits that mean little."""
    generator = np.random.default_rng(4)
    group = np.arange(customers) % 3
    return pd.DataFrame(
        {
            "customer_id": [f"buyer-{number:02d}" for number in range(customers)],
            "spend": 10.0 + 40 * group + generator.normal(0, 4, customers).round(2),
            "visits": generator.normal(50, 10, customers).round(1),
        }
    )


def variables(features: list[str], k: int, **options: object) -> dict[str, object]:
    """Gives the vars of one segmentation by these features; `crowd` beside it has noise."""
    of_people = {"customers": {"source": "raw", "table": "people"}}
    weights = {"spend": 1, "visits": 0.1, "money": 1}
    how = {feature: {"transform": "none", "weight": weights[feature]} for feature in features}
    return {
        "segmentation_input": {"transactions": "none"},
        "segmentation_definitions": {
            "people": of_people
            | {
                "features": how,
                "k": k,
                "names": {"order_by": "spend", "low_to_high": ["low", "middle", "high"][-k:]},
            },
            "crowd": of_people
            | {
                "features": {"spend": {"transform": "none"}},
                "algorithm": "dbscan",
                "algorithm_options": {"eps": 0.03, "min_samples": 3},
            },
        },
        "segmentation_options": {"as_of_date": "2025-01-31"} | options,
    }


class Build(NamedTuple):
    """What a build left: the events that it appended, all events, the segments, versions logged."""

    new: pd.DataFrame
    events: list[tuple]
    segments: dict[tuple[str, str], int]
    versions: dict[str, list[int]]


class Story:
    """The project, and each build by its name."""

    def __init__(self, shop: Consumer) -> None:
        self.shop = shop
        self.builds: dict[str, Build] = {}
        self.people = people()
        self.expected: dict[str, dict[str, tuple[str, str]]] = {}

    def build(self, name: str, *arguments: str) -> None:
        """Builds with the data as they are now, and remembers what came of it."""
        self.shop.load("people", self.people)
        before = self.shop.rows("from segmentation__segment_events") if self.builds else []
        run = self.shop.dbt(*arguments)
        assert run.exit_code == 0 and not run.names("error", "fail", "warn"), run.output[-6000:]
        events = self.shop.query("from segmentation__segment_events")
        rows = self.shop.rows("from segmentation__segment_events")
        kept = [row in set(before) for row in rows]
        segments = {
            (segmentation, customer): segment
            for segmentation, customer, segment in self.shop.rows(
                "select segmentation, customer_id, segment_id from segmentation__customer_segments"
            )
        }
        versions: dict[str, list[int]] = {}
        for segmentation, version in self.shop.rows(
            "select segmentation, model_version from int_segmentation__scored_versions order by all"
        ):
            versions.setdefault(segmentation, []).append(version)
        self.builds[name] = Build(
            events[~np.array(kept, dtype=bool)], rows, segments, versions
        )

    def nearest(self, version: int) -> dict[str, int]:
        """Gives the segment of each customer of today by a version of `people`, by numpy."""
        model = self.shop.query(
            "select parameter, feature, segment_id, value from segmentation__model "
            f"where segmentation = 'people' and model_version = {version}"
        )
        centers = model[model["parameter"] == "centroid"].pivot(
            index="segment_id", columns="feature", values="value"
        )
        of_feature = {
            parameter: model[model["parameter"] == parameter].set_index("feature")["value"]
            for parameter in ("mean", "scale", "weight")
        }
        features = list(centers.columns)
        points = (self.people[features] - of_feature["mean"]) / of_feature["scale"] * of_feature["weight"]
        points = points[features]
        distances = ((points.to_numpy()[:, None] - centers.to_numpy()[None]) ** 2).sum(axis=2)
        found = centers.index.to_numpy()[distances.argmin(axis=1)]
        return dict(zip(self.people["customer_id"], found.astype(int).tolist(), strict=True))

    def set_value(self, customer: str, column: str, value: float) -> None:
        """Changes one value of a customer."""
        self.people.loc[self.people["customer_id"] == customer, column] = value


def delete_last_version(shop: Consumer) -> None:
    """Takes the last version of `people` out of the log, as if the build had been killed before it."""
    with shop.connect() as connection:
        ((deleted,),) = connection.execute(
            "delete from int_segmentation__scored_versions where segmentation = 'people' and "
            "model_version = (select max(model_version) from int_segmentation__scored_versions "
            "where segmentation = 'people')"
        ).fetchall()
    assert deleted == 1


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    """Ten builds of one project."""
    shop = Consumer(
        tmp_path_factory.mktemp("events") / "shop",
        variables(["spend", "visits"], 3),
        tables={
            "people": people(),
            "erasures": "select 'buyer-04' as customer_id union all select ' buyer-05 '",
            "salts": f"select '{SALTS[0]}' as salt",
        },
    )
    story = Story(shop)
    story.build("first", "build", "--exclude", "test_name:is_minimum_segment_share")
    story.build("again", *FITTING, "--full-refresh")

    story.set_value("buyer-00", "spend", 90.0)
    story.people = story.people[story.people["customer_id"] != "buyer-59"]
    story.people.loc[len(story.people) + 1] = ["buyer-60", 50.0, 50.0]
    story.build("data", *SCORING)

    shop.configure(variables(["spend", "visits"], 2))
    story.build("model", *FITTING)

    # killed after the events and before the log, and somebody moves before the next build
    delete_last_version(shop)
    story.set_value("buyer-03", "spend", 95.0)
    story.build("after a kill", *SCORING)

    # other features, other k, and customers far from where they were: whichever two of the three
    # groups were one segment, some of them come to another one by themselves
    shop.configure(variables(["spend"], 3))
    for customer, spend in {"06": 92.0, "09": 50.0, "08": 9.0, "11": 50.0}.items():
        story.set_value(f"buyer-{customer}", "spend", spend)
    before = dict(story.builds["after a kill"].segments)
    story.build("both", *FITTING)
    old = story.nearest(2)
    story.expected["both"] = {
        customer: (
            "customer_moved" if old[customer] != segment else "model_moved",
            "model_moved" if old[customer] != story.builds["both"].segments[name, customer] else "customer_moved",
        )
        for (name, customer), segment in before.items()
        if name == "people" and segment != story.builds["both"].segments[name, customer]
    }

    # the log alone knows of a version that moves nobody
    changed = variables(["spend"], 3)
    changed["segmentation_definitions"]["people"]["names"]["low_to_high"] = ["a", "b", "c"]
    changed["segmentation_definitions"].pop("crowd")
    shop.configure(changed)
    story.build("names", *FITTING)

    # the last model's feature is there no more
    story.people = story.people.rename(columns={"spend": "money"})
    story.set_value("buyer-12", "money", 50.0)
    gone = variables(["money"], 2)
    gone["segmentation_definitions"].pop("crowd")
    gone["segmentation_definitions"]["people"]["names"] = {"order_by": "money"}
    shop.configure(gone)
    story.build("feature gone", *FITTING)

    def with_options(**options: object) -> None:
        shop.configure(gone | {"segmentation_options": options})

    erased = {"erased_customers": {"source": "raw", "table": "erasures"}}
    with_options(**erased)
    story.build("erased", "build", *SCORING[1:])

    with_options(**erased, pseudonymize={"salt": {"source": "raw", "table": "salts"}})
    story.build("pseudonyms", *SCORING)
    shop.load("salts", f"select '{SALTS[1]}' as salt")
    story.build("salt", *SCORING)
    return story


def test_everybody_enters_at_the_first_build(story):
    first = story.builds["first"]
    assert len(first.events) == 120
    assert set(first.new["cause"]) == {"first_build"} and set(first.new["build_number"]) == {1}
    assert 0 in set(first.new.loc[first.new["segmentation"] == "crowd", "segment_id"])
    assert first.versions == {"crowd": [1], "people": [1]}
    assert set(first.new["as_of_date"].astype(str)) == {"2025-01-31"}


def test_the_same_again_appends_nothing_and_a_full_refresh_keeps_all(story):
    assert story.builds["again"].events == story.builds["first"].events
    assert story.builds["again"].versions == story.builds["first"].versions


def test_with_the_same_model_every_move_is_the_customers(story):
    new = story.builds["data"].new
    people = new[new["segmentation"] == "people"]
    assert sorted(
        people[["customer_id", "event", "segment_name", "other_segment_name", "cause"]]
        .replace({np.nan: None})
        .itertuples(index=False, name=None)
    ) == [
        ("buyer-00", "entered", "high", "low", "customer_moved"),
        ("buyer-00", "left", "low", "high", "customer_moved"),
        ("buyer-59", "left", "high", None, "customer_gone"),
        ("buyer-60", "entered", "middle", None, "new_customer"),
    ]
    assert set(people["build_number"]) == {2}


def test_with_the_same_data_every_move_is_the_models(story):
    new = story.builds["model"].new
    assert set(new["cause"]) == {"model_moved"}
    new = new[new["segmentation"] == "people"]
    assert set(new["build_number"]) == {3}
    before, now = story.builds["data"].segments, story.builds["model"].segments
    moved = {customer for (name, customer), segment in now.items()
             if name == "people" and before[name, customer] != segment}
    assert set(new["customer_id"]) == moved and len(new) == 2 * len(moved) > 0
    assert story.builds["model"].versions["people"] == [1, 2]


def test_a_build_killed_before_the_log_was_written_changes_no_cause(story):
    build = story.builds["after a kill"]
    people = build.new[build.new["segmentation"] == "people"]
    assert people[["customer_id", "event", "cause"]].to_numpy().tolist() == [
        ["buyer-03", "left", "customer_moved"],
        ["buyer-03", "entered", "customer_moved"],
    ]
    assert build.versions["people"] == [1, 2]


def test_when_both_move_leaving_is_the_first_step_and_entering_the_last(story):
    new = story.builds["both"].new
    people = new[new["segmentation"] == "people"]
    causes = {
        event: dict(zip(rows["customer_id"], rows["cause"], strict=True))
        for event, rows in people.groupby("event")
    }
    expected = story.expected["both"]
    assert causes["left"] == {customer: left for customer, (left, _) in expected.items()}
    assert causes["entered"] == {customer: entered for customer, (_, entered) in expected.items()}
    # every case occurs
    assert set(expected.values()) == {
        ("customer_moved", "customer_moved"),
        ("customer_moved", "model_moved"),
        ("model_moved", "model_moved"),
    }


def test_a_version_that_moves_nobody_is_logged_without_an_event(story):
    assert len(story.builds["names"].new) == 0
    assert story.builds["names"].versions["people"] == [1, 2, 3, 4]


def test_events_of_a_definition_that_is_gone_stay(story):
    of_crowd = [
        [row for row in story.builds[name].events if row[0] == "crowd"]
        for name in ("both", "names", "feature gone")
    ]
    assert len(of_crowd[0]) > 60 and of_crowd[0] == of_crowd[1] == of_crowd[2]


def test_where_the_last_model_cannot_score_every_move_is_the_models(story):
    new = story.builds["feature gone"].new
    assert len(new) > 0 and set(new["cause"]) == {"model_moved"}
    # named as when they were left
    assert set(new.loc[new["event"] == "left", "segment_name"]) <= {"a", "b", "c"}


def test_the_erased_are_in_no_event(story):
    before, after = (story.builds[name].events for name in ("feature gone", "erased"))
    erased = {"buyer-04", "buyer-05"}
    assert sum(row[1] in erased for row in before) > 4
    assert sorted(map(str, after)) == sorted(str(row) for row in before if row[1] not in erased)


@pytest.mark.parametrize(("name", "salt"), [("pseudonyms", SALTS[0]), ("salt", SALTS[1])])
def test_events_begin_anew_with_other_pseudonyms(story, name, salt):
    build = story.builds[name]
    customers = set(story.people["customer_id"]) - {"buyer-04", "buyer-05"}
    hashed = {hashlib.sha256(f"{salt}:{customer}".encode()).hexdigest() for customer in customers}
    assert {row[1] for row in build.events} == hashed and len(build.events) == len(hashed)
    assert set(build.new["cause"]) == {"first_build"} and set(build.new["build_number"]) == {1}
    assert not set(build.new["id_fingerprint"]) & {row[-2] for row in story.builds["erased"].events}
    assert build.versions["people"] == [1, 2, 3, 4, 5]


def test_replayed_to_any_build_the_events_give_its_segments(story):
    for name in ("first", "again", "data", "model", "after a kill", "both", "names", "feature gone"):
        build, where = story.builds[name], {}
        # row: segmentation, customer_id, build_number, event, segment_id, ...; of a build, left first
        for row in sorted(build.events, key=lambda row: (row[2], row[3] == "entered")):
            if row[3] == "left":
                assert where.pop(row[:2]) == row[4]
            else:
                assert row[:2] not in where
                where[row[:2]] = row[4]
        found = {key: segment for key, segment in where.items() if key in build.segments}
        assert found == build.segments
        assert {key[0] for key in set(where) - set(found)} <= {"crowd"}


def test_a_lost_event_and_an_unknown_segment_fail_the_shipped_tests(story):
    selected = ("test", "--select", "segmentation__segment_events,test_type:data")
    assert not story.shop.dbt(*selected).names("fail")
    with story.shop.connect() as connection:
        connection.execute("create table events_kept as from segmentation__segment_events")
        connection.execute(
            "delete from segmentation__segment_events where segmentation = 'people' and "
            "customer_id = (select min(customer_id) from segmentation__customer_segments)"
        )
        connection.execute(
            "update segmentation__segment_events set other_segment_id = 99 "
            "where customer_id = (select max(customer_id) from segmentation__segment_events)"
        )
    failed = story.shop.dbt(*selected).names("fail")
    with story.shop.connect() as connection:
        connection.execute("delete from segmentation__segment_events")
        connection.execute("insert into segmentation__segment_events from events_kept")
        connection.execute("drop table events_kept")
    assert len(failed) == 2
    assert {"replays_to", "is_segment_of_a_version"} == {
        name for name in ("replays_to", "is_segment_of_a_version") for test in failed if name in test
    }


def test_a_project_that_would_rebuild_the_events_is_refused(story):
    project = yaml.safe_load((story.shop.folder / "dbt_project.yml").read_text())
    project["models"] = {"+materialized": "table"}
    story.shop.write("dbt_project.yml", yaml.safe_dump(project))
    before = story.shop.rows("from segmentation__segment_events")
    run = story.shop.dbt("run", "--select", "segmentation__segment_events")
    message = run.message("segmentation__segment_events")
    for name in ("segmentation__segment_events", "int_segmentation__scored_versions"):
        assert f"{name}: your dbt_project.yml makes it materialized: table" in message
    assert story.shop.rows("from segmentation__segment_events") == before
