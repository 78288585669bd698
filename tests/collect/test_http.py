"""The front door over real HTTP: what goes in, and the clear answer to everything that does not."""

import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.sink_process import SinkProcess

UPLOAD = {"type": "storage.file_uploaded", "data": {"bytes": 1}}
SAMPLES = Path(__file__).parent.parent / "fixtures" / "samples"


def _bomb() -> bytes:
    return gzip.compress(bytes(200_000_000), 9)


_LOGIN = b'{"type":"users.login","data":%b}'
_REFUSED: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("empty", b"", {}, 400, "empty"),
    ("not JSON", b"hello", {}, 400, "line 1, column 1"),
    ("malformed in line 2", b'{"type":\n oops}', {}, 400, "line 2, column 2 (byte 10)"),
    ("cut off", b'{"type":"users.login"', {}, 400, "ends too early"),
    ("a number", b"7", {}, 422, "An event is a JSON object."),
    ("null", b"null", {}, 422, "An event is a JSON object."),
    ("no type", b'{"data":{}}', {}, 422, "'type' is missing"),
    ("deep arrays", b"[" * 100_000, {}, 400, "nested too deeply"),
    ("deep data", _LOGIN % (b'{"a":' * 50_000 + b"1" + b"}" * 50_000), {}, 400, "nested too deeply"),
    ("rather deep data", _LOGIN % (b'{"a":' * 40 + b"1" + b"}" * 40), {}, 422, "nested too deeply"),
    ("NaN", _LOGIN % b'{"x":NaN}', {}, 422, "not finite"),
    ("huge float", _LOGIN % b'{"x":1e400}', {}, 422, "not finite"),
    ("2^70", _LOGIN % b'{"x":1180591620717411303424}', {}, 422, "64 bits"),
    (
        "2^70 in a known field",
        b'{"type":"storage.file_uploaded","data":{"bytes":1180591620717411303424}}',
        {},
        422,
        "<=",
    ),
    ("lone surrogate", _LOGIN % b'{"x":"\\ud800"}', {}, 422, "surrogate"),
    ("NUL in the user", b'{"type":"users.login","user":"a\\u0000b"}', {}, 422, "control characters"),
    ("far future", b'{"type":"users.login","time":"2999-01-01T00:00:00Z"}', {}, 422, "more than a day in the future"),
    ("10 MB", b" " * 10_000_000, {}, 413, "larger than 1000000 bytes"),
    ("gzip bomb", _bomb(), {"Content-Encoding": "gzip"}, 413, "inflates to more"),
    ("cut gzip", gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 400, "ends too early"),
    ("no gzip", b"hello", {"Content-Encoding": "gzip"}, 400, "damaged"),
    ("brotli", b"\x0b\x02\x80{}\x03", {"Content-Encoding": "br"}, 415, "send gzip"),
    ("XML", b"<a/>", {"Content-Type": "application/xml"}, 415, "application/json"),
    ("unknown charset", b"{}", {"Content-Type": "application/json; charset=klingon"}, 415, "klingon"),
    ("CloudEvents 0.3", b'{"specversion":"0.3","type":"a.b","id":"1","source":"x"}', {}, 422, "CloudEvents 1.0"),
    ("a Clowder message of no category", b'{"category":"two words"}', {}, 422, "Clowder has no category 'two words'"),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "says"), [case[1:] for case in _REFUSED], ids=[c[0] for c in _REFUSED]
)
def test_bad_input_gets_a_clear_answer(
    door: SinkProcess, body: bytes, headers: dict[str, str], status: int, says: str
) -> None:
    got, problem = door.post(body, headers=headers)
    assert got == status, problem
    assert says in problem["detail"]
    assert (problem["status"], door.last_headers["content-type"]) == (status, "application/problem+json")
    assert door.request("GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/events"), ("GET", "/v1/events"), ("GET", "/healthz"), ("GET", "/nowhere"), ("GET", "/"),
     ("DELETE", "/v1/events"), ("POST", "/v1/events/no/such"), ("GET", "/openapi.json"), ("GET", "/asyncapi.json"),
     ("GET", "/metrics")],
)  # fmt: skip
def test_no_browser_guesses_what_an_answer_is(door: SinkProcess, method: str, path: str) -> None:
    for key in (None, "wrong"):
        door.request(method, path, UPLOAD if method == "POST" else None, key=key)
        assert door.last_headers["x-content-type-options"] == "nosniff"


