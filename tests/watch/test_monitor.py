"""What the monitor makes of what checks do: the good, the bad, and the bugs."""

import asyncio
import os
import socket
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventsink.catalogue import CATALOGUE, validate
from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event, encode
from eventsink.watch import online, states
from eventsink.watch.check import Down, Measurement, Unknown
from eventsink.watch.monitor import measure, run_once
from eventsink.watch.online import Online
from eventsink.watch.states import State, States
from eventsink.watch.threads import OneThread
from tests.servers.faults import serving
from tests.servers.process import free_ports
from tests.watch.checking import Kept, Scripted, planned, run

GOOD = Measurement({"value": 1.5})
BAD = Down("refused", "Nothing listens there.", {"dns_ms": 2.0})
UPDATE = "health.check_update"


def _has_run(kept: Kept, times: int) -> bool:
    return len(kept.of(UPDATE)) >= times


def _has_changed(kept: Kept) -> bool:
    return bool(kept.changes)


async def test_each_run_is_an_event_that_the_catalogue_knows() -> None:
    kept, check = Kept(), planned("one", GOOD, BAD)
    await run([check], kept, lambda: len(kept.events) >= 4)
    for event in kept.events:
        assert validate(CATALOGUE[event.type], event.data) == [], event
    first, second = kept.of(UPDATE)[:2]
    assert first.data["up"] is True and first.data["value"] == 1.5 and first.data["region"] == "urbana"
    assert second.data["up"] is False and second.data["reason"] == "refused" and second.data["dns_ms"] == 2.0
    assert first.source == "monitor/here" and first.subject == "checks/one" and first.data["every_s"] == 0.05


async def test_three_outages_are_three_downs_and_three_ups() -> None:
    kept, script = Kept(), [GOOD, BAD, BAD, GOOD, GOOD, BAD, GOOD, BAD, BAD, BAD, GOOD]
    await run([planned("one", *script)], kept, lambda: len(kept.of(UPDATE)) >= len(script) + 2)
    assert kept.changes == [False, True] * 3


async def test_what_is_unknown_in_between_changes_nothing() -> None:
    kept, unknown = Kept(), Unknown("offline", "The monitor's own network is down.")
    script = [GOOD, unknown, GOOD, BAD, unknown, unknown, BAD, GOOD]
    await run([planned("one", *script)], kept, lambda: len(kept.of(UPDATE)) >= len(script))
    assert kept.changes == [False, True]
    assert [event.data["up"] for event in kept.of(UPDATE)][:4] == [True, None, True, False]


async def test_a_change_is_told_once_also_over_a_restart(tmp_path: Path) -> None:
    kept, path = Kept(), tmp_path / "states.json"
    for script in ([GOOD, BAD], [BAD], [BAD], [GOOD], [GOOD]):
        enough = len(kept.of(UPDATE)) + 3
        await run([planned("one", *script)], kept, partial(_has_run, kept, enough), States(path))
    assert kept.changes == [False, True]
    down, up = kept.of("health.status_changed")
    assert up.data["since"] == down.time.isoformat()


async def test_a_change_that_is_seen_again_after_kill_9_is_the_same_event(tmp_path: Path) -> None:
    path, ids = tmp_path / "states.json", []
    for _ in range(2):
        before = path.read_bytes() if path.exists() else b""
        kept = Kept()
        await run([planned("one", BAD)], kept, partial(_has_changed, kept), States(path))
        ids.append(kept.of("health.status_changed")[0].id)
        path.write_bytes(before or path.read_bytes().partition(b'"checks"')[0] + b'"checks":{}}')  # not noted yet
    assert ids[0] == ids[1]


async def test_after_the_file_of_states_is_lost_a_change_is_another(tmp_path: Path) -> None:
    path, ids = tmp_path / "states.json", []
    for _ in range(2):
        kept = Kept()
        await run([planned("one", BAD)], kept, partial(_has_changed, kept), States(path))
        ids.append(kept.of("health.status_changed")[0].id)
        path.unlink()
    assert ids[0] != ids[1]


async def test_a_check_that_is_in_the_settings_no_more_is_said_to_be_removed_once(tmp_path: Path) -> None:
    path, ids = tmp_path / "states.json", []
    checks, known = [planned("one", BAD), planned("two", GOOD)], States(path)
    await run(checks, Kept(), lambda: known.others([]).keys() == {"one", "two"}, known)
    before = path.read_bytes()
    for content in (before, before):  # the second time as after kill -9, before it was noted
        path.write_bytes(content)
        kept = Kept()
        await run([planned("two", GOOD)], kept, partial(_has_run, kept, 1), States(path))
        (removed,) = kept.of("health.status_changed")
        assert (removed.data["check"], removed.data["up"], removed.data["reason"]) == ("one", None, "removed")
        ids.append(removed.id)
    assert ids[0] == ids[1]
    kept = Kept()
    await run([planned("two", GOOD)], kept, partial(_has_run, kept, 1), States(path))
    assert not kept.of("health.status_changed")


