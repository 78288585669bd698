"""What is particular to the embedded exchange: its file, its cap, damage, and several processes."""

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.errors import DataDirectoryInUse, ExchangeFull, ExchangeUnavailable, WorkerInUse
from eventsink.event import Event, encode
from eventsink.exchange.contract import Failure
from eventsink.exchange.embedded import EmbeddedExchange, log_file, sqlite_log
from eventsink.exchange.embedded import queue as embedded_queue
from eventsink.exchange.embedded.salvage import salvage
from eventsink.exchange.rabbitmq import accounts_file
from eventsink.extractors import job_file
from eventsink.testing import drain, sample_events
from tests import processes


async def _filled(path: Path, groups: int = 40, each: int = 25) -> list[str]:
    """An exchange with a queue that has settled nothing, closed again. Returns the ids in it."""
    exchange = await EmbeddedExchange.open(path)
    await exchange.queue("store")
    ids = []
    for _ in range(groups):
        events = sample_events(each)
        await exchange.publish(events)
        ids += [event.id for event in events]
    await exchange.close()
    return ids


async def test_consumed_events_are_removed_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    await _filled(path)
    exchange = await EmbeddedExchange.open(path)
    other = await exchange.queue("late")
    await drain(await exchange.queue("store"))
    await drain(other)
    await exchange.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone()[0] == 1, "the last row keeps the numbering"


