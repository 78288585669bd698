"""Every status of the field is read, with what is known; secrets in it are hidden."""

import gzip
import json
from pathlib import Path

import pytest

from eventsink.errors import InvalidEvent
from eventsink.extractors.statuses import Status, read

FIXTURES = Path(__file__).parent / "fixtures"
JOB = {
    "extractor": "ncsa.wordcount",
    "job_id": "60a7d3b1e4b0c1f2a3b4c5a1",
    "resource_id": "60a7d3b1e4b0c1f2a3b4c5f1",
}


def _sample(name: str) -> bytes:
    return (FIXTURES / f"extractor-status-{name}.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("start", Status(state="working", begun=True, message="Started processing.", **JOB)),
        ("done", Status(state="done", message="Done processing.", **JOB)),
        ("skip", Status(state="skipped", message="Skipped in check_message", **JOB)),
        (
            "error",
            Status(state="failed", message="Error in subprocess [exit code=2]:\nb'wc: no such file'", **JOB),
        ),
        ("timezone-invalid-offset", Status(state="done", message="Done processing.", **JOB)),
        ("local-timezone-wrong-offset", Status(state="done", message="Done processing.", **JOB)),
        ("hpc-logfile-line", Status(state="done", message="Done processing.", **JOB)),
        ("pyclowder-2.1", Status(state="done", message="Done processing.", **(JOB | {"job_id": None}))),
        ("no-jobid", Status(state="working", begun=True, message="Started processing.", **(JOB | {"job_id": None}))),
        (
            "other-client-DONE",
            Status(state="done", extractor="ncsa.legacy.java", resource_id="60a7d3b1e4b0c1f2a3b4c5f1"),
        ),
    ],
)
def test_a_status_is_read(name: str, status: Status) -> None:
    assert read(_sample(name)) == status


def test_a_key_in_a_text_is_hidden() -> None:
    status = read(_sample("retry"))
    assert status.state == "retried"
    assert status.message is not None and "metadata.jsonld?key=…" in status.message
    assert "0d4f7a3e" not in status.message


def test_a_whole_job_is_read_in_order() -> None:
    statuses = [read(json.dumps(item).encode()) for item in json.loads(_sample("sequence"))]
    assert [status.state for status in statuses] == ["working"] * 5 + ["done"]
    assert [status.begun for status in statuses] == [True] + [False] * 5


@pytest.mark.parametrize(
    ("item", "state", "message"),
    [
        ({"status": "SUCCEEDED: all well", "file_id": "1"}, "done", "all well"),
        ({"status": "RESUBMITTED", "file_id": "1"}, "retried", None),
        ({"status": "COMPLETED", "file_id": "1"}, "done", None),
        ({"status": "StatusMessage.cancelled: by hand", "job_id": "1"}, "cancelled", "by hand"),
        (
            {"status": "StatusMessage.paused: for lunch", "message_type": "StatusMessage.paused", "job_id": "1"},
            "working",
            "StatusMessage.paused: for lunch",
        ),
        ({"status": "half way: 50 %", "file_id": "1"}, "working", "half way: 50 %"),
        ({"status": "Something else", "file_id": "1"}, "working", "Something else"),
        ({"status": None, "file_id": "1"}, "working", None),
        ({"job_id": 7}, "working", None),
        ({"status": ["a"], "file_id": {"a": 1}, "job_id": "1"}, "working", "['a']"),
    ],
)
def test_other_clients_are_read_as_far_as_they_can_be(item: dict, state: str, message: str | None) -> None:
    status = read(json.dumps(item).encode())
    assert (status.state, status.message) == (state, message)


@pytest.mark.parametrize("charset", ["latin-1", "utf-8-sig"])
def test_a_status_in_another_charset_is_read(charset: str) -> None:
    assert read('{"status": "DONE: größer", "file_id": "1"}'.encode(charset)).message == "größer"


def test_a_status_that_is_compressed_or_has_half_a_character_is_read() -> None:
    cut = '{"status": "DONE: größer, grö'.encode()[:-1] + b'", "file_id": "1"}'
    assert read(cut).message == "größer, gr\ufffd"
    assert read(gzip.compress(cut)).message == "größer, gr\ufffd"


@pytest.mark.parametrize("body", [b"", b"no", b"null", b"[]", b'"DONE"', b"{}", b'{"other": 1}', b"[" * 100_000])
def test_what_is_no_status_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        read(body)
