"""What waits in a spool can be sent by hand, whoever left it behind; and is the same events whoever sends it then."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from eventsink.client.source import Mark, Unreadable
from eventsink.client.sources import open_source
from eventsink.event import encode
from eventsink.files import spool_rows
from eventsink.testing import sample_events


def _made(path: Path, groups: list[list[bytes]]) -> Path:
    """A spool as a sink, a monitor or a program has it."""
    connection = spool_rows.open_spool(path, lambda *_: None)
    spool_rows.add(connection, [(len(lines), b"\n".join(lines)) for lines in groups])
    connection.close()
    return path


def _events(count: int) -> list[bytes]:
    return [encode(event) for event in sample_events(count)]


def _read(path: Path) -> list[bytes]:
    source = open_source(str(path))
    try:
        return [piece.line for piece in source.pieces(Mark()) if piece]
    finally:
        source.close()


def test_all_that_waits_is_read_in_order(tmp_path: Path) -> None:
    lines = _events(25)
    assert _read(_made(tmp_path / "spool.db", [lines[:1], lines[1:20], lines[20:]])) == lines
    assert _read(_made(tmp_path / "empty.db", [])) == []


def test_what_a_program_has_open_is_read_as_it_is(tmp_path: Path) -> None:
    path, lines = tmp_path / "spool.db", _events(3)
    connection = spool_rows.open_spool(path, lambda *_: None)
    spool_rows.add(connection, [(3, b"\n".join(lines))])
    assert _read(path) == lines
    assert spool_rows.totals(connection).items == 3, "it stays where it is"
    connection.close()


def test_what_the_disk_has_destroyed_is_counted_and_costs_nothing_else(tmp_path: Path) -> None:
    lines = _events(4)
    path = _made(tmp_path / "spool.db", [lines[:1], lines[1:3], lines[3:]])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE spool SET lines = x'00' WHERE id = 2")
    connection.close()
    found: list[bytes] = []
    with pytest.raises(Unreadable, match=r"2 events are lost\. All others were sent"):
        found.extend(piece.line for piece in open_source(str(path)).pieces(Mark()) if piece)
    assert found == [lines[0], lines[3]]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE a (b)").connection.close(), "is no spool of events"),
        (lambda path: _made(path, [[b"\x91\xa1a"]]), "is a spool, but not of events"),
        (lambda path: path.write_bytes(spool_rows.MAGIC + b"x" * 5000), "is no spool of events"),
    ],
    ids=["another database", "messages", "damaged"],
)
def test_what_is_none_is_said(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    make(tmp_path / "it.db")
    with pytest.raises(Unreadable, match=said):
        open_source(str(tmp_path / "it.db"))