async def test_events_published_before_any_queue_exists_are_kept_for_the_first(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    events = sample_events(3)
    await exchange.publish(events)
    assert await drain(await exchange.queue("store")) == events
    await exchange.close()


async def test_the_size_cap_refuses_clearly_and_ends_when_events_are_consumed(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db", most_bytes=100_000)
    queue = await exchange.queue("store")
    accepted = 0
    with pytest.raises(ExchangeFull, match=r"exchange\.max_bytes.*eventsink status"):
        while True:
            await exchange.publish(sample_events(100))
            accepted += 100
    assert len(await drain(queue)) == accepted
    await exchange.publish(sample_events(100))
    assert len(await drain(queue)) == 100
    await exchange.close()


async def test_a_second_process_is_told_who_has_the_file(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    with pytest.raises(DataDirectoryInUse, match=f"Process {os.getpid()} already uses"):
        await EmbeddedExchange.open(tmp_path / "exchange.db")
    await exchange.close()


async def test_nothing_is_accepted_or_promised_while_the_folder_is_elsewhere(tmp_path: Path) -> None:
    folder, moved = tmp_path / "var", tmp_path / "moved"
    exchange = await EmbeddedExchange.open(folder / "exchange.db")
    await exchange.publish(sample_events(1))
    await exchange.check()
    folder.rename(moved)
    await _refuses(exchange, "is not there any more")
    shutil.copytree(moved, folder)
    await _refuses(exchange, "is another file than the one that was opened")
    shutil.rmtree(folder)
    moved.rename(folder)
    await exchange.publish(sample_events(1))
    await exchange.check()
    await exchange.close()


async def test_a_full_exchange_says_so_before_anybody_publishes(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db", most_bytes=100)
    await exchange.queue("store")
    await exchange.check()
    with pytest.raises(ExchangeFull):
        await exchange.publish(sample_events(100))
    exchange.file.bytes = 101
    with pytest.raises(ExchangeFull):
        await exchange.check()
    await exchange.close()


async def _refuses(exchange: EmbeddedExchange, why: str) -> None:
    with pytest.raises(ExchangeUnavailable, match=why):
        await exchange.publish(sample_events(1))
    with pytest.raises(ExchangeUnavailable, match=why):
        await exchange.check()


async def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExchangeUnavailable, match="cannot be opened"):
        await EmbeddedExchange.open(tmp_path / "file" / "exchange.db")


async def test_nobody_else_may_read_the_file_nor_see_what_is_in_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "exchange.db"
    await _filled(path, groups=1)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_who_surveys_the_file_does_not_keep_its_journal_from_being_emptied(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    await _filled(path, groups=1)
    exchange = await EmbeddedExchange.open(path)
    await exchange.file._surveying
    await exchange.publish(sample_events(1))
    with sqlite3.connect(path, timeout=0) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    await exchange.close()


async def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    await _filled(path, groups=1)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(ExchangeUnavailable, match="later version"):
        await EmbeddedExchange.open(path)
    assert not list(tmp_path.glob("*.damaged-*"))


async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    exchange = await EmbeddedExchange.open(path)
    await exchange.publish(sample_events(2))
    assert len(await drain(await exchange.queue("store"))) == 2
    await exchange.close()
    assert len(list(tmp_path.glob("exchange.db.damaged-*"))) == 1


@pytest.mark.parametrize("connect", [sqlite_log.connect, accounts_file.connect, job_file.connect])
def test_a_file_that_cannot_be_opened_is_closed_again(
    tmp_path: Path, connect: Callable[[Path], sqlite3.Connection]
) -> None:
    path = tmp_path / "file.db"
    path.write_bytes(b"no database at all" * 500)
    with pytest.raises(sqlite3.DatabaseError) as failed:
        connect(path)
    assert _open_below(tmp_path) == [], failed  # held until here, and all that it knows with it


async def test_an_exchange_that_cannot_be_opened_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_log, "head", _fail)
    with pytest.raises(ExchangeUnavailable, match="disk I/O error") as failed:
        await EmbeddedExchange.open(tmp_path / "exchange.db")
    assert _open_below(tmp_path) == [], failed


def _open_below(folder: Path) -> list[str]:
    """The files of a folder that this process has open."""
    links = []
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the loop itself
            links.append(str(number.readlink()))
    return [link for link in links if link.startswith(str(folder))]


def _fail(*_: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
async def test_what_can_be_read_of_a_damaged_file_is_kept(tmp_path: Path, at: float) -> None:
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=200)
    content = bytearray(path.read_bytes())
    begin = int(len(content) * at) // 4096 * 4096
    content[begin : begin + 8192] = os.urandom(8192)
    path.write_bytes(content)
    exchange = await EmbeddedExchange.open(path)
    got = [event.id for event in await drain(await exchange.queue("store"))]
    account = (await exchange.accounts())["store"]
    await exchange.close()
    assert set(got) <= set(ids) and len(got) == len(set(got))
    assert len(got) > 0.5 * len(ids), "most of it is kept"
    assert account.accepted == account.delivered + account.waiting + account.dead + account.missing
    assert list(tmp_path.glob("exchange.db.damaged-*")), "the damaged file is still there to be looked at"


async def _killed(path: Path, copy: Path, groups: int) -> list[str]:
    """What is left of an exchange that is killed after some commits; most of it lies in its write-ahead log alone."""
    exchange = await EmbeddedExchange.open(path)
    await exchange.queue("store")
    await exchange.file.change(lambda c: c.execute("SELECT 1").fetchone())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ids = []
    for event in sample_events(groups):
        await exchange.publish([event])
        ids.append(event.id)
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await exchange.close()
    return ids


@pytest.mark.parametrize(("at", "damaged"), [(0.4, True), (0.99, False), (None, False)])
async def test_what_was_committed_behind_damage_of_the_write_ahead_log_is_said_to_be_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: float | None, damaged: bool
) -> None:
    path = tmp_path / "exchange.db"
    ids = await _killed(tmp_path / "made.db", path, 20)
    wal = Path(f"{path}-wal")
    content = bytearray(wal.read_bytes())
    if at is not None:
        begin = int(len(content) * at)
        content[begin : begin + 16] = b"\xff" * 16
    wal.write_bytes(content)
    exchange = await EmbeddedExchange.open(path)
    account = (await exchange.accounts())["store"]
    got = [event.id for event in await drain(await exchange.queue("store"))]
    await exchange.close()
    assert got == ids[: len(got)] and (len(got) < 19) == damaged
    assert bool(account.missing_since) == damaged
    assert ("exchange.damaged" in capsys.readouterr().out) == damaged


async def test_a_large_file_is_checked_beside_the_work_and_what_is_damaged_kept_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "CHECKED_AT_START", 0)
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=200)
    exchange = await EmbeddedExchange.open(path)
    await exchange.file._surveying
    with sqlite3.connect(path) as connection:
        assert exchange.file.bytes == sqlite_log.size(connection) > 0
    assert not list(tmp_path.glob("*.suspect"))
    await exchange.close()
    content = bytearray(path.read_bytes())
    begin = len(content) // 2 // 4096 * 4096
    content[begin : begin + 8192] = os.urandom(8192)
    path.write_bytes(content)
    exchange = await EmbeddedExchange.open(path)
    await exchange.file._surveying
    assert list(tmp_path.glob("*.suspect")), "it is remembered"
    await exchange.publish(sample_events(1))
    await exchange.close()
    exchange = await EmbeddedExchange.open(path)
    got = [event.id for event in await drain(await exchange.queue("store"))]
    await exchange.close()
    assert 0.5 * len(ids) < len(set(got) & set(ids)) and len(got) == len(set(got))
    assert list(tmp_path.glob("exchange.db.damaged-*")) and not list(tmp_path.glob("*.suspect"))


