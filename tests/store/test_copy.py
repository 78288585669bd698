"""A copy of a month's file while the store goes on: whole, of one moment, and nothing left behind."""

import asyncio
import contextlib
import sys
from pathlib import Path

import duckdb
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.store import EventQuery, Store
from tests import processes
from tests.store.events import some_events

COUNT = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('SELECT count(*) FROM events').fetchone())"


async def copy(store: Store, target: Path, month: str | None = "2026-11") -> int:
    """Write a copy; gives the number of events that it is said to have."""
    made = await store.copy(month)
    assert made is not None
    with made.file:
        target.write_bytes(made.file.read())
    assert target.stat().st_size == made.bytes
    assert not list((store.path / "tmp").glob("copy-*"))
    return made.events


def ids(file: Path) -> list[str]:
    """The ids in a copy, which has no WAL."""
    with contextlib.closing(duckdb.connect(file, read_only=True)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM events ORDER BY seq").fetchall()]


async def test_a_copy_has_all_that_was_appended(store: Store, tmp_path: Path) -> None:
    events = some_events(5)
    await store.append(events)
    assert await copy(store, tmp_path / "a") == 5
    assert ids(tmp_path / "a") == [event.id for event in events]
    assert await copy(store, tmp_path / "b", None) == 5
    assert await store.copy("1997-01") is None
    await store.append(some_events(3))
    assert await copy(store, tmp_path / "c") == 8


async def test_a_copy_is_of_one_moment_while_events_come_and_questions_are_asked(store: Store, tmp_path: Path) -> None:
    sent = [some_events(200) for _ in range(30)]
    appended: list[str] = []

    async def append() -> None:
        for events in sent:
            await store.append(events)
            appended.extend(event.id for event in events)

    async def ask() -> None:
        while len(appended) < 6000:
            await store.count(EventQuery())
            await store.page(EventQuery(limit=50))

    await store.append(sent[0])  # so that there is a file
    appending = asyncio.gather(append(), ask())
    for number in range(5):
        before = list(appended)
        await copy(store, tmp_path / str(number))
        found = ids(tmp_path / str(number))
        assert found[: len(before)] == before, "all that was there is in it, in order"
        assert len(found) % 200 == 0 and len(found) == len(set(found)), "no half of an append"
    await appending
    assert await store.count(EventQuery()) == 6000


async def test_a_copy_leaves_others_locked_out_of_the_file(store: Store, tmp_path: Path) -> None:
    await store.append(some_events(1))
    await copy(store, tmp_path / "a")
    command = [sys.executable, "-c", COUNT, store.path / "events-2026-11.duckdb"]
    answer = processes.run(command, capture_output=True, text=True)
    assert answer.returncode != 0 and "lock" in answer.stderr


async def test_what_cannot_be_copied_is_a_sentence(store: Store) -> None:
    await store.append(some_events(1))
    (store.path / "tmp").mkdir(exist_ok=True)
    (store.path / "tmp").rmdir()
    (store.path / "tmp").write_text("in the way")
    with pytest.raises(StoreUnavailable, match=r"cannot be copied: .*File exists"):
        await store.copy("2026-11")
