"""The files: one a month, damage, retention, earlier and later forms, one process at a time."""

import asyncio
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.event import Event
from eventsink.store import EventQuery, Store, months, schema, writer
from eventsink.store import sql as sql_module
from eventsink.store.month_names import month_before
from eventsink.store.wal import damaged_length
from tests import processes
from tests.store.events import NOVEMBER, an_event, some_events

ALL = EventQuery(order="asc", limit=None)
CRASH = """
import asyncio, os, sys
from pathlib import Path
from eventsink.store import Store
from tests.store.events import NOVEMBER, some_events

async def main():
    store = await Store.open(Path(sys.argv[1]))
    for number in range(20):
        events = some_events(10)
        await store.append(events)
        print(*(event.id for event in events), flush=True)
        if number == 9:
            store._writer.checkpoint()
    os._exit(9)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store with 100 events in its file and 100 in the WAL, and their ids in order."""
    folder = tmp_path_factory.mktemp("crash")
    run = processes.run([sys.executable, "-c", CRASH, str(folder)], capture_output=True, text=True, check=False)
    assert run.returncode == 9, run.stderr
    return folder, run.stdout.split()


@pytest.fixture
def crashed(crash: tuple[Path, list[str]], tmp_path: Path) -> list[str]:
    """Puts such a store where the test may damage it. Gives the ids."""
    shutil.copytree(crash[0], tmp_path, dirs_exist_ok=True)
    return crash[1]


async def _ids(store: Store) -> list[str]:
    return [event.id for event in await store.events(ALL)]


def _overwrite(file: Path, at: float, size: int = 64) -> None:
    with file.open("r+b") as opened:
        opened.seek(int(file.stat().st_size * at))
        opened.write(b"\xaa" * size)


async def test_a_file_a_month_named_after_it(store: Store, tmp_path: Path) -> None:
    await store.append([an_event(), an_event(time=NOVEMBER + timedelta(days=60))])
    await store.close()
    assert sorted(file.name for file in (tmp_path / "store").glob("events-*")) == [
        "events-2026-11.duckdb",
        "events-2027-01.duckdb",
    ], "and no WAL after closing"


async def test_files_are_of_the_older_format(store: Store) -> None:
    await store.append([an_event()])
    found = store._months.files.writer.execute(
        "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL"
    )
    assert found.fetchall() == [("v1.5.0+",)]


async def test_what_the_wal_has_is_there_after_a_crash(crashed: list[str], tmp_path: Path) -> None:
    assert (tmp_path / "events-2026-11.duckdb.wal").stat().st_size > 0
    store = await Store.open(tmp_path)
    assert await _ids(store) == crashed
    assert store.set_aside == []
    await store.close()


