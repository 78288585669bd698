"""Spools that were left behind in a data directory: forwarded once, and never taken from a process that has them."""

import asyncio
import errno
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from eventsink.durable import Spooler
from eventsink.errors import BrokerUnavailable, Unroutable
from eventsink.event import Event
from eventsink.exchange import inherited as inherited_spools
from eventsink.exchange.inherited import Inherited, left_behind
from eventsink.exchange.spooled import open_spool
from eventsink.files import hold
from eventsink.testing import sample_events
from tests import processes


class Taker:
    """What is published to."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failure: Exception | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        if self.failure:
            raise self.failure
        self.taken += [event.id for event in events]


async def _leave(path: Path, count: int = 3) -> list[str]:
    """A spool with events in it, as a process that has ended leaves it."""
    file = open_spool(path)
    events = sample_events(count)
    await file.append([[event] for event in events])
    await file.close()
    return [event.id for event in events]


async def _until_empty(inherited: Inherited) -> None:
    async with asyncio.timeout(30):
        while inherited.events:
            await asyncio.sleep(0.01)


async def test_what_was_left_behind_is_forwarded_and_its_file_removed(tmp_path: Path) -> None:
    own = tmp_path / "spool-2.db"
    left = await _leave(tmp_path / "spool-1.db") + await _leave(tmp_path / "spool-3-1.db")
    await _leave(own)
    assert [(path.name, count) for path, count in left_behind(tmp_path, own)] == [
        ("spool-1.db", 3),
        ("spool-3-1.db", 3),
    ]
    taker = Taker()
    inherited = Inherited.take(tmp_path, own, taker.publish)
    assert inherited.events == 6 and inherited.bytes > 0
    await _until_empty(inherited)
    async with asyncio.timeout(30):
        while [*left_behind(tmp_path, own)] or len([*tmp_path.glob("spool-*.db")]) > 1:
            await asyncio.sleep(0.05)
    assert sorted(taker.taken) == sorted(left)
    await inherited.close()
    assert [path.name for path in tmp_path.glob("*.db*")] == ["spool-2.db"], "nothing else is left"


async def test_a_spool_that_a_process_has_is_not_touched(tmp_path: Path) -> None:
    await _leave(tmp_path / "spool-1.db")
    running = open_spool(tmp_path / "spool-1.db")
    taker = Taker()
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
    assert (inherited.events, [*left_behind(tmp_path)]) == (0, [])
    await inherited.close()
    assert running.events == 3
    await running.close()


async def test_a_front_door_may_start_at_the_old_port_while_its_spool_is_forwarded(tmp_path: Path) -> None:
    left = await _leave(tmp_path / "spool-1.db")
    taker = Taker()
    taker.failure = BrokerUnavailable("It is away.")
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
    again = open_spool(tmp_path / "spool-1.db")
    assert (again.events, inherited.events) == (0, 3)
    await again.close()
    taker.failure = None
    await _until_empty(inherited)
    await inherited.close()
    assert taker.taken == left


@pytest.mark.parametrize("failure", [BrokerUnavailable("It is away."), Unroutable("No queue.", returned=[])])
async def test_what_cannot_be_forwarded_waits_for_the_next_start(tmp_path: Path, failure: Exception) -> None:
    left = await _leave(tmp_path / "spool-1.db")
    taker = Taker()

    async def refuse(events: Sequence[Event]) -> None:
        raise Unroutable("No queue.", returned=events) if isinstance(failure, Unroutable) else failure

    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", refuse)
    await asyncio.sleep(0.2)
    await inherited.close()
    assert [count for _, count in left_behind(tmp_path)] == [3]
    later = Inherited.take(tmp_path, tmp_path / "spool-9.db", taker.publish)
    await _until_empty(later)
    await later.close()
    assert taker.taken == left


async def test_a_spool_that_a_program_reads_keeps_its_name_and_its_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventsink.exchange.inherited.sqlite3.connect", partial(sqlite3.connect, timeout=0.1))
    path = tmp_path / "spool-1.db"
    left = await _leave(path)
    taker = Taker()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM spool").fetchone()
        left += await _leave(path, 5)
        busy = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
        await busy.close()
    assert path.exists() and not taker.taken
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
    await _until_empty(inherited)
    await inherited.close()
    assert taker.taken == left


async def test_a_damaged_spool_is_said_and_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spool-1.db").write_bytes(b"no database at all" * 500)
    left = await _leave(tmp_path / "spool-3.db")
    taker = Taker()
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
    await _until_empty(inherited)
    await inherited.close()
    assert taker.taken == left
    assert "spool.not_inherited" in capsys.readouterr().out
    assert (tmp_path / "spool-1.db").exists()


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from eventsink.exchange.inherited import Inherited

async def publish(events):
    print(*[event.id for event in events], flush=True)
    await asyncio.sleep(0.001)

async def main():
    folder = Path(sys.argv[1])
    Inherited.take(folder, folder / "spool-2.db", publish)
    await asyncio.sleep(float(sys.argv[2]))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.01, 0.03, 0.1])
async def test_kill_9_in_the_midst_loses_nothing(tmp_path: Path, delay: float) -> None:
    left = await _leave(tmp_path / "spool-1.db", 300)
    done = processes.run([sys.executable, "-c", _KILLED, tmp_path, delay], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    taker = Taker()
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
    await _until_empty(inherited)
    await inherited.close()
    assert set(left) <= {*done.stdout.split(), *taker.taken}
    assert len(taker.taken) == len(set(taker.taken))


async def test_of_two_that_start_at_once_one_takes_it(tmp_path: Path) -> None:
    left = await _leave(tmp_path / "spool-1.db", 50)
    takers = [Taker(), Taker()]
    both = [Inherited.take(tmp_path, tmp_path / f"spool-{n + 5}.db", taker.publish) for n, taker in enumerate(takers)]
    assert sorted(inherited.events for inherited in both) == [0, 50]
    for inherited in both:
        await _until_empty(inherited)
        await inherited.close()
    assert takers[0].taken + takers[1].taken == left


def test_looking_holds_no_lock(tmp_path: Path) -> None:
    asyncio.run(_leave(tmp_path / "spool-1.db"))
    for _ in left_behind(tmp_path):
        hold(tmp_path / "spool-1.lock")


async def test_an_empty_spool_that_cannot_be_removed_is_said_once_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = [*await _leave(tmp_path / "spool-1-1.db"), *await _leave(tmp_path / "spool-3-1.db")]
    monkeypatch.setattr(Path, "unlink", _forbid)
    monkeypatch.setattr(inherited_spools, "EVERY", 0.01)
    taker = Taker()
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", taker.publish)
    async with asyncio.timeout(30):
        await inherited._task
    assert sorted(taker.taken) == sorted(left)
    assert len(re.findall(r"spool\.not_removed.*spool-1-1\.db\b(?!-)", capsys.readouterr().out)) == 1
    for name in ("spool-1-1.lock", "spool-3-1.lock"):
        os.close(hold(tmp_path / name))
    await inherited.close()


async def test_a_spool_is_closed_also_when_its_removal_is_stopped_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _leave(tmp_path / "spool-1-1.db")
    stopping = asyncio.Event()
    finish = Spooler.finish

    async def slowly(spooler: Spooler[Event]) -> None:
        await finish(spooler)
        if not stopping.is_set():
            stopping.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(Spooler, "finish", slowly)
    inherited = Inherited.take(tmp_path, tmp_path / "spool-2.db", Taker().publish)
    async with asyncio.timeout(30):
        await stopping.wait()
    await inherited.close()
    os.close(hold(tmp_path / "spool-1-1.lock"))
    assert not [*tmp_path.glob("spool-1-1.db*")]


def test_a_directory_that_cannot_be_looked_at_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as closed:
        closed.setattr(Path, "glob", _forbid)
        assert [*left_behind(tmp_path)] == []
    assert "spool.not_inherited" in capsys.readouterr().out


def _forbid(path: Path, *_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))
