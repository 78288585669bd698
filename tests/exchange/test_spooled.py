"""The spool in front of an exchange: what it promises when the exchange, the disk or our own process fails."""

import asyncio
import gc
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from eventsink.amqp import Address
from eventsink.durable import spooler
from eventsink.errors import (
    BrokerRefuses,
    BrokerUnavailable,
    DataDirectoryInUse,
    ExchangeFull,
    ExchangeUnavailable,
    Unroutable,
)
from eventsink.event import Event
from eventsink.exchange.contract import Account, Exchange, Spool
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, entries, missing
from eventsink.exchange.rabbitmq.queue import RabbitQueue
from eventsink.exchange.spooled import SpooledExchange, open_spool
from eventsink.testing import drain, sample_events
from tests import processes
from tests.servers.rabbitmq import RabbitMQ
from tests.stalls import Stalls, stalls


@pytest.fixture(autouse=True)
def nothing_unheard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No error ends where nobody hears it: asyncio says so in its log."""
    yield
    gc.collect()
    said = [record for when in ("setup", "call") for record in caplog.get_records(when) if record.name == "asyncio"]
    assert [record.getMessage() for record in said if record.levelno >= logging.ERROR] == []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for every second is asked for more often."""
    monkeypatch.setattr(spooler, "ASK_AGAIN", 0.05)
    monkeypatch.setattr(spooler, "UNWANTED", 0.2)


class _Scripted:
    """An exchange that does as it is told: takes events, is away, or has no queue for some types."""

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.failure: Exception | None = None
        self.unwanted: set[str] = set()
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, events: Sequence[Event]) -> None:
        self.calls += 1
        await self.open.wait()
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        back = [event for event in events if event.type in self.unwanted]
        self.taken += [event for event in events if event.type not in self.unwanted]
        if back:
            raise Unroutable("nobody wants it", returned=back)

    async def queue(self, name: str, types: Sequence[str] = ()) -> None:
        self.unwanted.clear()

    async def close(self) -> None:
        self.open.set()


AWAY = BrokerUnavailable("away")


@pytest.fixture
async def inner() -> _Scripted:
    """The exchange behind the spool."""
    return _Scripted()


@pytest.fixture
async def spool(inner: _Scripted, tmp_path: Path) -> AsyncIterator[SpooledExchange]:
    """A spool in front of it."""
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"))
    yield exchange
    await exchange.close()


async def _until(true: Callable[[], bool], what: str = "") -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def _until_forwarded(exchange: SpooledExchange, but: int = 0) -> None:
    """All that waits, but for what nobody takes: what comes need not wait for the last of it."""
    await _until(lambda: not exchange.away and exchange._spooler.file.events == but)


async def _publish_all(exchange: Exchange, groups: Sequence[Sequence[Event]]) -> None:
    async with asyncio.timeout(30):
        await asyncio.gather(*(exchange.publish(group) for group in groups))


# --- publishing ------------------------------------------------------------------------------------------------------


