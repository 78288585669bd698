"""The table of notices: who is to be told what, whether that has happened, and why it has not.

One row for each notice and channel, which stays as the memory that it was told. All functions run on the thread that
owns the connection, within one commit (`AlertFile.run`). No address is ever in the table.

A notice is noted as begun before it is sent. If the process is killed then, or no answer comes, it may have arrived:
it is sent once more under the same id, marked `again`, together with those that it was sent with.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from eventsink.watch.alerts.notice import Notice

__all__ = [
    "SCHEMA",
    "Counts",
    "Listed",
    "Waiting",
    "begin",
    "bury_strangers",
    "counts",
    "done",
    "drop_dead",
    "due",
    "forget_old",
    "give_up",
    "listed",
    "next_due",
    "postpone",
    "put",
    "retry_dead",
]

KEPT_DONE = timedelta(days=7)
KEPT_DEAD = timedelta(days=90)
LONGEST_POSTPONED = 2 * 3600.0  # seconds; what is due later than that was postponed by a clock that was wrong

SCHEMA = """
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, channel TEXT NOT NULL, alert TEXT NOT NULL,
    kind TEXT NOT NULL, notice BLOB NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', made REAL NOT NULL,
    due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, begun REAL, again INTEGER NOT NULL DEFAULT 0, failed REAL,
    reason TEXT NOT NULL DEFAULT '', ended REAL, UNIQUE (id, channel)
);
CREATE INDEX IF NOT EXISTS notices_waiting ON notices (channel, number) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS notices_dead ON notices (channel, number) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS notices_ended ON notices (state, ended);
"""


_WAITING = (
    "SELECT * FROM notices WHERE channel = ?1 AND state = 'waiting' AND alert NOT IN (SELECT value FROM json_each(?2))"
)


class Waiting(msgspec.Struct, frozen=True):
    """A notice that is to be sent on one channel.

    Args:
        number: of the row; the order in which notices were made.
        made: when it was put there.
        again: it may have arrived before.
    """

    number: int
    notice: Notice
    made: datetime
    again: bool


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that was not told yet, for a person.

    Args:
        state: it waits, or was given up.
        due: when it is tried next, if it waits.
        tries: how often it was tried.
        reason: why the last attempt failed.
    """

    number: int
    channel: str
    state: Literal["waiting", "dead"]
    made: datetime
    due: datetime
    tries: int
    again: bool
    reason: str
    notice: Notice


class Counts(msgspec.Struct, frozen=True):
    """What a channel has not told.

    Args:
        since: when the first attempt of what is left failed; None if none has.
        reason: of the last failure.
    """

    waiting: int = 0
    dead: int = 0
    since: datetime | None = None
    reason: str = ""


