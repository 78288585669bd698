"""Events as Parquet: all of them, whole, with little memory, and nothing left behind."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.event import Event
from eventsink.store import EventQuery, QueryRefused, Store
from eventsink.store.exporter import Exporter
from tests.store.events import NOVEMBER, an_event, some_events

HUGE = 123456789012345678901234567890


async def exported(store: Store, tmp_path: Path, **asked: Any) -> list[dict[str, Any]]:
    """What an export has, as another program reads it."""
    export = await store.export(EventQuery(**asked))
    file = tmp_path / "out.parquet"
    with export.file:
        content = export.file.read()
    assert len(content) == export.bytes
    file.write_bytes(content)
    found = duckdb.connect().execute(f"SELECT * FROM '{file}' ORDER BY seq")
    names = [name for name, *_ in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert len(rows) == export.events
    assert not list((store.path / "tmp").glob("export-*"))
    return rows


def sent(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.replace(tzinfo=None),
        "received": event.received.replace(tzinfo=None),
        "subject": event.subject,
        "user": event.user,
        "dialect": event.dialect,
        "data": event.data,
        "extensions": event.extensions or None,
    }


def read_back(row: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in row.items() if name not in ("seq", "bytes")}
    extensions = json.loads(row["extensions"]) if row["extensions"] else None
    return given | {"data": json.loads(row["data"]), "extensions": extensions}


async def test_what_was_sent_is_in_the_file(store: Store, tmp_path: Path) -> None:
    events = [
        an_event(user=None, data={"huge": HUGE, "none": None, "text": "Zoë 🌍\x00\n"}),
        an_event(user="alice", subject="files/1", dialect="clowder", extensions={"region": "ü", "n": 5}),
        an_event(data={"bytes": 2**53 - 1, "text": "ä" * 100_000}),
        an_event(data={}, extensions={"long": "'" * 10_000}, time=NOVEMBER + timedelta(days=40)),
    ]
    await store.append(events)
    rows = await exported(store, tmp_path)
    assert sorted(map(read_back, rows), key=lambda row: row["id"]) == sorted(
        map(sent, events), key=lambda row: row["id"]
    )
    assert {row["bytes"] for row in rows} == {None, 2**53 - 1}


async def test_a_time_and_a_type_are_asked_for(store: Store, tmp_path: Path) -> None:
    await store.append(some_events(5) + some_events(2, type="storage.file_uploaded", user="o'neil"))
    assert len(await exported(store, tmp_path, type="storage.*")) == 2
    assert len(await exported(store, tmp_path, type="storage.file_uploaded")) == 2
    assert len(await exported(store, tmp_path, type="x' OR 'a' = 'a")) == 0
    assert len(await exported(store, tmp_path, since=NOVEMBER + timedelta(seconds=3))) == 2
    assert len(await exported(store, tmp_path, until=NOVEMBER)) == 0


async def test_a_store_without_events_gives_a_file_without_rows(store: Store, tmp_path: Path) -> None:
    assert await exported(store, tmp_path) == []


async def test_more_files_than_may_be_open_are_asked_for_by_the_month(store: Store) -> None:
    await store.append([an_event(time=NOVEMBER - timedelta(days=30 * month)) for month in range(15)])
    with pytest.raises(QueryRefused, match="month by month"):
        await store.export(EventQuery())


async def test_what_a_kill_left_behind_goes_at_the_start(tmp_path: Path) -> None:
    left = tmp_path / "store" / "tmp" / "export-0.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"PAR1")
    store = await Store.open(tmp_path / "store")
    assert not left.exists()
    await store.close()


async def test_a_failure_leaves_nothing_and_is_a_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.append(some_events(10))
    monkeypatch.setattr("eventsink.store.exporter._of_type", lambda _: "error('IO Error: No space left on device')")
    with pytest.raises(StoreUnavailable, match=r"cannot be exported: .*Free some space"):
        await store.export(EventQuery())
    assert not list((store.path / "tmp").glob("export-*"))


async def test_one_that_takes_too_long_is_not_to_be_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(exporter: Exporter, query: EventQuery) -> None:
        store._months.files.exporter.execute("SELECT sum(random()) FROM range(1_000_000_000_000)").fetchall()

    monkeypatch.setattr(Exporter, "_made", endless)
    monkeypatch.setattr("eventsink.store.exporter.MOST_SECONDS", 0.0)
    with pytest.raises(QueryRefused, match=r"longer than 0 h: ask for a shorter time"):
        await store.export(EventQuery())


async def test_many_events_go_through_little_memory(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "store", memory="64MB", threads=4)
    text = "x" * 300
    for part in range(4):
        await store.append([an_event(data={"n": n, "text": text}, time=NOVEMBER + timedelta(seconds=part * 20_000 + n))
                            for n in range(20_000)])  # fmt: skip
    assert len(await exported(store, tmp_path)) == 80_000
    await store.close()