@pytest.mark.parametrize("nth", [100, 157, 199])
async def test_a_damaged_wal_is_set_aside_and_what_lies_before_the_damage_kept(
    crashed: list[str], tmp_path: Path, nth: int
) -> None:
    wal = tmp_path / "events-2026-11.duckdb.wal"
    wal.write_bytes(wal.read_bytes().replace(crashed[nth].encode(), crashed[nth].upper().encode()[:-1] + b"!"))
    store = await Store.open(tmp_path)
    assert await _ids(store) == crashed[: nth // 10 * 10], "all transactions before that of the damaged event"
    (aside,) = store.set_aside
    assert ".wal.damaged-2" in aside and Path(aside).exists()
    assert await store.append(some_events(10)) == 10
    await store.close()
    again = await Store.open(tmp_path)
    assert again.set_aside == []
    assert await again.count(EventQuery()) == nth // 10 * 10 + 10
    await again.close()


def _entries(wal: bytes) -> list[int]:
    """Where the entries of a WAL begin."""
    at, found = wal.index(b"\xff\xff") + 2, []
    while int.from_bytes(wal[at : at + 8], "little") > len(wal) or wal[at + 16 : at + 18] != b"\x64\x00":
        at += 1  # the header holds random bytes
    while at < len(wal):
        found.append(at)
        at += 16 + int.from_bytes(wal[at : at + 8], "little")
    return found


@pytest.mark.parametrize("byte", [1, 3, 7])
@pytest.mark.parametrize("nth", [0, 1, 5, 14, -3, -2, -1])
async def test_a_length_that_the_disk_has_changed_is_not_taken_for_the_end(
    crashed: list[str], tmp_path: Path, nth: int, byte: int
) -> None:
    wal = tmp_path / "events-2026-11.duckdb.wal"
    content = bytearray(wal.read_bytes())
    at = _entries(content)[nth]
    content[at + byte] ^= 0x40
    wal.write_bytes(content)
    store = await Store.open(tmp_path)
    found = await _ids(store)
    assert found == crashed[: len(found)] and 100 <= len(found) < 200
    assert store.set_aside, "it is said, and what there was can be looked at"
    assert await store.append(some_events(10)) == 10
    await store.close()


@pytest.mark.parametrize("seed", range(25))
async def test_no_random_damage_of_a_wal_loses_anything_without_a_word(
    crashed: list[str], tmp_path: Path, seed: int
) -> None:
    wal = tmp_path / "events-2026-11.duckdb.wal"
    chance, content = random.Random(seed), bytearray(wal.read_bytes())
    at, size = chance.choice([chance.randrange(len(content)), chance.randrange(60)]), chance.choice([1, 4, 64])
    content[at : at + size] = chance.randbytes(len(content[at : at + size]))
    wal.write_bytes(content)
    store = await Store.open(tmp_path)
    found = await _ids(store)
    assert found == crashed[: len(found)] and (len(found) == 200 or store.set_aside)
    await store.close()


async def test_a_wal_that_is_cut_off_anywhere_is_no_damage(crashed: list[str], tmp_path: Path) -> None:
    wal = tmp_path / "events-2026-11.duckdb.wal"
    content = wal.read_bytes()
    borders = _entries(content)
    for cut in range(borders[1], len(content), 97):
        wal.write_bytes(content[:cut])
        assert damaged_length(wal) is None or content[cut - 2 : cut] == b"\xff\xff", cut
    for border in borders[1:]:
        wal.write_bytes(content[:border])
        assert damaged_length(wal) is None


@pytest.mark.parametrize("damage", ["first bytes", "middle", "last bytes", "nonsense", "cut off"])
async def test_whatever_is_wrong_with_a_wal_the_store_opens_and_goes_on(
    crashed: list[str], tmp_path: Path, damage: str
) -> None:
    wal = tmp_path / "events-2026-11.duckdb.wal"
    match damage:
        case "first bytes":
            _overwrite(wal, 0)
        case "middle":
            _overwrite(wal, 0.5)
        case "last bytes":
            _overwrite(wal, 0.999, 5)
        case "nonsense":
            wal.write_bytes(b"no WAL at all" * 100)
        case "cut off":
            wal.write_bytes(wal.read_bytes()[:-1000])
    store = await Store.open(tmp_path)
    held = await _ids(store)
    assert held == crashed[: len(held)] and len(held) >= 100
    assert await store.append(some_events(10)) == 10
    await store.close()


@pytest.mark.parametrize("damage", ["header", "cut off", "text", "few bytes"])
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(crashed: list[str], tmp_path: Path, damage: str) -> None:
    file = tmp_path / "events-2026-11.duckdb"
    december = some_events(5, NOVEMBER + timedelta(days=30))
    store = await Store.open(tmp_path)
    await store.append(december)
    await store.close()
    match damage:
        case "header":
            _overwrite(file, 0, 12_288)
        case "cut off":
            file.write_bytes(file.read_bytes()[:100_000])
        case "text":
            file.write_text("hello")
        case "few bytes":
            file.write_bytes(b"x")
    store = await Store.open(tmp_path)
    assert await _ids(store) == [event.id for event in december], "the other months are not touched"
    (aside,) = store.set_aside
    assert "events-2026-11.duckdb.damaged-2" in aside and Path(aside).exists()
    assert await store.append(some_events(5)) == 5
    assert await store.count(EventQuery()) == 10
    await store.close()


async def test_a_file_whose_damage_shows_when_appending_is_set_aside_then(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    events = some_events(50_000)
    await store.append(events)
    await store.close()
    file = tmp_path / "events-2026-11.duckdb"
    whole = file.read_bytes()
    for block in range(3, len(whole) // (1 << 18)):  # beyond the headers and the first block
        at = 12_288 + (block - 1) * (1 << 18) + 5000
        whole = whole[:at] + b"\xaa" * 64 + whole[at + 64 :]
    file.write_bytes(whole)
    store = await Store.open(tmp_path)
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(await store.append(events[:100]))
        except StoreUnavailable:
            outcomes.append(-1)
    assert outcomes in ([100, 0, 0], [-1, 100, 0])
    assert store.set_aside
    await store.close()


async def test_a_question_that_meets_damage_says_so(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append([an_event(data={"text": "x" * 3000}, id=str(number)) for number in range(3000)])
    await store.close()
    file = tmp_path / "events-2026-11.duckdb"
    content = bytearray(file.read_bytes())
    for at in range(12_288 + 5000, len(content), 1 << 18):
        content[at : at + 64] = b"\xaa" * 64
    file.write_bytes(content)
    store = await Store.open(tmp_path)
    if not store.set_aside:
        with pytest.raises(StoreUnavailable, match=r"(?i)corrupt"):
            await store.events(ALL)
    await store.close()


async def test_an_empty_file_left_by_a_kill_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "events-2026-11.duckdb").touch()
    store = await Store.open(tmp_path)
    assert store.set_aside == []
    assert await store.append([an_event()]) == 1
    await store.close()


async def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    for name in ("events-2026-11.duckdb.damaged-20261101T000000.000000Z", "events-2026-1.duckdb", "notes.txt"):
        (tmp_path / name).write_text("mine")
    store = await Store.open(tmp_path)
    await store.append([an_event()])
    await store.close()
    assert [file.read_text() for file in sorted(tmp_path.glob("*")) if file.is_file() and file.stat().st_size == 4] == [
        "mine"
    ] * 3


async def test_numbers_go_on_growing_when_the_file_with_the_highest_is_gone(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append(some_events(3))
    highest = (await store.events(EventQuery()))[0].seq
    await store.close()
    (tmp_path / "events-2026-11.duckdb").unlink()
    store = await Store.open(tmp_path)
    await store.append(some_events(1))
    assert (await store.events(EventQuery()))[0].seq > highest
    await store.close()


# --- one process at a time -------------------------------------------------------------------------------------------


async def test_a_second_store_in_the_same_folder_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Another event sink has the store"):
        await Store.open(tmp_path / "store")
    await store.append([an_event()])
    await store.close()
    await (await Store.open(tmp_path / "store")).close()


async def test_a_file_that_another_program_has_open_is_not_taken_for_damaged(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append([an_event()])
    await store.close()
    file = str(tmp_path / "events-2026-11.duckdb")
    script = f"import duckdb, time; c = duckdb.connect({file!r}); print(1, flush=True); time.sleep(60)"
    with processes.running([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StoreUnavailable, match="lock"):
            await Store.open(tmp_path)
        other.kill()
    store = await Store.open(tmp_path)
    assert await store.count(EventQuery()) == 1
    assert store.set_aside == []
    await store.close()


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="file"):
        await Store.open(tmp_path / "file" / "store")


# --- retention -------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """The present month is one and the same all the time."""
    for module in (months, writer):
        monkeypatch.setattr(module, "this_month", lambda: "2026-11")


def _months_ago(count: int) -> Event:
    month = month_before("2026-11", count)
    return an_event(time=datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC))


def test_months_before_and_after() -> None:
    assert [month_before("2026-01", count) for count in (1, 12, 13, -11, -12, 0)] == [
        "2025-12",
        "2025-01",
        "2024-12",
        "2026-12",
        "2027-01",
        "2026-01",
    ]


@pytest.mark.usefixtures("one_month")
async def test_months_beyond_those_kept_are_deleted_whole(tmp_path: Path) -> None:
    kept_for_ever = await Store.open(tmp_path)
    assert await kept_for_ever.append([_months_ago(count) for count in range(6)]) == 6
    assert len((await kept_for_ever.stats()).months) == 6
    await kept_for_ever.close()
    store = await Store.open(tmp_path, keep_months=2)
    assert await store.count(EventQuery()) == 3, "the present month and two whole ones"
    assert len(list(tmp_path.glob("events-*.duckdb"))) == 3
    assert await store.append([_months_ago(3), _months_ago(0), _months_ago(2)]) == 2, "too old to be stored"
    assert await store.count(EventQuery()) == 5
    assert len(list(tmp_path.glob("events-*.duckdb"))) == 3
    await store.close()


@pytest.mark.usefixtures("one_month")
async def test_a_month_is_not_deleted_under_a_question(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append([_months_ago(5), _months_ago(0)])
    store._writer.keep_months = 1
    with store._months.gate.looking():
        assert await store.append([_months_ago(0)]) == 1
        assert len(list(tmp_path.glob("events-*.duckdb"))) == 2
    assert await store.append([_months_ago(0)]) == 1
    assert len(list(tmp_path.glob("events-*.duckdb"))) == 1
    assert await store.count(EventQuery()) == 3
    await store.close()


# --- earlier and later forms -----------------------------------------------------------------------------------------

_FIRST = """
CREATE TABLE {month}.events (seq BIGINT, key UUID, id VARCHAR, source VARCHAR, type VARCHAR, time TIMESTAMP,
    received TIMESTAMP, subject VARCHAR, "user" VARCHAR, data VARCHAR);
CREATE TABLE {month}.pieces (seq BIGINT, field VARCHAR, number INTEGER, text VARCHAR);
CREATE TABLE {month}.migrations (version INTEGER NOT NULL)
"""
_SECOND = """
ALTER TABLE {month}.events ADD COLUMN dialect VARCHAR;
ALTER TABLE {month}.events ADD COLUMN extensions VARCHAR;
ALTER TABLE {month}.events ADD COLUMN bytes BIGINT;
UPDATE {month}.events SET bytes = try_cast(data ->> '$.bytes' AS BIGINT)
"""


async def test_a_file_of_an_earlier_form_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = sql_module._text
    made_up = {"made_up_1": _FIRST, "made_up_2": _SECOND}
    monkeypatch.setattr(sql_module, "_text", lambda name: made_up.get(name) or text(name))
    monkeypatch.setattr(schema, "MIGRATIONS", ("made_up_1",))
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path}/events-2026-11.duckdb' AS old (STORAGE_VERSION 'v1.5.0')")
        schema.prepare(connection, "old")
        connection.execute(
            "INSERT INTO old.events VALUES (7, md5('x')::UUID, 'x', 's', 'storage.file_uploaded',"
            " '2026-11-10 12:00:00', '2026-11-10 12:00:01', NULL, 'u', '{\"bytes\":5}')"
        )
    monkeypatch.setattr(schema, "MIGRATIONS", ("made_up_1", "made_up_2"))
    for new in (2, 0):  # brought up to date once, then opened as it is
        store = await Store.open(tmp_path)
        (found,) = await store.events(EventQuery(id="x"))
        assert (found.seq, found.id, found.user, bytes(found.data)) == (7, "x", "u", b'{"bytes":5}')
        assert (await store.summary(None, None, "day")).bytes_uploaded == 5
        later = an_event(id="z", time=NOVEMBER + timedelta(days=30), extensions={"a": 1})
        assert await store.append([an_event(id="x", source="s"), an_event(id="y"), later]) == new
        await store.close()
    with duckdb.connect(str(tmp_path / "events-2026-11.duckdb")) as connection:
        assert connection.execute("SELECT version FROM migrations ORDER BY 1").fetchall() == [(1,), (2,)]


async def test_a_file_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append([an_event()])
    await store.close()
    file = tmp_path / "events-2026-11.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("INSERT INTO migrations VALUES (99)")
    before = file.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"events-2026-11\.duckdb was written by a later version.*99"):
        await Store.open(tmp_path)
    assert file.read_bytes() == before


async def test_what_waits_is_written_into_the_file_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventsink.store.store.CHECKPOINT_AFTER", 0.05)
    store = await Store.open(tmp_path)
    await store.append(some_events(10))
    wal = tmp_path / "events-2026-11.duckdb.wal"
    async with asyncio.timeout(30):
        while wal.exists() and wal.stat().st_size:
            await asyncio.sleep(0.02)
    await store.close()
