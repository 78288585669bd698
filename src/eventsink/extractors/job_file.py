"""The file of what is known of extractors and their jobs: who submitted what, when it began, who is alive.

All functions run on the thread that owns the connection. No secret is ever in it.
"""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from eventsink.errors import InvalidJob
from eventsink.event import Event, decode, encode
from eventsink.extractors.jobs import Job
from eventsink.extractors.statuses import FINAL, Status
from eventsink.files import open_lasting
from eventsink.redact import hide_secrets

__all__ = ["Alive", "KnownJob", "Unread", "connect"]

UNSURE = timedelta(minutes=1)  # that a job may be on its way
KEPT_DAYS = 90  # after which a job of which nothing was heard is forgotten
LONGEST_HALF = 99  # characters of what stands for the id of a job that has none; an id has 200 at most
KEPT_UNREAD = 1000  # messages
LONGEST_UNREAD = 10_000  # bytes
HEARD_DAYS = 7  # within which a status that was noted may come again

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, extractor TEXT NOT NULL, resource_type TEXT, resource_id TEXT, resource_name TEXT,
    dataset_id TEXT, user TEXT, state TEXT NOT NULL, message TEXT, retries INTEGER NOT NULL DEFAULT 0,
    submitted REAL, begun REAL, ended REAL, seen REAL NOT NULL, statuses INTEGER NOT NULL DEFAULT 0, correlation TEXT,
    told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_seen ON jobs (seen);
CREATE INDEX IF NOT EXISTS jobs_correlation ON jobs (correlation);
CREATE TABLE IF NOT EXISTS heard (digest TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unread (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS alive (
    process TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, queue TEXT NOT NULL, description TEXT NOT NULL,
    owner TEXT NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL
);
"""
_COLUMNS = (
    "id, extractor, resource_type, resource_id, resource_name, dataset_id, user, state, message, retries, submitted,"
    " begun, ended, seen, statuses, correlation, told"
)


class KnownJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job.

    Args:
        submitted: when it was sent, if by us; `begun` and `ended`: when an extractor said so. All by our clock.
        statuses: how many messages came of it.
        correlation: id that its messages have in common, for an extractor that repeats no job id.
        told: whether there is an event that says that it was submitted.
    """

    id: str
    extractor: str
    resource_type: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    dataset_id: str | None = None
    user: str | None = None
    state: str = "queued"
    message: str | None = None
    retries: int = 0
    submitted: datetime | None = None
    begun: datetime | None = None
    ended: datetime | None = None
    seen: datetime
    statuses: int = 0
    correlation: str | None = None
    told: bool = False

    @property
    def queue_ms(self) -> float | None:
        """Milliseconds between submission and the begin of work."""
        return _between(self.submitted, self.begun)

    @property
    def run_ms(self) -> float | None:
        """Milliseconds between the begin and the end of work."""
        return _between(self.begun, self.ended)


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """A process of an extractor, as its heartbeat says."""

    process: str
    name: str
    version: str
    queue: str
    description: str = ""
    owner: str = ""
    first_seen: datetime
    last_seen: datetime


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the reply queue that was no status.

    Args:
        body: as it came, shortened, secrets hidden.
    """

    at: datetime
    reason: str
    body: str


def connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is durable when it returns; make it where there is none."""
    return open_lasting(path, _SCHEMA)


def add(connection: sqlite3.Connection, job: Job, user: str | None, correlation: str, now: datetime) -> None:
    """Note a job that is about to be sent.

    Raises:
        InvalidJob: there is one of its id.
    """
    known = find(connection, job.id)
    # Of one that was noted and perhaps not sent, for the process ended, its sender has heard nothing, and tries again.
    if known is not None and (known.told or known.statuses or now - known.seen < UNSURE):
        raise InvalidJob("job_id", f"there is a job {job.id} already")
    _put(
        connection,
        KnownJob(
            id=job.id,
            extractor=job.extractor,
            resource_type=job.resource_type,
            resource_id=job.resource_id,
            resource_name=job.resource_name or None,
            dataset_id=job.dataset_id or None,
            user=user,
            submitted=now,
            seen=now,
            correlation=correlation,
        ),
    )


def tell(connection: sqlite3.Connection, job_id: str) -> None:
    """Note that there is an event that says that the job was submitted."""
    connection.execute("UPDATE jobs SET told = 1 WHERE id = ?", (job_id,))


def forget(connection: sqlite3.Connection, job_id: str) -> None:
    """Forget a job that could not be sent."""
    connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))


