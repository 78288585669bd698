"""What the evaluation remembers from one look to the next, and over a restart: samples, alerts, silences.

It lives on the thread of the file, and what changed in it is written in the commit in which it changed.
"""

import sqlite3
import uuid
from collections.abc import Iterator
from typing import TypeVar

import msgspec
import structlog

from eventsink.errors import TooMany
from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.machine import State
from eventsink.watch.alerts.regions import Seen
from eventsink.watch.alerts.windows import Quiet

__all__ = ["SCHEMA", "Memory"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS memory (one INTEGER PRIMARY KEY CHECK (one = 1), life TEXT NOT NULL, seq INTEGER);
CREATE TABLE IF NOT EXISTS seen (name TEXT NOT NULL, region TEXT NOT NULL, kept BLOB NOT NULL,
    PRIMARY KEY (name, region)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (name TEXT PRIMARY KEY, kept BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heard (monitor TEXT PRIMARY KEY, kept BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quiet (number INTEGER PRIMARY KEY AUTOINCREMENT, kept BLOB NOT NULL);
"""

MOST_SILENCES = 100
MOST_REGIONS = 20  # of one monitor that are remembered
KEPT = 7 * 86_400.0  # seconds for which a silence that is over is kept

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Heard(msgspec.Struct):
    """When a monitor was heard of last, and in which regions.

    Args:
        received: seconds since 1970, by our clock.
    """

    received: float
    regions: list[str]


_seen = msgspec.msgpack.Decoder(Seen)
_heard = msgspec.msgpack.Decoder(Heard)
_alert = msgspec.msgpack.Decoder(Alert)
_quiet = msgspec.msgpack.Decoder(Quiet)


class Memory:
    """All that is remembered.

    Args:
        connection: from whose file it is read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT life, seq FROM memory").fetchone()
        self.life: str = row[0] if row else uuid.uuid4().hex
        """Random, made with the file: alerts of a lost one are others."""
        self.seq: int | None = row[1] if row else None
        """The last event that was looked at; None: none yet."""
        self.seen: dict[str, dict[str, Seen]] = {}
        """By check and region."""
        for one in _read(connection, "seen", _seen):
            self.seen.setdefault(one.check, {})[one.region] = one
        self.heard = {
            str(name): found
            for name, kept in connection.execute("SELECT monitor, kept FROM heard").fetchall()
            if (found := _decoded(_heard, kept, "heard"))
        }
        """When each monitor was heard of."""
        self.alerts = {alert.name: alert for alert in _read(connection, "alerts", _alert)}
        self.quiet: dict[str, Quiet] = {one.id: one for one in _read(connection, "quiet", _quiet)}
        self._written = {name: msgspec.msgpack.encode(alert) for name, alert in self.alerts.items()}
        self._kept = (self.life, self.seq) if row else None
        self._heard_of: set[str] = set()
        self._touched: set[tuple[str, str]] = set()
        self._gone: set[tuple[str, str]] = set()

    def region(self, check: str, region: str) -> Seen:
        """What is known of a check in a region, to be changed."""
        self._touched.add((check, region))
        self._gone.discard((check, region))
        return self.seen.setdefault(check, {}).setdefault(region, Seen(check, region))

    def hear(self, monitor: str, region: str, received: float) -> None:
        """A monitor was heard of."""
        self._heard_of.add(monitor)
        known = self.heard.setdefault(monitor, Heard(received, []))
        known.received = max(known.received, received)
        if region not in known.regions and len(known.regions) < MOST_REGIONS:
            known.regions.append(region)

    def cap(self, now: float) -> None:
        """Our clock was set back: what is remembered of the time to come was now."""
        for monitor, known in self.heard.items():
            known.received = min(known.received, now)
            self._heard_of.add(monitor)
        for check, regions in self.seen.items():
            for region, seen in regions.items():
                seen.received, seen.begun = min(seen.received, now), min(seen.begun, now)
                self._touched.add((check, region))
        for alert in self.alerts.values():
            state = alert.state
            alert.state = State(state.phase, min(state.since, now), min(state.begun, now))
            alert.told_at = min(alert.told_at, now)
            alert.fired = [min(at, now) for at in alert.fired]

    def unhear(self, monitor: str) -> None:
        """Forget a monitor."""
        if self.heard.pop(monitor, None):
            self._heard_of.add(monitor)

    def drop(self, check: str, region: str | None = None) -> None:
        """Forget a check, or one region of it."""
        regions = self.seen.get(check, {})
        for name in [region] if region is not None else [*regions]:
            if regions.pop(name, None):
                self._gone.add((check, name))
                self._touched.discard((check, name))
        if not regions:
            self.seen.pop(check, None)

    def alert(self, name: str, facts: Facts) -> Alert:
        """The alert of this name, made where there was none."""
        found = self.alerts.get(name)
        if found is None:
            found = self.alerts[name] = Alert(name=name, facts=facts)
        return found

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what has changed. Of alerts that are idle nothing is kept."""
        if self._kept != (self.life, self.seq):
            self._kept = self.life, self.seq
            connection.execute("INSERT OR REPLACE INTO memory VALUES (1, ?, ?)", self._kept)
        self._write_heard(connection)
        self._write_seen(connection)
        self._write_alerts(connection)

    def _write_heard(self, connection: sqlite3.Connection) -> None:
        for monitor in self._heard_of:
            if found := self.heard.get(monitor):
                packed = msgspec.msgpack.encode(found)
                connection.execute("INSERT OR REPLACE INTO heard VALUES (?, ?)", (monitor, packed))
            else:
                connection.execute("DELETE FROM heard WHERE monitor = ?", (monitor,))
        self._heard_of.clear()

    def _write_seen(self, connection: sqlite3.Connection) -> None:
        for check, region in self._touched:
            row = (check, region, msgspec.msgpack.encode(self.seen[check][region]))
            connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", row)
        for key in self._gone:
            connection.execute("DELETE FROM seen WHERE name = ? AND region = ?", key)
        self._touched.clear()
        self._gone.clear()

    def _write_alerts(self, connection: sqlite3.Connection) -> None:
        for name, alert in [*self.alerts.items()]:
            if alert.is_idle and not alert.fired:
                del self.alerts[name]
        for name in [name for name in self._written if name not in self.alerts]:
            connection.execute("DELETE FROM alerts WHERE name = ?", (name,))
            del self._written[name]
        for name, alert in self.alerts.items():
            packed = msgspec.msgpack.encode(alert)
            if self._written.get(name) != packed:
                connection.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?)", (name, packed))
                self._written[name] = packed

    def add_quiet(self, connection: sqlite3.Connection, quiet: Quiet, now: float) -> Quiet:
        """Keep a silence; gives it with its number. Those that ended a week ago are forgotten.

        Raises:
            TooMany: there are as many as anybody can oversee.
        """
        for number in [number for number, one in self.quiet.items() if one.end < now - KEPT]:
            self.drop_quiet(connection, number)
        if sum(one.end > now for one in self.quiet.values()) >= MOST_SILENCES:
            raise TooMany(f"There are {MOST_SILENCES} silences already: end some, or use patterns, as `db-*`.")
        row = connection.execute("INSERT INTO quiet (kept) VALUES (?)", (b"",)).lastrowid
        numbered = msgspec.structs.replace(quiet, id=str(row))
        connection.execute("UPDATE quiet SET kept = ? WHERE number = ?", (msgspec.msgpack.encode(numbered), row))
        self.quiet[numbered.id] = numbered
        return numbered

    def drop_quiet(self, connection: sqlite3.Connection, number: str) -> Quiet | None:
        """Forget a silence; gives what it was."""
        connection.execute("DELETE FROM quiet WHERE number = ?", (number,))
        return self.quiet.pop(number, None)


def _read(connection: sqlite3.Connection, table: str, decoder: msgspec.msgpack.Decoder[T]) -> Iterator[T]:
    """What is kept in a table; what the disk has destroyed is left out, and said."""
    for (kept,) in connection.execute(f"SELECT kept FROM {table}").fetchall():
        found = _decoded(decoder, kept, table)
        if found is not None:
            yield found


def _decoded(decoder: msgspec.msgpack.Decoder[T], kept: bytes, table: str) -> T | None:
    try:
        return decoder.decode(kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        _log.error("alerts.row_damaged", table=table, reason=str(error))
        return None
