"""The file of what is known of extractors and their jobs: who submitted what, when it began, who is alive.

All functions run on the thread that owns the connection. No secret is ever in it.
"""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from eventsink.messages.jobs import Job
from eventsink.messages.statuses import FINAL, Status

__all__ = ["Alive", "KnownJob", "connect"]

KEPT_DAYS = 90  # after which an ended job is forgotten

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, extractor TEXT NOT NULL, resource_type TEXT, resource_id TEXT, resource_name TEXT,
    dataset_id TEXT, user TEXT, state TEXT NOT NULL, message TEXT, retries INTEGER NOT NULL DEFAULT 0,
    submitted REAL, begun REAL, ended REAL, seen REAL NOT NULL, statuses INTEGER NOT NULL DEFAULT 0, last_hash TEXT
);
CREATE INDEX IF NOT EXISTS jobs_seen ON jobs (seen);
CREATE TABLE IF NOT EXISTS alive (
    process TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, queue TEXT NOT NULL, description TEXT NOT NULL,
    owner TEXT NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL
);
"""
_COLUMNS = (
    "id, extractor, resource_type, resource_id, resource_name, dataset_id, user, state, message, retries, submitted,"
    " begun, ended, seen, statuses, last_hash"
)


class KnownJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job.

    Args:
        submitted: when it was sent, if by us; `begun` and `ended`: when an extractor said so. All by our clock.
        statuses: how many messages came of it; `last_hash`: of the last of them.
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
    last_hash: str | None = None

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


def connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is durable when it returns; make it where there is none."""
    path.touch(mode=0o600)  # it names people
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(_SCHEMA)
    return connection


def add(connection: sqlite3.Connection, job: Job, user: str | None, now: datetime) -> None:
    """Note a job that is about to be sent."""
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
        ),
    )


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


def note(connection: sqlite3.Connection, status: Status, digest: str, now: datetime, *, again: bool) -> KnownJob:
    """Note a status, and give its job as it is now.

    Args:
        digest: hash of the message.
        again: whether the broker says that it has delivered the message before.
    """
    job_id = status.job_id or f"{status.extractor or 'unknown'}/{status.resource_id or 'unknown'}"
    known = find(connection, job_id)
    if known is not None and again and known.last_hash == digest:
        return known  # it was noted, and its acknowledgement lost
    known = known or KnownJob(
        id=job_id, extractor=status.extractor or "unknown", resource_id=status.resource_id, seen=now
    )
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
        last_hash=digest,
    )
    _put(connection, job)
    return job


def end(connection: sqlite3.Connection, job_id: str, state: str, now: datetime) -> KnownJob | None:
    """Note that a job has ended without a word of its extractor."""
    known = find(connection, job_id)
    if known is None:
        return None
    job = msgspec.structs.replace(known, state=state, ended=now, seen=now, message=None)
    _put(connection, job)
    return job


def hear(connection: sqlite3.Connection, alive: Alive) -> None:
    """Note a heartbeat."""
    connection.execute(
        "INSERT INTO alive VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (process) DO UPDATE SET"
        " name = ?2, version = ?3, queue = ?4, description = ?5, owner = ?6, last_seen = ?8",
        (
            alive.process,
            alive.name,
            alive.version,
            alive.queue,
            alive.description,
            alive.owner,
            alive.first_seen.timestamp(),
            alive.last_seen.timestamp(),
        ),
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
    connection.execute("DELETE FROM jobs WHERE ended IS NOT NULL AND seen < ?", (limit,))
    connection.execute("DELETE FROM alive WHERE last_seen < ?", (limit,))


def _put(connection: sqlite3.Connection, job: KnownJob) -> None:
    values: Sequence[object] = [
        value.timestamp() if isinstance(value, datetime) else value for value in msgspec.structs.astuple(job)
    ]
    places = ", ".join("?" * len(values))
    connection.execute(f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({places})", values)


def _job(row: Sequence[object]) -> KnownJob:
    names = KnownJob.__struct_fields__
    times = {"submitted", "begun", "ended", "seen"}
    return KnownJob(
        **{
            name: _moment(value) if name in times and isinstance(value, float) else value
            for name, value in zip(names, row, strict=True)
        }  # type: ignore[arg-type]
    )


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    return round(max((end - begin).total_seconds(), 0.0) * 1000, 3) if begin and end else None


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
