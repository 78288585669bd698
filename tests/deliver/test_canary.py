"""Canaries: who delivers sees them among all others, and remembers the last."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from eventsink.deliver import loading
from eventsink.deliver.workers.influxdb.line_protocol import EventLines
from eventsink.errors import Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.canary import CANARY, Canary, latest, seen
from eventsink.testing import sample_events
from tests.deliver.scripted import Always, Bench, Scripted, running

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def canary(seconds_ago: float) -> Event:
    """One that was sent a while before NOW."""
    event = sample_events(1, event_type=CANARY)[0]
    return Event(
        id=event.id,
        source="eventsink",
        type=CANARY,
        time=NOW - timedelta(seconds=seconds_ago),
        received=NOW,
        data={"by": "schedule"},
    )


def test_the_latest_canary_of_a_batch_is_seen_with_its_delay() -> None:
    old, new = canary(9.0), canary(0.25)
    found = seen([*sample_events(3), new, *sample_events(2), old], NOW)
    assert found == Canary(id=new.id, delay_seconds=0.25, at=NOW)
    assert seen(sample_events(3)) is None and seen([]) is None


def test_a_clock_that_is_ahead_makes_no_delay_that_is_below_zero() -> None:
    found = seen([canary(-30.0)], NOW)
    assert found is not None and found.delay_seconds == 0.0


def test_of_several_processes_that_one_counts_which_delivered_last() -> None:
    early, late = (
        Canary(id=name, delay_seconds=1.0, at=NOW + timedelta(seconds=at)) for name, at in (("a", 0), ("b", 1))
    )
    assert latest({"store": early}, {"store": late, "echo": early}, {"store": early}) == {"store": late, "echo": early}


async def publish(made: Bench, *kinds: str) -> list[Event]:
    """Publish an event of each type; gives them when nothing waits."""
    events = [event for kind in kinds for event in sample_events(1, event_type=kind)]
    await made.exchange.publish(events)
    await made.settled()
    return events


async def test_the_runner_remembers_the_last_that_its_destination_has_taken(tmp_path: Path) -> None:
    async with running(tmp_path, Scripted()) as made:
        await publish(made, "users.login")
        assert made.runner.canary is None
        first, second = [(await publish(made, "users.login", CANARY))[-1] for _ in range(2)]
        assert first.id != second.id
        await publish(made, "users.login")
        assert made.runner.canary, "others do not make it forget"
        assert made.runner.canary.id == second.id


async def test_one_that_is_not_asked_for_is_not_seen(tmp_path: Path) -> None:
    async with running(tmp_path, Scripted(), types=["users.*"]) as made:
        assert not made.runner.awaits_canary
        await publish(made, "users.login", CANARY)
        assert made.runner.canary is None


async def test_one_that_waits_or_is_refused_is_not_delivered(tmp_path: Path) -> None:
    waits, refused = sample_events(1, event_type=CANARY)[0], sample_events(1, event_type=CANARY)[0]

    def step(events: Sequence[Event]) -> None:
        for event in events:
            if event.id == refused.id:
                raise Refused("Never.", events=[event])
            if event.id == waits.id:
                raise TryLater("Not now.", events=[event], after=3600.0)

    worker = Always(step)
    async with running(tmp_path, worker) as made:
        others = sample_events(4)
        await made.exchange.publish([*others[:2], refused, waits, *others[2:]])
        async with asyncio.timeout(30):
            while len(worker.delivered) < len(others):
                await asyncio.sleep(0.002)
        assert made.runner.canary is None


def test_it_is_known_of_a_worker_which_types_it_is_given() -> None:
    assert loading.asked("echo", {}) == []
    assert loading.asked("echo", {"types": ["users.*"]}) == ["users.*"]
    assert CANARY not in loading.asked("amplitude", {"api_key": "x"}) != []
    assert loading.asked("nosuch", {}) == [], "who runs it says what is wrong with it"


def test_in_influxdb_the_worker_of_a_report_is_a_tag_and_counts_are_integers() -> None:
    (event,) = sample_events(1, event_type="health.sink_update")
    data = {"worker": "mongo db", "waiting": 3, "lag_s": 2, "unready": "", "spool_bytes": 0}
    line = EventLines().line(msgspec.structs.replace(event, data=data))
    assert (
        ",worker=mongo\\ db " in line and ",waiting=3i," in line and ",lag_s=2," in line and ",spool_bytes=0i" in line
    )
    assert "worker=" not in line.partition(" event_id=")[2]