def put(connection: sqlite3.Connection, notice: Notice, channels: Iterable[str], now: datetime, due: datetime) -> int:
    """Have a notice told on some channels; gives on how many that is new. What is there already stays as it is.

    Args:
        due: when it is to be sent at the earliest.
    """
    packed = msgspec.json.encode(notice)
    rows = [
        (notice.id, channel, notice.alert, notice.kind, packed, now.timestamp(), due.timestamp())
        for channel in channels
    ]
    return sum(
        connection.execute(
            "INSERT OR IGNORE INTO notices (id, channel, alert, kind, notice, made, due) VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        ).rowcount
        for row in rows
    )


def due(
    connection: sqlite3.Connection, channel: str, now: datetime, limit: int, but: Sequence[str] = ()
) -> list[Waiting]:
    """What is to be sent on a channel now, the oldest first: what is due, and all that was made before it.

    What may have arrived comes first and alone, as it was sent: who gets it twice sees that it is the same.

    Args:
        but: alerts that are left out.
    """
    wait = next_due(connection, channel, now, but)
    if wait is None or wait > now:
        return []
    rows = connection.execute(
        f"WITH waiting AS ({_WAITING}) SELECT number, notice, made, again OR begun IS NOT NULL FROM waiting"
        " WHERE begun IS (SELECT begun FROM waiting ORDER BY number LIMIT 1)"
        " AND number <= (SELECT max(number) FROM waiting WHERE due <= ?3 OR due > ?4) ORDER BY number LIMIT ?5",
        (channel, _json(but), now.timestamp(), now.timestamp() + LONGEST_POSTPONED, limit),
    )
    return [Waiting(number, _notice(packed), _time(made), bool(again)) for number, packed, made, again in rows]


def next_due(connection: sqlite3.Connection, channel: str, now: datetime, but: Sequence[str] = ()) -> datetime | None:
    """When the next message is due on a channel; None if nothing waits. What failed holds up what came after it.

    Args:
        but: alerts that are left out.
    """
    wait, tried, late = connection.execute(
        f"SELECT min(due), max(CASE WHEN tries > 0 AND due <= ?3 THEN due END), max(due > ?3) FROM ({_WAITING})",
        (channel, _json(but), now.timestamp() + LONGEST_POSTPONED),
    ).fetchone()
    if wait is None:
        return None
    return _time(tried if tried is not None else min(wait, now.timestamp()) if late else wait)


def begin(connection: sqlite3.Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that notices are about to be sent."""
    connection.executemany(
        "UPDATE notices SET tries = tries + 1, again = again OR begun IS NOT NULL, begun = coalesce(begun, ?)"
        " WHERE number = ?",
        [(now.timestamp(), number) for number in numbers],
    )


def done(connection: sqlite3.Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that notices were told."""
    connection.executemany(
        "UPDATE notices SET state = 'done', ended = ?, reason = '' WHERE number = ?",
        [(now.timestamp(), number) for number in numbers],
    )


def postpone(  # noqa: PLR0913 - what is noted of a failure
    connection: sqlite3.Connection,
    numbers: Sequence[int],
    now: datetime,
    until: datetime,
    reason: str,
    *,
    unsure: bool = False,
) -> None:
    """Note that notices were not told, and are to be sent later.

    Args:
        unsure: they may have arrived all the same.
    """
    connection.executemany(
        "UPDATE notices SET due = ?1, reason = ?2, failed = coalesce(failed, ?3), again = again OR ?4,"
        " begun = CASE WHEN again OR ?4 THEN begun END WHERE number = ?5",
        [(until.timestamp(), reason, now.timestamp(), unsure, number) for number in numbers],
    )


def give_up(connection: sqlite3.Connection, numbers: Sequence[int], now: datetime, reason: str) -> None:
    """Note that notices are not sent any more, and why."""
    connection.executemany(
        "UPDATE notices SET state = 'dead', ended = ?1, reason = ?2, failed = coalesce(failed, ?1) WHERE number = ?3",
        [(now.timestamp(), reason, number) for number in numbers],
    )


def bury_strangers(
    connection: sqlite3.Connection, channels: Iterable[str], now: datetime, reason: str
) -> Mapping[str, int]:
    """Give up what waits for channels that are not there any more; gives their names and how many that is.

    Args:
        channels: that are there.
        reason: why, after the name of the channel.
    """
    known = set(channels)
    waiting = connection.execute("SELECT channel, count(*) FROM notices WHERE state = 'waiting' GROUP BY channel")
    strangers = {channel: count for channel, count in waiting.fetchall() if channel not in known}
    connection.executemany(
        "UPDATE notices SET state = 'dead', ended = ?1, reason = ?2, failed = coalesce(failed, ?1)"
        " WHERE channel = ?3 AND state = 'waiting'",
        [(now.timestamp(), f"{channel} {reason}", channel) for channel in strangers],
    )
    return strangers


def retry_dead(connection: sqlite3.Connection, now: datetime, channel: str | None = None) -> int:
    """Have notices that were given up sent after all; gives how many. Their time to be given up begins anew.

    That something is down is not told after it was told that it is well again.
    """
    connection.execute(
        "UPDATE notices AS old SET state = 'dropped' WHERE state = 'dead' AND (?1 IS NULL OR channel = ?1)"
        " AND EXISTS (SELECT 1 FROM notices WHERE alert = old.alert AND channel = old.channel AND number > old.number"
        "  AND state = 'done')",
        (channel,),
    )
    return connection.execute(
        "UPDATE notices SET state = 'waiting', made = ?1, due = ?1, tries = 0, begun = NULL,"
        " again = again OR begun IS NOT NULL, failed = NULL, ended = NULL"
        " WHERE state = 'dead' AND (?2 IS NULL OR channel = ?2)",
        (now.timestamp(), channel),
    ).rowcount


def drop_dead(connection: sqlite3.Connection, now: datetime, channel: str | None = None) -> int:
    """Forget notices that were given up; gives how many. That they were made is remembered for some days."""
    return connection.execute(
        "UPDATE notices SET state = 'dropped', ended = ?1 WHERE state = 'dead' AND (?2 IS NULL OR channel = ?2)",
        (now.timestamp(), channel),
    ).rowcount


def forget_old(connection: sqlite3.Connection, now: datetime) -> None:
    """Delete what was told a week ago, and what was given up a quarter of a year ago."""
    connection.execute(
        "DELETE FROM notices WHERE state IN ('done', 'dropped') AND ended < ?", ((now - KEPT_DONE).timestamp(),)
    )
    connection.execute("DELETE FROM notices WHERE state = 'dead' AND ended < ?", ((now - KEPT_DEAD).timestamp(),))


def listed(connection: sqlite3.Connection, channel: str | None = None, limit: int = 100) -> list[Listed]:
    """What was not told, the latest first."""
    rows = connection.execute(
        "SELECT number, channel, state, made, due, tries, again OR begun IS NOT NULL, reason, notice FROM notices"
        " WHERE state IN ('waiting', 'dead') AND (?1 IS NULL OR channel = ?1) ORDER BY number DESC LIMIT ?2",
        (channel, limit),
    )
    return [
        Listed(
            number=number,
            channel=name,
            state=state,
            made=_time(made),
            due=_time(until),
            tries=tries,
            again=bool(again),
            reason=reason,
            notice=_notice(packed),
        )
        for number, name, state, made, until, tries, again, reason, packed in rows
    ]


def counts(connection: sqlite3.Connection) -> dict[str, Counts]:
    """What was not told, by channel."""
    rows = connection.execute(
        "SELECT channel, sum(state = 'waiting'), sum(state = 'dead'), min(failed) FROM notices"
        " WHERE state IN ('waiting', 'dead') GROUP BY channel"
    ).fetchall()
    reasons = {
        channel: connection.execute(
            "SELECT reason FROM notices WHERE channel = ? AND state IN ('waiting', 'dead') AND reason != ''"
            " ORDER BY state = 'waiting' DESC, number LIMIT 1",
            (channel,),
        ).fetchone()
        for channel, *_ in rows
    }
    return {
        channel: Counts(
            waiting, dead, None if failed is None else _time(failed), reasons[channel][0] if reasons[channel] else ""
        )
        for channel, waiting, dead, failed in rows
    }


def _notice(packed: bytes) -> Notice:
    return msgspec.json.decode(packed, type=Notice)


def _json(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
