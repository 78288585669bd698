"""The file of facts follows the events, whatever becomes of either."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.store import Store
from eventsink.store.facts import NotRead, keeper
from tests.store.events import NOVEMBER, an_event, some_events
from tests.store.facts.asking import count_of, counts_by


async def test_every_event_is_in_it_once_also_when_it_comes_late_or_again(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    events = (
        some_events(50) + some_events(50, NOVEMBER - timedelta(days=40)) + some_events(3, NOVEMBER.replace(year=1990))
    )
    random.Random(3).shuffle(events)
    for start in range(0, len(events), 20):
        await store.append(events[start : start + 20])
        await store.append(events[start : start + 20])
        assert await count_of(store) == min(start + 20, len(events))
    await store.close()
    again = await Store.open(tmp_path)
    assert await count_of(again) == 103
    await again.append(some_events(1))
    assert await count_of(again) == 104
    await again.close()


async def test_a_store_of_before_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "PIECE", 7)
    store = await Store.open(tmp_path)
    await store.append(some_events(30) + some_events(30, NOVEMBER - timedelta(days=40)))
    assert await count_of(store) == 60
    await store.close()


async def test_much_that_is_not_read_yet_is_said_and_read_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "PIECE", 10)
    monkeypatch.setattr("eventsink.store.store.MOST_WAITED_FOR", 20)
    monkeypatch.setattr("eventsink.store.store.READ_AFTER", 3600.0)  # nothing of it is read before somebody asks
    store = await Store.open(tmp_path)
    await store.append(some_events(500))
    with pytest.raises(NotRead, match=r"events are still to be read before numbers can be given.*Ask again"):
        await count_of(store)
    async with asyncio.timeout(60):
        while (found := await _tried(store)) is None:
            await asyncio.sleep(0.01)
    assert found == 500
    assert (await store.stats()).trouble is None, "the store itself is well"
    await store.close()


async def _tried(store: Store) -> int | None:
    try:
        return await count_of(store)
    except NotRead:
        return None


async def test_events_are_read_before_anybody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsink.store.store.READ_AFTER", 0.01)
    store = await Store.open(tmp_path)
    await store.append(some_events(10))
    async with asyncio.timeout(60):
        while store._reader._facts.rows() < 10:  # nothing that a question shows: it would read them itself
            await asyncio.sleep(0.01)
    await store.close()


@pytest.mark.parametrize("damage", ["gone", "garbage", "empty", "other version", "half made", "torn wal"])
async def test_a_file_that_is_no_use_is_made_again(tmp_path: Path, damage: str) -> None:
    store = await Store.open(tmp_path)
    await store.append(some_events(25))
    assert await count_of(store) == 25
    await store.close()
    file = tmp_path / "facts.duckdb"
    if damage == "gone":
        file.unlink()
    elif damage == "garbage":
        file.write_bytes(b"garbage" * 10_000)
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "torn wal":
        file.with_name("facts.duckdb.wal").write_bytes(b"\x00" * 100)
    else:
        with duckdb.connect(str(file)) as connection:
            connection.execute("UPDATE version SET version = 99" if damage == "other version" else "DROP TABLE version")
    again = await Store.open(tmp_path)
    assert await count_of(again) == 25
    assert again.set_aside == [], "nothing of it is worth being kept"
    await again.close()


@pytest.mark.parametrize("change", ["deleted", "older copy", "other events"])
async def test_a_month_that_was_changed_behind_our_back_is_read_anew(tmp_path: Path, change: str) -> None:
    before = NOVEMBER - timedelta(days=40)
    store = await Store.open(tmp_path / "a")
    await store.append(some_events(5, before, type="custom.old"))
    await store.close()
    copy = (tmp_path / "a" / "events-2026-10.duckdb").read_bytes()
    store = await Store.open(tmp_path / "a")
    await store.append(some_events(7, before, type="custom.new") + some_events(2, type="custom.other"))
    assert await counts_by(store, "type") == {"custom.old": 5, "custom.new": 7, "custom.other": 2}
    await store.close()
    month = tmp_path / "a" / "events-2026-10.duckdb"
    if change == "deleted":
        month.unlink()
    elif change == "older copy":
        month.write_bytes(copy)
    else:
        other = await Store.open(tmp_path / "b")
        await other.append(some_events(12, before, type="custom.stranger"))
        await other.close()
        month.write_bytes((tmp_path / "b" / "events-2026-10.duckdb").read_bytes())
    store = await Store.open(tmp_path / "a")
    expected = {"deleted": {}, "older copy": {"custom.old": 5}, "other events": {"custom.stranger": 12}}[change]
    assert await counts_by(store, "type") == {"custom.other": 2, **expected}
    await store.close()


async def test_months_that_are_too_old_leave_it(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    store = await Store.open(tmp_path)
    await store.append(
        some_events(4, now - timedelta(days=300), type="custom.old") + some_events(2, now, type="custom.new")
    )
    assert await count_of(store) == 6
    await store.close()
    store = await Store.open(tmp_path, keep_months=2)
    await store.append(some_events(1, now, type="custom.new"))
    assert await counts_by(store, "type") == {"custom.new": 3}
    await store.close()


SPAN = {"since": datetime(1900, 1, 1), "until": datetime(9000, 1, 1)}  # noqa: DTZ001 - as the store has it


async def test_long_events_and_odd_data_are_read_like_all_others(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    data = {"resource_type": "dataset", "resource_id": "d1", "resource_name": "n" * 600, "padding": "x" * 200_000}
    odd = [
        {"resource_id": 17, "items": "many", "queue_ms": "soon", "bytes": -1, "robot": "yes", "dataset_id": ["a"]},
        {"items": 2**70, "run_ms": 1e308, "http_status": 10**12, "url": "://", "referrer": "javascript:alert(1)"},
        {"dataset_id": "", "resource_type": "", "name": None},
        {"resource_name": "\u202e=cmd()\n\"'", "dataset_name": "\U0001f600"},
        {},
    ]
    events = [an_event(type="custom.long", data=data | {"number": number}) for number in range(40)]
    events += [an_event(type="custom.odd", data=item) for item in odd]
    await store.append(events)
    assert await counts_by(store, "type") == {"custom.long": 40, "custom.odd": 5}
    assert await counts_by(store, "type", "dataset") == {
        ("custom.long", "d1"): 40,
        ("custom.odd", '["a"]'): 1,
        ("custom.odd", None): 4,
    }
    ((name,),) = [
        row for row in await store.rows("names_of_datasets", {"ids": ["d1"], **SPAN}) if row[1] != "n" * 500
    ] or [("",)]
    assert not name, "a name of 600 letters is cut at 500"
    await store.close()


async def test_appends_go_on_while_it_reads(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)

    async def append() -> None:
        for _ in range(30):
            await store.append(some_events(20))

    async def ask() -> None:
        last = 0
        while last < 600:
            found = await count_of(store)
            assert found >= last and found % 20 == 0
            last = found

    async with asyncio.timeout(60):
        await asyncio.gather(append(), ask())
    await store.close()


async def test_it_cannot_be_written_and_the_store_goes_on(tmp_path: Path) -> None:
    (tmp_path / "facts.duckdb").mkdir()
    store = await Store.open(tmp_path)
    await store.append(some_events(3))
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await count_of(store)
    assert (await store.stats()).events == 3
    (tmp_path / "facts.duckdb").rmdir()
    assert await count_of(store) == 3, "it needs no new start"
    await store.close()


@pytest.mark.parametrize("damage", ["a block", "no table", "a column", "no version", "two versions"])
async def test_what_is_damaged_within_is_made_again_too(tmp_path: Path, damage: str) -> None:
    store = await Store.open(tmp_path)
    for number in range(6):
        await store.append(some_events(5_000, NOVEMBER - timedelta(days=number), user=f"user{number}"))
    assert await count_of(store) == 30_000
    await store.close()
    file = tmp_path / "facts.duckdb"
    if damage == "a block":
        content = bytearray(file.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 3000] = bytes(byte ^ 0xFF for byte in content[middle : middle + 3000])
        file.write_bytes(content)
    else:
        change = {
            "no table": "DROP TABLE events",
            "a column": "ALTER TABLE events DROP COLUMN country",
            "no version": "DELETE FROM version",
            "two versions": "INSERT INTO version VALUES (2)",
        }[damage]
        with duckdb.connect(str(file)) as connection:
            connection.execute(change)
    again = await Store.open(tmp_path)
    expected = {f"user{number}": 5_000 for number in range(6)}
    async with asyncio.timeout(90):
        while True:
            try:
                assert await counts_by(again, "user") == expected
                break
            except NotRead:  # which says that it is made again
                continue
    await again.append(some_events(1))
    assert await count_of(again) == 30_001
    await again.close()


async def test_a_month_that_is_damaged_costs_the_facts_of_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventsink.store.store.READ_AFTER", 0.05)
    store = await Store.open(tmp_path)
    await store.append(some_events(5_000))
    assert await count_of(store) == 5_000
    for number in range(10):
        await store.append(some_events(5_000, NOVEMBER - timedelta(days=40, hours=number)))
    await store.close()
    (tmp_path / "facts.duckdb").unlink()
    month = tmp_path / "events-2026-10.duckdb"
    content = bytearray(month.read_bytes())
    for middle in range(len(content) // 4, len(content), len(content) // 8):
        content[middle : middle + 3000] = bytes(byte ^ 0xFF for byte in content[middle : middle + 3000])
    month.write_bytes(content)
    made: list[Exception] = []
    monkeypatch.setattr(keeper.FactsKeeper, "make_again", lambda _, error: made.append(error))
    again = await Store.open(tmp_path)
    with pytest.raises(StoreUnavailable, match=r"Corrupt|checksum"):
        await count_of(again)
    await asyncio.sleep(0.3)
    assert made == [], "or all would be read again and again"
    await again.append(some_events(1))
    await again.close()


async def test_a_file_that_is_damaged_as_the_store_is_opened_anew_gives_no_empty_numbers(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append(some_events(25))
    assert await count_of(store) == 25
    read, months = store._read_facts, store._months

    def open_anew() -> None:
        with months.gate.alone():
            months.files.disconnect()
            (tmp_path / "facts.duckdb").write_bytes(b"garbage" * 10_000)
            months.open()

    async def read_and_open_anew() -> None:
        await read()
        await asyncio.to_thread(open_anew)

    store._read_facts = read_and_open_anew  # type: ignore[method-assign]
    with pytest.raises(NotRead, match=r"made again.*Ask again"):
        await count_of(store)
    store._read_facts = read  # type: ignore[method-assign]
    assert await count_of(store) == 25
    await store.close()


@pytest.mark.parametrize("place", ["facts_attach", "facts_version", "facts_columns", "facts_read"])
@pytest.mark.parametrize(
    "trouble",
    [
        duckdb.IOException('IO Error: Could not set lock on file "facts.duckdb": Conflicting lock is held'),
        duckdb.IOException('IO Error: Cannot open file "facts.duckdb": Too many open files'),
        duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of size 1.0 MiB"),
        duckdb.InterruptException("INTERRUPT Error: Interrupted!"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_file_that_cannot_be_opened_now_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, trouble: duckdb.Error
) -> None:
    monkeypatch.setattr("eventsink.store.store.READ_AFTER", 3600.0)  # nobody opens it before it is asked for
    store = await Store.open(tmp_path)
    await store.append(some_events(25))
    assert await count_of(store) == 25
    await store.close()
    store = await Store.open(tmp_path)
    facts = store._reader._facts
    execute = facts._execute
    made: list[Exception] = []

    def fail(name: str, *given: Any, **values: Any) -> Any:
        if name == place:
            raise trouble
        return execute(name, *given, **values)

    monkeypatch.setattr(facts, "_execute", fail)
    monkeypatch.setattr(facts, "make_again", made.append)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await count_of(store)
    monkeypatch.setattr(facts, "_execute", execute)
    assert (await count_of(store), made) == (25, []), "each event once"
    await store.close()


async def test_a_file_of_a_later_duckdb_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsink.store.store.READ_AFTER", 3600.0)
    store = await Store.open(tmp_path)
    await store.append(some_events(25))
    execute = store._reader._facts._execute
    later = [duckdb.IOException("IO Error: Trying to read a database file with version number 999")]
    (tmp_path / "facts.duckdb").write_bytes(b"of a later version")

    def fail_once(name: str, *given: Any, **values: Any) -> Any:
        if name == "facts_attach" and later:
            raise later.pop()
        return execute(name, *given, **values)

    monkeypatch.setattr(store._reader._facts, "_execute", fail_once)
    assert (await count_of(store), later) == (25, [])
    await store.close()
