"""What is known of jobs outlives a restart; times are those of our clock, and a status is noted once."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventsink.messages import job_file
from eventsink.messages.job_file import Alive
from eventsink.messages.jobs import Access, File, file_job
from eventsink.messages.statuses import Status

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JOB = file_job("ncsa.wordcount", File(id="f1", name="notes.txt"), Access(host="http://c", secret_key="hidden-key"))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = job_file.connect(tmp_path / "jobs.db")
    job_file.add(made, JOB, "alice", NOW)
    yield made
    made.close()


def _status(state: str, **more: object) -> Status:
    return Status(state=state, extractor="ncsa.wordcount", job_id=JOB.id, resource_id="f1", **more)


def test_queue_and_run_time_are_between_arrivals(connection: sqlite3.Connection) -> None:
    later = [NOW + timedelta(seconds=seconds) for seconds in (3, 4, 10)]
    job_file.note(connection, _status("working", begun=True), "a", later[0], again=False)
    job_file.note(connection, _status("working"), "b", later[1], again=False)
    job = job_file.note(connection, _status("done"), "c", later[2], again=False)
    assert (job.queue_ms, job.run_ms, job.state, job.user) == (3000.0, 7000.0, "done", "alice")
    assert job_file.find(connection, JOB.id) == job


def test_a_status_that_comes_again_is_noted_once(connection: sqlite3.Connection) -> None:
    first = job_file.note(connection, _status("retried"), "a", NOW, again=False)
    again = job_file.note(connection, _status("retried"), "a", NOW + timedelta(seconds=9), again=True)
    assert again == first
    assert job_file.note(connection, _status("retried"), "a", NOW, again=False).retries == 2, "another one like it"


def test_a_job_that_others_sent_is_known_by_its_statuses(connection: sqlite3.Connection) -> None:
    job = job_file.note(connection, Status(state="done", extractor="x", resource_id="f2"), "a", NOW, again=False)
    assert (job.id, job.submitted, job.queue_ms, job.run_ms) == ("x/f2", None, None, None)


def test_jobs_are_listed_cancelled_and_forgotten(connection: sqlite3.Connection) -> None:
    assert [job.id for job in job_file.recent(connection, "ncsa.wordcount", 10)] == [JOB.id]
    assert job_file.recent(connection, "other", 10) == []
    ended = job_file.end(connection, JOB.id, "cancelled", NOW)
    assert ended is not None and ended.state == "cancelled"
    assert job_file.end(connection, "unknown", "cancelled", NOW) is None
    job_file.clean(connection, NOW + timedelta(days=job_file.KEPT_DAYS + 1))
    assert job_file.find(connection, JOB.id) is None
    job_file.add(connection, JOB, None, NOW)
    job_file.forget(connection, JOB.id)
    assert job_file.find(connection, JOB.id) is None


def test_no_secret_is_in_the_file(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"hidden-key" not in (tmp_path / "jobs.db").read_bytes()


def test_heartbeats_say_who_is_alive(connection: sqlite3.Connection) -> None:
    alive = Alive(process="p1", name="x", version="1", queue="x", first_seen=NOW, last_seen=NOW)
    job_file.hear(connection, alive)
    later = Alive(
        process="p1",
        name="x",
        version="2",
        queue="x",
        first_seen=NOW + timedelta(hours=1),
        last_seen=NOW + timedelta(hours=1),
    )
    job_file.hear(connection, later)
    (found,) = job_file.heard(connection, NOW)
    assert (found.version, found.first_seen, found.last_seen) == ("2", NOW, later.last_seen)
    assert job_file.heard(connection, later.last_seen + timedelta(seconds=1)) == []