async def test_what_is_forbidden_for_good_is_refused_and_not_spooled(
    spool: SpooledExchange, inner: _Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner.failure = BrokerRefuses("may not", code=403)
    with pytest.raises(BrokerRefuses, match="may not"):
        await spool.publish(sample_events(3))
    with pytest.raises(BrokerRefuses, match="may not"):
        await spool.check()
    assert (await spool.spool()) == Spool(0, 0, away=False)
    monkeypatch.setattr(spooler, "REFUSED_FOR", 0.05)
    await asyncio.sleep(0.1)
    await spool.check()  # it may have been mended: the next events show it
    inner.failure = None
    await spool.publish(events := sample_events(2))
    monkeypatch.undo()
    await spool.check()
    assert inner.taken == events


async def test_a_refusal_that_is_told_often_does_not_grow(spool: SpooledExchange, inner: _Scripted) -> None:
    inner.failure = BrokerRefuses("may not", code=403)
    with pytest.raises(BrokerRefuses):
        await spool.publish(sample_events(1))
    told = []
    for _ in range(3):
        with pytest.raises(BrokerRefuses, match="may not") as refused:
            await spool.check()
        told.append((refused.value.code, len(refused.traceback)))
    assert told == [told[0]] * 3 and told[0][0] == 403


async def test_what_is_forbidden_when_the_broker_is_back_waits_and_no_more_is_taken(
    spool: SpooledExchange, inner: _Scripted
) -> None:
    inner.failure = AWAY
    await spool.publish(waiting := sample_events(3))
    inner.failure = BrokerRefuses("declared otherwise", code=406)
    await _until(lambda: spool._spooler._refused is not None)
    with pytest.raises(BrokerRefuses, match="declared otherwise"):
        await spool.publish(sample_events(1))
    with pytest.raises(BrokerRefuses):
        await spool.check()
    inner.failure = None
    await _until(lambda: inner.taken == waiting)
    await _until_forwarded(spool)
    await spool.publish(more := sample_events(1))
    assert inner.taken == [*waiting, *more]


async def test_after_a_refusal_and_an_outage_everything_is_taken_again(
    spool: SpooledExchange, inner: _Scripted
) -> None:
    inner.failure = BrokerRefuses("may not", code=403)
    with pytest.raises(BrokerRefuses):
        await spool.publish(sample_events(1))
    inner.failure = AWAY  # somebody mends it and restarts the broker
    await spool.publish(events := sample_events(2))
    inner.failure = None
    await _until(lambda: inner.taken == events)
    await spool.check()


async def test_a_hiccup_while_the_disk_is_full_is_over_with_the_hiccup(
    spool: SpooledExchange, inner: _Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> None:
        raise ExchangeFull("no room")

    monkeypatch.setattr(spool._spooler.file, "append", full)
    inner.failure = AWAY
    with pytest.raises(ExchangeFull):
        await spool.publish(sample_events(1))
    inner.failure = None
    await spool.publish(events := sample_events(1))
    assert inner.taken == events


async def test_an_exchange_that_is_gone_for_a_moment_is_not_forbidden(spool: SpooledExchange, inner: _Scripted) -> None:
    inner.failure = BrokerRefuses("no exchange", code=404)
    await spool.publish(events := sample_events(3))
    inner.failure = None
    await _until(lambda: inner.taken == events)


async def test_requests_of_one_moment_share_a_publication(spool: SpooledExchange, inner: _Scripted) -> None:
    groups = [sample_events(1) for _ in range(200)]
    await _publish_all(spool, groups)
    assert inner.taken == [event for group in groups for event in group] and inner.calls == 1


async def test_requests_that_wait_for_room_all_get_through(spool: SpooledExchange, inner: _Scripted) -> None:
    inner.open.clear()
    publishing = []
    for _ in range(spooler.AT_ONCE + 3):  # each more than a publication holds together with the next
        publishing.append(asyncio.create_task(spool.publish(sample_events(spooler.LARGEST - 10))))
        publishing.append(asyncio.create_task(spool.publish(sample_events(20))))
        await asyncio.sleep(0.01)
    await _until(lambda: inner.calls >= spooler.AT_ONCE)
    assert inner.calls == spooler.AT_ONCE
    inner.open.set()
    async with asyncio.timeout(30):
        await asyncio.gather(*publishing)
    assert len(inner.taken) == len(publishing) // 2 * (spooler.LARGEST + 10)


async def test_a_publisher_that_goes_away_takes_nobody_along(spool: SpooledExchange, inner: _Scripted) -> None:
    inner.open.clear()
    tasks = [asyncio.create_task(spool.publish(sample_events(1))) for _ in range(5)]
    await asyncio.sleep(0.01)
    tasks[2].cancel()
    inner.open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [
        outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, asyncio.CancelledError)
    ] == []
    assert len(inner.taken) == 5


async def test_while_the_exchange_is_away_events_wait_in_order_and_are_forwarded(
    spool: SpooledExchange, inner: _Scripted
) -> None:
    inner.failure = AWAY
    groups = [sample_events(3) for _ in range(100)]
    for group in groups:
        await spool.publish(group)
    assert (await spool.spool()).events == 300 and (await spool.spool()).away
    inner.failure = None
    await _until_forwarded(spool)
    assert inner.taken == [event for group in groups for event in group]
    after = sample_events(1)
    await spool.publish(after)
    assert inner.taken[-1] == after[0]
    found = await spool.spool()
    assert (found.events, found.bytes, found.away) == (0, 0, False)


async def test_a_bug_in_the_exchange_does_not_end_the_forwarding(spool: SpooledExchange, inner: _Scripted) -> None:
    inner.failure = AWAY
    events = sample_events(3)
    await spool.publish(events)
    inner.failure = RuntimeError("a bug")
    calls = inner.calls
    await _until(lambda: inner.calls > calls + 2)
    assert (await spool.spool()).events == 3
    inner.failure = None
    await _until_forwarded(spool)
    assert inner.taken == events


# --- events that no queue wants --------------------------------------------------------------------------------------


async def test_an_event_that_nobody_wants_stays_and_holds_up_nobody(spool: SpooledExchange, inner: _Scripted) -> None:
    inner.unwanted = {"users.login"}
    unwanted, wanted = sample_events(2, event_type="users.login"), sample_events(3)
    await spool.publish([unwanted[0], *wanted, unwanted[1]])
    assert inner.taken == wanted
    assert not spool.away and (await spool.spool()).events == 2
    more = sample_events(2)
    await spool.publish(more)
    assert inner.taken == [*wanted, *more]
    inner.unwanted = set()
    await _until(lambda: spool._spooler.file.events == 0)
    assert inner.taken[5:] == unwanted


async def test_a_queue_that_is_made_gets_what_waits_for_it_at_once(
    spool: SpooledExchange, inner: _Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooler, "UNWANTED", 1000.0)
    inner.unwanted = {"users.login"}
    unwanted = sample_events(2, event_type="users.login")
    await spool.publish(unwanted)
    await _until(lambda: spool._spooler._unwanted == 2)
    await spool.queue("new")
    await _until(lambda: spool._spooler.file.events == 0)
    assert inner.taken == unwanted


async def test_events_that_nobody_wants_are_not_tried_with_every_new_one(
    spool: SpooledExchange, inner: _Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooler, "UNWANTED", 1000.0)
    inner.unwanted = {"users.login"}
    for count in range(1, 101):
        await spool.publish(sample_events(1, event_type="users.login"))
        await _until(lambda count=count: spool._spooler._unwanted == count)  # type: ignore[misc]
    assert inner.calls <= 2 * 100 + 5
    assert (await spool.spool()).events == 100 and not spool.away


async def test_what_is_wanted_and_what_is_not_is_told_apart_after_an_absence(
    spool: SpooledExchange, inner: _Scripted
) -> None:
    inner.failure, inner.unwanted = AWAY, {"users.login"}
    groups = [sample_events(2) + sample_events(1, event_type="users.login") for _ in range(40)]
    for group in groups:
        await spool.publish(group)
    inner.failure = None
    await _until_forwarded(spool, but=40)
    assert inner.taken == [event for group in groups for event in group[:2]]
    assert (await spool.spool()).events == 40
    inner.unwanted = set()
    await _until(lambda: spool._spooler.file.events == 0)
    assert inner.taken[80:] == [group[2] for group in groups]


# --- the file --------------------------------------------------------------------------------------------------------


async def test_what_waits_survives_our_own_restart(inner: _Scripted, tmp_path: Path) -> None:
    inner.failure = AWAY
    groups = [sample_events(5) for _ in range(20)]
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"))
    await _publish_all(exchange, groups[:10])
    await exchange.close()
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"))
    assert exchange.away, "what comes now comes after what waits"
    await _publish_all(exchange, groups[10:])
    inner.failure = None
    await _until_forwarded(exchange)
    assert inner.taken == [event for group in groups for event in group]
    await exchange.close()
    await exchange.close()


_KILLED = """
import asyncio, sys
from pathlib import Path
from eventsink import logs
from eventsink.errors import BrokerUnavailable

from eventsink.exchange.spooled import SpooledExchange, open_spool
from eventsink.testing import sample_events

class Away:
    async def publish(self, events):
        raise BrokerUnavailable("away")

async def main():
    exchange = SpooledExchange(Away(), open_spool(Path(sys.argv[1])))

    async def publisher():
        while True:
            events = sample_events(3)
            await exchange.publish(events)
            sys.stdout.write("".join(event.id + "\\n" for event in events))
            sys.stdout.flush()

    await asyncio.gather(*(publisher() for _ in range(8)))

logs.configure()
asyncio.run(main())
"""


async def test_what_was_accepted_before_kill_9_is_forwarded_once(inner: _Scripted, tmp_path: Path) -> None:
    path, accepted = tmp_path / "spool.db", []
    for _ in range(2):
        with processes.running(
            [sys.executable, "-c", _KILLED, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            accepted += [process.stdout.readline().strip() for _ in range(200)]
            process.kill()
            accepted += process.stdout.read().split("\n")[:-1]
    exchange = SpooledExchange(inner, open_spool(path))
    await _until_forwarded(exchange)
    got = [event.id for event in inner.taken]
    assert len(got) == len(set(got)), "none doubled"
    assert set(accepted) <= set(got), "none lost"
    await exchange.close()


async def test_the_size_cap_refuses_clearly_and_ends_when_the_exchange_is_back(
    inner: _Scripted, tmp_path: Path
) -> None:
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"), most_bytes=50_000)
    inner.failure = AWAY
    accepted = 0
    with pytest.raises(ExchangeFull, match=r"exchange\.max_bytes"):
        while True:
            await exchange.publish(sample_events(50))
            accepted += 50
    assert accepted
    inner.failure = None
    await _until_forwarded(exchange)
    await exchange.publish(sample_events(50))
    assert len(inner.taken) == accepted + 50
    await exchange.close()


async def test_the_size_cap_holds_for_what_nobody_wants_too(inner: _Scripted, tmp_path: Path) -> None:
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"), most_bytes=50_000)
    inner.unwanted = {"users.login"}
    with pytest.raises(ExchangeFull):
        for _ in range(100):
            await exchange.publish(sample_events(50, event_type="users.login"))
    wanted = sample_events(3)
    await exchange.publish(wanted)
    assert inner.taken == wanted
    await exchange.close()


async def test_a_second_process_is_told_who_has_the_spool(tmp_path: Path) -> None:
    file = open_spool(tmp_path / "spool.db")
    with pytest.raises(DataDirectoryInUse, match=f"Process {os.getpid()} already uses"):
        open_spool(tmp_path / "spool.db")
    await file.close()
    await open_spool(tmp_path / "spool.db").close()


async def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExchangeUnavailable, match="The spool cannot be opened"):
        open_spool(tmp_path / "file" / "spool.db")


async def _filled(path: Path, inner: _Scripted, groups: int = 120) -> list[str]:
    inner.failure = AWAY
    exchange = SpooledExchange(inner, open_spool(path))
    events = []
    for _ in range(groups):
        group = sample_events(20)
        await exchange.publish(group)
        events += group
    await exchange.close()
    inner.failure = None
    return [event.id for event in events]


async def test_a_file_that_is_no_database_is_set_aside(inner: _Scripted, tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"))
    inner.failure = AWAY
    await exchange.publish(sample_events(2))
    assert (await exchange.spool()).events == 2
    await exchange.close()
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) == 1


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
async def test_what_can_be_read_of_a_damaged_file_is_forwarded(inner: _Scripted, tmp_path: Path, at: float) -> None:
    path = tmp_path / "spool.db"
    ids = await _filled(path, inner)
    content = bytearray(path.read_bytes())
    begin = int(len(content) * at) // 4096 * 4096
    content[begin : begin + 8192] = os.urandom(8192)
    path.write_bytes(content)
    exchange = SpooledExchange(inner, open_spool(path))
    await _until_forwarded(exchange)
    got = [event.id for event in inner.taken]
    assert set(got) <= set(ids) and len(got) == len(set(got)) and len(got) > 0.5 * len(ids)
    assert got == sorted(got, key=ids.index), "in order"
    found = await exchange.spool()
    assert (found.events, found.bytes) == (0, 0)
    await exchange.close()
    assert list(tmp_path.glob("spool.db.damaged-*")), "the damaged file is still there to be looked at"


async def test_what_was_committed_behind_damage_of_the_write_ahead_log_is_said_to_be_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = open_spool(tmp_path / "made.db")
    for _ in range(20):
        await made.append([sample_events(1)])
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"made.db{suffix}", tmp_path / f"spool.db{suffix}")
    await made.close()
    wal = tmp_path / "spool.db-wal"
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 0xFF
    wal.write_bytes(content)
    file = open_spool(tmp_path / "spool.db")
    assert 0 < file.events < 20
    await file.close()
    said = capsys.readouterr().out
    assert "spool.damaged" in said and "commits_gone" in said


async def test_a_disk_that_is_full_while_a_damaged_file_is_read_costs_nothing(
    inner: _Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "50% of #1?" / "spool.db"  # which would mean something else in a URI
    path.parent.mkdir()
    ids = await _filled(path, inner)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = os.urandom(len(content) // 2)
    path.write_bytes(content)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("eventsink.files.spool_rows.read_both_ways", full)
        with pytest.raises(ExchangeUnavailable, match="full"):
            open_spool(path)
    assert not list(path.parent.glob("*.damaged-*")) and not list(path.parent.glob("*.salvaged*"))
    file = open_spool(path)
    await file.close()
    assert 0 < file.events < len(ids) and list(path.parent.glob("spool.db.damaged-*"))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_group_that_the_disk_changed_is_passed_over(inner: _Scripted, tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    ids = await _filled(path, inner, groups=4)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE spool SET lines = replace(lines, 'storage', 'stirage') WHERE id = 2")
    connection.close()
    exchange = SpooledExchange(inner, open_spool(path))
    await _until_forwarded(exchange)
    assert [event.id for event in inner.taken] == ids[:20] + ids[40:]
    assert (await exchange.spool()).events == 0
    await exchange.close()


async def _limit(exchange: SpooledExchange, pages: int | None) -> None:
    """Have the disk be full at the size that the file has now, or not any more."""

    def limit(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count={pages or 2**30}")

    await exchange._spooler.file._change(limit)


async def test_a_full_disk_refuses_clearly_and_what_was_accepted_is_kept(
    spool: SpooledExchange, inner: _Scripted
) -> None:
    inner.failure = AWAY
    accepted = sample_events(20)
    await spool.publish(accepted)
    await _limit(spool, 1)
    with pytest.raises(ExchangeUnavailable, match=r"The spool cannot be written.*full"):
        for _ in range(100):
            await spool.publish(group := sample_events(50))
            accepted += group
    await _limit(spool, None)
    await spool.publish(after := sample_events(5))
    inner.failure = None
    await _until_forwarded(spool)
    assert inner.taken == [*accepted, *after]
    assert (await spool.spool()).bytes == 0


async def test_what_a_full_disk_cannot_remove_is_not_published_again_and_again(
    spool: SpooledExchange, inner: _Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner.failure = AWAY
    for _ in range(3):
        await spool.publish(sample_events(5))
    attempts = 0

    async def full(groups: object) -> None:
        nonlocal attempts
        attempts += 1
        raise ExchangeUnavailable("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(spool._spooler.file, "remove", full)
        inner.failure = None
        await _until(lambda: attempts > 5)
        assert len(inner.taken) == 5, "the first group, once"
    await _until_forwarded(spool)
    assert len(inner.taken) == 15 and (await spool.spool()).events == 0


async def test_the_embedded_exchange_behind_a_spool_gives_a_new_queue_what_waits(tmp_path: Path) -> None:
    inner = await EmbeddedExchange.open(tmp_path / "exchange.db")
    exchange = SpooledExchange(inner, open_spool(tmp_path / "spool.db"))
    events = sample_events(3)
    await exchange.publish(events)
    assert await drain(await exchange.queue("store"), least=len(events)) == events
    await exchange.close()


# --- a broker that fails ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A RabbitMQ that these tests kill, freeze and frighten.

    The queues are made some seconds before: RabbitMQ 3.10 may never again confirm what goes to a younger one.
    """
    with RabbitMQ(tmp_path_factory.mktemp("own")).running() as server:
        for vhost in ("own", "late"):
            asyncio.run(_make_queues(server.vhost(vhost)))
        time.sleep(4)
        yield server


async def _make_queues(url: str) -> None:
    exchange = await RabbitExchange.open(Address.parse(url), RabbitOptions())
    for name in ("one", "two"):
        await exchange.queue(name)
    await exchange.close()


class _Load:
    """Publishes from many at once until it is told to stop; every event that was accepted is noted."""

    def __init__(self, exchange: SpooledExchange, stalled: Stalls) -> None:
        self.accepted: list[str] = []
        self.slowest = 0.0  # seconds, without those in which the machine ran nobody
        self._stalled = stalled
        self._stop = False
        self._tasks = [asyncio.create_task(self._publish(exchange)) for _ in range(6)]

    async def _publish(self, exchange: SpooledExchange) -> None:
        while not self._stop:
            events, begun = sample_events(4), time.monotonic()
            await exchange.publish(events)
            if time.monotonic() - begun > self.slowest:
                self.slowest = max(self.slowest, self._stalled.running(begun))
            self.accepted += [event.id for event in events]
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)


async def _work(queue: RabbitQueue, got: list[str]) -> None:
    """Settle all that comes, as a runner does: whatever fails is tried again."""
    while True:
        try:
            batch = await queue.take(200, 0.2)
            if batch is None:
                continue
            got += [event.id for event in batch.events]
            while True:
                try:
                    await queue.done(batch)
                    break
                except ExchangeUnavailable:
                    await asyncio.sleep(0.1)
        except ExchangeUnavailable:
            await asyncio.sleep(0.1)


class _Sink:
    """An exchange on a broker of one's own with a spool in front, two workers, and load."""

    def __init__(self, exchange: SpooledExchange, rabbit: RabbitExchange, stalled: Stalls) -> None:
        self.exchange = exchange
        self.rabbit = rabbit
        self.got: dict[str, list[str]] = {"one": [], "two": []}
        self.load = _Load(exchange, stalled)
        self._working: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        for name, got in self.got.items():
            queue = await self.rabbit.queue(name)
            self._working.append(asyncio.create_task(_work(queue, got)))

    async def check(self) -> dict[str, Account]:
        """All that was accepted arrived, and is counted once."""
        await self.load.stop()
        expected = set(self.load.accepted)
        await _until(lambda: not self.exchange.away and self.exchange._spooler.file.events == 0, "the spool is empty")
        await _until(lambda: all(expected <= set(got) for got in self.got.values()), "all arrived")
        async with asyncio.timeout(30):
            while True:
                accounts = await self.exchange.accounts()
                assert all(a.accepted == a.delivered + a.waiting + a.dead + a.missing for a in accounts.values())
                if [a.waiting for a in accounts.values()] == [0, 0]:
                    break
                await asyncio.sleep(0.1)
        for name, got in self.got.items():
            assert accounts[name].accepted == len(set(got)), (name, accounts, len(set(got)), len(expected))
        return accounts

    async def end(self) -> None:
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await self.exchange.close()


@pytest.fixture
async def sink(own: RabbitMQ, tmp_path: Path) -> AsyncIterator[_Sink]:
    """Publishes and delivers on the broker that fails."""
    address = Address.parse(own.at("own"))
    rabbit = await RabbitExchange.open(address, RabbitOptions(), tmp_path / "accounts.db")
    rabbit._service._publisher._timeout = 2.0
    with stalls() as stalled:
        made = _Sink(SpooledExchange(rabbit, open_spool(tmp_path / "spool.db")), rabbit, stalled)
        await made.begin()
        yield made
        await made.load.stop()
        await made.end()


async def test_a_broker_that_is_killed_under_load_loses_nothing(own: RabbitMQ, sink: _Sink) -> None:
    await asyncio.sleep(0.5)
    await asyncio.to_thread(own.kill)
    await _until(lambda: sink.exchange.away)
    before = len(sink.load.accepted)
    await asyncio.to_thread(own.start)
    assert len(sink.load.accepted) > before, "it accepts meanwhile"
    await sink.check()
    assert sink.load.slowest < 4


async def test_a_broker_short_of_memory_holds_up_nobody(own: RabbitMQ, sink: _Sink) -> None:
    await asyncio.sleep(0.3)
    await asyncio.to_thread(own.control, "set_vm_memory_high_watermark", "0")
    try:
        await _until(lambda: sink.exchange.away)
        accepted = len(sink.load.accepted)
        await _until(lambda: len(sink.load.accepted) > accepted + 100)
        accounts = await asyncio.wait_for(sink.exchange.accounts(), 30)
        assert accounts["one"].accepted > 0
    finally:
        await asyncio.to_thread(own.control, "set_vm_memory_high_watermark", "0.4")
    await sink.check()
    assert sink.load.slowest < 4


async def test_workers_settle_while_the_broker_takes_nothing(own: RabbitMQ, tmp_path: Path) -> None:
    address = Address.parse(own.vhost("taking"))  # what was refused may come after the end of this test
    keeper = await RabbitExchange.open(address, RabbitOptions(), tmp_path / "accounts.db")
    worker = await RabbitExchange.open(address, RabbitOptions())
    keeper._service._publisher._timeout = worker._service._publisher._timeout = 1.0
    one, two = await worker.queue("one"), await keeper.queue("two")
    events = sample_events(40)
    await keeper.publish(events)
    await asyncio.to_thread(own.control, "set_disk_free_limit", "100000GB")
    try:
        with pytest.raises(BrokerUnavailable):
            await keeper.publish(sample_events(1))
        with stalls() as stalled:
            begun = time.monotonic()
            assert await drain(one, least=len(events)) == await drain(two, least=len(events)) == events
            late = await RabbitExchange.open(address, RabbitOptions())
            late._service._publisher._timeout = 1.0
            beside = await late.queue("one")
            assert await beside.take(1, 0.1) is None, "one that starts now works, too"
            assert stalled.running(begun) < 8
    finally:
        await asyncio.to_thread(own.control, "set_disk_free_limit", "50MB")
    # What was refused may have reached the broker all the same, or not: its connection decides. It is in both or none.
    async with asyncio.timeout(90):
        while not all(40 <= account.delivered == account.accepted for account in (await keeper.accounts()).values()):
            for queue in (one, beside, two):  # RabbitMQ gives the event that waited to either process of the worker
                await drain(queue)
    for exchange in (late, worker, keeper):
        await exchange.close()


async def test_what_nobody_can_tell_of_while_the_broker_takes_nothing_is_not_forgotten(
    own: RabbitMQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "SURE", 0.5)
    monkeypatch.setattr(entries, "EVERY", 60.0)
    address, options = Address.parse(own.vhost("untold")), RabbitOptions(destinations={"one": []})
    serve = await RabbitExchange.open(address, options, tmp_path / "accounts.db")
    worker, door = await RabbitExchange.open(address, RabbitOptions()), await RabbitExchange.open(address, options)
    worker._service._publisher._timeout = 1.0
    one = await worker.queue("one")
    accepted = 0

    async def look() -> Account:
        nonlocal accepted
        account = (await serve.accounts())["one"]
        assert account.accepted >= accepted, f"it does not go back: {account}"
        accepted = account.accepted
        return account

    for _ in range(20):  # a message each
        await door.publish(sample_events(1))
    async with asyncio.timeout(30):
        while (await look()).waiting < 20:
            await asyncio.sleep(0.1)
    await asyncio.to_thread(own.control, "set_disk_free_limit", "100000GB")
    try:
        with pytest.raises(BrokerUnavailable):
            await worker.publish(sample_events(1))
        await drain(one, least=20)
        for _ in range(20):  # heartbeats do not come through, and those of before are forgotten
            await look()
            await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(own.control, "set_disk_free_limit", "50MB")
    async with asyncio.timeout(30):
        while (await look()).delivered < 20:
            await drain(one)
    for exchange in (door, worker, serve):
        await exchange.close()


@pytest.mark.parametrize("cleanly", [True, False])
async def test_a_worker_that_ends_while_the_broker_takes_nothing_takes_no_counts_along(
    own: RabbitMQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cleanly: bool
) -> None:
    monkeypatch.setattr(missing, "SURE", 0.5)
    address, options = Address.parse(own.vhost("counts")), RabbitOptions(destinations={"one": []})
    serve = await RabbitExchange.open(address, options, tmp_path / "accounts.db")
    worker = await RabbitExchange.open(address, RabbitOptions())
    worker._service._publisher._timeout = 1.0
    one = await worker.queue("one")
    events = sample_events(1000)
    await serve.publish(events[:500])
    await serve.publish(events[500:])
    await asyncio.to_thread(own.control, "set_disk_free_limit", "100000GB")
    try:
        with pytest.raises(BrokerUnavailable):
            await worker.publish(sample_events(1))
        assert await drain(one, least=len(events)) == events
        if not cleanly:
            monkeypatch.setattr(worker._settlements, "settle_up", _nothing)
        await worker.close()
    finally:
        await asyncio.to_thread(own.control, "set_disk_free_limit", "50MB")
    worker = await RabbitExchange.open(address, RabbitOptions())
    one = await worker.queue("one")
    assert {event.id for event in events} <= {event.id for event in await drain(one, wait=2.0, least=1000)}, (
        "they come again"
    )
    async with asyncio.timeout(30):
        while (account := (await serve.accounts())["one"]).delivered < 1000 or account.waiting:
            await drain(one)
    looks = 0
    async with asyncio.timeout(60):
        # As its runner does: what was recorded late is acknowledged then, and what was refused may come now.
        while looks < 15 or account.accepted != account.delivered:
            await drain(one)
            account, looks = (await serve.accounts())["one"], looks + 1
    assert account.accepted == account.delivered in {1000, 1001} and not account.missing
    for exchange in (worker, serve):
        await exchange.close()


async def _nothing() -> None:
    return None


async def test_a_broker_that_hangs_holds_up_nobody(own: RabbitMQ, sink: _Sink) -> None:
    await asyncio.sleep(0.3)
    own.freeze()
    try:
        await _until(lambda: sink.exchange.away)
        accepted = len(sink.load.accepted)
        await _until(lambda: len(sink.load.accepted) > accepted + 100)
    finally:
        own.thaw()
    await sink.check()
    assert sink.load.slowest < 4


async def test_a_broker_that_is_away_at_the_start_is_waited_for(own: RabbitMQ, tmp_path: Path) -> None:
    address = Address.parse(own.at("late"))  # where no other test has left anything
    await asyncio.to_thread(own.kill)
    rabbit = await RabbitExchange.open(address, RabbitOptions(), tmp_path / "accounts.db")
    exchange = SpooledExchange(rabbit, open_spool(tmp_path / "spool.db"))
    queue = await exchange.queue("one")
    groups = [sample_events(3) for _ in range(30)]
    for group in groups:
        await exchange.publish(group)
    with pytest.raises(BrokerUnavailable):
        await queue.take(1, 0.1)
    assert (await exchange.accounts())["one"].accepted == 0
    await exchange.close()
    rabbit = await RabbitExchange.open(address, RabbitOptions(), tmp_path / "accounts.db")
    exchange = SpooledExchange(rabbit, open_spool(tmp_path / "spool.db"))
    queue = await exchange.queue("one")
    await asyncio.to_thread(own.start)
    got: list[str] = []
    working = asyncio.create_task(_work(queue, got))
    await _until(lambda: not exchange.away and exchange._spooler.file.events == 0 and len(got) == 90)
    assert got == [event.id for group in groups for event in group], "in order"
    async with asyncio.timeout(30):
        while (await exchange.accounts())["one"].waiting:
            await asyncio.sleep(0.05)
    assert (await exchange.accounts())["one"].accepted == 90
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await exchange.close()


async def test_a_permission_that_is_taken_away_while_all_runs_is_answered_and_said(
    own: RabbitMQ, tmp_path: Path
) -> None:
    url = own.vhost("forbidden")
    own.manage("PUT", "/api/users/sink", {"password": "s3cret", "tags": ""})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    own.manage("PUT", "/api/permissions/forbidden/sink", everything)
    address = Address.parse(url.replace("guest:guest", "sink:s3cret"))
    rabbit = await RabbitExchange.open(address, RabbitOptions(destinations={"store": []}), tmp_path / "accounts.db")
    exchange = SpooledExchange(rabbit, open_spool(tmp_path / "spool.db"), again=rabbit.publish_again)
    await exchange.publish(sample_events(1))
    own.manage("PUT", "/api/permissions/forbidden/sink", everything | {"write": "^$"})
    async with asyncio.timeout(30):
        while not await _is_refused(exchange):  # what a channel was allowed before it is allowed until it ends
            for connection in own.manage("GET", "/api/vhosts/forbidden/connections")[1] or ():
                own.manage("DELETE", f"/api/connections/{quote(connection['name'], safe='')}")
            await asyncio.sleep(0.2)
    with pytest.raises(BrokerRefuses, match="User 'sink' may not do this on RabbitMQ"):
        await exchange.publish(sample_events(1))
    with pytest.raises(BrokerRefuses):
        await exchange.check()
    own.manage("PUT", "/api/permissions/forbidden/sink", everything)
    async with asyncio.timeout(30):
        while exchange.away or await _is_refused(exchange):
            await asyncio.sleep(0.2)
    await exchange.publish(sample_events(1))
    await exchange.close()


async def _is_refused(exchange: SpooledExchange) -> bool:
    try:
        await exchange.publish(sample_events(1))
    except BrokerRefuses:
        return True
    return False