async def test_damage_that_cannot_be_noted_is_unavailable_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(_: sqlite3.Connection) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "touch", read_only)
        with pytest.raises(ExchangeUnavailable, match="malformed"):
            await exchange.file.read(malformed)
        with pytest.raises(ExchangeUnavailable, match="malformed"):
            await exchange.file.change(malformed)
    await exchange.close()


async def test_damage_of_what_nobody_reads_at_the_start_is_found_in_a_large_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "CHECKED_AT_START", 0)
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=1)
    with sqlite3.connect(path) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'dead_letters'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = os.urandom(size)
    path.write_bytes(content)
    exchange = await EmbeddedExchange.open(path)
    await exchange.file._surveying
    assert list(tmp_path.glob("*.suspect")), "it is remembered"
    await exchange.close()
    exchange = await EmbeddedExchange.open(path)
    assert [event.id for event in await drain(await exchange.queue("store"))] == ids
    await exchange.close()
    assert list(tmp_path.glob("exchange.db.damaged-*"))


@pytest.mark.parametrize("first", [1, 11, 31])
async def test_a_row_that_the_disk_changed_is_counted_as_lost(tmp_path: Path, first: int) -> None:
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=4, each=10)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE log SET lines = replace(lines, 'storage', 'stirage') WHERE first = ?", (first,))
    exchange = await EmbeddedExchange.open(path)
    got = [event.id for event in await drain(await exchange.queue("store"))]
    account = (await exchange.accounts())["store"]
    await exchange.close()
    assert got == ids[: first - 1] + ids[first + 9 :]
    assert (account.accepted, account.delivered, account.missing, account.waiting) == (40, 30, 10, 0)
    assert account.missing_since


async def test_lines_behind_a_lost_row_keep_their_numbers_when_who_takes_them_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=3, each=10)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE log SET lines = replace(lines, 'storage', 'stirage') WHERE first = 11")
    exchange = await EmbeddedExchange.open(path)
    store = await exchange.queue("store")
    with monkeypatch.context() as stopped:
        stopped.setattr(embedded_queue, "_decode", _stop)
        with pytest.raises(asyncio.CancelledError):
            await store.take(20, 0.0)
    batch = await store.take(15, 0.0)
    assert isinstance(batch, embedded_queue.EmbeddedBatch)
    assert [event.id for event in batch.events] == ids[:10] + ids[20:25]
    assert (batch.begin, batch.end, batch.lost) == (1, 26, 10)
    await exchange.close()