def find(connection: sqlite3.Connection, job_id: str) -> KnownJob | None:
    """A job by its id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return _job(row) if row else None


def recent(connection: sqlite3.Connection, extractor: str | None, limit: int) -> list[KnownJob]:
    """The jobs of which something was heard last, the latest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE ?1 IS NULL OR extractor = ?1 ORDER BY seen DESC LIMIT ?2",
        (extractor, limit),
    )
    return [_job(row) for row in rows]


def heard_before(connection: sqlite3.Connection, digest: str) -> bool:
    """Whether a message of this digest was noted."""
    return connection.execute("SELECT 1 FROM heard WHERE digest = ?", (digest,)).fetchone() is not None


def note(
    connection: sqlite3.Connection, status: Status, digest: str, now: datetime, correlation: str | None = None
) -> KnownJob:
    """Note a status, and give its job as it is now.

    Args:
        digest: of the message.
        correlation: id that the message has in common with its job, where it names none.
    """
    connection.execute("INSERT OR REPLACE INTO heard VALUES (?, ?)", (digest, now.timestamp()))
    known = _of_status(connection, status, correlation)
    if known.state == "cancelled" and not status.begun:  # what an extractor said before it was taken out of its queue
        return known
    fresh = status.begun or (known.begun is None and status.state == "working")
    job = msgspec.structs.replace(
        known,
        state=status.state,
        message=status.message,
        retries=known.retries + (status.state == "retried"),
        begun=now if fresh else known.begun,
        ended=now if status.state in FINAL else None,
        seen=now,
        statuses=known.statuses + 1,
    )
    _put(connection, job)
    return job


def _of_status(connection: sqlite3.Connection, status: Status, correlation: str | None) -> KnownJob:
    """The job that a status is about; a new one if nothing is known of it."""
    if status.job_id is None and correlation:
        found = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE correlation = ?", (correlation,)).fetchone()
        if found:
            return _job(found)
    extractor = status.extractor or "unknown"
    job_id = status.job_id or f"{extractor[:LONGEST_HALF]}:{(status.resource_id or 'unknown')[:LONGEST_HALF]}"
    known = find(connection, job_id)
    return known or KnownJob(id=job_id, extractor=extractor, resource_id=status.resource_id, seen=datetime.now(UTC))


def post(connection: sqlite3.Connection, event: Event) -> None:
    """Put an event into the outbox, from where it is published; part of the transaction in which it comes about."""
    connection.execute("INSERT INTO outbox (event) VALUES (?)", (encode(event),))


def posted(connection: sqlite3.Connection, most: int) -> list[tuple[int, Event]]:
    """What is in the outbox, with numbers, the oldest first."""
    rows = connection.execute("SELECT id, event FROM outbox ORDER BY id LIMIT ?", (most,))
    return [(number, decode(event)) for number, event in rows]


