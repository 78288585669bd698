"""Events come to Amplitude once, as it wants them; and what happens when it does not want or cannot.

The server is that of the contract: it judges what Amplitude would have stored.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from eventsink.deliver import loading
from eventsink.deliver.analytics.choosing import OPTED_OUT, ROBOT
from eventsink.deliver.analytics.pseudonyms import Pseudonyms, derived_key
from eventsink.deliver.waiting import groups
from eventsink.deliver.workers import amplitude
from eventsink.deliver.workers.amplitude import Amplitude, Options, answers, throttles
from eventsink.deliver.workers.amplitude.events import NO_SESSION
from eventsink.errors import NoAnswer, Refused, SettingsError, TryLater
from eventsink.event import Event
from eventsink.redact import hide_secrets
from eventsink.testing import check_worker, sample_events
from tests.deliver.analytics.people import BROWSER, PLANTED, crowd, event, planted
from tests.deliver.answering import Said, answering, serving
from tests.deliver.scripted import running, until
from tests.servers.amplitude import Amplitude as Server
from tests.servers.amplitude import serve

KEY = "0123456789abcdef0123456789abcdef"
ID_KEY = "key of the hashes of a test"
HASHES = Pseudonyms(derived_key("amplitude", ID_KEY))


@pytest.fixture
def server() -> Iterator[Server]:
    """A project at Amplitude."""
    with serve(KEY) as found:
        yield found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a quarter of a minute in a test."""
    monkeypatch.setattr(throttles, "SECONDS", 0.05)


def made(url: str, **options: Any) -> Amplitude:
    """A worker that does not wait for company."""
    worker = Amplitude(Options(**{"api_key": KEY, "endpoint": f"{url}/batch", "id_key": ID_KEY, **options}))
    worker.batch_wait = 0.01  # type: ignore[misc]
    return worker


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Amplitude]:
    """The same, open."""
    worker = made(url, **options)
    try:
        await worker.open()
        yield worker
    finally:
        await worker.close()


def insert_ids(events: Sequence[Event]) -> list[str]:
    """What Amplitude knows events by, sorted."""
    return sorted(HASHES.event(*each.identity) for each in events)


def stored(server: Server) -> list[str]:
    """The same of what it has."""
    return sorted(each["insert_id"] for each in server.stored)


# --- what arrives ----------------------------------------------------------------------------------------------------


async def test_it_keeps_the_contract_of_a_worker(server: Server) -> None:
    given: dict[str, str] = {}

    class Known(Amplitude):
        async def deliver(self, events: Sequence[Event]) -> None:
            given.update({HASHES.event(*each.identity): each.id for each in events})
            await super().deliver(events)

    async def delivered() -> list[str]:
        return [given[insert_id] for insert_id in stored(server)]

    await check_worker(lambda: Known(made(server.url).options), delivered)
    assert server.repeats == 21


async def test_a_page_view_has_who_where_on_what_and_when(server: Server) -> None:
    seen = event(visitor="v1", url="https://u:p@c.example.org/datasets/64c000000000000000000002?key=1", **BROWSER)
    async with opened(server.url) as worker:
        await worker.deliver([seen])
    (found,) = server.stored
    properties = found.pop("event_properties")
    assert found == {
        "user_id": HASHES.user("64a0000000000000000000a1"),
        "device_id": HASHES.device("visitor v1"),
        "event_type": "traffic.page_view",
        "time": int(seen.time.timestamp() * 1000),
        "insert_id": HASHES.event("clowder.example.org", seen.id),
        "session_id": int(seen.time.timestamp()) // 1800 * 1800 * 1000,
        "library": found["library"],
        "platform": "Web",
        "os_name": "Windows",
        "os_version": "11",
        "language": "en-US",
        "country": "United States",
    }
    assert properties == {
        "Page Location": "https://c.example.org/datasets/64c000000000000000000002",
        "Page Path": "/datasets/64c000000000000000000002",
        "Page Domain": "c.example.org",
        "browser": "Firefox",
        "browser_version": "143.0",
        "device_category": "desktop",
        "instance": "clowder.example.org",
    }


