"""Real extractors on pyClowder, a real broker, a stub of Clowder: what is submitted is worked off and accounted for."""

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from eventsink.dialects import read
from tests import processes
from tests.amqp.foreign import channel, get_all, publish
from tests.servers.clowder import StubClowder, stub_clowder
from tests.servers.extractor import NAME, Extractor
from tests.servers.process import eventually
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import SinkProcess

FIXTURES = Path(__file__).parents[1] / "extractors" / "fixtures"
WAIT = 120.0  # seconds; pyClowder looks once a second whether there is something to say


@pytest.fixture
def clowder() -> Iterator[StubClowder]:
    """What the extractors ask."""
    with stub_clowder() as stub:
        yield stub


@pytest.fixture
def start_extractor(broker: str, tmp_path: Path) -> Iterator[Callable[..., Extractor]]:
    """Starts extractors; all are gone in the end."""
    started: list[Extractor] = []

    def start(**environment: str) -> Extractor:
        started.append(Extractor(tmp_path / f"extractor{len(started)}", broker, **environment))
        return started[-1].start()

    yield start
    for extractor in started:
        extractor.close()


class Desk:
    """A sink with extractors, and what is asked of it on the command line."""

    def __init__(self, sink: SinkProcess, clowder: StubClowder) -> None:
        self.sink = sink
        self.clowder = clowder

    def run(self, *words: str) -> str:
        """Run `eventsink extractors …`; gives what it printed."""
        command = [sys.executable, "-m", "eventsink", "extractors", *words, "--data", str(self.sink.data)]
        done = processes.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def submit(self, kind: str, number: int = 1, **more: str) -> str:
        """Submit a job; gives its id."""
        options = {"extractor": NAME, "id": f"{number:024x}", "host": self.clowder.url, "secret-key": "hidden-key"}
        words = [word for name, value in (options | more).items() for word in (f"--{name}", value)]
        return str(json.loads(self.run("submit", kind, *words, "--format", "json"))["id"])

    def submit_fast(self, number: int) -> str:
        """Submit a job over HTTP, which needs no process of its own."""
        job = {"kind": "file", "extractor": NAME, "id": f"{number:024x}", "host": self.clowder.url, "secret_key": "k"}
        status, answer = self.sink.request("POST", "/v1/extractors/jobs", job)
        assert status == 202, answer
        return str(answer["id"])

    def extractors(self) -> list[dict[str, Any]]:
        """The extractors."""
        return [json.loads(line) for line in self.run("list", "--format", "json").splitlines()]

    def extractor(self, **numbers: int) -> dict[str, Any]:
        """The only extractor, once its numbers are these: they come with heartbeats, and from queues."""
        deadline = time.monotonic() + WAIT
        while True:
            [found] = self.extractors()
            if {name: found[name] for name in numbers} == numbers:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.2)

    def events(self, job: str | None = None) -> list[dict[str, Any]]:
        """The events about jobs, or about one, in their order."""
        path = "/v1/events?type=extractions.extraction_event&order=asc&limit=10000"
        status, found = self.sink.request("GET", path)
        assert status == 200, found
        return [event for event in found["events"] if job in (None, event["data"].get("job_id"))]

    def wait_for(self, state: str, *jobs: str) -> None:
        """Wait until jobs have reached a state."""
        deadline = time.monotonic() + WAIT
        while True:
            reached = {event["data"]["job_id"] for event in self.events() if event["data"]["status"] == state}
            if reached >= set(jobs):
                return
            assert time.monotonic() < deadline, f"not {state}: {set(jobs) - reached}"
            time.sleep(0.2)


@pytest.fixture
def desk(make_sink: Callable[..., SinkProcess], broker: str, clowder: StubClowder) -> Desk:
    """A running sink with extractors."""
    sink = make_sink(environment={"EVENTSINK_EXTRACTORS__URL": broker, "EVENTSINK_EXTRACTORS__EVERY": "1"})
    return Desk(sink.start(), clowder)


def test_a_file_and_a_dataset_are_worked_off_and_the_times_are_known(
    desk: Desk, start_extractor: Callable[..., Extractor], broker: str
) -> None:
    start_extractor()
    file = desk.submit("file", filename="notes.txt", dataset="d1", user="alice")
    desk.wait_for("done", file)
    dataset = desk.submit("dataset", 2, name="Data", parameters='{"a": 1}')
    desk.wait_for("done", dataset)
    posted = {path: body["content"] for path, body in desk.clowder.posted}
    assert posted == {
        f"/api/files/{1:024x}/metadata.jsonld": {"lines": 3},
        f"/api/datasets/{2:024x}/metadata.jsonld": {"lines": 1},
    }
    events = desk.events(file)
    states = [event["data"]["status"] for event in events]
    assert states[:2] == ["queued", "working"] and states[-1] == "done" and set(states[1:-1]) == {"working"}
    assert {event["user"] for event in events} == {"alice"}
    assert events[-1]["data"]["run_ms"] >= 0 and events[1]["data"]["queue_ms"] >= 0
    assert [event["data"]["status"] for event in desk.events(dataset)][-1] == "done"
    extractor = desk.extractor(replicas=1, waiting=0, failed=0)
    assert (extractor["name"], extractor["version"]) == (NAME, "1.0")
    table = desk.run("list") + desk.run("jobs")
    assert NAME in table and "notes.txt" in table and "done" in table
    eventually(lambda: NAME in _queues_told(desk), "it is told how long its queue is")
    assert get_all(broker, "eventsink.replies") == []
    assert b"hidden-key" not in _kept(desk.sink.data), "the key goes to the extractor, and nowhere else"


def _queues_told(desk: Desk) -> set[str]:
    status, found = desk.sink.request("GET", "/v1/events?type=health.queue_update&limit=10000")
    assert status == 200, found
    return {event["data"]["queue"] for event in found["events"]}


