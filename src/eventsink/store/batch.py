"""A batch of events as Arrow columns: how they get into DuckDB fast."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import duckdb
import msgspec
import nanoarrow  # type: ignore[import-untyped]

from eventsink.catalogue import MOST_INTEGER
from eventsink.event import EPOCH, Event

__all__ = ["Chunk", "chunks", "id_columns", "registered"]

MOST_EVENTS = 5_000
MOST_BYTES = 8 << 20  # of text; DuckDB holds a chunk whole, and may use no more than its share of memory
LONGEST = 4_096  # characters of a text that stands in its row; see migration_1.sql

_Piece = tuple[int, str, int, str]
_encode = msgspec.json.Encoder().encode


class Chunk(msgspec.Struct, frozen=True):
    """Events as columns, and the pieces of their long texts.

    Args:
        count: of the events.
        first_seq: the lowest number of them.
        first: time of the earliest of them; `last`: of the latest.
    """

    count: int
    first_seq: int
    first: datetime
    last: datetime
    events: dict[str, Any]
    pieces: dict[str, Any] | None


def chunks(events: Iterable[Event], seq: int) -> Iterator[Chunk]:
    """The events, numbered from `seq`, in portions that fit into memory."""
    part: list[Event] = []
    texts: list[str] = []
    size = 0
    for event in events:
        text = _encode(event.data).decode()
        if part and (len(part) == MOST_EVENTS or size + len(text) > MOST_BYTES):
            yield _chunk(part, texts, seq)
            seq += len(part)
            part, texts, size = [], [], 0
        part.append(event)
        texts.append(text)
        size += len(text)
    if part:
        yield _chunk(part, texts, seq)


def id_columns(events: Sequence[Event]) -> dict[str, Any]:
    """Ids and sources alone."""
    return {"id": _texts([event.id for event in events]), "source": _texts([event.source for event in events])}


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, **tables: dict[str, Any] | None) -> Iterator[None]:
    """Let statements read columns as tables of these names. A transaction lies within it, or it could not be undone."""
    present = {name: columns for name, columns in tables.items() if columns}
    for name, columns in present.items():
        connection.register(name, _array(columns))
    try:
        yield
    finally:
        for name in present:
            connection.unregister(name)


def _array(columns: Mapping[str, Any]) -> Any:
    schema = nanoarrow.struct({name: column.schema for name, column in columns.items()})
    length = len(next(iter(columns.values())))
    return nanoarrow.Array(nanoarrow.c_array_from_buffers(schema, length, [None], children=list(columns.values())))


def _chunk(events: Sequence[Event], texts: Sequence[str], seq: int) -> Chunk:
    pieces: list[_Piece] = []
    extensions = [_encode(event.extensions).decode() if event.extensions else None for event in events]
    times = [_microseconds(event.time) for event in events]
    columns = {
        "seq": _integers(range(seq, seq + len(events))),
        "id": _texts([event.id for event in events]),
        "source": _texts([event.source for event in events]),
        "type": _texts([event.type for event in events]),
        "time": _integers(times),
        "received": _integers([_microseconds(event.received) for event in events]),
        "subject": _texts([event.subject for event in events]),
        "user": _texts([event.user for event in events]),
        "dialect": _texts([event.dialect for event in events]),
        "bytes": _integers([_bytes(event) for event in events]),
        "data": _texts(_short(texts, seq, "data", pieces)),
        "extensions": _texts(_short(extensions, seq, "extensions", pieces)),
    }
    first, last = (EPOCH + timedelta(microseconds=time) for time in (min(times), max(times)))
    return Chunk(len(events), seq, first, last, columns, _piece_columns(pieces) if pieces else None)


def _short(texts: Sequence[str | None], seq: int, field: str, pieces: list[_Piece]) -> list[str | None]:
    """The texts, with an empty one for each that is long: that goes to `pieces`."""
    short = list(texts)
    for index, text in enumerate(texts):
        if text is not None and len(text) > LONGEST:
            starts = range(0, len(text), LONGEST)
            pieces += [(seq + index, field, number, text[at : at + LONGEST]) for number, at in enumerate(starts)]
            short[index] = ""
    return short


def _piece_columns(pieces: Sequence[_Piece]) -> dict[str, Any]:
    seqs, fields, numbers, texts = zip(*pieces, strict=True)
    return {"seq": _integers(seqs), "field": _texts(fields), "number": _integers(numbers), "text": _texts(texts)}


def _texts(values: Sequence[str | None]) -> Any:
    return nanoarrow.c_array(values, nanoarrow.string())


def _integers(values: Iterable[int | None]) -> Any:
    return nanoarrow.c_array(list(values), nanoarrow.int64())


def _microseconds(time: datetime) -> int:
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _bytes(event: Event) -> int | None:
    value = event.data.get("bytes")
    return value if type(value) is int and 0 <= value <= MOST_INTEGER else None