async def test_a_line_that_was_put_back_and_the_disk_changed_is_counted_as_lost_and_holds_up_no_other(
    tmp_path: Path,
) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    store = await exchange.queue("store")
    events = sample_events(3)
    await exchange.put_back("store", events)
    await exchange.file.change(lambda c: c.execute("UPDATE put_back SET line = '{' WHERE id = 2"))
    assert await drain(store) == [events[0], events[2]]
    account = (await exchange.accounts())["store"]
    assert (account.accepted, account.delivered, account.missing, account.waiting) == (3, 2, 1, 0)
    assert account.missing_since
    await exchange.close()


async def test_what_the_disk_changed_hides_neither_accounts_nor_other_dead_letters(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    store = await exchange.queue("store")
    events = sample_events(3)
    await exchange.publish(events)
    batch = await store.take(3, 0.0)
    assert batch is not None
    now = datetime.now(UTC)
    await store.done(
        batch, [Failure(event=event, reason="x", attempts=1, first_seen=now, last_seen=now) for event in events]
    )
    await exchange.put_back("store", events)
    await exchange.file.change(lambda c: c.execute("UPDATE put_back SET line = x'7bff' WHERE id = 1"))
    await exchange.file.change(lambda c: c.execute("UPDATE dead_letters SET line = x'7bff' WHERE id = 2"))
    account = (await exchange.accounts())["store"]
    assert (account.waiting, account.dead) == (3, 3)
    letters = await exchange.dead_letters()
    assert [(letter.id, letter.body.get("raw")) for letter in letters] == [(1, None), (2, "{\ufffd"), (3, None)]
    await exchange.close()


async def test_who_is_stopped_while_taking_what_was_put_back_passes_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    store = await exchange.queue("store")
    events = sample_events(3)
    await exchange.put_back("store", events)
    with monkeypatch.context() as stopped:
        stopped.setattr(sqlite_log, "count_put_back", _stop)
        with pytest.raises(asyncio.CancelledError):
            await store.take(3, 0.0)
    assert await drain(store) == events
    await exchange.close()


def _stop(*_: object) -> None:
    raise asyncio.CancelledError


async def test_of_a_damaged_file_no_row_is_kept_that_the_disk_changed(tmp_path: Path) -> None:
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=4, each=10)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE log SET lines = replace(lines, 'storage', 'stirage') WHERE first = 11")
    aside, kept, lost = salvage(path)
    assert (kept, lost) == (30, 10) and aside.exists()
    exchange = await EmbeddedExchange.open(path)
    got = [event.id for event in await drain(await exchange.queue("store"))]
    await exchange.close()
    assert got == ids[:10] + ids[20:]


async def test_a_disk_that_is_full_while_a_damaged_file_is_read_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "exchange.db"
    ids = await _filled(path, groups=4, each=10)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE log SET lines = replace(lines, 'storage', 'stirage') WHERE first = 11")

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("eventsink.exchange.embedded.salvage._copy_table", full)
        with pytest.raises(sqlite3.OperationalError, match="full"):
            salvage(path)
    assert not list(tmp_path.glob("*.damaged-*")) and not list(tmp_path.glob("*.salvaged*"))
    assert salvage(path)[1:] == (30, 10)
    exchange = await EmbeddedExchange.open(path)
    assert [event.id for event in await drain(await exchange.queue("store"))] == ids[:10] + ids[20:]
    await exchange.close()


async def test_a_new_file_in_the_place_of_a_damaged_one_is_for_nobody_else_and_says_what_was_missing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "50% of #1?" / "exchange.db"  # which would mean something else in a URI
    path.parent.mkdir()
    await _filled(path, groups=2, each=10)
    exchange = await EmbeddedExchange.open(path)
    await exchange.file.change(lambda connection: sqlite_log.let_go(connection, ["store"], 6))
    before = (await exchange.accounts())["store"]
    await exchange.close()
    salvage(path)
    assert path.stat().st_mode & 0o777 == 0o600
    exchange = await EmbeddedExchange.open(path)
    after = (await exchange.accounts())["store"]
    await exchange.close()
    assert before.missing_since and (after.missing, after.missing_since) == (5, before.missing_since)