def test_a_rejection_names_index_pointer_expected_and_got(door: SinkProcess) -> None:
    bad = {"type": "storage.file_uploaded", "data": {"bytes": "many"}}
    status, answer = door.post([UPLOAD, bad, UPLOAD])
    assert status == 202
    assert answer["accepted"] == 2
    assert answer["rejected"] == [
        {"index": 1, "pointer": "/data/bytes", "expected": "int", "got": "str", "message": "Expected int, got str."}
    ]


def test_an_unknown_field_is_kept_and_warned_of(door: SinkProcess) -> None:
    status, answer = door.post({"id": "warned", "type": "storage.file_uploaded", "data": {"byts": 5}})
    assert (status, answer["accepted"]) == (202, 1)
    assert answer["warnings"][0]["pointer"] == "/data/byts"
    assert "Did you mean 'bytes'?" in answer["warnings"][0]["message"]
    door.settle()
    _, page = door.request("GET", "/v1/events?id=warned")
    assert page["events"][0]["data"] == {"byts": 5}


_ACCEPTED: list[tuple[str, bytes, dict[str, str], int]] = [
    ("one", json.dumps(UPLOAD).encode(), {}, 1),
    ("array", json.dumps([UPLOAD] * 3).encode(), {}, 3),
    ("empty array", b"[]", {}, 0),
    (
        "lines",
        json.dumps(UPLOAD).encode() + b"\n\n" + json.dumps(UPLOAD).encode(),
        {"Content-Type": "application/x-ndjson"},
        2,
    ),
    ("curl's default", json.dumps(UPLOAD).encode(), {"Content-Type": "application/x-www-form-urlencoded"}, 1),
    ("gzip", gzip.compress(json.dumps([UPLOAD] * 2).encode()), {"Content-Encoding": "gzip"}, 2),
    ("two gzip members", gzip.compress(b"[") + gzip.compress(b"]"), {"Content-Encoding": "gzip"}, 0),
    ("NUL in data", b'{"type":"a.b","data":{"x":"a\\u0000b"}}', {}, 1),
    ("key twice", b'{"type":"users.login","type":"users.signup"}', {}, 1),
    ("byte order mark", b"\xef\xbb\xbf" + json.dumps(UPLOAD).encode(), {}, 1),
    (
        "structured CloudEvent",
        b'{"specversion":"1.0","id":"1","source":"s","type":"a.b","traceparent":"00"}',
        {"Content-Type": "application/cloudevents+json"},
        1,
    ),
    ("binary CloudEvent", b'{"a":1}', {"ce-specversion": "1.0", "ce-id": "2", "ce-type": "a.b", "ce-source": "s"}, 1),
    ("Latin-1", '{"type":"a.b","data":{"name":"été"}}'.encode("latin-1"), {}, 1),
]


@pytest.mark.parametrize(("body", "headers", "count"), [case[1:] for case in _ACCEPTED], ids=[c[0] for c in _ACCEPTED])
def test_every_form_is_accepted(door: SinkProcess, body: bytes, headers: dict[str, str], count: int) -> None:
    status, answer = door.post(body, headers=headers)
    assert (status, answer["accepted"], answer["rejected"]) == (202, count, []), answer


def test_every_form_of_key_and_its_scopes(door: SinkProcess) -> None:
    ingest = _create_key(door, "ingest")
    assert door.post(UPLOAD, key="")[0] == 401
    assert door.post(UPLOAD, key="clw_00000000_" + "a" * 43)[0] == 401
    assert door.last_headers["www-authenticate"] == "Bearer"
    assert door.post(UPLOAD, key=ingest)[0] == 202
    assert door.post(UPLOAD, key="", headers={"Authorization": f"Bearer {ingest}"})[0] == 202
    assert door.request("GET", "/v1/status", key=ingest)[0] == 403
    read = _create_key(door, "read")
    assert door.request("GET", "/v1/status", key=read)[0] == 200
    status, problem = door.post(UPLOAD, key=read)
    assert (status, "no scope 'ingest'" in problem["detail"]) == (403, True)
    assert door.request("POST", "/v1/dead/drop", {"all": True}, key=read)[0] == 403


def test_a_key_made_while_it_runs_works_and_a_revoked_one_ends(door: SinkProcess) -> None:
    key = _create_key(door, "ingest")
    assert door.post(UPLOAD, key=key)[0] == 202
    _eventsink("keys", "revoke", key.split("_")[1], "--data", str(door.data))
    deadline = time.monotonic() + 30
    while door.post(UPLOAD, key=key)[0] != 401:
        assert time.monotonic() < deadline, "a revoked key ends within a second or so"
        time.sleep(0.1)


