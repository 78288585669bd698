"""Questions: groups, intervals, zones, and what there is not."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlglot

from eventsink.errors import InvalidQuestion, SettingsError
from eventsink.look.numbers.pages import PAGES
from eventsink.store import Query, Store
from eventsink.store.facts import Filter, Measure, Question
from eventsink.store.facts.compile import compiled, readable
from eventsink.store.facts.question import COLUMNS
from tests.store.events import an_event
from tests.store.facts.asking import ALWAYS

EVENTS = Measure("events")
HOSTILE = "O'Hara; $v1 FROM x WHERE y GROUP BY $v0 --"


def at(text: str) -> datetime:
    """A moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
async def hours(tmp_path: Path) -> AsyncIterator[Store]:
    """An event every half hour, of the days around both changes of clocks in Chicago."""
    store = await Store.open(tmp_path)
    for begin in (at("2026-03-07T06:00"), at("2026-10-31T05:00")):
        await store.append([an_event(time=begin + timedelta(minutes=30 * number)) for number in range(3 * 48)])
    yield store
    await store.close()


async def by(store: Store, every: Any, zone: str, since: str, until: str) -> list[tuple[str, int]]:
    """Counts by interval."""
    question = Question(measures=(EVENTS,), since=at(since), until=at(until), every=every, zone=zone)
    return [(str(begin), count) for begin, count in (await store.ask(question)).rows]


async def test_a_day_has_as_many_hours_as_its_clocks_say(hours: Store) -> None:
    spring = await by(hours, "day", "America/Chicago", "2026-03-07T06:00", "2026-03-10T05:00")
    assert spring == [("2026-03-07 00:00:00", 48), ("2026-03-08 00:00:00", 46), ("2026-03-09 00:00:00", 48)]
    autumn = await by(hours, "day", "America/Chicago", "2026-10-31T05:00", "2026-11-03T05:00")
    assert autumn == [
        ("2026-10-31 00:00:00", 48),
        ("2026-11-01 00:00:00", 50),
        ("2026-11-02 00:00:00", 46),
    ]


async def test_hours_are_said_in_utc_so_that_two_of_one_name_are_two(hours: Store) -> None:
    autumn = await by(hours, "hour", "America/Chicago", "2026-11-01T05:00", "2026-11-01T09:00")
    assert autumn == [(f"2026-11-01 0{hour}:00:00", 2) for hour in (5, 6, 7, 8)]
    half = await by(hours, "hour", "Asia/Kolkata", "2026-11-01T05:00", "2026-11-01T08:00")
    assert half == [
        ("2026-11-01 04:30:00", 1),
        ("2026-11-01 05:30:00", 2),
        ("2026-11-01 06:30:00", 2),
        ("2026-11-01 07:30:00", 1),
    ]


async def test_months_and_weeks_are_those_of_the_zone(hours: Store) -> None:
    months = await by(hours, "month", "America/Chicago", "2026-01-01T00:00", "2026-12-01T00:00")
    assert months == [("2026-03-01 00:00:00", 144), ("2026-10-01 00:00:00", 48), ("2026-11-01 00:00:00", 96)]
    weeks = await by(hours, "week", "UTC", "2026-10-31T05:00", "2026-11-03T06:00")
    assert weeks == [("2026-10-26 00:00:00", 86), ("2026-11-02 00:00:00", 58)]


async def test_nothing_is_not_known_as_a_value_of_its_own(store: Store) -> None:
    await store.append(
        [an_event(user="alice"), an_event(user="  "), an_event(), an_event(user="bob"), an_event(user="bob")]
    )
    answer = await store.ask(Question(measures=(EVENTS,), by=("user",), order="events", **ALWAYS))
    assert answer.columns == ("user", "events")
    assert answer.rows == [("bob", 2), (None, 2), ("alice", 1)] or answer.rows == [(None, 2), ("bob", 2), ("alice", 1)]
    chosen = Question(measures=(EVENTS,), where=(Filter("user", ("bob", "alice")),), **ALWAYS)
    assert (await store.ask(chosen)).rows == [(3,)]
    without = Question(measures=(EVENTS,), where=(Filter("user", (), wanted=False),), **ALWAYS)
    assert (await store.ask(without)).rows == [(2,)]