def sent(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Take events out of the outbox that are published now."""
    connection.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers])


def end(connection: sqlite3.Connection, known: KnownJob, state: str, now: datetime) -> KnownJob:
    """Note that a job has ended without a word of its extractor."""
    job = msgspec.structs.replace(known, state=state, ended=now, seen=now, message=None)
    _put(connection, job)
    return job


def begin_again(connection: sqlite3.Connection, known: KnownJob, now: datetime) -> KnownJob:
    """Note that a job waits in its queue once more."""
    job = msgspec.structs.replace(
        known, state="queued", message=None, submitted=now, begun=None, ended=None, seen=now, told=True
    )
    _put(connection, job)
    return job


def awaited(connection: sqlite3.Connection) -> list[str]:
    """The extractors of jobs that have not ended, by name."""
    rows = connection.execute("SELECT DISTINCT extractor FROM jobs WHERE ended IS NULL AND submitted IS NOT NULL")
    return sorted(extractor for (extractor,) in rows)


def bury(connection: sqlite3.Connection, body: bytes, reason: str, now: datetime) -> None:
    """Keep a message that is no status, secrets hidden, for a person to look at."""
    text = hide_secrets(body[: 2 * LONGEST_UNREAD].decode("utf-8", "replace"))[:LONGEST_UNREAD]  # none is cut in two
    said = hide_secrets(reason).encode("utf-8", "replace").decode()
    connection.execute("INSERT INTO unread (at, reason, body) VALUES (?, ?, ?)", (now.timestamp(), said, text))
    connection.execute("DELETE FROM unread WHERE id <= (SELECT max(id) FROM unread) - ?", (KEPT_UNREAD,))


def unread(connection: sqlite3.Connection, limit: int) -> list[Unread]:
    """The messages that were no status, the latest first."""
    rows = connection.execute("SELECT at, reason, body FROM unread ORDER BY id DESC LIMIT ?", (limit,))
    return [Unread(at=_moment(at), reason=reason, body=body) for at, reason, body in rows]


def hear(connection: sqlite3.Connection, heard: Sequence[Alive]) -> None:
    """Note heartbeats."""
    connection.executemany(
        "INSERT INTO alive VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (process) DO UPDATE SET"
        " name = ?2, version = ?3, queue = ?4, description = ?5, owner = ?6, last_seen = ?8",
        [
            (
                alive.process,
                alive.name,
                alive.version,
                alive.queue,
                alive.description,
                alive.owner,
                alive.first_seen.timestamp(),
                alive.last_seen.timestamp(),
            )
            for alive in heard
        ],
    )


def heard(connection: sqlite3.Connection, since: datetime) -> list[Alive]:
    """The processes that were heard since a moment."""
    rows = connection.execute("SELECT * FROM alive WHERE last_seen >= ? ORDER BY name, version", (since.timestamp(),))
    return [
        Alive(
            process=process,
            name=name,
            version=version,
            queue=queue,
            description=description,
            owner=owner,
            first_seen=_moment(first),
            last_seen=_moment(last),
        )
        for process, name, version, queue, description, owner, first, last in rows
    ]


def clean(connection: sqlite3.Connection, now: datetime) -> None:
    """Forget what is long over."""
    limit = now.timestamp() - KEPT_DAYS * 86_400
    connection.execute("DELETE FROM jobs WHERE seen < ?", (limit,))
    connection.execute("DELETE FROM alive WHERE last_seen < ?", (limit,))
    connection.execute("DELETE FROM heard WHERE at < ?", (now.timestamp() - HEARD_DAYS * 86_400,))


def _put(connection: sqlite3.Connection, job: KnownJob) -> None:
    values: Sequence[object] = [
        value.timestamp() if isinstance(value, datetime) else value for value in msgspec.structs.astuple(job)
    ]
    places = ", ".join("?" * len(values))
    connection.execute(f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({places})", values)


def _job(row: Sequence[object]) -> KnownJob:
    values = dict(zip(KnownJob.__struct_fields__, row, strict=True))
    for name in ("submitted", "begun", "ended", "seen"):
        if isinstance(stamp := values[name], float):
            values[name] = _moment(stamp)
    return KnownJob(**values | {"told": bool(values["told"])})  # type: ignore[arg-type]


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    return round(max((end - begin).total_seconds(), 0.0) * 1000, 3) if begin and end else None


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
