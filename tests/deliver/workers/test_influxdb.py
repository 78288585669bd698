"""Events become points in a real InfluxDB 1.6, each once; and what happens when it does not want or cannot."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from eventsink import demo
from eventsink.catalogue import CATALOGUE, EventType
from eventsink.deliver import loading
from eventsink.deliver.workers.influxdb import AT_ONCE, WRITES, InfluxDB, Options
from eventsink.deliver.workers.influxdb.line_protocol import OWN, TAGS, EventLines, field_kinds
from eventsink.deliver.workers.influxdb.upstream_points import FIELDS, UpstreamLines, point
from eventsink.dialects.admit import Admission, Stamps
from eventsink.errors import InvalidEvent, NoAnswer, Refused, SettingsError, TryLater
from eventsink.event import EPOCH, Draft, Event, new_ids
from eventsink.testing import check_worker, sample_events
from tests.deliver.answering import Answering, Said, answering, give_time, serving
from tests.deliver.scripted import SOON, running
from tests.dialects.reading import event_of
from tests.dialects.regenerate import SAMPLES, load, names
from tests.servers.influxdb import InfluxDB as Server

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PAUSED = (
    r"paused since \d{4}-\d\d-\d\d \d\d:\d\d UTC: InfluxDB at http://127\.0\.0\.1:\d+ cannot be reached: "
    r"nothing listens at this address\."
)
PING = Said(204, headers={"X-Influxdb-Version": "1.8.10"})


def quick(url: str, **options: Any) -> InfluxDB:
    """A worker that does not wait for company."""
    worker = InfluxDB(Options(url=url, **options))
    worker.batch_wait = 0.01  # type: ignore[misc]
    return worker


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[InfluxDB]:
    """A worker that is open."""
    worker = InfluxDB(Options(url=url, **options))
    try:
        await worker.open()
        yield worker
    finally:
        await worker.close()


def readings(values: Sequence[Any], **attributes: Any) -> list[Event]:
    """Events of a custom type, each with one of these values."""
    now = datetime.now(UTC)
    return [
        Event(
            id=event_id, source="lab", type="lab.reading", time=now, received=now, data={"value": value}, **attributes
        )
        for event_id, value in zip(new_ids(len(values), now), values, strict=True)
    ]


def ids(server: Server, database: str) -> list[str]:
    """The ids of all events that are there, with repeats."""
    return [row["event_id"] for row in server.query(database, "SELECT event_id FROM /.*/")]


# --- what arrives ----------------------------------------------------------------------------------------------------


async def test_it_keeps_the_contract_of_a_worker(influxdb: Server, vhost: str) -> None:
    async def delivered() -> list[str]:
        return ids(influxdb, vhost)

    await check_worker(lambda: InfluxDB(Options(url=influxdb.url, database=vhost)), delivered)


async def test_all_kinds_of_events_arrive_once_and_again_change_nothing(influxdb: Server, vhost: str) -> None:
    month = [event for batch in itertools.islice(demo.month(7, datetime.now(UTC)), 10) for event in batch]
    async with opened(influxdb.url, database=vhost) as worker:
        for _ in range(2):
            await worker.deliver(month)
            assert sorted(ids(influxdb, vhost)) == sorted(event.id for event in month)
    total = influxdb.query(vhost, "SELECT sum(bytes) FROM storage")[0]["sum"]
    assert total == sum(event.data.get("bytes", 0) for event in month if event.component == "storage")


@pytest.mark.parametrize("compress", [True, False])
async def test_a_thousand_events_of_one_millisecond_are_a_thousand_points(
    influxdb: Server, vhost: str, compress: bool
) -> None:
    now = datetime.now(UTC)
    burst = [msgspec.structs.replace(event, time=now, user="u1") for event in sample_events(1000)]
    async with opened(influxdb.url, database=vhost, gzip=compress) as worker:
        await worker.deliver(burst)
        await worker.deliver(burst[::-1])
        await worker.deliver(burst[500:])
    async with opened(influxdb.url, database=vhost) as worker:  # after a restart
        await worker.deliver(burst)
    (count,) = influxdb.query(vhost, "SELECT count(bytes), sum(bytes) FROM storage")
    assert (count["count"], count["sum"]) == (1000, sum(range(1000)))


async def test_what_is_no_number_is_left_out_and_the_rest_arrives(influxdb: Server, vhost: str) -> None:
    values = [float("nan"), float("inf"), None, 1.5, 2**80]
    async with opened(influxdb.url, database=vhost) as worker:
        await worker.deliver(readings(values))
    found = influxdb.query(vhost, "SELECT value, event_id FROM lab")
    assert sorted(str(row["value"]) for row in found) == ["1.2089258196146292e+24", "1.5", "None", "None", "None"]


async def test_text_of_a_megabyte_arrives_cut(influxdb: Server, vhost: str) -> None:
    async with opened(influxdb.url, database=vhost) as worker:
        await worker.deliver(readings(["語" * 400_000]))
    (row,) = influxdb.query(vhost, "SELECT value FROM lab")
    assert row["value"] == "語" * 21_844 + "…"


# --- a database that is not there ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retention", "duration"), [("90d", "2160h0m0s"), ("", "0s"), ("2w", "336h0m0s")])
async def test_a_database_that_is_missing_is_made_with_its_retention(
    influxdb: Server, vhost: str, retention: str, duration: str
) -> None:
    async with opened(influxdb.url, database=vhost, retention=retention) as worker:
        await worker.deliver(sample_events(3))
    assert influxdb.query(vhost, f'SHOW RETENTION POLICIES ON "{vhost}"')[0]["duration"] == duration
    assert len(ids(influxdb, vhost)) == 3


async def test_a_database_that_was_dropped_is_made_again(influxdb: Server, vhost: str) -> None:
    async with opened(influxdb.url, database=vhost) as worker:
        await worker.deliver(sample_events(1))
        influxdb.query("", f'DROP DATABASE "{vhost}"')
        await worker.deliver(sample_events(2))
    assert len(ids(influxdb, vhost)) == 2


async def test_a_user_who_may_not_make_it_is_told_what_to_run_and_who_is_unknown_what_to_set(tmp_path: Path) -> None:
    with Server(tmp_path / "influxdb", http="auth-enabled = true").running() as server:
        _ask(server, "CREATE USER admin WITH PASSWORD 'hush-hush' WITH ALL PRIVILEGES")
        _ask(server, "CREATE USER bob WITH PASSWORD 'hush-hush'", "admin")
        worker = InfluxDB(Options(url=server.url, username="bob", password="hush-hush", retention="90d"))
        await worker.open()
        said = await _later(worker)
        by_hand = 'CREATE DATABASE "eventsink" WITH DURATION 90d; GRANT WRITE ON "eventsink" TO "bob"'
        assert f"Run: influx -execute '{by_hand}'" in said.reason
        assert said.after == 30

        _ask(server, 'CREATE DATABASE "eventsink"', "admin")
        said = await _later(worker)
        assert said.reason.startswith('InfluxDB answers 403: "bob" user is not authorized to write to database')
        assert said.after == 30
        _ask(server, 'GRANT WRITE ON "eventsink" TO bob', "admin")
        await worker.deliver(sample_events(3))
        await worker.close()

        async with opened(server.url, username="bob", password="wrong-one") as stranger:
            said = await _later(stranger)
        assert said.reason == (
            "InfluxDB answers 401: authorization failed."
            " Give the worker a user (InfluxDB 1) or a token (InfluxDB 2 and 3) that may write there."
        )
        assert "hush-hush" not in server.log.read_text()


async def _later(worker: InfluxDB, events: Sequence[Event] = ()) -> TryLater:
    with pytest.raises(TryLater) as error:
        await worker.deliver(events or sample_events(2))
    assert "hush-hush" not in error.value.reason
    assert "wrong-one" not in error.value.reason
    return error.value


def _ask(server: Server, query: str, user: str = "") -> None:
    path = "/query?" + f"q={query}".replace(" ", "%20").replace('"', "%22")
    status, answer = server.request("POST", path + (f"&u={user}&p=hush-hush" if user else ""))
    assert (status, "error" in str(answer)) == (200, False), answer


# --- events that it does not want ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [1, 20, 39])
@pytest.mark.parametrize("known", [True, False])
async def test_of_a_batch_with_a_conflict_only_the_culprit_is_a_dead_letter(
    influxdb: Server, vhost: str, tmp_path: Path, place: int, known: bool
) -> None:
    values: list[Any] = [0.5] * 40
    values[place] = "high"
    events = readings(values)
    worker = quick(influxdb.url, database=vhost)
    async with running(tmp_path, worker) as made:
        if known:
            await made.exchange.publish(readings([1.5]))
            await made.settled()
        await made.exchange.publish(events)
        account = await made.settled()
        (letter,) = await made.letters()
    assert (account.delivered, account.dead) == (39 + known, 1)
    assert letter.body["id"] == events[place].id
    assert 'field type conflict: input field "value" on measurement "lab"' in letter.reason
    assert len(ids(influxdb, vhost)) == 39 + known


async def test_a_field_of_the_catalogue_that_holds_nonsense_does_not_spoil_it_for_the_others(
    influxdb: Server, vhost: str, tmp_path: Path
) -> None:
    bad, good = sample_events(3, event_type="storage.of_others"), sample_events(50)
    bad = [msgspec.structs.replace(event, data={"bytes": "12 MB"}) for event in bad]
    async with running(tmp_path, quick(influxdb.url, database=vhost)) as made:
        await made.exchange.publish([*bad, *good])
        await made.settled()
        letters = await made.letters()
    assert {letter.body["id"] for letter in letters} == {event.id for event in bad}
    assert {letter.reason for letter in letters} == {"The field bytes of storage must be an integer, and is text."}
    assert sorted(ids(influxdb, vhost)) == sorted(event.id for event in good)


async def test_events_that_are_too_old_are_named_and_all_others_arrive(
    influxdb: Server, vhost: str, tmp_path: Path
) -> None:
    events = sample_events(60)
    ancient = datetime.now(UTC) - timedelta(days=3)
    old = [msgspec.structs.replace(event, time=ancient) for event in events[10:40]]
    worker = quick(influxdb.url, database=vhost, retention="1d")
    async with running(tmp_path, worker) as made:
        await made.exchange.publish([*events[:10], *old, *events[40:]])
        await made.settled()
        letters = await made.letters()
        assert made.tally.outcomes == ["refused"], "found in one request"
    assert {letter.body["id"] for letter in letters} == {event.id for event in old}
    assert "points beyond retention policy" in letters[0].reason
    assert sorted(ids(influxdb, vhost)) == sorted(event.id for event in events[:10] + events[40:])


async def test_a_limit_of_the_server_is_no_reason_to_wait_and_what_is_too_large_is_halved(tmp_path: Path) -> None:
    limits = {"data": "max-series-per-database = 10\nmax-values-per-tag = 5", "http": "max-body-size = 4000"}
    with Server(tmp_path / "influxdb", **limits).running() as server:
        worker = quick(server.url, gzip=False)
        async with running(tmp_path, worker) as made:
            events = await made.publish(100)
            await made.settled()
            assert sorted(ids(server, "eventsink")) == sorted(event.id for event in events)
            for more in (
                [msgspec.structs.replace(event, source=f"s{n}") for n, event in enumerate(sample_events(8))],
                [msgspec.structs.replace(event, source=f"t{n}") for n, event in enumerate(sample_events(2))],
                [msgspec.structs.replace(event, type=f"c{n}.x") for n, event in enumerate(sample_events(8))],
                readings(["x" * 5000]),
            ):
                await made.exchange.publish(more)
                await made.settled()
            reasons = [letter.reason for letter in await made.letters()]
    assert sum("max-values-per-tag limit exceeded" in reason for reason in reasons) == 2
    assert sum("max-series-per-database limit exceeded" in reason for reason in reasons) == 7
    assert sum("Request Entity Too Large" in reason for reason in reasons) == 1


# --- a server that is away -------------------------------------------------------------------------------------------


async def test_what_came_while_it_was_away_arrives_when_it_is_back(tmp_path: Path) -> None:
    server = Server(tmp_path / "influxdb")
    with server.running():
        async with running(tmp_path, quick(server.url, timeout=0.5), SOON) as made:
            first = await made.publish(50)
            await made.settled()
            server.kill()
            second = await made.publish(50)
            async with asyncio.timeout(30):
                while not re.fullmatch(PAUSED, made.runner.state):
                    await asyncio.sleep(0.01)
            server.start()
            await made.settled()
            server.freeze()
            third = await made.publish(50)
            async with asyncio.timeout(30):
                while "did not answer within 0.5 seconds" not in made.runner.state:
                    await asyncio.sleep(0.01)
            server.thaw()
            account = await made.settled()
        assert (account.delivered, account.dead) == (150, 0)
        assert sorted(ids(server, "eventsink")) == sorted(event.id for event in first + second + third)


async def test_it_is_opened_though_the_server_comes_later(tmp_path: Path) -> None:
    server = Server(tmp_path / "influxdb")
    async with running(tmp_path, quick(server.url)) as made:
        events = await made.publish(5)
        with server.running():
            await made.settled()
            assert sorted(ids(server, "eventsink")) == sorted(event.id for event in events)


async def test_what_was_never_opened_can_be_closed_and_asks_for_patience() -> None:
    worker = InfluxDB(Options())
    assert "not open" in (await _later(worker)).reason
    await worker.close()
    await worker.close()


# --- versions --------------------------------------------------------------------------------------------------------

V2: dict[str, Any] = {"version": 2, "token": "hush-hush", "org": "ncsa", "bucket": "clowder events"}
V3: dict[str, Any] = {"version": 3, "token": "hush-hush"}


def lines_of(asked: Any) -> list[str]:
    """The lines of a request; the server has inflated them."""
    found: list[str] = asked.body.decode().split("\n")
    return found


@asynccontextmanager
async def scripted(*script: Said, **options: Any) -> AsyncIterator[tuple[InfluxDB, Answering]]:
    """A worker that is open, and the server that answers it as it is told."""
    async with answering(*script) as server, opened(server.url, **options) as worker:
        yield worker, server


async def test_version_1_is_written_to_with_basic_authentication() -> None:
    async with scripted(Said(204), version=1, database="d", username="bob", password="hush-hush") as (worker, server):
        await worker.deliver(sample_events(2))
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/write", {"db": "d", "precision": "ns"})
    assert asked.headers["Authorization"] == "Basic Ym9iOmh1c2gtaHVzaA=="
    assert (asked.headers["Content-Encoding"], len(lines_of(asked))) == ("gzip", 2)


async def test_version_2_is_written_to_with_a_token() -> None:
    async with scripted(Said(204), **V2) as (worker, server):
        await worker.deliver(sample_events(2))
    (asked,) = server.asked
    query = {"org": "ncsa", "bucket": "clowder events", "precision": "ns"}
    assert (asked.method, asked.path, asked.query) == ("POST", "/api/v2/write", query)
    assert asked.headers["Authorization"] == "Token hush-hush"
    assert len(lines_of(asked)) == 2


async def test_version_3_is_written_to_with_a_bearer_token() -> None:
    async with scripted(Said(204), **V3, gzip=False) as (worker, server):
        await worker.deliver(sample_events(2))
    (asked,) = server.asked
    query = {"db": "eventsink", "precision": "nanosecond", "accept_partial": "true"}
    assert (asked.method, asked.path, asked.query) == ("POST", "/api/v3/write_lp", query)
    assert asked.headers["Authorization"] == "Bearer hush-hush"
    assert "Content-Encoding" not in asked.headers
    assert len(lines_of(asked)) == 2


@pytest.mark.parametrize(
    ("said", "path", "options"),
    [
        ("1.6.7~rc0", "/write", {}),
        ("1.8.10", "/write", {"username": "bob", "password": "hush-hush"}),
        ("v2.7.12", "/api/v2/write", V2),
        ("2.0.4", "/api/v2/write", V2),
        ("3.11.0", "/api/v3/write_lp", V3),
        ("3.0.0", "/api/v3/write_lp", {}),
    ],
)
async def test_the_server_says_which_version_it_is(said: str, path: str, options: dict[str, Any]) -> None:
    ping = Said(204, headers={"X-Influxdb-Version": said, "X-Influxdb-Build": "OSS"})
    async with scripted(ping, Said(204), **(options | {"version": 0})) as (worker, server):
        await worker.open()
        await worker.deliver(sample_events(1))
    assert [asked.path for asked in server.asked] == ["/ping", path]


async def test_the_real_one_is_a_version_1(influxdb: Server, vhost: str) -> None:
    async with opened(influxdb.url, database=vhost) as worker:
        assert worker._version is not None
        assert worker._version.path == "/write"


@pytest.mark.parametrize(
    ("ping", "options", "reason"),
    [
        (Said(204), {}, "does not say which InfluxDB it is: set version."),
        (Said(204, headers={"X-Influxdb-Version": "Cloud"}), {}, "does not say which InfluxDB it is: set version."),
        (Said(204, headers={"X-Influxdb-Version": "v2.7.1"}), {}, "InfluxDB 2 needs token, org and bucket."),
        (PING, V2, "is InfluxDB 1. workers.influxdb: InfluxDB 1 has no token, org or bucket"),
        (Said(401, {"error": "unauthenticated"}), V3, "InfluxDB answers 401: unauthenticated. Give the worker a user"),
        (Said(503, "starting"), {}, "InfluxDB answers 503: starting."),
        (Said(200, "<html>welcome"), {}, "does not say which InfluxDB it is"),
    ],
)
async def test_a_server_that_is_not_what_the_settings_expect_is_asked_again_later(
    ping: Said, options: dict[str, Any], reason: str
) -> None:
    async with answering(ping) as server:
        worker = InfluxDB(Options(url=server.url, **(options | {"version": 0})))
        for _ in range(2):
            with pytest.raises(TryLater) as error:
                await worker.open()
            assert reason in error.value.reason
        await worker.close()


async def test_version_2_makes_a_bucket_that_is_missing() -> None:
    missing = Said(404, {"code": "not found", "message": 'bucket "clowder events" not found'})
    orgs = Said(200, {"orgs": [{"id": "0a1b", "name": "ncsa"}]})
    script = (missing, orgs, Said(201, {"id": "9"}), Said(204))
    async with scripted(*script, **V2, retention="90d") as (worker, server):
        await worker.deliver(sample_events(2))
    paths = [(asked.method, asked.path) for asked in server.asked]
    writing = ("POST", "/api/v2/write")
    assert paths == [writing, ("GET", "/api/v2/orgs"), ("POST", "/api/v2/buckets"), writing]
    assert server.asked[1].query == {"org": "ncsa"}
    assert json.loads(server.asked[2].body) == {
        "orgID": "0a1b",
        "name": "clowder events",
        "retentionRules": [{"type": "expire", "everySeconds": 7_776_000}],
    }
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Token hush-hush"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([Said(403, {"message": "forbidden"})], "let us make it: forbidden."),
        ([Said(200, {"orgs": []})], "let us make it: the token sees no organization ncsa."),
        ([Said(200, "?")], "let us make it: the token sees no organization ncsa."),
        ([Said(200, {"orgs": [{"id": "1"}]}), Said(403, {"message": "no"})], "let us make it: no."),
    ],
)
async def test_version_2_says_what_to_run_where_it_may_not_make_the_bucket(script: list[Said], reason: str) -> None:
    missing = Said(404, {"code": "not found", "message": 'bucket "clowder events" not found'})
    async with scripted(missing, *script, **V2, retention="90d") as (worker, _):
        said = await _later(worker)
    assert reason in said.reason
    assert "Run: influx bucket create --org 'ncsa' --name 'clowder events' --retention 90d" in said.reason


async def test_what_is_still_missing_after_it_was_made_is_said_and_not_made_again() -> None:
    missing = Said(404, {"error": 'database not found: "eventsink"'})
    script = (missing, Said(200, {"results": [{"statement_id": 0}]}), missing)
    async with scripted(*script, version=1) as (worker, server):
        assert "Check url, version, and database or bucket." in (await _later(worker)).reason
    assert len(server.asked) == 3


async def test_version_3_names_the_lines_that_it_refuses() -> None:
    wrong, other = "invalid column type for column 'value'", "something else"
    found = [(2, wrong), (3, other), (4, wrong), (0, wrong), (99, wrong)]
    data = [{"original_line": "lab …", "line_number": number, "error_message": said} for number, said in found]
    partial = Said(400, {"error": "partial write of line protocol occurred", "data": data})
    events = readings(range(5))
    async with scripted(partial, **V3) as (worker, _):
        with pytest.raises(Refused) as error:
            await worker.deliver(events)
    assert error.value.events == (events[1], events[3]), "those with the same reason"
    assert error.value.reason == f"InfluxDB refuses the line: {wrong}."


async def test_what_version_3_refuses_is_dead_and_the_rest_is_delivered(tmp_path: Path) -> None:
    items = [{"line_number": number, "error_message": f"reason {number % 2}"} for number in (2, 3, 5)]
    later = [{"line_number": 1, "error_message": "reason 1"}, {"line_number": 3, "error_message": "reason 1"}]
    script = [Said(400, {"error": "partial", "data": data}) for data in (items, later)]
    async with answering(*script, Said(204)) as server:
        async with running(tmp_path, quick(server.url, **V3)) as made:
            events = readings(range(6))
            await made.exchange.publish(events)
            account = await made.settled()
            letters = await made.letters()
        assert (account.delivered, account.dead) == (3, 3)
        assert {letter.reason[-9:] for letter in letters} == {"reason 0.", "reason 1."}
        assert [len(lines_of(asked)) for asked in server.asked] == [6, 5, 3]


@pytest.mark.parametrize("data", [None, [], "x", [1], [{}], [{"line_number": "2"}], {"error_message": "no number"}])
async def test_a_refusal_of_version_3_without_lines_is_one_without_names(data: Any) -> None:
    async with scripted(Said(400, {"error": "parsing failed", "data": data}), **V3) as (worker, _):
        with pytest.raises(Refused) as error:
            await worker.deliver(sample_events(3))
    assert (error.value.reason, error.value.events) == ("InfluxDB answers 400: parsing failed.", ())


async def test_version_3_that_refuses_all_for_one_names_that_one() -> None:
    said = Said(400, {"error": "parsing failed", "data": {"line_number": 2, "error_message": "bad"}})
    events = sample_events(3)
    async with scripted(said, **V3) as (worker, _):
        with pytest.raises(Refused) as error:
            await worker.deliver(events)
    assert error.value.events == (events[1],)


# --- what answers mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason", "after"),
    [
        (Said(429, {"message": "slow down"}, {"Retry-After": "17"}), "InfluxDB answers 429: slow down.", 17),
        (Said(503, {"message": "busy"}, {"Retry-After": "3"}), "InfluxDB answers 503: busy.", 3),
        (
            Said(500, {"error": "engine: cache maximum memory size exceeded"}),
            "InfluxDB answers 500: engine: cache maximum memory size exceeded.",
            None,
        ),
        (Said(500, {"error": "timeout"}), "InfluxDB answers 500: timeout.", None),
        (
            Said(404, "404 page not found\n"),
            "InfluxDB answers 404: 404 page not found. Check url, version, and database or bucket.",
            30,
        ),
        (
            Said(404, {"code": "not found", "message": 'organization name "ncsa" not found'}),
            'InfluxDB answers 404: organization name "ncsa" not found. Check url, version, and database or bucket.',
            30,
        ),
    ],
)
async def test_some_answers_keep_the_events(said: Said, reason: str, after: float | None) -> None:
    async with scripted(said, **V2) as (worker, _):
        error = await _later(worker)
    assert (error.reason, error.after) == (reason, after)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(422, {"code": "unprocessable entity", "message": "failure writing points"}), "failure writing points."),
        (Said(500, {"error": "max series per database exceeded: 5"}), "max series per database exceeded: 5."),
        (Said(500, {"error": "max-values-per-tag limit exceeded (5/5)"}), "max-values-per-tag limit exceeded (5/5)."),
        (
            Said(500, {"message": "unexpected error writing points: partial write: field type conflict dropped=1"}),
            "unexpected error writing points: partial write: field type conflict dropped=1.",
        ),
        (Said(413, {"error": "Request Entity Too Large"}), "Request Entity Too Large."),
        (
            Said(400, {"error": "unable to parse 'm,t=a user_name=\"It's Alice\" 1': invalid number"}),
            "unable to parse a line: invalid number.",
        ),
        (
            Said(400, {"error": "partial write: unable to parse 'm\nAlice': missing fields dropped=0"}),
            "partial write: unable to parse a line: missing fields dropped=0.",
        ),
    ],
)
async def test_other_answers_refuse_them_and_repeat_no_names_of_people(said: Said, reason: str) -> None:
    async with scripted(said, version=1) as (worker, _):
        with pytest.raises(Refused) as error:
            await worker.deliver(sample_events(2))
    assert (error.value.reason, error.value.events) == (f"InfluxDB answers {said.status}: {reason}", ())


async def test_a_type_conflict_that_version_2_0_answers_with_500_stops_nobody(tmp_path: Path) -> None:
    """2.0 says `internal error` for a line that it will never take, and writes the rest."""
    events = readings([1.0, 2.0, "text", 3.0])
    async with conflicting() as url, running(tmp_path, quick(url, **V2), SOON) as made:
        await made.exchange.publish(events)
        account = await made.settled()
        (letter,) = await made.letters()
    assert (account.delivered, account.dead) == (3, 1)
    assert letter.body["id"] == events[2].id and "field type conflict" in letter.reason


@asynccontextmanager
async def conflicting() -> AsyncIterator[str]:
    """A server that answers as InfluxDB 2.0.3 does to a text in the place of a number."""

    async def write(request: web.Request) -> web.Response:
        lines = (await request.read()).split(b"\n")
        bad = sum(b'value="' in line for line in lines)
        message = f"unexpected error writing points to database: partial write: field type conflict: dropped={bad}"
        said = {"code": "internal error", "message": message}
        return web.json_response(said, status=500) if bad else web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v2/write", write)
    async with serving(app) as url:
        yield url


async def test_requests_are_on_their_way_at_once() -> None:
    events = sample_events(3 * AT_ONCE)
    async with scripted(Said(204, together=3), version=1) as (worker, server):
        await worker.deliver(events)
    assert server.at_once == WRITES == 3


async def test_a_server_that_is_slow_gets_less_at_once_and_more_again_when_it_is_not() -> None:
    async with scripted(Said(204, after=5.0), version=1, timeout=0.2) as (worker, server):
        with pytest.raises(NoAnswer, match=r"did not answer within 0\.2 seconds"):
            await worker.deliver(sample_events(3 * AT_ONCE))
        server.script = [Said(204)]
        give_time(worker._http, 30)  # the size is the matter, and not how quickly this machine answers
        sizes = []
        for number in range(4):
            await worker.deliver(sample_events(AT_ONCE, event_type=f"round{number}.x"))
            sizes.append(sum(lines_of(asked)[0].startswith(f"round{number}") for asked in server.asked))
    assert sizes == [4, 2, 1, 1]


async def test_a_batch_that_is_larger_than_any_server_takes_is_not_even_sent() -> None:
    big = [
        msgspec.structs.replace(event, data={f"x{n}": "y" * 65_000 for n in range(40)}) for event in readings("abcde")
    ]
    async with scripted(Said(204), version=1) as (worker, server):
        with pytest.raises(Refused, match="does not take 13001849 bytes at once"):
            await worker.deliver(big)
        assert server.asked == []
        await worker.deliver(big[:3])
        assert len(server.asked) == 1


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_come_from_plain_text() -> None:
    section = {"url": "https://influx.example.org:8086/proxy/", "version": "1", "gzip": "false", "timeout": "2.5"}
    options = loading.load("influxdb", section).options
    assert (options.version, options.gzip, options.timeout, options.database) == (1, False, 2.5, "eventsink")


async def test_a_path_in_the_address_is_kept() -> None:
    async with answering(Said(204)) as server, opened(server.url + "/proxy/", version=1) as worker:
        await worker.deliver(sample_events(1))
    assert server.asked[0].path == "/proxy/write"


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"url": "localhost:8086"}, "url must be as http://host:8086"),
        ({"url": "http://bob:hush@host"}, "url must be as http://host:8086, without a user, a password or a query"),
        ({"url": "http://host/?u=bob&p=hush"}, "without a user, a password or a query"),
        ({"url": "http://["}, "url must be as"),
        ({"version": 4}, "version must be 1, 2 or 3"),
        ({"version": "two"}, "workers.influxdb.version must be a whole number."),
        ({"schema": "mine"}, "workers.influxdb.schema must be events or upstream."),
        ({"database": 'a"b'}, "database must be a name"),
        ({"database": ""}, "database must be a name"),
        ({"retention": "90"}, "retention must be as 90d"),
        ({"retention": "30m"}, "retention must be as 90d"),
        ({"retention": "0d"}, "retention must be as 90d"),
        ({"retention": "1d; DROP"}, "retention must be as 90d"),
        ({"username": "bob"}, "username and password go together"),
        ({"password": "hush"}, "username and password go together"),
        (
            {"username": "bob", "password": "hush", "token": "hush"},
            "give username and password (InfluxDB 1), or a token",
        ),
        ({"bucket": "b", "token": "hush"}, "InfluxDB 2 needs token, org and bucket"),
        ({"org": "o", "bucket": "b"}, "InfluxDB 2 needs token, org and bucket"),
        ({"version": 2}, "InfluxDB 2 needs token, org and bucket"),
        ({"version": 1, "token": "hush"}, "InfluxDB 1 has no token"),
        ({"version": 3, "username": "bob", "password": "hush"}, "InfluxDB 3 has no username"),
        ({"version": 3, "token": "hush", "retention": "90d"}, "leave it out"),
        ({"token": "hush\n"}, "must be text of one line"),
        ({"timeout": 0}, "timeout must be more than 0 seconds"),
        ({"measurement": "m"}, "There is no setting 'measurement' in workers.influxdb."),
    ],
)
def test_settings_that_do_not_go_together_stop_the_start_with_a_sentence(
    section: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingsError) as error:
        loading.load("influxdb", section)
    assert sentence in str(error.value)
    assert "hush" not in str(error.value)


# --- any event that was accepted -------------------------------------------------------------------------------------


def _value(name: str, kind: type, choices: Sequence[str]) -> st.SearchStrategy[Any]:
    if choices:
        return st.sampled_from(choices)
    if name in ("status", "http_status"):
        return st.integers(100, 599)
    if name == "route":
        return st.text("ab{}/", max_size=20)
    if kind is int:
        return st.integers(0, 2**63 - 1)
    if kind is float:
        return st.floats(0, 100) | st.integers(0, 100)
    return st.booleans() if kind is bool else st.text(max_size=30)


def _data(entry: EventType) -> st.SearchStrategy[dict[str, Any]]:
    values = {name: _value(name, kind, _choices(entry, name)) for name, kind in field_kinds(entry).items()}
    required = {field.name for field in msgspec.structs.fields(entry.data) if field.required}
    return st.fixed_dictionaries(
        {name: values[name] for name in required},
        optional={name: value for name, value in values.items() if name not in required},
    )


def _choices(entry: EventType, name: str) -> list[str]:
    schema = next(iter(msgspec.json.schema(entry.data)["$defs"].values()))["properties"][name]
    return [value for part in [schema, *schema.get("anyOf", ())] for value in part.get("enum", ()) if value]


def _drafts() -> st.SearchStrategy[Draft]:
    """Drafts of all types of the catalogue, and of types of others with any JSON in them."""
    json_values = st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=30),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )  # fmt: skip
    known = [
        st.builds(Draft, type=st.just(entry.name), data=_data(entry), **_ATTRIBUTES) for entry in CATALOGUE.values()
    ]
    custom = st.builds(
        Draft,
        type=st.from_regex(r"[A-Za-z0-9_-]{1,8}\.[A-Za-z0-9_-]{1,8}", fullmatch=True),
        data=st.dictionaries(st.text(max_size=20), json_values, max_size=6),
        **_ATTRIBUTES,
    )
    return st.one_of(*known) | custom


_WORDS = st.text(max_size=20) | st.none()
_ATTRIBUTES: dict[str, Any] = {
    "id": _WORDS,
    "source": _WORDS,
    "subject": _WORDS,
    "user": _WORDS,
    "time": st.datetimes(datetime(1970, 1, 2), datetime(2026, 11, 22), timezones=st.just(UTC)) | st.none(),  # noqa: DTZ001
}


def _admitted(drafts: Sequence[Draft]) -> list[Event]:
    stamps, events = Stamps(NOW, "clowder"), []
    for draft in drafts:
        try:
            events.append(Admission().admit(draft, stamps)[0])
        except InvalidEvent:
            continue
    return list({event.id: event for event in events}.values())


def _plain(text: str) -> str:
    return "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else "/" if c == "\\" else c for c in text).strip()


def _named(name: str) -> str:
    text = _plain(name)
    return f"data_{text}" if not text or text in OWN or text.startswith("_") else text


def _kinds(component: str) -> dict[str, type]:
    ours = [entry for entry in CATALOGUE.values() if entry.name.startswith(f"{component}.")]
    return {name: kind for entry in ours for name, kind in field_kinds(entry).items()}


def _expected(event: Event) -> dict[str, Any]:
    """What should be read back of an event, put in another way than the encoder has it; without what is empty."""
    kinds = _kinds(event.component)
    row: dict[str, Any] = {"event_id": event.id, "user": event.user, "subject": event.subject}
    row |= {"source": _plain(event.source), "type": event.type}
    for name, value in event.data.items():
        if name in (TAGS & kinds.keys() if kinds else ("region",)):
            row[name] = _plain(_text(value))
        elif value is not None:
            row[_named(name)] = _field(value, kinds.get(name))
        if kinds.get(name) is bool:
            row[f"{name}_percent"] = 100.0 if value else 0.0
    if event.component == "traffic" and event.data.get("robot") is True:
        row["device"] = "robot"
    return {name: value for name, value in row.items() if value not in (None, "")}


def _field(value: Any, kind: type | None) -> Any:
    if isinstance(value, list | dict) or kind is str:
        return _text(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and kind is not int else value


def _text(value: Any) -> str:
    if isinstance(value, int | float) and value == int(value):
        return str(int(value))
    return "" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drafts=st.lists(_drafts(), min_size=1, max_size=12))
@example(drafts=[Draft(type="lab.large", data={"n": number}) for number in (2.0**63, -(2.0**70), 1e20, 12345e16)])
def test_any_event_that_was_accepted_comes_back_as_it_was(influxdb: Server, vhost: str, drafts: list[Draft]) -> None:
    events = _admitted(drafts)
    assume(events)
    database = f"{vhost}-{time.monotonic_ns()}"
    influxdb.query("", f'CREATE DATABASE "{database}"')
    try:
        lines = EventLines()
        for event in events:  # each by itself: custom types may disagree on the kind of a field
            status, answer = influxdb.request("POST", f"/write?db={database}&precision=ns", lines.encode([event]))
            assume("field type conflict" not in str(answer))
            assert status == 204, answer
        found = influxdb.query(database, "SELECT * FROM /.*/ GROUP BY *")
    finally:
        influxdb.query("", f'DROP DATABASE "{database}"')
    rows = {row["event_id"]: row for row in found}
    assert len(found) == len(rows) == len(events)
    for event in events:
        row = {name: value for name, value in rows[event.id].items() if value not in (None, "")}
        moment = row.pop("time")
        assert moment // 1_000_000 == (event.time - EPOCH) // timedelta(milliseconds=1)
        expected = _expected(event)
        # InfluxDB writes a large float in full digits, which JSON reads as an integer: the next one, of 2^63.
        assert {n: float(v) if isinstance(expected.get(n), float) else v for n, v in row.items()} == expected


# --- as the consumer of event-sink-consumers wrote -------------------------------------------------------------------


_TAGS = ("type", "category", "user_id", "healthy", "author_id", "extractor_name")
# One is never sent by Clowder; it is read as what it is about, a dataset.
_NAMES = [name for name in names(SAMPLES) if "/" not in name and "NOT-CALLED" not in name]


def _messages() -> list[dict[str, Any]]:
    found = [load(SAMPLES / name) for name in _NAMES]
    return [item for content in found for item in (content if isinstance(content, list) else [content])]


@pytest.mark.parametrize("message", _messages(), ids=lambda message: f"{message['category']}-{message.get('type')}")
def test_a_message_of_clowder_has_the_tags_and_fields_that_it_had(message: dict[str, Any]) -> None:
    tags, fields = point(event_of(message))
    assert {n: v for n, v in tags.items() if v is not None} == {n: message[n] for n in _TAGS if n in message}
    assert {n: v for n, v in fields.items() if v is not None} == {n: message[n] for n in FIELDS if n in message}


async def test_messages_of_clowder_are_points_in_one_measurement(influxdb: Server, vhost: str) -> None:
    events = [event_of(message) for message in _messages()]
    async with opened(influxdb.url, database=vhost, schema="upstream") as worker:
        for _ in range(2):
            await worker.deliver(events)
    kinds = {row["fieldKey"]: row["fieldType"] for row in influxdb.query(vhost, "SHOW FIELD KEYS FROM events")}
    assert kinds == {
        "author_name": "string",
        "dataset_id": "string",
        "dataset_name": "string",
        "resource_id": "string",
        "resource_name": "string",
        "size": "integer",
        "user_name": "string",
    }
    tags = {row["tagKey"] for row in influxdb.query(vhost, "SHOW TAG KEYS FROM events")}
    assert tags == {"author_id", "category", "extractor_name", "type", "user_id"}
    found = influxdb.query(vhost, "SELECT * FROM events")
    assert len(found) == len(events)
    assert {row["time"] // 1_000_000 for row in found} == {message["created"] for message in _messages()}
    (total,) = influxdb.query(vhost, "SELECT sum(size) FROM events WHERE category = 'download' AND type = 'file'")
    assert total["sum"] == 4 * 1_834_211 + 5_368_709_120


@pytest.mark.parametrize(
    ("event_type", "data", "tags", "fields"),
    [
        (
            "health.ping_update",
            {"target": "clowder", "up": True, "min_ms": 1, "avg_ms": 2.5, "max_ms": 3.0, "loss_percent": 0.0},
            {"category": "service_status", "type": "up", "healthy": "True"},
            {
                "service_name": "clowder",
                "response_time_min": 1,
                "response_time_avg": 2.5,
                "response_time_max": 3.0,
                "response_time_loss": 0.0,
            },
        ),
        (
            "health.check_update",
            {"target": "clowder", "up": False},
            {"category": "service_status", "type": "down", "healthy": "False"},
            {"service_name": "clowder"},
        ),
        (
            "extractions.extraction_event",
            {"status": "done", "extractor": "ncsa.wordcount", "resource_id": "f1"},
            {"category": "extractions", "type": "extraction_event", "extractor_name": "ncsa.wordcount"},
            {"resource_id": "f1"},
        ),
        (
            "storage.file_uploaded",
            {"file_id": "f1", "file_name": "a & b", "bytes": 5, "dataset_name": "c & d"},
            {"category": "upload", "user_id": "000000000000000000000000"},
            {
                "resource_id": "f1",
                "resource_name": "a & b",
                "size": 5,
                "dataset_name": "c & d",
                "user_name": "Anonymous User",
            },
        ),
        ("lab.reading", {"value": 5}, {"category": "lab", "type": "reading"}, {}),
    ],
)
def test_what_clowder_never_sends_keeps_apart_from_what_it_sends(
    event_type: str, data: dict[str, Any], tags: dict[str, str], fields: dict[str, Any]
) -> None:
    found = point(Event(id="e1", source="s", type=event_type, time=NOW, received=NOW, data=data))
    assert tuple({n: v for n, v in part.items() if v is not None} for part in found) == (tags, fields)


async def test_all_kinds_of_events_arrive_as_that_consumer_wrote(influxdb: Server, vhost: str) -> None:
    month = [event for batch in itertools.islice(demo.month(7, datetime.now(UTC)), 4) for event in batch]
    async with opened(influxdb.url, database=vhost, schema="upstream") as worker:
        await worker.deliver([*month, *readings([1.5])])
    assert len(influxdb.query(vhost, "SELECT * FROM events")) == len(month) + 1


def test_a_size_that_is_none_is_refused() -> None:
    event = Event(id="e1", source="s", type="lab.reading", time=NOW, received=NOW, data={"size": "large"})
    with pytest.raises(Refused, match="The field size of events must be an integer, and is text"):
        UpstreamLines().encode([event])


# --- what the documentation says -------------------------------------------------------------------------------------

_PAGE = (Path(__file__).parents[3] / "docs" / "influxdb.md").read_text("utf-8")


async def test_every_query_of_the_documentation_finds_something(influxdb: Server, vhost: str) -> None:
    month = [event for batch in itertools.islice(demo.month(7, datetime.now(UTC)), 20) for event in batch]
    async with opened(influxdb.url, database=vhost) as worker:
        await worker.deliver(month)
    queries = re.findall(r"```sql\n(.+?)```", _PAGE, re.DOTALL)
    assert len(queries) == 8
    for query in queries:
        found = influxdb.query(vhost, query.replace("\n", " "))
        assert any(value for row in found for name, value in row.items() if name != "time"), query


def test_the_documentation_lists_all_tags_and_fields() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _PAGE.splitlines() if line[:3] == "| `"]
    told = {
        row[0].strip("`"): [set(filter(None, cell.split(", "))) for cell in row[1:]] for row in rows if len(row) == 6
    }
    known: dict[str, dict[str, type]] = {}
    for entry in CATALOGUE.values():
        known.setdefault(entry.name.partition(".")[0], {}).update(field_kinds(entry))
    assert told == {
        component: [
            TAGS & kinds.keys(),
            *(
                {name for name, kind in kinds.items() if kind is of and name not in TAGS}
                for of in (int, float, str, bool)
            ),
        ]
        for component, kinds in known.items()
    }