async def test_measures(store: Store) -> None:
    jobs = [
        an_event(
            type="extractions.extraction_event", user="u", data={"status": status, "run_ms": run, "extractor": "x"}
        )
        for status, run in (("done", 10.0), ("done", 20.0), ("failed", 60.0), ("queued", None))
    ]
    await store.append([*jobs, an_event(type="storage.file_uploaded", data={"bytes": 7})])
    done = (Filter("status", ("done",)),)
    measures = (
        Measure("done", where=done),
        Measure("mean", "mean", "run_ms", where=done),
        Measure("median", "median", "run_ms"),
        Measure("p95", "p95", "run_ms"),
        Measure("highest", "highest", "run_ms"),
        Measure("people", "distinct", "user"),
        Measure("bytes", "sum", "bytes"),
        Measure("net", "sum", "bytes", minus=(Filter("type", ("storage.file_uploaded",)),)),
        Measure("none", "sum", "bytes", where=(Filter("type", ("storage.file_deleted",)),)),
        Measure("nothing", "median", "duration_ms"),
    )
    (row,) = (await store.ask(Question(measures=measures, **ALWAYS))).rows
    assert row == (2, 15.0, 20.0, pytest.approx(56.0), 60.0, 1, 7, 0, 0, None)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"by": ("datset",)}, "Events have no column 'datset': did you mean 'dataset'"),
        ({"by": ('type" FROM secrets --',)}, "Events have no column"),
        ({"where": (Filter("data"),)}, "Events have no column 'data'"),
        ({"measures": (Measure("n", "sum", "memory"),)}, "Events have no column 'memory'"),
        ({"by": ("type",), "order": "numbr"}, "There is no measure 'numbr': events"),
    ],
)
async def test_what_there_is_not_is_said_with_what_there_is(store: Store, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidQuestion, match=sentence.replace("(", r"\(")):
        await store.ask(Question(**({"measures": (EVENTS,)} | ALWAYS | wrong)))


async def test_a_zone_that_there_is_not(store: Store) -> None:
    with pytest.raises(SettingsError, match="is no time zone"):
        await store.ask(Question(measures=(EVENTS,), every="day", zone="Mars/Olympus", **ALWAYS))


@pytest.mark.parametrize("value", ["'; DROP TABLE facts.events; --", "$v0", "\x00", "%", '"', "\u202e"])
async def test_a_value_is_never_part_of_the_statement(store: Store, value: str) -> None:
    await store.append([an_event(user="alice")])
    question = Question(measures=(EVENTS,), where=(Filter("user", (value,)),), **ALWAYS)
    text, values = compiled(question, 1)
    assert text == compiled(msgspec.structs.replace(question, where=(Filter("user", ("somebody",)),)), 1)[0]
    assert value in values.values()
    assert (await store.ask(question)).rows == [(0,)]
    assert (await store.ask(Question(measures=(EVENTS,), **ALWAYS))).rows == [(1,)]


# --- another database ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["clickhouse", "postgres"])
def test_every_panel_can_be_said_to_another_database(dialect: str) -> None:
    for page in PAGES.values():
        for panel in page.panels:
            for every in (None, "day") if panel.over_time else (None,):
                question = Question(
                    measures=panel.measures, where=panel.where, by=panel.by, every=every, zone="Europe/Berlin",
                    since=at("2026-01-01"), until=at("2027-01-01"), order=panel.order,
                )  # fmt: skip
                text, values = compiled(question, 1)
                for name in sorted(values, reverse=True, key=len):
                    text = re.sub(rf"\${name}\b", "'a value'", text)
                (said,) = sqlglot.transpile(text, read="duckdb", write=dialect)
                sqlglot.parse_one(said, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)


def test_every_column_of_a_question_is_one_of_the_table() -> None:
    text = (Path(__file__).parents[3] / "src/eventsink/store/sql/facts_tables.sql").read_text()
    declared = {line.split()[0].strip('"') for line in text.splitlines() if line.startswith("    ")}
    assert set(COLUMNS) <= declared


async def test_the_query_that_is_shown_can_be_asked(store: Store) -> None:
    await store.append([an_event(type="storage.file_uploaded", data={"bytes": 7, "space_id": HOSTILE})])
    panel = next(panel for panel in PAGES["storage"].panels if panel.name == "spaces")
    for every in (None, "week"):
        question = Question(
            measures=panel.measures, where=(*panel.where, Filter("space", (HOSTILE,))), by=panel.by, every=every,
            zone="America/Chicago", since=at("2026-01-01"), until=at("2027-01-01"), order=panel.order,
        )  # fmt: skip
        text = readable(question)
        assert "seq" not in text and text.count("$") == 2  # those of the name
        answer = await store.query(Query(text=text))
        (row,) = [json.loads(bytes(row)) for row in answer.rows]
        assert row[-2:] == [HOSTILE, 7]


@pytest.mark.parametrize("page", PAGES)
async def test_the_query_of_every_panel_can_be_asked_and_says_what_the_panel_says(store: Store, page: str) -> None:
    failed = {"bytes": 7, "http_status": 500, "resource_type": "file", "resource_id": "64b1"}
    requested = {"method": "GET", "route": "/api/files", "status": 503}
    await store.append([
        an_event(type="traffic.resource_downloaded", data=failed),
        an_event(type="traffic.resource_downloaded", data=failed | {"http_status": 200}),
        an_event(type="traffic.api_request", data=requested),
    ])  # fmt: skip
    for panel in PAGES[page].panels:
        question = Question(
            measures=panel.measures, where=panel.where, by=panel.by, since=at("2026-01-01"), until=at("2027-01-01")
        )
        answer = await store.query(Query(text=readable(question)))
        asked = [list(row) for row in (await store.ask(question)).rows]
        assert [json.loads(bytes(row)) for row in answer.rows] == asked, panel.name
