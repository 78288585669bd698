"""The file of what follows from the samples: segments of every hour, sums of every day, and incidents.

A series is a check in one region; the one with an empty region is what all regions together say. Of an hour in which
nothing changed one letter is kept. It outlives the events: whole months of these may be deleted.

All functions run on the thread that owns the connection.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from eventsink.files import open_sound
from eventsink.store.uptime.timeline import DOWN, MAINTENANCE, UP, Segment, clipped

__all__ = ["DAY", "HOUR", "Hour", "Series", "connect"]

_log = structlog.get_logger(__name__)

HOUR, DAY = 3_600_000, 86_400_000  # milliseconds

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
    first INTEGER NOT NULL, UNIQUE (name, region)
);
CREATE TABLE IF NOT EXISTS hours (
    series INTEGER NOT NULL, hour INTEGER NOT NULL, state TEXT, segments BLOB, samples INTEGER NOT NULL,
    elapsed_ms REAL NOT NULL, carried BLOB, measured INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (series, hour)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS days (
    series INTEGER NOT NULL, day INTEGER NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL,
    maintenance INTEGER NOT NULL, samples INTEGER NOT NULL, elapsed_ms REAL NOT NULL,
    measured INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (series, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS incidents (
    series INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, down INTEGER NOT NULL, reason TEXT NOT NULL,
    message TEXT NOT NULL, regions TEXT NOT NULL, PRIMARY KEY (series, begun)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dirty (
    hour INTEGER NOT NULL, series INTEGER NOT NULL, PRIMARY KEY (hour, series)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unfinished (name TEXT PRIMARY KEY, first INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
"""
# An earlier version took every sample for one that says how long it took. The events may be gone: that stays so.
_ADD_MEASURED = """
BEGIN IMMEDIATE;
ALTER TABLE hours ADD COLUMN measured INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN measured INTEGER NOT NULL DEFAULT 0;
UPDATE hours SET measured = samples WHERE elapsed_ms > 0;
UPDATE days SET measured = samples WHERE elapsed_ms > 0;
COMMIT;
"""


class Series(NamedTuple):
    """One check in one region.

    Args:
        first: when it was first looked at, milliseconds since 1970.
    """

    id: int
    name: str
    region: str
    kind: str
    target: str
    first: int


