"""What is known of jobs outlives a restart; times are those of our clock, and a status is noted once."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventsink.errors import InvalidJob
from eventsink.extractors import job_file
from eventsink.extractors.job_file import Alive
from eventsink.extractors.jobs import Access, File, file_job
from eventsink.extractors.statuses import Status
from eventsink.testing import sample_events

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JOB = file_job("ncsa.wordcount", File(id="f1", name="notes.txt"), Access(host="http://c", secret_key="hidden-key"))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = job_file.connect(tmp_path / "jobs.db")
    job_file.add(made, JOB, "alice", "c1", NOW)
    yield made
    made.close()


def _status(state: str, **more: object) -> Status:
    return Status(state=state, extractor="ncsa.wordcount", job_id=JOB.id, resource_id="f1", **more)


def test_queue_and_run_time_are_between_arrivals(connection: sqlite3.Connection) -> None:
    later = [NOW + timedelta(seconds=seconds) for seconds in (3, 4, 10)]
    job_file.note(connection, _status("working", begun=True), "a", later[0])
    job_file.note(connection, _status("working"), "b", later[1])
    job = job_file.note(connection, _status("done"), "c", later[2])
    assert (job.queue_ms, job.run_ms, job.state, job.user) == (3000.0, 7000.0, "done", "alice")
    assert job_file.find(connection, JOB.id) == job


def test_what_was_noted_is_known_until_it_is_old(connection: sqlite3.Connection) -> None:
    assert not job_file.heard_before(connection, "a")
    assert [job_file.note(connection, _status("retried"), "a", NOW).retries for _ in range(2)] == [1, 2]
    assert job_file.heard_before(connection, "a")
    job_file.clean(connection, NOW + timedelta(days=job_file.HEARD_DAYS + 1))
    assert not job_file.heard_before(connection, "a")


def test_a_status_without_job_id_is_known_by_its_correlation(connection: sqlite3.Connection) -> None:
    old = Status(state="done", extractor="ncsa.wordcount", resource_id="f1")
    assert job_file.note(connection, old, "a", NOW, "c1").id == JOB.id
    assert job_file.note(connection, old, "b", NOW, "c2").id == "ncsa.wordcount:f1"


def test_a_job_that_others_sent_is_known_by_its_statuses(connection: sqlite3.Connection) -> None:
    job = job_file.note(connection, Status(state="done", extractor="x", resource_id="f2"), "a", NOW)
    assert (job.id, job.submitted, job.queue_ms, job.run_ms) == ("x:f2", None, None, None)


def test_jobs_are_listed_cancelled_begun_again_and_forgotten(connection: sqlite3.Connection) -> None:
    assert [job.id for job in job_file.recent(connection, "ncsa.wordcount", 10)] == [JOB.id]
    assert job_file.recent(connection, "other", 10) == []
    assert job_file.awaited(connection) == ["ncsa.wordcount"]
    known = job_file.find(connection, JOB.id)
    assert known is not None
    ended = job_file.end(connection, known, "cancelled", NOW)
    assert job_file.find(connection, JOB.id) == ended and ended.state == "cancelled"
    assert job_file.awaited(connection) == []
    again = job_file.begin_again(connection, ended, NOW + timedelta(seconds=5))
    assert (again.state, again.ended, again.submitted) == ("queued", None, NOW + timedelta(seconds=5))
    job_file.end(connection, again, "cancelled", NOW)
    job_file.clean(connection, NOW + timedelta(days=job_file.KEPT_DAYS + 1))
    assert job_file.find(connection, JOB.id) is None
    job_file.add(connection, JOB, None, "c1", NOW)
    with pytest.raises(InvalidJob, match=f"there is a job {JOB.id} already"):
        job_file.add(connection, JOB, None, "c2", NOW)
    job_file.forget(connection, JOB.id)
    assert job_file.find(connection, JOB.id) is None


def test_what_an_extractor_said_before_a_job_was_cancelled_does_not_open_it_again(
    connection: sqlite3.Connection,
) -> None:
    known = job_file.find(connection, JOB.id)
    assert known is not None
    ended = job_file.end(connection, known, "cancelled", NOW)
    assert job_file.note(connection, _status("retried"), "a", NOW) == ended
    assert job_file.note(connection, _status("working", begun=True), "b", NOW).state == "working", (
        "it runs all the same"
    )


def test_a_job_of_which_nobody_knows_whether_it_was_sent_may_be_sent_again(connection: sqlite3.Connection) -> None:
    with pytest.raises(InvalidJob):
        job_file.add(connection, JOB, None, "c2", NOW + timedelta(seconds=1))
    job_file.add(connection, JOB, None, "c2", NOW + timedelta(minutes=2))
    job_file.tell(connection, JOB.id)
    with pytest.raises(InvalidJob):
        job_file.add(connection, JOB, None, "c3", NOW + timedelta(days=1))


def test_the_outbox_gives_events_in_order_until_they_are_sent(connection: sqlite3.Connection) -> None:
    events = sample_events(3)
    for event in events:
        job_file.post(connection, event)
    posted = job_file.posted(connection, 2)
    assert [event for _, event in posted] == events[:2]
    job_file.sent(connection, [number for number, _ in posted])
    assert [event for _, event in job_file.posted(connection, 10)] == events[2:]


def test_what_is_no_status_is_kept_without_its_secrets_up_to_a_number(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_file, "KEPT_UNREAD", 2)
    for number in range(4):
        job_file.bury(connection, b"%d \xff key=hidden" % number, "no JSON", NOW)
    assert [(one.body, one.reason) for one in job_file.unread(connection, 10)] == [
        ("3 \ufffd key=…", "no JSON"),
        ("2 \ufffd key=…", "no JSON"),
    ]


def test_no_secret_is_in_the_file(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"hidden-key" not in (tmp_path / "jobs.db").read_bytes()


def test_heartbeats_say_who_is_alive(connection: sqlite3.Connection) -> None:
    alive = Alive(process="p1", name="x", version="1", queue="x", first_seen=NOW, last_seen=NOW)
    job_file.hear(connection, [alive])
    later = Alive(
        process="p1",
        name="x",
        version="2",
        queue="x",
        first_seen=NOW + timedelta(hours=1),
        last_seen=NOW + timedelta(hours=1),
    )
    job_file.hear(connection, [later])
    (found,) = job_file.heard(connection, NOW)
    assert (found.version, found.first_seen, found.last_seen) == ("2", NOW, later.last_seen)
    assert job_file.heard(connection, later.last_seen + timedelta(seconds=1)) == []
