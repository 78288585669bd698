"""Events come to Google Analytics as it wants them, for it says yes to all; and what happens when it cannot.

The server is that of the contract: it judges what Google would have stored.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.catalogue import CATALOGUE
from eventsink.deliver import loading
from eventsink.deliver.analytics.choosing import OPTED_OUT, ROBOT
from eventsink.deliver.analytics.mapping import MAPPING
from eventsink.deliver.analytics.pseudonyms import Pseudonyms, derived_key
from eventsink.deliver.http import Answer
from eventsink.deliver.retry import Policy
from eventsink.deliver.workers.google_analytics import NOBODY, GoogleAnalytics, Options, grouping
from eventsink.deliver.workers.google_analytics.events import GoogleEvents, name_of
from eventsink.deliver.workers.google_analytics.grouping import requests
from eventsink.errors import NoAnswer, Refused, SettingsError, TryLater
from eventsink.event import Event
from eventsink.redact import hide_secrets
from tests.deliver.analytics.people import BROWSER, PLANTED, crowd, event, planted
from tests.deliver.answering import Said, answering, give_time
from tests.deliver.scripted import running, until
from tests.servers.google_analytics import GoogleAnalytics as Server
from tests.servers.google_analytics import serve

STREAM, SECRET = "G-ABC123DEF4", "s3cr3t-of-the-stream"
ID_KEY = "key of the hashes of a test"
HASHES = Pseudonyms(derived_key("google_analytics", ID_KEY))


@pytest.fixture
def server() -> Iterator[Server]:
    """A web stream."""
    with serve(STREAM, SECRET) as found:
        yield found


def made(url: str, **options: Any) -> GoogleAnalytics:
    """A worker that does not wait for company."""
    given = {"measurement_id": STREAM, "api_secret": SECRET, "endpoint": url, "id_key": ID_KEY, **options}
    worker = GoogleAnalytics(Options(**given))
    worker.batch_wait = 0.01  # type: ignore[misc]
    return worker


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[GoogleAnalytics]:
    """The same, open."""
    worker = made(url, **options)
    try:
        await worker.open()
        yield worker
    finally:
        await worker.close()


def uids(events: Sequence[Event]) -> set[str]:
    """What events are told by."""
    return {HASHES.event(*each.identity) for each in events}


def stored(server: Server) -> set[str]:
    """The same of what Google would have."""
    return {each["params"]["event_uid"] for each in server.stored}


def of_somebody(events: Sequence[Event]) -> list[Event]:
    """Those of a person."""
    return [each for each in events if each.user or each.data.get("visitor")]


# --- what arrives ----------------------------------------------------------------------------------------------------


async def test_a_page_view_has_who_where_on_what_and_when(server: Server) -> None:
    seen = event(visitor="v1", screen="1920x1080", url="https://c.example.org/datasets?key=1", **BROWSER)
    async with opened(server.url) as worker:
        await worker.deliver([seen])
    (found,) = server.stored
    assert found == {
        "client_id": HASHES.client("visitor v1"),
        "user_id": HASHES.user("64a0000000000000000000a1"),
        "consent": {"ad_user_data": "DENIED", "ad_personalization": "DENIED"},
        "user_location": {"country_id": "US"},
        "device": {
            "category": "desktop",
            "language": "en-US",
            "screen_resolution": "1920x1080",
            "operating_system": "Windows",
            "operating_system_version": "11",
            "browser": "Firefox",
            "browser_version": "143.0",
        },
        "name": "page_view",
        "timestamp_micros": round(seen.time.timestamp() * 1_000_000),
        "params": {
            "session_id": int(seen.time.timestamp()) // 1800 * 1800,
            "engagement_time_msec": 100,
            "event_uid": HASHES.event("clowder.example.org", seen.id),
            "page_location": "https://c.example.org/datasets",
            "instance": "clowder.example.org",
        },
    }
    assert (server.dropped, server.flagged) == ([], [])


async def test_an_event_of_each_type_is_taken_whole(server: Server) -> None:
    more = {**BROWSER, "visitor": "v1", "file_name": "a.png", "bytes": 5, "referrer": "https://x.org/a", "message": "b"}
    events = [event(kind, **more) for kind in CATALOGUE]
    async with opened(server.url) as worker:
        await worker.deliver(events)
    assert (stored(server), server.dropped, server.flagged) == (uids(events), [], [])
    assert {each["name"] for each in server.stored} == {shown.google for shown in MAPPING.values()}


async def test_what_shares_a_context_shares_requests_of_25_at_most(server: Server) -> None:
    mine = [event("users.login", user="u1") for _ in range(60)]
    others = [event("users.login", user=f"u{number}") for number in range(2, 7)]
    async with opened(server.url) as worker:
        await worker.deliver([*mine, *others])
    assert sorted(len(each.json["events"]) for each in server.requests) == [1, 1, 1, 1, 1, 10, 25, 25]
    assert stored(server) == uids([*mine, *others])


def test_a_request_has_fewer_bytes_than_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "LARGEST", 1000)
    events = GoogleEvents(HASHES, {})
    made_of = list(requests(events.hits([event("users.login") for _ in range(20)], datetime.now(UTC))))
    assert len(made_of) > 4
    assert all(len(each.body) < 1300 for each in made_of)


async def test_who_may_not_be_told_of_is_passed_over_and_counted(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "opt-out"
    file.write_text("u1\n")
    old = event(at=datetime.now(UTC) - timedelta(hours=72))
    async with running(tmp_path, made(server.url, opt_out=str(file))) as bench:
        await bench.exchange.publish([event(user="u1"), event(robot=True), event(user=None), old, event()])
        account = await bench.settled()
        assert (account.delivered, account.dead) == (5, 0)
    reasons = [(reason, 1) for reason in (ROBOT, NOBODY, "older than 72 hours", OPTED_OUT)]
    assert sorted(bench.tally.skips) == sorted(reasons)
    assert len(server.stored) == 1


async def test_the_time_that_is_too_old_may_be_shorter(server: Server) -> None:
    async with opened(server.url, max_age=24) as worker:
        await worker.deliver([event(at=datetime.now(UTC) - timedelta(hours=hours)) for hours in (23, 25, 80)])
    assert [reason for _, reason in worker.skipped] == ["older than 24 hours"] * 2
    assert len(server.stored) == 1


async def test_a_clock_that_is_a_day_off_costs_no_event(server: Server) -> None:
    now = datetime.now(UTC)
    async with opened(server.url) as worker:
        await worker.deliver([event(at=now + timedelta(days=1)), event(at=now - timedelta(days=1))])
    assert (len(server.stored), server.dropped, server.flagged) == (2, [], [])


async def test_names_and_values_of_the_settings_are_made_to_fit(server: Server) -> None:
    fields = ["Größe", "value", "ga_id", "1st", "note", "ok", "firebase_conversion", *(f"f{n}" for n in range(30))]
    given = dict.fromkeys(fields, "x" * 300) | {"ok": True, "value": 5}
    given["note"] = "schöne neue Welt " * 20
    async with opened(server.url, properties={"lab.Sample-x": fields, "lab.sample": fields}) as worker:
        await worker.deliver([event("lab.sample", **given)])
    (found,) = server.stored
    assert (server.dropped, server.flagged) == ([], [])
    params = found["params"]
    assert (len(params), params["ok"], params["e_value"], found["name"]) == (25, 1, 5, "lab_sample")
    assert len(params["note"]) == 100


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("lab.sample", "lab_sample"),
        ("session_start", "e_session_start"),
        ("value", "e_value"),
        ("ga.x", "e_ga_x"),
        ("_x", "e__x"),
        ("1st", "e_1st"),
        ("x" * 60, "x" * 40),
        ("gtag.x", "e_gtag_x"),
    ],
)
def test_a_name_is_one_that_google_takes(ours: str, theirs: str) -> None:
    assert name_of(ours) == theirs


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_goes_by_is_waited_for(server: Server, status: int) -> None:
    async with opened(server.url) as worker:
        server.fail_next(status)
        with pytest.raises(TryLater, match=f"Google Analytics answers {status}") as raised:
            await worker.deliver([event()])
        assert "<" not in str(raised.value)
        assert SECRET not in str(raised.value)


async def test_what_google_has_of_a_batch_is_not_sent_again(server: Server) -> None:
    events = [event("users.login", user=f"u{number}") for number in range(40)]
    async with opened(server.url) as worker:
        server.fail_next(503)
        with pytest.raises(TryLater):
            await worker.deliver(events)
        assert 0 < len(server.stored) < 40
        await worker.deliver(events)
    assert (stored(server), server.repeats) == (uids(events), [])


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_who_is_not_let_in_waits_for_a_person(server: Server, status: int) -> None:
    async with opened(server.url) as worker:
        server.fail_next(status)
        with pytest.raises(TryLater, match=r"measurement_id and api_secret") as raised:
            await worker.deliver([event()])
        assert raised.value.after == 300
        assert hide_secrets(raised.value.reason) == raised.value.reason, "it is no secret what to do"


async def test_another_answer_may_be_the_fault_of_the_request(server: Server, tmp_path: Path) -> None:
    bad, *others = [event("users.login", user=f"u{number}") for number in range(9)]
    async with opened(server.url) as worker:
        server.fail_next(400)
        with pytest.raises(NoAnswer, match="answers 400, which it says to no event of ours"):
            await worker.deliver([bad])

    class Picky(GoogleAnalytics):
        async def _post(self, url: str, body: bytes) -> Any:
            return Answer(400, {}, b"") if HASHES.user("u0").encode() in body else await super()._post(url, body)

    worker = Picky(made(server.url).options)
    worker.batch_wait, worker.connections = 0.01, 1  # type: ignore[misc]
    async with running(tmp_path, worker) as bench:
        await bench.exchange.publish([*others, bad])
        more: list[Event] = []
        while not bench.tally.dead:  # it waits, and is given up when others were taken meanwhile
            more += (new := [event("users.login", user=f"n{len(more)}")])
            await bench.exchange.publish(new)
            await asyncio.sleep(0.02)
        account = await bench.settled()
        assert (account.delivered, account.dead) == (8 + len(more), 1)
        others += more
        (letter,) = await bench.letters()
        assert letter.body["user"] == "u0"
    assert stored(server) == uids(others)
    assert server.repeats == [], "none is sent again to see whether it answers"


async def test_while_google_is_slow_few_are_stored_twice_and_none_that_is_settled(
    server: Server, tmp_path: Path
) -> None:
    settled, *others = [event("users.login", user=f"u{number}") for number in range(8)]
    policy = Policy(first=0.05, longest=2, attempts=3)
    async with running(tmp_path, worker := made(server.url), policy) as bench:
        await bench.exchange.publish([settled])
        await bench.settled()
        give_time(worker._http, 0.1)
        server.delay(0.2)
        await bench.exchange.publish(others)
        await asyncio.sleep(6)
        give_time(worker._http, 15)  # the slow one is Google, and not this machine
        server.delay(0)
        account = await bench.settled(40)
        assert (account.delivered, account.dead) == (8, 0)
    times = Counter(each["params"]["event_uid"] for each in server.stored)
    assert times.pop(HASHES.event(*settled.identity)) == 1
    assert max(times.values()) <= 12, times


@pytest.mark.parametrize(
    "said",
    [
        Said(200, "<html>Log in</html>", {"Content-Type": "text/html"}),
        Said(200, " <!doctype html>"),
        Said(200, {"validationMessages": []}),
        Said(202, {"message": "welcome"}),
    ],
)
async def test_who_says_something_is_not_google(said: Said) -> None:
    async with answering(said) as server, opened(server.url) as worker:
        with pytest.raises(TryLater, match="is not Google Analytics") as raised:
            await worker.deliver([event()])
    assert (raised.value.after, type(raised.value)) == (300, TryLater)


async def test_fields_of_the_settings_take_the_place_of_none_of_ours(server: Server) -> None:
    names = ["session_id", "event_uid", "engagement_time_msec", "instance"]
    seen = event("lab.sample", source="https://c.example.org", **dict.fromkeys(names, "other"))
    async with opened(server.url, properties={"lab.sample": names}) as worker:
        await worker.deliver([seen])
    assert "other" not in server.stored[0]["params"].values()
    assert server.stored[0]["params"]["instance"] == "c.example.org"


async def test_what_is_too_large_is_halved_and_one_that_is_too_large_alone_is_refused(server: Server) -> None:
    events = [event("users.login") for _ in range(9)]
    async with opened(server.url) as worker:
        server.fail_next(413, times=2)
        await worker.deliver(events)
        assert stored(server) == uids(events)
        server.fail_next(413)
        with pytest.raises(Refused, match="too large") as raised:
            await worker.deliver(alone := [event()])
        assert list(raised.value.events) == alone


async def test_an_address_where_nothing_is_loses_nothing() -> None:
    async with opened("http://127.0.0.1:9") as worker:
        with pytest.raises(TryLater, match="cannot be reached") as raised:
            await worker.deliver([event()])
        assert SECRET not in str(raised.value)


# --- the validator ---------------------------------------------------------------------------------------------------


async def test_at_the_start_an_event_of_each_type_is_looked_at(server: Server) -> None:
    async with opened(server.url, validate=True):
        assert [each.path for each in server.requests] == ["/debug/mp/collect"] * len(worker_types())
        answers = [each.json for each in server.requests]
        assert {each["validation_behavior"] for each in answers} == {"ENFORCE_RECOMMENDATIONS"}
    assert server.stored == []


def worker_types() -> Sequence[str]:
    """The types that are sent by default."""
    return made("http://127.0.0.1:9").types


async def test_what_the_validator_does_not_take_is_not_sent() -> None:
    message = {"validationMessages": [{"description": "Event has a name.", "validationCode": "NAME_RESERVED"}]}
    async with answering(Said(200, message)) as server:
        worker = made(server.url, validate=True)
        with pytest.raises(TryLater, match=r"does not take storage.file_uploaded: .*NAME_RESERVED.*validate to false"):
            await worker.open()
        await worker.close()


@pytest.mark.parametrize(
    "said", [Said(500), Said(200, "<html>"), Said(200, {"validationMessages": [1]}), Said(200, [])]
)
async def test_a_validator_that_says_nothing_is_no_reason_to_wait(said: Said) -> None:
    async with answering(said) as server, opened(server.url, validate=True):
        assert server.asked
    async with opened("http://127.0.0.1:9", validate=True):
        """Nothing listens there."""


async def test_behind_an_address_of_its_own_nothing_is_validated(server: Server) -> None:
    async with opened(f"{server.url}/ga", validate=True):
        assert server.requests == []


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measurement_id": "UA-1"}, "measurement_id"),
        ({"api_secret": ""}, "api_secret must be given"),
        ({"endpoint": "x"}, "endpoint must be as"),
        ({"max_age": 73}, "max_age"),
        ({"max_age": 0.05}, "max_age"),
        ({"timeout": 120}, "timeout must be more than 0 seconds and less than 120"),
        (
            {"endpoint": "https://www.google-analytics.com/debug/mp/collect"},
            "endpoint must not be that of the validator",
        ),
        ({"region": "mars"}, "region"),
    ],
)
def test_settings_that_cannot_be_right_stop_the_start(options: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        loading.load("google_analytics", {"measurement_id": STREAM, "api_secret": SECRET, **options})


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "https://www.google-analytics.com/mp/collect"),
        ({"region": "eu"}, "https://region1.google-analytics.com/mp/collect"),
        ({"endpoint": "http://p:8080"}, "http://p:8080/mp/collect"),
        ({"endpoint": "http://p/ga/mp/collect"}, "http://p/ga/mp/collect"),
    ],
)
def test_where_it_goes(options: Any, address: str) -> None:
    worker = loading.load("google_analytics", {"measurement_id": STREAM, "api_secret": SECRET, **options})
    assert worker._url == address  # type: ignore[attr-defined]


# --- faults, with the real runner ------------------------------------------------------------------------------------


async def test_a_backlog_arrives_at_least_once_through_storms(server: Server, tmp_path: Path) -> None:
    """20,000 events through 429, 500, 503, and connections that are cut before and after storing."""
    events = crowd(20_000)
    async with running(tmp_path, made(server.url)) as bench:
        for number in range(0, len(events), 2000):
            await bench.exchange.publish(events[number : number + 2000])
        for _ in range(4):
            server.fail_next(500, times=2)
            server.fail_next(503)
            server.cut_next(2, after_storing=False)
            server.cut_next(2, after_storing=True)
            server.fail_next(429)
            await asyncio.sleep(0.3)
        account = await bench.settled(200)
        assert (account.delivered, account.dead) == (20_000, 0)
    assert stored(server) == uids(of_somebody(events)), "every event of somebody, by its uid"
    assert (server.dropped, server.flagged) == ([], [])
    assert len(server.repeats) <= 8 * 25, "no more twice than were in a request that was stored and cut"


async def test_whoever_stops_in_the_middle_loses_nothing(server: Server, tmp_path: Path) -> None:
    events = crowd(3000)
    async with running(tmp_path, made(server.url)) as bench:
        await bench.exchange.publish(events)
        await until(lambda: len(server.stored) > 700)
    async with running(tmp_path, made(server.url)) as again:
        await again.settled()
    assert stored(server) == uids(of_somebody(events))


async def test_planted_names_keys_and_addresses_are_in_no_request(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    events = list(planted())
    async with opened(server.url) as worker:
        for number in range(0, len(events), 500):
            await worker.deliver(events[number : number + 500])
    assert len(server.stored) > 1500
    assert (server.dropped, server.flagged) == ([], [])
    assert [secret for secret in (*PLANTED, "Lovelace", "hushhush") if server.holds(secret)] == []
    logged = str(capsys.readouterr())
    assert not any(secret in logged for secret in (*PLANTED, SECRET, ID_KEY))


def test_what_it_shows_hides_its_secret() -> None:
    told = made("http://127.0.0.1:1").preview([event(), event(user=None)])
    assert (told[0]["query"], told[0]["fields"]["events"][0]["name"]) == (
        {"measurement_id": STREAM, "api_secret": "…"},
        "page_view",
    )
    assert told[1] == {"event": "traffic.page_view", "not_sent": NOBODY}