class Hour(NamedTuple):
    """What is known of one hour.

    Args:
        hour: its begin, milliseconds since 1970.
        elapsed_ms: of all samples together.
        carried: what the last sample says beyond its end.
        measured: samples that say how long they took.
    """

    hour: int
    segments: Sequence[Segment]
    samples: int = 0
    elapsed_ms: float = 0.0
    carried: Segment | None = None
    measured: int = 0


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, or make it. A damaged one is set aside: all in it follows from the events.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """
    return open_sound(path, _prepare, _say_damaged)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(_SCHEMA)
    if "measured" not in [name for _, name, *_ in connection.execute("PRAGMA table_info(hours)")]:
        connection.executescript(_ADD_MEASURED)


def _say_damaged(reason: str, aside: Path) -> None:
    _log.error("uptime.damaged", reason=reason, set_aside=str(aside))


def progress(connection: sqlite3.Connection) -> int:
    """The number of the last event of which all that follows is in the file."""
    row = connection.execute("SELECT seq FROM progress").fetchone()
    return int(row[0]) if row else 0


def note_progress(connection: sqlite3.Connection, seq: int) -> None:
    """All that follows from the events up to this number is in the file."""
    connection.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", (seq,))


def all_series(connection: sqlite3.Connection) -> list[Series]:
    """Every series, by name and region."""
    return [Series(*row) for row in connection.execute("SELECT * FROM series ORDER BY name, region")]


def series_of(connection: sqlite3.Connection, name: str) -> list[Series]:
    """The series of one check."""
    return [Series(*row) for row in connection.execute("SELECT * FROM series WHERE name = ?", (name,))]


def series_named(connection: sqlite3.Connection, names: Sequence[str]) -> list[Series]:
    """The series of many checks, by name and region."""
    wanted = msgspec.json.encode([*names]).decode()
    rows = connection.execute(
        "SELECT * FROM series WHERE name IN (SELECT value FROM json_each(?)) ORDER BY name, region", (wanted,)
    )
    return [Series(*row) for row in rows]


def names_since(connection: sqlite3.Connection, since: int, hidden: str, most: int) -> tuple[list[str], int]:
    """The first checks by name of which something is known since a moment, and how many there are.

    Args:
        hidden: a region by which alone a check is not known.
    """
    known = (
        " FROM series WHERE region NOT IN ('', ?2)"
        " AND (first >= ?1 OR EXISTS (SELECT 1 FROM hours WHERE series = series.id AND hour >= ?1))"
    )
    rows = connection.execute(f"SELECT DISTINCT name {known} ORDER BY name LIMIT ?3", (since, hidden, most))
    names = [row[0] for row in rows]
    if len(names) < most:
        return names, len(names)
    total = connection.execute(f"SELECT count(DISTINCT name) {known}", (since, hidden)).fetchone()[0]
    return names, int(total)


def find_series(connection: sqlite3.Connection, name: str, region: str) -> Series | None:
    """One series; None where there is none."""
    row = connection.execute("SELECT * FROM series WHERE name = ? AND region = ?", (name, region)).fetchone()
    return Series(*row) if row else None


def count_series(connection: sqlite3.Connection) -> int:
    """How many series of regions there are."""
    return int(connection.execute("SELECT count(*) FROM series WHERE region != ''").fetchone()[0])


def add_dirty(connection: sqlite3.Connection, series: int, hour: int) -> None:
    """An hour of a series is to be done."""
    connection.execute("INSERT OR IGNORE INTO dirty VALUES (?, ?)", (hour, series))


def first_dirty(connection: sqlite3.Connection, now: int) -> int | None:
    """The first hour that is to be done and has begun; None where there is none."""
    row = connection.execute("SELECT min(hour) FROM dirty WHERE hour <= ?", (now,)).fetchone()
    return None if row[0] is None else int(row[0])


def dirty(connection: sqlite3.Connection, since: int, until: int) -> list[tuple[int, int]]:
    """Series and hour of all that is to be done in a span."""
    return connection.execute("SELECT series, hour FROM dirty WHERE hour >= ? AND hour < ?", (since, until)).fetchall()


def remove_dirty(connection: sqlite3.Connection, since: int, until: int) -> None:
    """All that was to be done in a span is done."""
    connection.execute("DELETE FROM dirty WHERE hour >= ? AND hour < ?", (since, until))


def add_unfinished(connection: sqlite3.Connection, name: str, hour: int) -> None:
    """What follows for a check as a whole from an hour on is to be done."""
    connection.execute(
        "INSERT INTO unfinished VALUES (?1, ?2) ON CONFLICT DO UPDATE SET first = min(first, ?2)", (name, hour)
    )


def unfinished(connection: sqlite3.Connection) -> tuple[str, int] | None:
    """A check of which something is to be done, and from which hour on; None where there is none."""
    row: tuple[str, int] | None = connection.execute("SELECT name, first FROM unfinished LIMIT 1").fetchone()
    return row


def remove_unfinished(connection: sqlite3.Connection, name: str) -> None:
    """All of a check is done."""
    connection.execute("DELETE FROM unfinished WHERE name = ?", (name,))


def open_ends(connection: sqlite3.Connection, series: int, since: int, until: int) -> list[int]:
    """Hours of a span, both ends included, whose last sample is good for longer while of the next nothing is known."""
    rows = connection.execute(
        "SELECT hour FROM hours AS one WHERE series = ?1 AND hour >= ?2 AND hour <= ?3 AND carried IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM hours WHERE series = ?1 AND hour = one.hour + ?4)",
        (series, since, until, HOUR),
    )
    return [hour for (hour,) in rows]


def enrol(connection: sqlite3.Connection, found: Series) -> Series:
    """Know a series, or that it began earlier, or has another target now; gives it with its id."""
    connection.execute(
        "INSERT INTO series (name, region, kind, target, first) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT (name, region) DO UPDATE SET kind = ?3, target = ?4, first = min(first, ?5)",
        found[1:],
    )
    return Series(
        *connection.execute("SELECT * FROM series WHERE name = ? AND region = ?", (found.name, found.region)).fetchone()
    )


def put(connection: sqlite3.Connection, series: int, hour: Hour) -> None:
    """Keep an hour in the place of what was known of it."""
    whole = len(hour.segments) == 1 and hour.segments[0][:2] == (hour.hour, hour.hour + HOUR)
    plain = whole and not hour.segments[0].reason
    state = hour.segments[0].state if plain else None
    packed = None if plain else _pack(hour.segments, hour.hour)
    carried = _pack([hour.carried], hour.hour) if hour.carried else None
    row = (series, hour.hour, state, packed, hour.samples, hour.elapsed_ms, carried, hour.measured)
    connection.execute(
        "INSERT OR REPLACE INTO hours (series, hour, state, segments, samples, elapsed_ms, carried, measured)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def hour_at(connection: sqlite3.Connection, series: int, hour: int) -> Hour | None:
    """What is known of one hour; None when nothing is."""
    return next(hours(connection, series, hour, hour + HOUR), None)


def hours(connection: sqlite3.Connection, series: int, since: int, until: int) -> Iterator[Hour]:
    """What is known of the hours that begin within a span, in order."""
    for hour, state, packed, samples, elapsed, carried, measured in connection.execute(
        "SELECT hour, state, segments, samples, elapsed_ms, carried, measured FROM hours"
        " WHERE series = ? AND hour >= ? AND hour < ? ORDER BY hour",
        (series, since, until),
    ):
        found = [Segment(hour, hour + HOUR, state)] if state else _unpack(packed, hour)
        yield Hour(hour, found, samples, elapsed, _unpack(carried, hour)[0] if carried else None, measured)


def hours_of_many(
    connection: sqlite3.Connection, series: Iterable[int], since: int, until: int
) -> dict[int, list[Hour]]:
    """The same of many series at once, by series. What carries over into the next hour is left out."""
    found: dict[int, list[Hour]] = {}
    for one, hour, state, packed, samples, elapsed, measured in connection.execute(
        "SELECT series, hour, state, segments, samples, elapsed_ms, measured FROM hours"
        " WHERE series IN (SELECT value FROM json_each(?)) AND hour >= ? AND hour < ? ORDER BY series, hour",
        (_listed(series), since, until),
    ):
        segments = [Segment(hour, hour + HOUR, state)] if state else _unpack(packed, hour)
        found.setdefault(one, []).append(Hour(hour, segments, samples, elapsed, measured=measured))
    return found


def sum_day(connection: sqlite3.Connection, series: int, day: int) -> None:
    """Sum a day up anew, from its hours."""
    sums = dict.fromkeys((UP, DOWN, MAINTENANCE), 0)
    samples, elapsed, measured = 0, 0.0, 0
    for hour in hours(connection, series, day, day + DAY):
        samples, elapsed, measured = samples + hour.samples, elapsed + hour.elapsed_ms, measured + hour.measured
        for segment in hour.segments:
            sums[segment.state] += segment.end - segment.start
    row = (series, day, sums[UP], sums[DOWN], sums[MAINTENANCE], samples, elapsed, measured)
    connection.execute(
        "INSERT OR REPLACE INTO days (series, day, up, down, maintenance, samples, elapsed_ms, measured)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def days(connection: sqlite3.Connection, series: int, since: int, until: int) -> list[tuple[int, ...]]:
    """Days that begin within a span.

    Day, milliseconds up, down and in maintenance, samples, elapsed milliseconds, samples that say how long they took.
    """
    return connection.execute(
        "SELECT day, up, down, maintenance, samples, elapsed_ms, measured FROM days"
        " WHERE series = ? AND day >= ? AND day < ? ORDER BY day",
        (series, since, until),
    ).fetchall()


def days_of_many(
    connection: sqlite3.Connection, series: Iterable[int], since: int, until: int
) -> dict[int, list[tuple[int, ...]]]:
    """The same of many series at once, by series."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for row in connection.execute(
        "SELECT series, day, up, down, maintenance, samples, elapsed_ms, measured FROM days"
        " WHERE series IN (SELECT value FROM json_each(?)) AND day >= ? AND day < ? ORDER BY series, day",
        (_listed(series), since, until),
    ):
        found.setdefault(row[0], []).append(row[1:])
    return found