async def test_work_of_programs_and_of_nobody_is_no_part_of_a_visit(server: Server) -> None:
    async with opened(server.url) as worker:
        await worker.deliver([event("extractions.extraction_event"), event("users.login", user="0" * 24)])
    login, job = sorted(server.stored, key=lambda each: "user_id" in each)  # they come by two ways at once
    assert job["session_id"] == login["session_id"] == NO_SESSION
    assert job["user_id"] == HASHES.user("64a0000000000000000000a1")
    assert "user_id" not in login
    assert login["device_id"] == HASHES.device("source clowder.example.org")


async def test_who_may_not_be_told_of_is_passed_over_and_counted(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "opt-out"
    file.write_text("u1\n")
    async with running(tmp_path, worker := made(server.url, opt_out=str(file))) as bench:
        await bench.exchange.publish(
            [event(user="u1"), event(robot=True), event(user="u2"), event("health.ping_update")]
        )
        account = await bench.settled()
        assert (account.delivered, account.dead) == (4, 0)
        file.write_text("u1\nu2\n")  # after it was accepted, perhaps, and before it is delivered
        await bench.exchange.publish([event(user="u2")])
        await bench.settled()
    assert len(server.stored) == 1
    assert sorted(bench.tally.skips) == [(ROBOT, 1), (OPTED_OUT, 1), (OPTED_OUT, 1)]
    assert not worker.skipped


async def test_a_clock_that_is_a_day_off_costs_no_event(server: Server) -> None:
    now = datetime.now(UTC)
    async with opened(server.url) as worker:
        await worker.deliver([event(at=now + timedelta(days=1)), event(at=now - timedelta(days=1))])
    ahead, behind = sorted(server.stored, key=lambda each: -each["time"])
    assert abs(ahead["time"] / 1000 - now.timestamp()) < 5
    assert abs(behind["time"] / 1000 - (now - timedelta(days=1)).timestamp()) < 5


async def test_all_of_one_device_takes_one_way_and_keeps_its_order(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amplitude, "AT_ONCE", 10)
    events = crowd(400, people=9)
    async with opened(server.url) as worker:
        await worker.deliver(events)
    order = {HASHES.event(*each.identity): number for number, each in enumerate(events)}
    of_device: dict[str, list[int]] = {}
    for each in server.stored:
        of_device.setdefault(each["device_id"], []).append(order[each["insert_id"]])
    assert all(numbers == sorted(numbers) for numbers in of_device.values())
    assert stored(server) == insert_ids(events)


# --- what is answered ------------------------------------------------------------------------------------------------


async def test_events_that_it_names_are_refused_and_the_others_go(server: Server) -> None:
    async with opened(server.url) as worker:
        events = crowd(40)
        bad = {3, 17}
        pack = worker._events.of

        def spoiled(each: Event, now: datetime) -> dict[str, Any]:
            return pack(each, now) | ({"time": "soon"} if events.index(each) in bad else {})

        worker._events.of = spoiled  # type: ignore[method-assign, assignment]
        with pytest.raises(Refused, match="it has a wrong value in time") as raised:
            await worker.deliver(events)
        assert {events.index(each) for each in raised.value.events} == bad
        rest = [each for each in events if each not in raised.value.events]
        assert stored(server) == insert_ids(rest)
        before = len(server.requests)
        await worker.deliver(rest)
        assert len(server.requests) == before, "what it has is not sent again"


async def test_where_it_names_the_first_alone_the_others_are_found_by_and_by(server: Server) -> None:
    async with opened(server.url, endpoint=f"{server.url}/2/httpapi") as worker:
        events = crowd(40)
        of = worker._events.of

        def spoiled(each: Event, now: datetime) -> dict[str, Any]:
            return of(each, now) | ({"language": 5} if events.index(each) % 10 == 3 else {})

        worker._events.of = spoiled  # type: ignore[method-assign, assignment]
        with pytest.raises(Refused) as raised:
            await worker.deliver(events)
    assert {events.index(each) for each in raised.value.events} == {3, 13, 23, 33}
    assert stored(server) == insert_ids([each for each in events if each not in raised.value.events])


async def test_a_silenced_device_is_refused_with_a_sentence(server: Server) -> None:
    server.silence(HASHES.device("user u1"))
    async with opened(server.url) as worker:
        with pytest.raises(Refused, match=r"silenced the device .*eventsink dead retry") as raised:
            await worker.deliver([event("users.login", user=user) for user in ("u1", "u2", "u1")])
    assert [each.user for each in raised.value.events] == ["u1", "u1"]
    assert len(server.stored) == 1


async def test_who_sends_too_much_waits_and_nobody_else(server: Server) -> None:
    server.throttle(user_id=HASHES.user("u1"))
    async with opened(server.url) as worker:
        events = [event("users.login", user=user) for user in ("u1", "u2", "u3", "u1")]
        with pytest.raises(TryLater, match="so many events a second") as raised:
            await worker.deliver(events)
        assert [each.user for each in raised.value.events] == ["u1", "u1"]
        assert 0 < (raised.value.after or 0) <= 0.05
        assert len(server.stored) == 2
        before = len(server.requests)
        with pytest.raises(TryLater):
            await worker.deliver(list(raised.value.events))
        assert len(server.requests) == before, "while it waits nothing is asked"


async def test_a_quota_of_a_day_makes_it_wait_for_long(server: Server) -> None:
    server.exceed_quota(device_id=HASHES.device("user u1"))
    async with opened(server.url) as worker:
        with pytest.raises(TryLater, match="500,000 events a day") as raised:
            await worker.deliver([event("users.login", user=user) for user in ("u1", "u2")])
    assert [each.user for each in raised.value.events] == ["u1"]
    assert 3500 < (raised.value.after or 0) <= 3600


async def test_what_is_too_large_is_halved_and_one_that_is_too_large_alone_is_refused(server: Server) -> None:
    events = [event("users.login") for _ in range(9)]
    async with opened(server.url) as worker:
        server.fail_next(413, times=2)
        await worker.deliver(events)
        assert stored(server) == insert_ids(events)
        assert [len(each.json["events"]) for each in server.requests] == [9, 4, 2, 2, 2, 2, 1]
        server.fail_next(413)
        with pytest.raises(Refused, match="too large") as raised:
            await worker.deliver(alone := [event()])
        assert list(raised.value.events) == alone


@pytest.mark.parametrize("status", [401, 403])
async def test_who_is_not_let_in_waits_for_a_person(server: Server, status: int) -> None:
    async with opened(server.url) as worker:
        server.fail_next(status)
        with pytest.raises(TryLater, match=r"workers\.amplitude\.api_key") as raised:
            await worker.deliver([event()])
        assert (raised.value.after, raised.value.events) == (300, ())
        assert hide_secrets(raised.value.reason) == raised.value.reason, "it is no secret what to do"


async def test_a_wrong_key_is_said_without_the_key_and_loses_nothing(server: Server, tmp_path: Path) -> None:
    wrong = "wrong0123456789wrong"
    async with opened(server.url, api_key=wrong) as worker:
        with pytest.raises(TryLater, match="does not know the API key") as raised:
            await worker.deliver([event()])
    assert wrong not in str(raised.value)
    assert hide_secrets(raised.value.reason) == raised.value.reason
    async with running(tmp_path, made(server.url, api_key=wrong)) as bench:
        await bench.exchange.publish(crowd(20))
        await until(lambda: "Mend workers.amplitude.api_key" in bench.runner.state)
        account = await bench.account()
        assert (account.waiting, account.dead) == (20, 0)
        assert wrong not in bench.runner.state


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_goes_by_is_waited_for(server: Server, status: int) -> None:
    async with opened(server.url) as worker:
        server.fail_next(status)
        with pytest.raises(TryLater, match=f"Amplitude answers {status}") as raised:
            await worker.deliver([event()])
        assert not raised.value.events
        server.fail_next(status, body="<html>down</html>")
        with pytest.raises(TryLater) as raised:
            await worker.deliver([event()])
        assert "<html>" not in str(raised.value)


async def test_a_page_is_no_answer(server: Server) -> None:
    async with opened(server.url) as worker:
        server.html_400_next()
        with pytest.raises(NoAnswer, match="no answer of its own"):
            await worker.deliver([event()])
        server.fail_next(200, body="<html>Welcome to our network</html>")
        with pytest.raises(TryLater, match="is not Amplitude"):
            await worker.deliver([event()])
    assert server.stored == []


@pytest.mark.parametrize("body", [{}, {"message": "welcome"}, {"code": "200"}, {"code": 202}])
async def test_what_does_not_say_200_itself_is_no_answer(body: Any) -> None:
    async with answering(Said(200, body)) as server, opened(server.url) as worker:
        with pytest.raises(TryLater, match="is not Amplitude"):
            await worker.deliver([event()])


@pytest.mark.parametrize("bad", [{2}, {0, 7}, {7, 8, 19}])
async def test_events_that_a_firewall_does_not_like_are_found(bad: set[int]) -> None:
    """Some of one device, and all others are taken."""
    events = [event("users.login", user="u1") for _ in range(20)]
    ids = {HASHES.event(*events[number].identity) for number in bad}
    taken: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        found = [each["insert_id"] for each in (await request.json())["events"]]
        if ids & set(found):
            return web.Response(status=403, text="<html>Forbidden</html>")
        taken.extend(found)
        return web.json_response({"code": 200, "events_ingested": len(found)})

    app = web.Application()
    app.router.add_post("/batch", answer)
    async with serving(app) as url, opened(url, gzip=False) as worker:
        with pytest.raises(Refused, match="403 to this event alone") as raised:
            await worker.deliver(events)
    assert {events.index(each) for each in raised.value.events} == bad
    assert set(taken) == set(insert_ids(events)) - ids


async def test_where_nothing_is_let_in_few_requests_find_that_out() -> None:
    async with answering(Said(403, {"error": "Forbidden"})) as server, opened(server.url) as worker:
        with pytest.raises(TryLater, match="403: it does not let us in") as raised:
            await worker.deliver([event("users.login", user="u1") for _ in range(400)])
    assert (raised.value.after, raised.value.events) == (300, ())
    assert len(server.asked) < 25


async def test_who_waits_for_long_is_not_offered_with_those_who_wait_for_short(server: Server) -> None:
    server.exceed_quota(user_id=HASHES.user("u1"))
    async with opened(server.url) as worker:
        with pytest.raises(TryLater):
            await worker.deliver([event("users.login", user="u1")])
        server.throttle(user_id=HASHES.user("u2"))
        with pytest.raises(TryLater) as raised:
            await worker.deliver([event("users.login", user=user) for user in ("u1", "u2", "u3")])
    said = [([each.user for each in group.events], (group.after or 0) > 3000) for group in groups(raised.value)]
    assert said == [(["u1"], True), (["u2"], False)]


async def test_a_refusal_that_names_nothing_is_left_to_the_runner() -> None:
    said = Said(400, {"code": 400, "error": "Invalid event JSON"})
    async with answering(said) as server, opened(server.url) as worker:
        with pytest.raises(Refused, match="Invalid event JSON") as raised:
            await worker.deliver([event(), event()])
    assert raised.value.events == ()


@pytest.mark.parametrize("status", [404, 405])
async def test_a_wrong_address_loses_nothing(status: int) -> None:
    async with answering(Said(status)) as server, opened(server.url) as worker:
        with pytest.raises(TryLater, match=r"Check workers\.amplitude\.endpoint"):
            await worker.deliver([event()])


@pytest.mark.parametrize(
    "body",
    [
        {"throttled_events": [99, -1, True, "0"], "throttled_users": ["u"], "throttled_devices": None},
        {"throttled_users": {"nobody of ours": 3}},
        [],
        "x",
    ],
)
async def test_a_429_that_makes_no_sense_is_waited_for(body: Any) -> None:
    async with answering(Said(429, body)) as server, opened(server.url) as worker:
        with pytest.raises(TryLater) as raised:
            await worker.deliver([event(), event()])
        assert not raised.value.events


@pytest.mark.parametrize("found", [[1.5], {"time": "x"}, {"time": [99]}, None, {"time": [True]}])
async def test_names_that_make_no_sense_are_none(found: Any) -> None:
    async with (
        answering(Said(400, {"error": "x", "events_with_invalid_fields": found})) as server,
        opened(server.url) as worker,
    ):
        with pytest.raises(Refused) as raised:
            await worker.deliver([event(), event()])
    assert not raised.value.events


async def test_an_event_alone_that_429_names_without_its_user_waits() -> None:
    async with answering(Said(429, {"throttled_events": [0]})) as server, opened(server.url) as worker:
        with pytest.raises(TryLater) as raised:
            await worker.deliver([event("users.login", user="u1")])
    assert len(raised.value.events) == 1


async def test_fewer_that_it_counts_are_no_loss(server: Server) -> None:
    async with opened(server.url) as worker:
        events = crowd(5)
        await worker.deliver(events)
        await worker.deliver(events)
    assert worker._unlike == 5


def test_errors_of_several_ways_are_told_by_what_keeps_most() -> None:
    worst = [ValueError("a bug"), TryLater("away"), NoAnswer("silent"), Refused("no")]
    for number, error in enumerate(worst):
        with pytest.raises(type(error), match=str(error)):
            amplitude._raise_worst([*reversed(worst[number:])])


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_key": ""}, "api_key must be given"),
        ({"api_key": "a b"}, "api_key must be given"),
        ({"endpoint": "api2.amplitude.com"}, "endpoint must be as"),
        ({"endpoint": "https://u:p@host/batch"}, "endpoint must be as"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": float("inf")}, "timeout must be"),
        ({"opt_out": "/nowhere/file"}, "opt_out must be a file that is there"),
        ({"opt_out": "a\0b"}, "opt_out must be text without"),
        ({"id_key": "short"}, "id_key must be long"),
        ({"region": "mars"}, "region"),
        ({"properties": ["x"]}, "properties"),
    ],
)
def test_settings_that_cannot_be_right_stop_the_start(options: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        loading.load("amplitude", {"api_key": KEY, **options})


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "https://api2.amplitude.com/batch"),
        ({"region": "eu"}, "https://api.eu.amplitude.com/batch"),
        ({"endpoint": "http://p:8080"}, "http://p:8080/batch"),
        ({"endpoint": "http://p/2/httpapi", "region": "eu"}, "http://p/2/httpapi"),
    ],
)
def test_where_it_goes(options: Any, address: str) -> None:
    assert loading.load("amplitude", {"api_key": KEY, **options})._url == address  # type: ignore[attr-defined]