async def test_a_change_that_fails_does_not_fail_the_publishers_beside_it(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("store")
    events = sample_events(5)
    failing = exchange.file.change(lambda connection: connection.execute("SELECT * FROM nowhere"))
    results = await asyncio.gather(exchange.publish(events), failing, return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], ExchangeUnavailable)
    assert await drain(queue) == events
    await exchange.close()


async def test_a_publisher_that_goes_away_takes_nobody_along(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("store")
    publishers = [asyncio.create_task(exchange.publish(sample_events(1))) for _ in range(20)]
    await asyncio.sleep(0)
    publishers[3].cancel()
    outcomes = await asyncio.gather(*publishers, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [asyncio.CancelledError]
    assert len(await drain(queue)) >= 19
    await exchange.close()


_KILLED = """
import asyncio, sys
from pathlib import Path
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.testing import sample_events

async def main():
    exchange = await EmbeddedExchange.open(Path(sys.argv[1]))
    await exchange.queue("store")

    async def publisher():
        while True:
            events = sample_events(3)
            await exchange.publish(events)
            sys.stdout.write("".join(event.id + "\\n" for event in events))
            sys.stdout.flush()

    await asyncio.gather(*(publisher() for _ in range(8)))

asyncio.run(main())
"""


async def test_what_was_published_before_kill_9_is_there_once(tmp_path: Path) -> None:
    path, published = tmp_path / "exchange.db", []
    for _ in range(4):
        with processes.running([sys.executable, "-c", _KILLED, path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            published += [process.stdout.readline().strip() for _ in range(200)]
            process.kill()
            published += process.stdout.read().split("\n")[:-1]  # the last line may have been cut
    exchange = await EmbeddedExchange.open(path)
    got = [event.id for event in await drain(await exchange.queue("store"))]
    await exchange.close()
    assert len(got) == len(set(got)), "none doubled"
    assert set(published) <= set(got), "none lost"


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 30)),
        st.tuples(st.just("take"), st.integers(1, 40), st.integers(0, 3)),
        st.tuples(st.just("release"), st.integers(1, 40)),
        st.tuples(st.just("retry")),
        st.tuples(st.just("drop")),
        st.tuples(st.just("put_back"), st.integers(0, 5)),
        st.tuples(st.just("reopen")),
    ),
    max_size=25,
)


@given(acts=_ACTS)
@settings(max_examples=25, deadline=None)
def test_the_books_balance_whatever_happens(tmp_path_factory: pytest.TempPathFactory, acts: list[tuple]) -> None:
    asyncio.run(_play(tmp_path_factory.mktemp("play") / "exchange.db", acts))


async def _play(path: Path, acts: list[tuple]) -> None:
    exchange = await EmbeddedExchange.open(path)
    queue = await exchange.queue("store")
    await exchange.queue("idle")
    for act, *numbers in acts:
        if act == "publish":
            await exchange.publish(sample_events(numbers[0]))
        elif act == "take" and (batch := await queue.take(numbers[0], 0)):
            assert len(batch.events) <= numbers[0]
            failures = [
                Failure(event=e, reason="x", attempts=1, first_seen=e.received, last_seen=e.received)
                for e in batch.events[: numbers[1]]
            ]
            await queue.done(batch, failures)
        elif act == "release" and (batch := await queue.take(numbers[0], 0)):
            await queue.release(batch)
        elif act in ("retry", "drop"):
            letters = await exchange.dead_letters()
            await getattr(exchange, act)([letter.id for letter in letters[::2]])
        elif act == "put_back":
            await exchange.put_back("store", sample_events(numbers[0]))
        elif act == "reopen":
            await exchange.close()
            exchange = await EmbeddedExchange.open(path)
            queue = await exchange.queue("store")
        for account in (await exchange.accounts()).values():
            assert account.accepted == account.delivered + account.waiting + account.dead + account.missing
    await drain(queue)
    account = (await exchange.accounts())["store"]
    assert (account.waiting, account.lag_seconds) == (0, 0)
    await exchange.close()