def find_incidents(
    connection: sqlite3.Connection, series: int, since: int, until: int
) -> list[tuple[int, int | None, int, str, str, str]]:
    """Incidents that touch a span: begun, ended (None: not yet), milliseconds down, reason, message, regions."""
    return connection.execute(
        "SELECT begun, ended, down, reason, message, regions FROM incidents"
        " WHERE series = ? AND begun < ? AND coalesce(ended, ?) > ? ORDER BY begun",
        (series, until, until, since),
    ).fetchall()


def latest_incidents(
    connection: sqlite3.Connection, series: Iterable[int], since: int, until: int, most: int
) -> list[tuple[int, int, int | None, int, str, str]]:
    """The latest incidents of many series that touch a span, the newest first, without their messages.

    Series, begun, ended (None: not yet), milliseconds down, reason, regions.
    """
    return connection.execute(
        "SELECT series, begun, ended, down, reason, regions FROM incidents"
        " WHERE series IN (SELECT value FROM json_each(?)) AND begun < ? AND coalesce(ended, ?) > ?"
        " ORDER BY begun DESC, series LIMIT ?",
        (_listed(series), until, until, since, most),
    ).fetchall()


def renew_incidents(
    connection: sqlite3.Connection, series: int, since: int, regions: Mapping[str, int], last: int
) -> None:
    """Find the incidents anew that go on at a moment, or begin after it.

    An incident is a time in which it was never up: between two outages nobody may have known anything.

    Args:
        regions: the series of each region of the check, to say which saw it.
        last: the last hour that there is.
    """
    row = connection.execute(
        "SELECT min(begun) FROM incidents WHERE series = ? AND coalesce(ended, ?) >= ?", (series, since, since)
    ).fetchone()
    begin = min(row[0], since) if row[0] is not None else since
    connection.execute("DELETE FROM incidents WHERE series = ? AND begun >= ?", (series, begin))
    first = begin - begin % HOUR
    timeline = (segment for hour in hours(connection, series, first, last + HOUR) for segment in hour.segments)
    for outage in _outages(clipped(timeline, begin, last + HOUR)):
        seen = [name for name, region in regions.items() if _was_down(connection, region, outage.start, outage.until)]
        connection.execute(
            "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)",
            (series, outage.start, outage.end, outage.down, outage.reason, outage.message, "\n".join(seen)),
        )