def test_it_wants_what_people_do_and_what_settings_name() -> None:
    worker = loading.load("amplitude", {"api_key": KEY, "properties": {"lab.sample": ["instrument"]}})
    assert "lab.sample" in worker.types
    assert not any(kind.startswith("health.") or kind == "traffic.api_request" for kind in worker.types)


# --- faults, with the real runner ------------------------------------------------------------------------------------


async def test_a_backlog_arrives_once_through_storms(server: Server, tmp_path: Path) -> None:
    """20,000 events through 429, 500, 504 that has stored, and connections that are cut before and after storing."""
    events = crowd(20_000)
    users = sorted({each.user for each in events if each.user})
    async with running(tmp_path, made(server.url)) as bench:
        for number in range(0, len(events), 2000):
            await bench.exchange.publish(events[number : number + 2000])
        for round_ in range(4):
            server.fail_next(500, times=2)
            server.fail_next(504, times=2, after_storing=True)
            server.cut_next(2, after_storing=False)
            server.cut_next(2, after_storing=True)
            server.fail_next(429)
            server.throttle(
                user_id=HASHES.user(users[round_]), device_id=HASHES.device(f"visitor visitor-{round_ + 7}")
            )
            await asyncio.sleep(0.3)
        server.clear()
        account = await bench.settled(200)
        assert (account.delivered, account.dead) == (20_000, 0)
    assert stored(server) == insert_ids(events), "every event once"
    assert {each.status for each in server.rejected} <= {429}, "nothing was ever wrong in what was sent"