def test_a_key_has_a_rate(door: SinkProcess) -> None:
    key = _create_key(door, "ingest", "--rate", "5")
    begun, sent = time.monotonic(), 0
    while (status := door.post([UPLOAD] * 5, key=key)[0]) == 202:
        sent += 5
        assert sent <= 10 + 5 * (time.monotonic() - begun), "two seconds' worth at once, and then the rate"
    assert status == 429 and sent >= 10
    assert int(door.last_headers["retry-after"]) >= 1


def test_typed_routes_take_the_data_alone(door: SinkProcess) -> None:
    headers = {"ce-id": "typed-1", "ce-time": "2026-11-27T10:00:00Z", "ce-user": "alice", "ce-subject": "files/1"}
    status, answer = door.request("POST", "/v1/events/storage/file_uploaded", {"bytes": 7}, headers=headers)
    assert (status, answer) == (202, {"accepted": 1, "rejected": []})
    door.settle()
    event = door.request("GET", "/v1/events?id=typed-1")[1]["events"][0]
    assert (event["type"], event["user"], event["data"]) == ("storage.file_uploaded", "alice", {"bytes": 7})
    status, problem = door.request("POST", "/v1/events/storage/file_uploadde", {})
    assert (status, "Did you mean /v1/events/storage/file_uploaded?" in problem["detail"]) == (404, True)


def test_a_message_of_clowder_is_taken_as_it_is(door: SinkProcess) -> None:
    body = (SAMPLES / "clowder-v1-download-file.json").read_bytes()
    assert door.post(body)[0] == 202
    assert door.post(body)[0] == 202
    door.settle()
    _, page = door.request("GET", "/v1/events?type=traffic.resource_downloaded")
    assert [event["data"]["bytes"] for event in page["events"]] == [1834211], "the same message twice is one event"


def test_without_id_and_time_both_are_filled_in(door: SinkProcess) -> None:
    door.post({"type": "test.stamped", "data": {}})
    door.settle()
    event = door.request("GET", "/v1/events?type=test.stamped")[1]["events"][0]
    assert event["id"][14] == "7" and event["time"] == event["received"] and event["source"] == "clowder"


@pytest.mark.parametrize("query", ["since=yesterday", "limit=0", "limit=10001", "order=up", "before=-1", "after=x"])
def test_a_wrong_question_is_400(door: SinkProcess, query: str) -> None:
    status, problem = door.request("GET", f"/v1/events?{query}")
    assert status == 400
    assert query.partition("=")[0] in problem["detail"]


@pytest.mark.parametrize("body", [{}, {"ids": ["x"]}, {"ids": [-1]}, {"nonsense": 1}, [1]])
def test_a_wrong_selection_of_dead_letters_is_400(door: SinkProcess, body: Any) -> None:
    assert door.request("POST", "/v1/dead/retry", body)[0] == 400


def test_machines_are_told_how_it_is(door: SinkProcess) -> None:
    assert door.request("GET", "/healthz", key="") == (200, {"status": "ok"})
    status, ready = door.request("GET", "/readyz", key="")
    assert (status, ready["status"], list(ready["workers"])) == (200, "ready", ["store"])
    door.post(UPLOAD)
    status, text = door.request("GET", "/metrics", key="")
    assert status == 200
    assert 'eventsink_account_accepted{worker="store"}' in text and "eventsink_events_accepted_total" in text


def test_unknown_addresses_and_methods_are_problems(door: SinkProcess) -> None:
    assert door.request("GET", "/v1/nothing")[0] == 404
    assert door.last_headers["content-type"] == "application/problem+json"
    assert door.request("PUT", "/v1/status", {})[0] == 405
    assert "GET" in door.last_headers["allow"]


def test_no_answer_and_no_log_line_holds_a_key(door: SinkProcess) -> None:
    key = _create_key(door, "read")
    _, problem = door.post(UPLOAD, key=key)
    assert key not in json.dumps(problem)
    assert key not in door.log.read_text()


def _create_key(door: SinkProcess, scope: str, *more: str) -> str:
    made = _eventsink("keys", "create", "--data", str(door.data), "--scope", scope, "--format", "json", *more)
    key = json.loads(made)["key"]
    deadline = time.monotonic() + 30
    while door.request("GET", "/v1/status", key=key)[0] in (401, 503):  # at its start it is at the file itself
        assert time.monotonic() < deadline, "a new key is known within a second or so"
        time.sleep(0.05)
    return str(key)


def _eventsink(*arguments: str) -> str:
    return str(
        processes.run(
            [sys.executable, "-m", "eventsink", *arguments], capture_output=True, text=True, check=True
        ).stdout
    )