class _Outage(NamedTuple):
    start: int
    end: int | None  # when it was up again
    until: int  # when it was down for the last time
    down: int
    reason: str
    message: str


def _outages(timeline: Iterable[Segment]) -> Iterator[_Outage]:
    open_: _Outage | None = None
    for segment in timeline:
        if segment.state == DOWN:
            length = segment.end - segment.start
            if open_ is None:
                open_ = _Outage(segment.start, None, segment.end, length, segment.reason, segment.message)
            else:
                open_ = open_._replace(until=segment.end, down=open_.down + length)
        elif open_ is not None:
            yield open_._replace(end=segment.start)
            open_ = None
    if open_ is not None:
        yield open_


def _was_down(connection: sqlite3.Connection, series: int, since: int, until: int) -> bool:
    return any(
        segment.state == DOWN
        for hour in hours(connection, series, since - since % HOUR, until)
        for segment in clipped(hour.segments, since, until)
    )


def _listed(series: Iterable[int]) -> str:
    """Numbers as one parameter of a query, however many they are."""
    return msgspec.json.encode([*series]).decode()


def _pack(found: Sequence[Segment], hour: int) -> bytes:
    rows = [(s.start - hour, s.end - hour, s.state, s.reason, s.message, s.region) for s in found]
    return msgspec.msgpack.encode(rows)


def _unpack(packed: bytes, hour: int) -> list[Segment]:
    rows = msgspec.msgpack.decode(packed, type=list[tuple[int, int, str, str, str, str]])
    return [Segment(start + hour, end + hour, *rest) for start, end, *rest in rows]