async def test_a_throttled_user_does_not_hold_up_a_backlog(server: Server, tmp_path: Path) -> None:
    events = crowd(5000)
    (user, *_) = sorted({each.user for each in events if each.user})
    server.throttle(user_id=HASHES.user(user))
    async with running(tmp_path, made(server.url)) as bench:
        await bench.exchange.publish(events)
        others = [each for each in events if each.user != user]
        await until(lambda: len(server.stored) == len(others))
        assert stored(server) == insert_ids(others)
        server.clear()
        await bench.settled()
    assert stored(server) == insert_ids(events)


async def test_whoever_is_killed_loses_nothing_and_doubles_nothing(server: Server, tmp_path: Path) -> None:
    events = crowd(6000)
    worker = made(server.url)
    worker.batch_size = 1000  # type: ignore[misc]
    async with running(tmp_path, worker) as bench:
        await bench.exchange.publish(events)
        await until(lambda: len(server.stored) > 1500)
        await worker._http.close()  # in the middle of what is on its way
        bench.runner.stop()
    async with running(tmp_path, made(server.url)) as again:
        await again.settled()
    assert stored(server) == insert_ids(events)


async def test_a_bad_event_among_good_ones_loses_only_itself(server: Server, tmp_path: Path) -> None:
    events = crowd(300)
    worker = made(server.url)
    of = worker._events.of

    def spoiled(each: Event, now: datetime) -> dict[str, Any]:
        return of(each, now) | ({"session_id": 1.5} if each.id == events[123].id else {})

    worker._events.of = spoiled  # type: ignore[method-assign, assignment]
    async with running(tmp_path, worker) as bench:
        await bench.exchange.publish(events)
        account = await bench.settled()
        assert (account.delivered, account.dead) == (299, 1)
        (letter,) = await bench.letters()
        assert (letter.body["id"], letter.reason) == (
            events[123].id,
            "Amplitude does not take the event: it has a wrong value in session_id.",
        )
    assert stored(server) == insert_ids([each for each in events if each.id != events[123].id])
    assert server.repeats == 0


async def test_planted_names_keys_and_addresses_are_in_no_request(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    events = list(planted())
    async with opened(server.url, gzip=False) as worker:
        for number in range(0, len(events), 1000):
            await worker.deliver(events[number : number + 1000])
    assert len(server.stored) > 1500
    assert server.rejected == []
    assert [secret for secret in (*PLANTED, "Lovelace", "hushhush") if server.holds(secret)] == []
    logged = str(capsys.readouterr())
    assert not any(secret in logged for secret in (*PLANTED, KEY, ID_KEY))


async def test_what_is_compressed_is_the_same(server: Server) -> None:
    async with opened(server.url) as worker:
        await worker.deliver(sample_events(3))
    (request,) = (
        {len(each.body): each for each in server.requests}.values()
        if len(server.requests) == 1
        else server.requests[:1]
    )
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.plain)["api_key"] == KEY


def test_what_it_shows_hides_nothing_but_sends_nothing() -> None:
    told = made("http://127.0.0.1:1").preview([event(), event(robot=True)])
    assert told[0]["fields"]["event_type"] == "traffic.page_view"
    assert told[1] == {"event": "traffic.page_view", "not_sent": ROBOT}
    assert answers.PATIENCE == 300
