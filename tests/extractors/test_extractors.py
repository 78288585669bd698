"""Jobs, statuses and heartbeats on a real broker; the extractors are made up here, the real one is in the journeys."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.amqp import Channel, Exchange, MessageService, Queue
from eventsink.errors import BrokerRefuses, DataDirectoryInUse, ExchangeUnavailable, InvalidJob, JobNotWaiting
from eventsink.event import Event
from eventsink.extractors import (
    Access,
    Dataset,
    ExtractorOptions,
    Extractors,
    File,
    Job,
    KnownJob,
    announce,
    dataset_job,
    extractors,
    file_job,
    heartbeats,
    job_events,
    job_file,
)
from tests.amqp.foreign import channel, get_all, properties, publish
from tests.servers.rabbitmq import RabbitMQ

FIXTURES = Path(__file__).parent / "fixtures"
ACCESS = Access(host="http://clowder:9000", secret_key="hidden-key")
HEARTBEAT = json.loads((FIXTURES / "heartbeat-pyclowder-3.0.8.json").read_text())

Open = Callable[..., Awaitable[Extractors]]


class Sink:
    """Takes events, unless it is told not to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failing = False

    async def publish(self, events: Sequence[Event]) -> None:
        if self.failing:
            raise ExchangeUnavailable("the disk is full")
        self.events += events

    async def wait_for(self, *states: str) -> list[Event]:
        """The events about jobs, once they are of these states."""
        async with asyncio.timeout(30):
            while [event.data["status"] for event in self.about_jobs()] != [*states]:
                await asyncio.sleep(0.02)
        return self.about_jobs()

    def about_jobs(self) -> list[Event]:
        """The events about jobs that came so far."""
        return [event for event in self.events if event.type == "extractions.extraction_event"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(extractors, "PATIENCE", 0.05)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
async def open_extractors(broker: str, tmp_path: Path, sink: Sink) -> AsyncIterator[Open]:
    """Opens the thing on a broker with the queue of one extractor, `x`; closed in the end."""
    opened: list[tuple[MessageService, Extractors]] = []
    with channel(broker) as foreign:
        foreign.queue_declare("x", durable=True)

    async def open_one(url: str = broker, **options: Any) -> Extractors:
        service = MessageService(url, spool=tmp_path / f"spool{len(opened)}.db")
        options = {"every": 1000.0} | options
        made = await Extractors.open(service, tmp_path / "jobs.db", sink.publish, ExtractorOptions(**options))
        opened.append((service, made))
        return made

    yield open_one
    for service, made in opened:
        await made.close()
        await service.close()


def _job(number: int = 1, extractor: str = "x") -> Job:
    return file_job(extractor, File(id=f"f{number}", name="notes.txt", dataset_id="d1"), ACCESS)


def _status(job: str | None, kind: str, text: str = "text", **more: Any) -> bytes:
    said = {"file_id": "f1", "extractor_id": "x", "job_id": job, "status": f"StatusMessage.{kind}: {text}"}
    return json.dumps({**said, "start": "2026-11-24T10:00:00-00:00", **more}).encode()


def _ms(span: timedelta) -> Any:
    return pytest.approx(span.total_seconds() * 1000, abs=1.0)


def _reply(broker: str, *bodies: bytes, **named: Any) -> None:
    publish(broker, *bodies, exchange="", key="eventsink.replies", **{"delivery_mode": 2} | named)


# --- jobs ------------------------------------------------------------------------------------------------------------


async def test_a_job_goes_to_its_queue_as_clowder_sends_it_and_an_event_says_so(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    opened = await open_extractors()
    job = _job()
    known = await opened.submit(job, "alice")
    [(method, found, body)] = get_all(broker, "x")
    assert body == job.encode() and method.exchange == "" and method.routing_key == "x"
    set_ = {name: value for name, value in vars(found).items() if value is not None}
    assert set_.pop("correlation_id") == known.correlation
    assert set_ == {"content_type": "application/json", "reply_to": "eventsink.replies", "delivery_mode": 2}
    [event] = await sink.wait_for("queued")
    assert event.user == "alice" and event.subject == "files/f1"
    assert event.data == {
        "status": "queued",
        "extractor": "x",
        "job_id": job.id,
        "resource_type": "file",
        "resource_id": "f1",
        "resource_name": "notes.txt",
        "dataset_id": "d1",
    }


async def test_a_job_for_an_extractor_that_never_ran_is_refused_and_forgotten(open_extractors: Open) -> None:
    opened = await open_extractors()
    with pytest.raises(InvalidJob, match="no queue 'nobody'"):
        await opened.submit(_job(extractor="nobody"))
    assert await opened.jobs() == []


async def test_a_job_that_no_message_can_hold_is_refused_and_forgotten(open_extractors: Open) -> None:
    opened = await open_extractors()
    large = file_job("x", File(id="f1"), ACCESS, parameters={"a": "x" * (17 << 20)})
    with pytest.raises(InvalidJob, match="for its message: its body has more than 16,777,216 bytes"):
        await opened.submit(large)
    assert await opened.jobs() == [] and opened.spooled == 0


async def test_a_job_is_sent_once(open_extractors: Open, broker: str) -> None:
    opened = await open_extractors()
    job = _job()
    await opened.submit(job)
    with pytest.raises(InvalidJob, match="already"):
        await opened.submit(job)
    assert len(get_all(broker, "x")) == 1


async def test_jobs_wait_for_a_broker_that_is_away(
    open_extractors: Open, broker: str, tmp_path: Path, sink: Sink
) -> None:
    away = await open_extractors("amqp://127.0.0.1:1/")
    await away.submit(_job())
    assert away.spooled == 1
    assert [job.state for job in await away.jobs()] == ["queued"]
    await sink.wait_for("queued")
    await away.close()
    await away._service.close()
    async with MessageService(broker, spool=tmp_path / "spool0.db") as back:
        async with asyncio.timeout(30):
            while back.spooled:
                await asyncio.sleep(0.05)
    assert len(get_all(broker, "x")) == 1


async def test_a_job_that_is_refused_disturbs_nothing_of_the_same_moment(open_extractors: Open, broker: str) -> None:
    """They share a commit, and each has its own answer."""
    opened = await open_extractors()
    job = _job()
    await opened.submit(job)
    outcomes = await asyncio.gather(opened.submit(job), opened.jobs(), opened.extractors(), return_exceptions=True)
    assert isinstance(outcomes[0], InvalidJob)
    assert [[known.id for known in outcomes[1]], [one.name for one in outcomes[2]]] == [[job.id], ["x"]]


async def test_depths_that_are_asked_for_at_once_do_not_mix(broker: str) -> None:
    async with MessageService(broker) as service:
        await service.declare(queues=[Queue("there")])
        names = ["gone", "there"] * 20
        found = await asyncio.gather(*map(service.depth, names), return_exceptions=True)
        assert [isinstance(one, BrokerRefuses) for one in found] == [name == "gone" for name in names]


# --- statuses --------------------------------------------------------------------------------------------------------


async def test_statuses_become_events_with_the_times_between_their_arrivals(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    opened = await open_extractors()
    job = _job()
    await opened.submit(job, "alice")
    await asyncio.sleep(0.2)
    await _until_consumed(broker)
    _reply(broker, _status(job.id, "start", "Started processing."))
    await sink.wait_for("queued", "working")
    await asyncio.sleep(0.3)
    secret = "500 Server Error for url: http://c/api/files/f1/metadata.jsonld?key=very-secret"
    _reply(broker, _status(job.id, "retry", f"(#1) {secret}"), _status(job.id, "start"), _status(job.id, "done"))
    events = await sink.wait_for("queued", "working", "retried", "working", "done")
    assert {event.user for event in events} == {"alice"} and {event.data["job_id"] for event in events} == {job.id}
    assert "very-secret" not in repr(events) and "key=…" in events[2].data["message"]
    queued, working, _, again, done = (event.time for event in events)
    assert events[1].data["queue_ms"] == _ms(working - queued) and "run_ms" not in events[1].data
    assert events[1].data["queue_ms"] > 150
    assert events[4].data["queue_ms"] == _ms(again - queued), "of the last attempt"
    assert events[4].data["run_ms"] == _ms(done - again), "of the last attempt"
    assert again - working > timedelta(seconds=0.2), "which is another one"
    found = await opened.job(job.id)
    assert found is not None and (found.state, found.retries, found.statuses) == ("done", 1, 4)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status": "DONE", "file_id": "f9"}', {"status": "done", "resource_id": "f9", "extractor": "unknown"}),
        (b'{"status": "StatusMessage.done: x", "extractor_id": "x", "job_id": "j9"}', {"job_id": "j9"}),
        (_status("unknown job", "processing", start="2026-01-01T10:00:00+05:75"), {"job_id": "unknown job"}),
        (_status(None, "error", "broken"), {"job_id": "x:f1", "status": "failed", "message": "broken"}),
        (_status(None, "done", file_id="f" * 5000, extractor_id="e" * 5000), {"status": "done"}),
        (_status("j" * 5000, "done", "m" * 50_000), {"status": "done"}),
        ('{"status": "StatusMessage.error: groß", "job_id": "j8"}'.encode("latin-1"), {"message": "groß"}),
    ],
)
async def test_a_status_of_whatever_kind_is_an_event_with_what_is_known(
    open_extractors: Open, broker: str, sink: Sink, body: bytes, expected: dict[str, Any]
) -> None:
    await open_extractors()
    await _until_consumed(broker)
    _reply(broker, body)
    async with asyncio.timeout(30):
        while not sink.about_jobs():
            await asyncio.sleep(0.02)
    assert expected.items() <= sink.about_jobs()[0].data.items()


async def test_what_is_no_status_is_kept_and_stops_nothing(open_extractors: Open, broker: str, sink: Sink) -> None:
    opened = await open_extractors()
    await _until_consumed(broker)
    bad = [b"not JSON", b"[1]", b"null", b"{}", b'{"job": "key=hidden"}', b"[" * 5000, b"\xff\x00"]
    bad += [b'{"status": "\\ud800 key=hidden", "job_id": "j"}']
    _reply(broker, *bad, _status("j1", "done"))
    await sink.wait_for("done")
    unread = await opened.unread()
    assert len(unread) == len(bad) and all(one.reason for one in unread)
    assert "hidden" not in repr(unread)
    assert get_all(broker, "eventsink.replies") == []


async def test_a_status_on_which_our_own_code_fails_is_kept_and_stops_nothing(
    open_extractors: Open, broker: str, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await open_extractors()
    await _until_consumed(broker)
    right = job_events.of_job

    def of_job(job: KnownJob, *more: Any) -> Event:
        return right(job, *more) if job.id != "bad" else _dies()

    monkeypatch.setattr(job_events, "of_job", of_job)
    _reply(broker, _status("good", "start"), _status("bad", "start"), _status("good", "done"))
    await sink.wait_for("working", "done")
    assert [one.reason for one in await opened.unread()] == [
        "It could not be noted, by a fault of the event sink; its log says where."
    ]
    assert await opened.job("bad") is None, "nothing of it was noted"


async def test_a_status_that_comes_again_is_one_event(open_extractors: Open, broker: str, sink: Sink) -> None:
    """Killed after it had noted statuses and before it said so to RabbitMQ."""
    with channel(broker) as foreign:
        foreign.queue_declare("clowder.abc", durable=True)
    opened = await open_extractors(forward_to="clowder.abc")
    job = _job()
    await opened.submit(job)
    await sink.wait_for("queued")
    kept = opened._forward
    opened._forward = _fails  # type: ignore[method-assign,assignment]
    await _until_consumed(broker)
    _reply(broker, _status(job.id, "start"), _status(job.id, "processing"), _status(job.id, "done"))
    async with asyncio.timeout(30):
        while (found := await opened.job(job.id)) is None or found.state != "done":
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)  # delivered again some times meanwhile
    opened._forward = kept  # type: ignore[method-assign]
    events = await sink.wait_for("queued", "working", "working", "done")
    assert len({event.id for event in events}) == 4
    assert (await opened.job(job.id) or found).statuses == 3


async def test_two_statuses_that_are_equal_are_two(open_extractors: Open, broker: str, sink: Sink) -> None:
    await open_extractors()
    await _until_consumed(broker)
    _reply(broker, _status("j1", "processing"), _status("j1", "processing"))
    await sink.wait_for("working", "working")


async def test_events_wait_for_an_exchange_that_takes_none(open_extractors: Open, broker: str, sink: Sink) -> None:
    opened = await open_extractors()
    sink.failing = True
    job = _job()
    await opened.submit(job)
    await _until_consumed(broker)
    _reply(broker, _status(job.id, "start"))
    await asyncio.sleep(0.5)
    assert sink.events == []
    sink.failing = False
    await sink.wait_for("queued", "working")


async def test_a_process_that_ends_before_it_says_what_it_sent_says_it_later(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    opened = await open_extractors()
    job = _job()
    opened._tell = _dies  # type: ignore[method-assign,assignment]
    with pytest.raises(ZeroDivisionError):
        await opened.submit(job, "alice")
    await opened.close()
    again = await open_extractors()
    assert sink.events == []
    await _until_consumed(broker)
    _reply(broker, _status(job.id, "start"))
    events = await sink.wait_for("queued", "working")
    assert events[0].user == "alice" and events[0].time < events[1].time
    assert (await again.jobs())[0].told


async def test_statuses_are_copied_to_clowder_as_they_came(open_extractors: Open, broker: str, sink: Sink) -> None:
    with channel(broker) as foreign:
        foreign.queue_declare("clowder.abc", durable=True)
    await open_extractors(forward_to="clowder.abc")
    await _until_consumed(broker)
    body = _status("j1", "done")
    _reply(broker, body, correlation_id="c1")
    await sink.wait_for("done")
    async with asyncio.timeout(30):
        while not (copies := get_all(broker, "clowder.abc")):
            await asyncio.sleep(0.05)
    [(_, found, copy)] = copies
    assert copy == body
    assert {n: v for n, v in vars(found).items() if v is not None} == {"delivery_mode": 2, "correlation_id": "c1"}


async def test_a_queue_of_clowder_that_is_not_there_holds_up_nothing(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    await open_extractors(forward_to="clowder.gone")
    await _until_consumed(broker)
    _reply(broker, _status("j1", "start"))
    await sink.wait_for("working")
    _reply(broker, _status("j1", "done"))
    await sink.wait_for("working", "done")


# --- cancelling, and submitting again --------------------------------------------------------------------------------


async def test_a_job_is_cancelled_and_all_others_stay_as_they_are(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    opened = await open_extractors()
    jobs = [_job(number) for number in range(21)]
    for job in jobs:
        await opened.submit(job)
    cancelled = await opened.cancel(jobs[7].id)
    assert cancelled.state == "cancelled"
    await _until_ready(broker, "x", 20)
    left = get_all(broker, "x")
    assert [body for *_, body in left] == [job.encode() for job in jobs if job is not jobs[7]], "in their order"
    assert all(found.reply_to == "eventsink.replies" and found.correlation_id for _, found, _ in left)
    events = await sink.wait_for(*["queued"] * 21, "cancelled")
    assert events[-1].data["job_id"] == jobs[7].id
    with pytest.raises(JobNotWaiting, match="an extractor works on it, or it has ended"):
        await opened.cancel(jobs[7].id)
    with pytest.raises(JobNotWaiting, match="Nothing is known of a job"):
        await opened.cancel("unknown")
    with pytest.raises(JobNotWaiting, match="There is no extractor 'nobody'"):
        await opened.cancel("unknown", "nobody")


async def test_a_job_of_which_nothing_can_be_noted_is_not_cancelled(
    open_extractors: Open, broker: str, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await open_extractors()
    job = _job()
    await opened.submit(job)
    with monkeypatch.context() as full:
        full.setattr(job_file, "end", _has_no_room)
        with pytest.raises(ExchangeUnavailable, match="disk is full"):
            await opened.cancel(job.id)
    await _until_ready(broker, "x", 1)
    assert (await opened.cancel(job.id)).state == "cancelled"
    await sink.wait_for("queued", "cancelled")


async def test_a_job_that_is_noted_and_stays_in_its_queue_is_cancelled_again(
    open_extractors: Open, broker: str, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await open_extractors()
    job = _job()
    await opened.submit(job)
    with monkeypatch.context() as lost:
        lost.setattr(Channel, "acknowledge", _fails)
        with pytest.raises(ExchangeUnavailable):
            await opened.cancel(job.id)
    await sink.wait_for("queued", "cancelled")
    await _until_ready(broker, "x", 1)
    await opened.cancel(job.id)
    assert get_all(broker, "x") == []
    await sink.wait_for("queued", "cancelled", "cancelled")


async def test_a_job_of_clowder_is_cancelled_by_each_of_its_ids_among_messages_of_any_kind(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    opened = await open_extractors()
    sample = json.loads((FIXTURES / "extractor-job-v1-file-manual.json").read_text())
    others = [b"not JSON", b"[]", b'{"jobid": 5}', b"\xff"]
    for key in ("jobid", "msgid"):
        publish(broker, *others, json.dumps(sample).encode(), exchange="", key="x", reply_to="clowder.abc")
        await opened.cancel(sample[key], "x")
        await _until_ready(broker, "x", len(others))
        assert [body for *_, body in get_all(broker, "x")] == others
    events = await sink.wait_for("cancelled", "cancelled")
    assert events[-1].data["resource_id"] == sample["id"]


async def test_what_an_extractor_gave_up_is_submitted_again_with_all_its_properties(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    opened = await open_extractors()
    job = _job()
    known = await opened.submit(job, "alice")
    [(_, sent, body)] = get_all(broker, "x")
    with channel(broker) as foreign:
        foreign.queue_declare("error.x", durable=True)
        kept = properties(delivery_mode=2, reply_to=sent.reply_to, headers={"a": 1}, priority=2)
        retried = json.dumps({**json.loads(body), "retry_count": 10}).encode()
        foreign.basic_publish("", "error.x", retried, kept)
        foreign.basic_publish("", "error.x", b"other", kept)
    assert await opened.resubmit("x", job.id) == [job.id]
    [(_, again, same)] = get_all(broker, "x")
    assert json.loads(same) == json.loads(body), "retry_count begins anew"
    assert (again.reply_to, again.headers, again.priority) == ("eventsink.replies", {"a": 1}, 2)
    assert (again.correlation_id, again.content_type) == (known.correlation, "application/json")
    with pytest.raises(JobNotWaiting, match=r"is not in queue 'error\.x'"):
        await opened.resubmit("x", job.id)
    await _until_ready(broker, "error.x", 1)
    assert await opened.resubmit("x") == [""]
    assert get_all(broker, "error.x") == []
    with pytest.raises(JobNotWaiting, match=r"no queue 'error\.nobody'"):
        await opened.resubmit("nobody")
    await sink.wait_for("queued", "queued")


async def test_what_was_given_up_stays_so_when_its_extractor_has_no_queue_any_more(
    open_extractors: Open, broker: str
) -> None:
    opened = await open_extractors()
    job = _job()
    await opened.submit(job)
    [(*_, body)] = get_all(broker, "x")
    with channel(broker) as foreign:
        foreign.queue_declare("error.x", durable=True)
        foreign.basic_publish("", "error.x", body)
        foreign.queue_delete("x")
    before = await opened.job(job.id)
    with pytest.raises(JobNotWaiting, match=r"'x' has no queue any more, and its jobs stay in 'error\.x'"):
        await opened.resubmit("x", job.id)
    assert await opened.job(job.id) == before
    await _until_ready(broker, "error.x", 1)


# --- who is alive ----------------------------------------------------------------------------------------------------


async def test_extractors_are_listed_with_replicas_and_queues(
    open_extractors: Open, rabbitmq: RabbitMQ, broker: str, sink: Sink
) -> None:
    opened = await open_extractors(every=0.3)
    await _until_bound(broker, "extractors")
    with channel(broker) as foreign:
        for queue in ("ncsa.wordcount", "error.ncsa.wordcount"):
            foreign.queue_declare(queue, durable=True)
            foreign.basic_publish("", queue, b"{}")
    beats = [json.dumps({**HEARTBEAT, "id": f"p{number}"}).encode() for number in range(3)]
    bad = [b"no JSON", b"[]", b"{}", b'{"id": "x", "extractor_info": {}}', b'{"id": 1, "extractor_info": [1]}']
    publish(broker, *bad, *beats, beats[0], exchange="extractors")
    async with asyncio.timeout(30):
        while not (found := await opened.extractors()) or found[0].replicas < 3:
            await asyncio.sleep(0.05)
    [one] = found
    assert (one.name, one.version, one.queue, one.replicas) == ("ncsa.wordcount", "2.0", "ncsa.wordcount", 3)
    assert (one.waiting, one.failed, one.consumers) == (1, 1, 0)
    async with asyncio.timeout(30):
        while not [event for event in sink.events if event.type == "health.queue_update"]:
            await asyncio.sleep(0.05)
    lengths = {event.data["queue"]: event.data["ready"] for event in sink.events}
    assert lengths == {"ncsa.wordcount": 1, "error.ncsa.wordcount": 1}
    await opened.submit(_job())
    assert [(one.name, one.replicas, one.waiting) for one in await opened.extractors()][1:] == [("x", 0, 1)]


async def test_an_extractor_that_is_silent_is_gone(
    open_extractors: Open, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await open_extractors()
    await _until_bound(broker, "extractors")
    publish(broker, json.dumps(HEARTBEAT).encode(), exchange="extractors")
    async with asyncio.timeout(30):
        while not await opened.extractors():
            await asyncio.sleep(0.05)
    monkeypatch.setattr(extractors, "GONE", -heartbeats.GONE)
    assert await opened.extractors() == []


async def test_the_exchange_of_heartbeats_is_declared_as_pyclowder_declares_it(
    open_extractors: Open, broker: str
) -> None:
    await open_extractors()
    await _until_bound(broker, "extractors")
    with channel(broker) as foreign:
        foreign.exchange_declare("extractors", exchange_type="fanout", durable=True)  # another one would be refused


async def test_things_that_others_declared_differently_are_a_sentence_and_harm_nothing_else(
    open_extractors: Open, broker: str, sink: Sink
) -> None:
    with channel(broker) as foreign:
        foreign.queue_declare("eventsink.replies", durable=False)
        foreign.exchange_declare("extractors", exchange_type="topic", durable=True)
    opened = await open_extractors()
    await opened.submit(_job())
    await sink.wait_for("queued")
    with pytest.raises(BrokerRefuses, match=r"'eventsink\.replies' that is declared differently"):
        await opened._read_replies()
    with pytest.raises(BrokerRefuses, match="'extractors' that is declared differently"):
        await opened._listen()


async def test_our_workers_announce_themselves_as_clowder_requires(broker: str) -> None:
    async with MessageService(broker) as service:
        await service.declare(exchanges=[Exchange("extractors")], queues=[Queue("q")])
        with channel(broker) as foreign:
            foreign.queue_bind("q", "extractors", "")
        task = asyncio.create_task(announce(service, ["influxdb", "mongodb"]))
        async with asyncio.timeout(30):
            while (await service.depth("q")).ready < 2:
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (_, found, body), _ = get_all(broker, "q")
    assert {name: value for name, value in vars(found).items() if value is not None} == {}
    said = json.loads(body)
    assert said["queue"] == "events.influxdb" and isinstance(said["id"], str) and said["owner"] == ""
    info = said["extractor_info"]
    assert info.keys() >= HEARTBEAT["extractor_info"].keys() - {"process"}
    assert all(isinstance(info[name], str) for name in ("name", "version", "description", "author"))
    assert isinstance(info["repository"], list)


async def test_one_process_has_the_jobs(open_extractors: Open, broker: str, tmp_path: Path, sink: Sink) -> None:
    await open_extractors()
    async with MessageService(broker) as service:
        with pytest.raises(DataDirectoryInUse):
            await Extractors.open(service, tmp_path / "jobs.db", sink.publish, ExtractorOptions())


async def test_a_job_on_a_dataset_is_known_as_one(open_extractors: Open, sink: Sink) -> None:
    opened = await open_extractors()
    await opened.submit(dataset_job("x", Dataset(id="d1", name="Data"), ACCESS, dialect="v2"))
    [event] = await sink.wait_for("queued")
    assert (event.subject, event.data["resource_name"], event.data["dataset_id"]) == ("datasets/d1", "Data", "d1")


async def _fails(*_: object) -> None:
    raise ExchangeUnavailable("ended just now")


def _has_no_room(*_: object) -> Any:
    raise sqlite3.OperationalError("database or disk is full")


def _dies(*_: object) -> Any:
    raise ZeroDivisionError


async def _until_consumed(broker: str) -> None:
    async with MessageService(broker) as service, asyncio.timeout(30):
        while True:
            try:
                if (await service.depth("eventsink.replies")).consumers:
                    return
            except BrokerRefuses:  # not made yet
                pass
            await asyncio.sleep(0.05)


async def _until_ready(broker: str, queue: str, count: int) -> None:
    """Until so many messages wait, also those that somebody had in his hands."""
    async with MessageService(broker) as service, asyncio.timeout(30):
        while (await service.depth(queue)).ready < count:
            await asyncio.sleep(0.02)


async def _until_bound(broker: str, exchange: str) -> None:
    """Until somebody listens: a mandatory message to nobody comes back."""
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(_is_heard, broker, exchange):
            await asyncio.sleep(0.05)


def _is_heard(broker: str, exchange: str) -> bool:
    import pika.exceptions  # noqa: PLC0415

    try:
        with channel(broker) as foreign:
            foreign.confirm_delivery()
            foreign.basic_publish(exchange, "", b"{}", mandatory=True)
    except (pika.exceptions.UnroutableError, pika.exceptions.ChannelClosedByBroker):
        return False
    return True