async def test_a_slow_check_delays_no_other_and_its_missed_runs_are_counted() -> None:
    kept, quick = Kept(), planned("quick", GOOD)

    async def slow() -> Measurement:
        others = len(_of(kept, "quick"))
        await asyncio.sleep(0.5)
        while len(_of(kept, "quick")) < others + 5:  # if that waited for this one, it would never be so
            await asyncio.sleep(0.01)
        return GOOD

    monitor = await run(
        [planned("slow", slow, timeout=20), quick],
        kept,
        lambda: len([e for e in kept.events if e.data["check"] == "slow"]) >= 3,
    )
    runs = {name: [event for event in kept.of(UPDATE) if event.data["check"] == name] for name in ("slow", "quick")}
    assert len(runs["quick"]) > 4 * len(runs["slow"])
    assert sum(event.data.get("missed", 0) for event in runs["slow"]) >= 10
    assert monitor.missed >= 10


async def test_what_a_check_does_wrong_is_said_and_the_monitor_lives_on() -> None:
    async def hang() -> Measurement:
        await asyncio.sleep(60)
        return GOOD

    script = [hang, ValueError("a bug"), ConnectionRefusedError(), GOOD]
    kept = Kept()
    await run([planned("one", *script, timeout=0.1)], kept, lambda: len(kept.of(UPDATE)) >= 4)
    found = [(event.data["up"], event.data.get("reason")) for event in kept.of(UPDATE)[:4]]
    assert found == [(False, "timeout"), (None, "failed"), (False, "refused"), (True, None)]


async def _ends_its_own_task() -> Measurement:
    waiting = asyncio.create_task(asyncio.sleep(10))
    waiting.cancel()
    await waiting
    return GOOD


async def _blocks() -> Measurement:
    time.sleep(0.8)
    return GOOD


@pytest.mark.parametrize(
    "step",
    [
        SystemExit(3),
        GeneratorExit(),
        BaseExceptionGroup("all", [SystemExit(1)]),
        asyncio.CancelledError(),
        RecursionError(),
        _ends_its_own_task,
        _blocks,
        None,
        {"value": 1},
        [None],
        Measurement(7),
        Measurement({}, b"x"),
    ],
    ids=lambda step: getattr(step, "__name__", type(step).__name__),
)
async def test_whatever_a_check_does_the_monitor_lives_on_and_says_so(step: Any) -> None:
    kept = Kept()
    await run(
        [planned("odd", step, GOOD, timeout=0.1), planned("other", GOOD)],
        kept,
        lambda: len(_of(kept, "odd")) >= 2 and bool(_of(kept, "other")),
    )
    odd = _of(kept, "odd")
    assert (odd[0].data["up"], odd[0].data["reason"]) == (None, "failed")
    assert odd[1].data["up"] is True and _of(kept, "other")


async def test_what_a_check_calls_its_numbers_hides_nothing_of_the_monitor() -> None:
    odd = {"up": False, "check": "x", "region": "mars", "a": float("nan"), "b": object(), "c": 1.5, 7: 8}
    kept = Kept()
    await run([planned("one", Measurement(odd))], kept, lambda: bool(kept.events))
    data = kept.events[0].data
    assert (data["up"], data["check"], data["region"]) == (True, "one", "urbana")
    assert "a" not in data and "b" not in data and data["c"] == 1.5
    encode(kept.events[0])


async def test_a_check_that_hangs_when_it_is_told_that_all_is_kept_goes_on() -> None:
    class Hanging(Scripted):
        async def kept(self) -> None:
            await asyncio.sleep(60)

    one = planned("one", GOOD, timeout=0.1)
    kept = Kept()
    await run(
        [msgspec.structs.replace(one, check=Hanging([GOOD], one.check.site))], kept, lambda: len(kept.events) >= 2
    )


def _of(kept: Kept, check: str) -> list[Event]:
    return [event for event in kept.of(UPDATE) if event.data["check"] == check]


async def test_what_cannot_be_kept_is_counted_and_its_check_is_not_told_that_it_was() -> None:
    kept, check = Kept(), planned("one", GOOD)
    kept.failing = ExchangeUnavailable("The disk is full.")
    scripted = check.check
    assert isinstance(scripted, Scripted)

    def mended() -> bool:
        if scripted.runs >= 3:
            assert kept.failing is None or scripted.kept_runs == 0
            kept.failing = None
        return bool(kept.events)

    await run([check], kept, mended)
    assert kept.events[0].data["missed"] >= 2


async def test_several_intervals_of_one_run_are_several_events() -> None:
    kept = Kept()
    several = [Measurement({"value": number}, key=f"interval {number}") for number in range(3)]
    check = planned("one", several)
    await run([check], kept, lambda: len(kept.events) >= 3)
    assert [event.data["value"] for event in kept.events[:3]] == [0, 1, 2]
    again = await measure(check, Online([]), 0)
    assert [result.key for result in again] == ["interval 0", "interval 1", "interval 2"]


