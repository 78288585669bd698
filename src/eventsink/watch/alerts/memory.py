"""What the evaluation remembers from one look to the next, and over a restart: samples, alerts, silences.

It lives on the thread of the file, and what changed in it is written in the commit in which it changed.
"""

import sqlite3
import uuid

import msgspec

from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.regions import Seen
from eventsink.watch.alerts.windows import Quiet

__all__ = ["SCHEMA", "Memory"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS memory (one INTEGER PRIMARY KEY CHECK (one = 1), life TEXT NOT NULL, seq INTEGER);
CREATE TABLE IF NOT EXISTS seen (name TEXT NOT NULL, region TEXT NOT NULL, kept BLOB NOT NULL,
    PRIMARY KEY (name, region)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (name TEXT PRIMARY KEY, kept BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quiet (number INTEGER PRIMARY KEY AUTOINCREMENT, kept BLOB NOT NULL);
"""

KEPT = 7 * 86_400.0  # seconds for which a silence that is over is kept

_seen = msgspec.msgpack.Decoder(Seen)
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
        for (kept,) in connection.execute("SELECT kept FROM seen"):
            one = _seen.decode(kept)
            self.seen.setdefault(one.check, {})[one.region] = one
        self.alerts = {
            alert.name: alert
            for alert in (_alert.decode(kept) for (kept,) in connection.execute("SELECT kept FROM alerts"))
        }
        self.quiet: dict[str, Quiet] = {
            str(number): _quiet.decode(kept) for number, kept in connection.execute("SELECT number, kept FROM quiet")
        }
        self._written = {name: msgspec.msgpack.encode(alert) for name, alert in self.alerts.items()}
        self._touched: set[tuple[str, str]] = set()
        self._gone: set[tuple[str, str]] = set()

    def region(self, check: str, region: str) -> Seen:
        """What is known of a check in a region, to be changed."""
        self._touched.add((check, region))
        self._gone.discard((check, region))
        return self.seen.setdefault(check, {}).setdefault(region, Seen(check, region))

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
        connection.execute("INSERT OR REPLACE INTO memory VALUES (1, ?, ?)", (self.life, self.seq))
        for check, region in self._touched:
            row = (check, region, msgspec.msgpack.encode(self.seen[check][region]))
            connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", row)
        for key in self._gone:
            connection.execute("DELETE FROM seen WHERE name = ? AND region = ?", key)
        self._touched.clear()
        self._gone.clear()
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

    def add_quiet(self, connection: sqlite3.Connection, quiet: Quiet) -> Quiet:
        """Keep a silence; gives it with its number. Those that ended a week ago are forgotten."""
        for number in [number for number, one in self.quiet.items() if one.end < quiet.begin - KEPT]:
            self.drop_quiet(connection, number)
        row = connection.execute("INSERT INTO quiet (kept) VALUES (?)", (b"",)).lastrowid
        numbered = msgspec.structs.replace(quiet, id=str(row))
        connection.execute("UPDATE quiet SET kept = ? WHERE number = ?", (msgspec.msgpack.encode(numbered), row))
        self.quiet[numbered.id] = numbered
        return numbered

    def drop_quiet(self, connection: sqlite3.Connection, number: str) -> Quiet | None:
        """Forget a silence; gives what it was."""
        connection.execute("DELETE FROM quiet WHERE number = ?", (number,))
        return self.quiet.pop(number, None)