async def test_no_batch_is_settled_out_of_order_or_twice(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("store")
    events = sample_events(10)
    await exchange.publish(events)
    first, second = await queue.take(5, 0), await queue.take(5, 0)
    assert first is not None and second is not None
    with pytest.raises(ValueError, match="in their order"):
        await queue.done(second)
    await queue.done(first)
    with pytest.raises(ValueError, match="once"):
        await queue.done(first)
    await queue.release(second)
    assert await drain(queue) == events[5:]
    await exchange.close()


async def test_a_queue_that_nobody_needs_is_forgotten_with_what_it_alone_kept(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    for name in ("store", "old"):
        await exchange.queue(name)
    events = sample_events(6)
    await exchange.publish(events[:5])
    await exchange.put_back("old", events[5:])
    await drain(await exchange.queue("store"))
    with pytest.raises(WorkerInUse, match=r"\[workers\.old\]"):
        await exchange.forget("old")
    await exchange.close()

    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    await exchange.queue("store")
    assert await exchange.forget("old") == 6
    assert list(await exchange.accounts()) == ["store"]
    with pytest.raises(KeyError):
        await exchange.forget("old")
    await exchange.publish(events)
    await drain(await exchange.queue("store"))
    await exchange.close()
    with sqlite3.connect(tmp_path / "exchange.db") as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone()[0] == 1, "nothing is kept for it"


async def test_a_queue_that_is_made_again_misses_nothing_of_what_the_one_before_did(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    await exchange.queue("store")
    await exchange.publish(sample_events(5))
    await exchange.file.change(lambda c: sqlite_log.add_queue(c, "old", 1))
    await exchange.file.change(lambda c: sqlite_log.let_go(c, ["old"], 3))
    assert (await exchange.accounts())["old"].missing_since
    await exchange.forget("old")
    await exchange.queue("old")
    account = (await exchange.accounts())["old"]
    await exchange.close()
    assert (account.missing, account.missing_since) == (0, None), "or an alert would fire without an end"


async def test_a_batch_ends_after_some_megabytes_and_nothing_is_left_out(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("one")
    events = [
        msgspec.structs.replace(event, data={"text": "x" * size})
        for event, size in zip(sample_events(60), [300_000, 10, 1_000_000] * 20, strict=True)
    ]
    for start in range(0, len(events), 10):
        await exchange.publish(events[start : start + 10])
    found: list[Event] = []
    while batch := await queue.take(5000, 0.1):
        assert sum(len(encode(event)) for event in batch.events) < 6_000_000
        found += batch.events
        await queue.done(batch)
    assert found == events
    await exchange.put_back("one", events)
    again: list[Event] = []
    while batch := await queue.take(5000, 0.1):
        assert len(batch.events) < len(events)
        again += batch.events
        await queue.done(batch)
    assert again == events
    assert (await exchange.accounts())["one"].waiting == 0
    await exchange.close()


async def test_a_batch_of_what_came_bit_by_bit_is_never_larger_than_was_asked_for(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("one")
    for size in (4, 5, 1, 7, 3):
        await exchange.publish(sample_events(size))
    sizes = []
    while batch := await queue.take(6, 0):
        sizes.append(len(batch.events))
        await queue.done(batch)
    assert sizes == [6, 6, 6, 2]
    await exchange.close()


@pytest.mark.parametrize("limit", [1, 1_000_000])
async def test_no_more_is_read_ahead_than_is_asked_for_or_some_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("one")
    events = sample_events(10)
    for _ in range(100):
        await exchange.publish(events)
    row = sum(len(encode(event)) for event in events)
    monkeypatch.setattr(sqlite_log, "MOST_BYTES", row * 5 // 3)  # two rows are read at once, and not all of it taken
    found = 0
    for _ in range(40):
        batch = await queue.take(limit, 0)
        assert batch is not None
        found += len(batch.events)
        held = sum(len(line) for _, lines in queue._ahead for line in lines)
        assert held <= (row if limit == 1 else 3 * row)
    assert found >= 40
    await exchange.close()


async def test_a_queue_that_nobody_takes_from_leaves_half_of_the_space_to_the_others(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    await exchange.queue("gone")
    await exchange.queue("store")
    await exchange.close()
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db", most_bytes=400_000)  # `gone` is in no settings now
    store = await exchange.queue("store")
    published = 0
    for _ in range(40):  # three times as much as there is room for
        await exchange.publish(sample_events(100))
        published += 100
        assert len(await drain(store)) == 100
        assert exchange.file.bytes <= 400_000
    accounts = await exchange.accounts()
    gone = accounts["gone"]
    assert gone.missing > 1000 and gone.missing_since and gone.accepted == published == gone.waiting + gone.missing
    assert accounts["store"].delivered == published
    await exchange.close()
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db", most_bytes=400_000)
    assert len(await drain(await exchange.queue("gone"))) == gone.waiting, (
        "what is left is delivered to one that comes back"
    )
    await exchange.close()


async def test_the_lag_is_the_age_of_the_oldest_event_that_waits_in_the_log_or_beside_it(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("one")

    def aged(*ages: int) -> list[Event]:
        now = datetime.now(UTC)
        received = [now - timedelta(seconds=age) for age in ages]
        return [
            msgspec.structs.replace(event, received=then)
            for event, then in zip(sample_events(len(ages)), received, strict=True)
        ]

    async def settled(count: int) -> None:
        batch = await queue.take(count, 0)
        assert batch is not None and len(batch.events) == count
        await queue.done(batch)

    async def lag() -> float:
        return (await exchange.accounts())["one"].lag_seconds

    await exchange.publish(aged(5000, 4000, 3000))
    assert 5000 <= await lag() < 5100
    await settled(1)
    assert 4000 <= await lag() < 4100
    await exchange.put_back("one", aged(4500))
    assert 4500 <= await lag() < 4600
    await settled(1)
    assert 4000 <= await lag() < 4100
    await settled(2)
    await exchange.put_back("one", aged(2000))
    assert 2000 <= await lag() < 2100, "nothing waits in the log"
    await settled(1)
    assert await lag() == 0
    await exchange.close()


async def test_who_waits_for_events_has_them_as_soon_as_they_come_from_anywhere(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db")
    queue = await exchange.queue("one")
    (event,) = sample_events(1)
    failed = Failure(event=event, reason="x", attempts=1, first_seen=event.received, last_seen=event.received)

    async def retry() -> None:
        assert await exchange.retry([letter.id for letter in await exchange.dead_letters()]) == 1

    for come in (lambda: exchange.publish([event]), retry, lambda: exchange.put_back("one", [event])):
        waiting = asyncio.create_task(queue.take(1, 3600.0))
        await asyncio.sleep(0)
        await come()
        async with asyncio.timeout(30):
            batch = await waiting
        assert batch is not None and batch.events == [event]
        await queue.done(batch, [failed])
    await exchange.close()


async def test_a_queue_in_use_is_never_let_go(tmp_path: Path) -> None:
    exchange = await EmbeddedExchange.open(tmp_path / "exchange.db", most_bytes=100_000)
    await exchange.queue("slow")
    await exchange.queue("store")
    with pytest.raises(ExchangeFull):
        for _ in range(40):
            await exchange.publish(sample_events(100))
    assert (await exchange.accounts())["slow"].missing == 0
    await exchange.close()