async def test_without_network_of_its_own_the_monitor_says_that_nothing_is_known() -> None:
    (port,) = free_ports(1)
    away = Online([f"127.0.0.1:{port}"])
    down = planned("one", Down("timeout", "No answer."))
    refused = planned("two", BAD)
    (first,), (second,) = await measure(down, away, 0), await measure(refused, away, 0)
    assert (first.up, first.reason) == (None, "offline")
    assert (second.up, second.reason) == (False, "refused"), "somebody has answered"

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(hang_up, port=port):
        (third,) = await measure(down, Online([f"127.0.0.1:{port}", "192.0.2.1:9"]), 0)
    assert (third.up, third.reason) == (False, "timeout")


class Clock:
    """The time module as `standstill` uses it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("still", "failure", "reason"),
    [
        (5.2, Down("timeout", "No answer."), "standstill"),
        (5.2, Down("loss", "All were lost."), "standstill"),
        (5.2, BAD, "refused"),  # somebody has answered
        (4.8, Down("timeout", "No answer."), "timeout"),
    ],
)
@pytest.mark.parametrize("seen", [True, False])
async def test_a_time_limit_that_ends_while_nothing_runs_here_says_nothing_of_the_target(
    monkeypatch: pytest.MonkeyPatch, *, seen: bool, still: float, failure: Down, reason: str
) -> None:
    clock = Clock()
    monkeypatch.setattr("eventsink.watch.standstill.time", clock)

    async def fail() -> Measurement:
        await asyncio.sleep(0)  # the watch begins
        clock.now += 0.25 + still
        if seen:
            await asyncio.sleep(0.3)  # and sees it
        raise failure

    (found,) = await measure(planned("one", fail, timeout=10.0), Online([]), 0)
    assert (found.up, found.reason) == (None if reason == "standstill" else False, reason)


async def test_a_name_that_is_looked_up_for_ever_takes_no_thread_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    over, before = threading.Event(), {*threading.enumerate()}

    def hang(name: str, *arguments: Any) -> Any:
        if not arguments[-1] & socket.AI_NUMERICHOST:  # what is an address itself is known at once
            over.wait(30)
        raise socket.gaierror(socket.EAI_NONAME, "there is no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(online, "ANSWER_WITHIN", 0.05)
    assert not await Online(["reference.example:443"]).ask()
    hanging = [thread.name for thread in threading.enumerate() if thread not in before and not thread.daemon]
    over.set()
    assert hanging == [], "or a process would not end while the network is down"


async def test_a_look_whose_thread_could_not_be_started_is_no_look_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = OneThread("one")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            await one.run(lambda: 1)
    assert await one.run(lambda: 1) == 1


async def test_five_hundred_checks_run_in_time() -> None:
    kept = Kept()
    checks = [planned(f"check {number}", GOOD, every=2.0) for number in range(500)]
    seen = Counter[str]()

    def twice() -> bool:
        seen.update(event.data["check"] for event in kept.events)
        kept.events.clear()
        return len(seen) == len(checks) and min(seen.values()) >= 2

    begun = time.process_time()  # by the clock on the wall it is late as well when others have the machine
    await run(checks, kept, twice)
    assert time.process_time() - begun < 4.0, "two periods"


async def test_once_is_once_for_each() -> None:
    checks = [planned("good", GOOD), planned("bad", BAD)]
    results = await run_once(checks, Online([]))
    assert [(result.check, result.state) for result in results] == [("good", "up"), ("bad", "down")]


@pytest.mark.parametrize("content", [b"", b"{", b'{"one": 1}', b"\xff"])
async def test_a_damaged_file_of_states_is_said_and_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "states.json"
    path.write_bytes(content)
    kept = Kept()
    await run([planned("one", BAD)], kept, lambda: bool(kept.changes), States(path))
    assert States(path).get("one")


async def test_a_disk_that_hangs_stops_no_check_and_has_the_last_states_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, over, begun = tmp_path / "states.json", threading.Event(), [0]
    kept, known = Kept(), States(path)

    def hang(_: int) -> None:
        begun[0] += 1
        over.wait(30)

    def enough() -> bool:
        if len(kept.changes) >= 5:
            monkeypatch.setattr(states, "PATIENCE", 30.0)
            over.set()
        return over.is_set()

    monkeypatch.setattr(states, "PATIENCE", 0.05)
    monkeypatch.setattr(os, "fsync", hang)
    await run([planned("one", BAD, GOOD, BAD, GOOD, BAD)], kept, enough, known)
    assert begun == [2], "what was noted meanwhile is written at once"
    assert known.get("one") == States(path).get("one")


async def test_a_disk_that_hangs_is_said_once_and_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known, over = States(tmp_path / "states.json"), threading.Event()
    monkeypatch.setattr(states, "PATIENCE", 0.05)
    monkeypatch.setattr(os, "fsync", lambda _: over.wait(30))
    for state in ("down", "up", "down"):
        await known.note({"one": State(state, datetime.now(UTC))})
        await known.finish()
    over.set()
    assert capsys.readouterr().out.count("the disk does not answer") == 1


async def test_no_secret_of_a_message_is_in_an_event() -> None:
    kept = Kept()
    await run([planned("one", Down("status", "GET failed with X-API-Key: hush-hush"))], kept, lambda: bool(kept.events))
    assert not any(b"hush" in encode(event) for event in kept.events)
