"""`eventsink extractors` and the routes behind it, on a real broker; real extractors are in the journeys."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eventsink.cli import app
from tests.amqp.foreign import channel, get_all, publish
from tests.servers.process import eventually
from tests.sink_process import SinkProcess

SUBMIT = ("--extractor", "x", "--id", "f1", "--host", "http://c:9000", "--secret-key", "hidden-key")
JOB = {"kind": "file", "extractor": "x", "id": "f1", "host": "http://c:9000", "secret_key": "hidden-key"}


@pytest.fixture
def sink(make_sink: Callable[..., SinkProcess], broker: str) -> SinkProcess:
    """A sink beside a broker on which an extractor `x` has run."""
    with channel(broker) as foreign:
        foreign.queue_declare("x", durable=True)
    return make_sink(environment={"EVENTSINK_EXTRACTORS__URL": broker}).start()


def _run(sink: SinkProcess, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["extractors", *words, "--url", sink.url, "--key", sink.key])
    assert done.exit_code == code, done.output
    return done.output


def test_a_job_is_submitted_listed_and_cancelled(sink: SinkProcess, broker: str) -> None:
    said = _run(sink, "submit", "file", *SUBMIT, "--filename", "a.txt", "--parameters", '{"n": 1}')
    assert "waits for x" in said
    job = said.split()[1]
    assert json.loads(_run(sink, "submit", "dataset", *SUBMIT, "--format", "json"))["state"] == "queued"
    assert job in _run(sink, "jobs") and "a.txt" in _run(sink, "jobs", "--extractor", "x")
    assert "no jobs" in _run(sink, "jobs", "--extractor", "y")
    assert [json.loads(line)["state"] for line in _run(sink, "jobs", "--format", "json").splitlines()] == ["queued"] * 2
    listed = json.loads(_run(sink, "list", "--format", "json"))
    assert (listed["name"], listed["replicas"], listed["waiting"]) == ("x", 0, 2)
    assert "not lately" in _run(sink, "list")
    assert _run(sink, "cancel", job) == f"Job {job} is cancelled.\n"
    assert "or it has ended" in _run(sink, "cancel", job, code=1)
    [(_, _, body)] = get_all(broker, "x")
    assert json.loads(body)["datasetId"] == "f1", "the dataset job is there still"


def test_a_job_that_cannot_be_sent_is_refused_and_the_field_named(sink: SinkProcess, broker: str) -> None:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"host": ""}, "for its host: give the address of Clowder"),
        ({"secret_key": ""}, "for its secret_key"),
        ({"id": ""}, "for its id"),
        ({"extractor": "nobody"}, "RabbitMQ has no queue 'nobody'"),
        ({"kind": "metadata", "cause": "created"}, "for its cause"),
        ({"kind": "metadata", "resource_id": "f2"}, "for its content"),
        ({"kind": "dataset", "cause": "removed"}, "for its cause"),
        ({"cause": "files_added"}, "for its cause"),
    ]
    for change, words in changes:
        status, answer = sink.request("POST", "/v1/extractors/jobs", JOB | change)
        assert status == 422 and words in answer["detail"] and answer["field"], answer
        assert "hidden-key" not in repr(answer)
    assert get_all(broker, "x") == []


def test_a_submission_that_is_none_is_refused(sink: SinkProcess) -> None:
    for change in ({"kind": "space"}, {"kind": None}, {"bytes": -1}, {"colour": "red"}, {"parameters": 1}):
        status, answer = sink.request("POST", "/v1/extractors/jobs", JOB | change)
        assert status == 400 and next(iter(change)) in answer["detail"], answer


def test_every_kind_of_job_is_submitted_over_http(sink: SinkProcess, broker: str) -> None:
    more: list[dict[str, Any]] = [
        {"cause": "created", "mime_type": "image/png"},
        {"cause": "added", "dataset_id": "d1", "user": "alice", "notifies": ["a@example.org"]},
        {"kind": "dataset", "cause": "files_added", "files": ["a.png", "b.txt"], "dialect": "v1"},
        {"kind": "dataset", "dialect": "v2", "job_id": "j5"},
        {"kind": "metadata", "resource_id": "f2", "content": {"a": 1}},
        {"kind": "metadata", "cause": "removed", "resource_type": "dataset", "resource_id": "d2"},
    ]
    for one in more:
        status, answer = sink.request("POST", "/v1/extractors/jobs", JOB | one)
        assert status == 202 and answer["state"] == "queued", answer
    jobs = [json.loads(body) for *_, body in get_all(broker, "x")]
    keys = [job.get("routing_key") for job in jobs]
    assert keys == [
        "clowder.file.image.png",
        "clowder.dataset.file.added",
        "clowder.dataset.files.added",
        None,
        "clowder.metadata.added.file",
        "clowder.metadata.removed.dataset",
    ]
    status, found = sink.request("GET", "/v1/extractors/jobs/j5")
    assert status == 200 and found["resource_type"] == "dataset" and "correlation" not in found
    assert sink.request("GET", "/v1/extractors/jobs/unknown")[0] == 404


def test_what_an_extractor_gave_up_is_submitted_again(sink: SinkProcess, broker: str) -> None:
    assert "no queue 'error.x'" in _run(sink, "resubmit", "x", "--all", code=1)
    with channel(broker) as foreign:
        foreign.queue_declare("error.x", durable=True)
    publish(broker, b'{"jobid": "j1", "retry_count": 10}', exchange="", key="error.x", reply_to="r")
    assert "Say which jobs" in _run(sink, "resubmit", "x", code=1)
    assert _run(sink, "resubmit", "x", "--all") == "1 job of x submitted again.\n"
    assert [body for *_, body in get_all(broker, "x")] == [b'{"jobid":"j1"}']


def test_what_was_no_status_is_shown(sink: SinkProcess, broker: str) -> None:
    assert "All that came was read" in _run(sink, "unread")
    _wait_for_queue(broker, "eventsink.replies")
    publish(broker, b"no JSON", exchange="", key="eventsink.replies")
    eventually(lambda: bool(_run(sink, "unread", "--format", "json")), "it is read")
    said = _run(sink, "unread", "--format", "json").partition("\n")[0]
    assert json.loads(said)["reason"].startswith("The status cannot be read: The JSON is malformed")
    assert "cannot be read" in _run(sink, "unread")


def test_only_admins_may(sink: SinkProcess) -> None:
    for method, path in (
        ("GET", "/v1/extractors"),
        ("GET", "/v1/extractors/jobs"),
        ("POST", "/v1/extractors/jobs"),
        ("DELETE", "/v1/extractors/jobs/j1"),
        ("POST", "/v1/extractors/x/resubmit"),
        ("GET", "/v1/extractors/unread"),
    ):
        assert sink.request(method, path, {}, key="wrong")[0] == 401


def test_the_doctor_looks_at_the_reply_queue(sink: SinkProcess, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _wait_for_queue(broker, "eventsink.replies")
    monkeypatch.setenv("EVENTSINK_EXTRACTORS__URL", broker)
    words = ["doctor", "--data", str(sink.data), "--url", sink.url, "--key", sink.key, "--format", "json"]
    found = [json.loads(line) for line in CliRunner().invoke(app, words).output.splitlines()]
    [extractors] = [finding for finding in found if finding["check"] == "extractors"]
    assert extractors["ok"] and "eventsink.replies" in extractors["found"]
    monkeypatch.setenv("EVENTSINK_EXTRACTORS__REPLY_QUEUE", "nobodys")
    found = [json.loads(line) for line in CliRunner().invoke(app, words).output.splitlines()]
    assert [finding["ok"] for finding in found if finding["check"] == "extractors"] == [False]
    assert CliRunner().invoke(app, ["config", "check"]).exit_code == 0


def test_a_process_without_extractors_says_so(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink().start()
    assert "give its settings a section [extractors]" in _run(sink, "list", code=1)


def test_a_section_without_an_address_stops_the_start(make_sink: Callable[..., SinkProcess], tmp_path: Path) -> None:
    sink = make_sink(environment={"EVENTSINK_EXTRACTORS__EVERY": "5"})
    sink.launch()
    assert sink._process is not None and sink._process.wait(30) == 1
    assert "extractors.url is missing" in sink.log.read_text()


def _wait_for_queue(broker: str, queue: str) -> None:
    import pika.exceptions  # noqa: PLC0415

    for _ in range(600):
        with contextlib.suppress(pika.exceptions.ChannelClosedByBroker), channel(broker) as foreign:
            if foreign.queue_declare(queue, passive=True).method.consumer_count:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody reads a queue {queue}")