def _kept(folder: Path) -> bytes:
    """All that is in the files of a sink that runs, and may just have removed one."""
    kept = b""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            kept += path.read_bytes() if path.is_file() else b""
    return kept


def test_what_fails_is_retried_given_up_and_submitted_again(
    desk: Desk, start_extractor: Callable[..., Extractor]
) -> None:
    failing = start_extractor(FAIL="1")
    job = desk.submit("file", filename="notes.txt")
    desk.wait_for("failed", job)
    counts = Counter(event["data"]["status"] for event in desk.events(job))
    assert (counts["queued"], counts["retried"], counts["failed"]) == (1, 10, 1)
    assert "asked to fail" in desk.events(job)[-1]["data"]["message"]
    desk.extractor(failed=1)
    failing.kill()
    start_extractor()
    assert "1 job of" in desk.run("resubmit", NAME, "--job", job)
    desk.wait_for("done", job)
    assert len(desk.clowder.posted) == 1


def test_one_job_is_cancelled_while_twenty_others_run_to_the_end(
    desk: Desk, start_extractor: Callable[..., Extractor]
) -> None:
    for _ in range(2):
        start_extractor(SLOW="0.1")
    desk.clowder.answers.clear()  # so that no extractor comes to that job before it is cancelled
    jobs = [desk.submit_fast(number) for number in range(21)]
    assert f"Job {jobs[-3]} is cancelled" in desk.run("cancel", jobs[-3])
    desk.clowder.answers.set()
    others = [job for job in jobs if job != jobs[-3]]
    desk.wait_for("done", *others)
    assert [event["data"]["status"] for event in desk.events(jobs[-3])] == ["queued", "cancelled"]
    done = Counter(event["data"]["job_id"] for event in desk.events() if event["data"]["status"] == "done")
    assert done == Counter(others), "each once"
    desk.extractor(replicas=2)


def test_the_job_of_an_extractor_that_is_killed_comes_back(
    desk: Desk, start_extractor: Callable[..., Extractor]
) -> None:
    victim = start_extractor(SLOW="30")
    job = desk.submit_fast(1)
    desk.wait_for("working", job)
    victim.kill()
    start_extractor()
    desk.wait_for("done", job)
    events = desk.events(job)
    begun = [event for event in events if event["data"].get("message") == "Started processing."]
    assert len(begun) == 2, "by both"
    assert Counter(event["data"]["status"] for event in events)["done"] == 1
    first, last = (datetime.fromisoformat(event["time"]) for event in (begun[0], events[-1]))
    assert events[-1]["data"]["run_ms"] / 1000 < (last - first).total_seconds(), "of the second alone"


def test_a_sink_that_is_killed_over_and_over_tells_each_status_once(
    desk: Desk, start_extractor: Callable[..., Extractor]
) -> None:
    for _ in range(2):
        start_extractor()
    jobs = [desk.submit_fast(number) for number in range(16)]
    for _ in range(4):
        time.sleep(1.0)
        desk.sink.kill()
        desk.sink.start()
    desk.wait_for("done", *jobs)
    messages: Counter[tuple[str, str, str | None]] = Counter(
        (event["data"]["job_id"], event["data"]["status"], event["data"].get("message")) for event in desk.events()
    )
    texts = ("Started processing.", "Downloading file.", "Uploading file metadata.")
    expected = Counter[tuple[str, str, str | None]]((job, "working", text) for job in jobs for text in texts)
    expected.update((job, "done", "Done processing.") for job in jobs)
    expected.update((job, "queued", None) for job in jobs)
    assert messages == expected


def test_the_run_times_of_clowders_own_jobs_are_read_from_the_firehose(
    rabbitmq: RabbitMQ, broker: str, vhost: str, clowder: StubClowder, start_extractor: Callable[..., Extractor]
) -> None:
    """The recipe of docs/extractors.md: Clowder gets every status, and nothing in it is changed."""
    rabbitmq.control("trace_on", "-p", vhost)
    start_extractor()
    sample = json.loads((FIXTURES / "extractor-job-v1-file-manual.json").read_text())
    job = json.dumps({**sample, "host": clowder.url, "routing_key": f"extractors.{NAME}"}).encode()
    with channel(broker) as foreign:
        foreign.queue_declare("clowder.a1b2c3d4e5", durable=True)
    script = Path(__file__).parents[2] / "examples" / "clowders_jobs.py"
    with processes.running([sys.executable, str(script), broker], stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        try:
            _wait_for_tap(rabbitmq, vhost)
            publish(broker, job, exchange="", key=NAME, reply_to="clowder.a1b2c3d4e5", delivery_mode=2)
            events: list[dict[str, Any]] = []
            while not events or events[-1]["data"]["status"] != "done":
                line = watching.stdout.readline()
                assert line, "it has ended"
                events.append(json.loads(line))
        finally:
            watching.terminate()
            rabbitmq.control("trace_off", "-p", vhost)
    assert {event["data"]["job_id"] for event in events} == {sample["jobid"]}
    assert [event["data"]["status"] for event in events] == ["queued", "working", "working", "working", "done"]
    assert events[-1]["data"]["queue_ms"] >= 0 and events[-1]["data"]["run_ms"] >= 0
    assert len(get_all(broker, "clowder.a1b2c3d4e5")) == 4, "Clowder misses none"
    assert {read(event).type for event in events} == {"extractions.extraction_event"}, "`send` takes them"


def _wait_for_tap(rabbitmq: RabbitMQ, vhost: str) -> None:
    deadline = time.monotonic() + WAIT
    path = f"/api/exchanges/{vhost}/amq.rabbitmq.trace/bindings/source"
    while not rabbitmq.manage("GET", path)[1]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
