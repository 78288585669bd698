"""What strangers may leave behind, hold up or be shown: little."""

import codecs
import json
import socket
import sys
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from encodings import _cache
from pathlib import Path
from typing import Any

import pytest

from eventsink.assemble.serving import SILENT
from eventsink.collect.ingest import MOST_TOLD, ingest
from eventsink.collect.problems import Problem
from eventsink.dialects import clowder, labels
from eventsink.dialects.admit import MOST_HINTS, MOST_NOTICES, Admission, Stamps
from eventsink.dialects.pieces import MOST_EVENTS
from eventsink.event import Plain
from tests import processes
from tests.sink_process import SinkProcess

LINES = "application/x-ndjson"
KNOWN = b'{"type":"users.login"}'


# --- what is left behind ---------------------------------------------------------------------------------------------


async def test_a_content_type_of_any_length_is_read_and_not_remembered() -> None:
    labels._known_media_type.cache_clear()
    intake = await ingest(KNOWN, "application/json; x=" + "x" * 100_000, {}, Admission(), "clowder")
    assert len(intake.events) == 1
    assert labels._known_media_type.cache_info().currsize == 0


async def test_python_is_asked_for_no_charset_that_a_stranger_made_up() -> None:
    before = len(_cache)
    for number in range(50):
        with pytest.raises(Problem):
            await ingest(KNOWN, f"application/json; charset=made-up-{number}", {}, Admission(), "clowder")
    assert len(_cache) == before


@pytest.mark.parametrize("charset", sorted(labels._CHARSETS))
def test_every_charset_that_is_read_is_one_of_python(charset: str) -> None:
    assert codecs.lookup(charset)
    assert labels._recoded("[1]".encode(charset), charset) is not None


def test_names_of_which_likeness_was_looked_for_are_few_and_short() -> None:
    admission = Admission()
    for number in range(5000):
        draft = _draft(f"storage.file_uploade{number}")
        admission.admit(draft, _stamps())
    assert 0 < len(admission._meant) <= 1024
    admission.admit(_draft("lab." + "x" * 150), _stamps())
    assert all(len(name) <= 64 for _, name in admission._meant)


def _draft(kind: str, data: dict[str, Any] | None = None) -> Any:
    return Plain(type=kind, data=data or {})


def _stamps() -> Stamps:
    return Stamps(datetime.now(UTC), "clowder")


# --- what is told ----------------------------------------------------------------------------------------------------


async def test_refusals_are_counted_and_the_first_of_them_listed() -> None:
    intake = await ingest(b"\n".join([b"1"] * 5000), LINES, {}, Admission(), "clowder")
    assert intake.refused == 5000
    assert [refusal.index for refusal in intake.rejected] == list(range(MOST_TOLD))


def test_the_answer_says_how_many_more_were_refused(door: SinkProcess) -> None:
    status, answer = door.post(b"\n".join([b"1"] * 5000), headers={"Content-Type": LINES})
    assert (status, len(answer["rejected"]), answer["rejected_total"]) == (422, MOST_TOLD, 5000)
    body = b"\n".join([b'{"type":"users.login","data":{"nobody":1}}'] * 2000 + [b"1"] * 2000)
    status, answer = door.post(body, headers={"Content-Type": LINES})
    assert (status, answer["accepted"], answer["rejected_total"]) == (202, 2000, 2000)
    assert (len(answer["warnings"]), answer["warnings_total"]) == (MOST_TOLD, 2000)


async def test_of_many_refusals_only_the_first_have_hints() -> None:
    misspelt = b'{"type":"storage.resource_created","data":{"resource_typ":"file"}}'
    intake = await ingest(b"\n".join([misspelt] * 300), LINES, {}, Admission(), "clowder")
    hinted = [refusal for refusal in intake.rejected if "Did you mean" in refusal.message]
    assert len(intake.rejected) == 300
    assert len(hinted) == MOST_HINTS


async def test_of_many_fields_that_a_type_has_not_some_are_named_and_all_counted() -> None:
    data = {f"field{number}": 1 for number in range(500)}
    body = json.dumps({"type": "users.login", "data": data}).encode()
    intake = await ingest(body, "application/json", {}, Admission(), "clowder")
    assert intake.events[0].data == data
    assert len(intake.warnings) == MOST_NOTICES + 1
    assert f"{500 - MOST_NOTICES} other fields" in intake.warnings[-1].message


async def test_a_pointer_can_be_read_however_long_the_names_are() -> None:
    body = b'{"type":"lab.run","data":{"%b":[1,{"b/~":NaN}]}}' % (b"k" * 10_000)
    intake = await ingest(body, "application/json", {}, Admission(), "clowder")
    pointer = intake.rejected[0].pointer
    assert pointer.endswith("…/1/b~1~0")
    assert len(pointer) < 200


# --- what is too much ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"1\n" * (MOST_EVENTS + 1), b"[" + b"1," * MOST_EVENTS + b"1]", b"\x1e1" * (MOST_EVENTS + 1)],
    ids=["lines", "array", "sequence"],
)
async def test_more_events_than_are_read_at_once_are_refused_before_any_is_made(body: bytes) -> None:
    with pytest.raises(Problem, match=r"more than 50,000 events") as refusal:
        await ingest(body, LINES, {}, Admission(), "clowder")
    assert refusal.value.status == 413


@pytest.mark.parametrize("media", [LINES, "application/json"])
async def test_also_when_all_of_them_are_good(media: str) -> None:
    body = b'{"type":"a.b"}'
    bodies = {
        LINES: b"\n".join([body] * (MOST_EVENTS + 1)),
        "application/json": b"[" + b",".join([body] * 60_000) + b"]",
    }
    with pytest.raises(Problem, match=r"more than 50,000 events"):
        await ingest(bodies[media], media, {}, Admission(), "clowder")


async def test_a_fault_of_ours_in_one_event_fails_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(clowder, "read", fail)
    intake = await ingest(KNOWN + b'\n{"category":"upload"}\n' + KNOWN, LINES, {}, Admission(), "clowder")
    assert [event.type for event in intake.events] == ["users.login"] * 2
    assert "by a fault of the event sink" in intake.rejected[0].message


async def test_a_name_with_a_character_of_very_many_digits_is_a_name() -> None:
    name = "&#" + "9" * 5000
    message = {"category": "view_resource", "type": "dataset", "resource_id": "x", "resource_name": name}
    intake = await ingest(json.dumps(message).encode(), "application/json", {}, Admission(), "clowder")
    assert intake.events[0].data["resource_name"] == name


async def test_as_many_events_as_are_read_at_once_are_accepted() -> None:
    body = b"[" + b",".join([KNOWN] * (MOST_EVENTS - 1)) + b", 1 ]"
    intake = await ingest(body, "application/json", {}, Admission(), "clowder")
    assert (len(intake.events), intake.refused) == (MOST_EVENTS - 1, 1)


async def test_an_event_that_was_sent_with_very_much_around_it_is_too_large_among_any_others() -> None:
    padded = b'{"type":"users.login"' + b" " * (1 << 20) + b"}"
    for body in (padded, padded + b"\n" + KNOWN, b"[" + padded + b"," + KNOWN + b"]"):
        intake = await ingest(body, LINES, {}, Admission(), "clowder")
        assert (len(intake.events), intake.rejected[0].message) == (
            b"," in body or b"\n" in body,
            "The event is too large.",
        )


def test_what_is_refused_costs_its_key_as_much_as_what_is_accepted(door: SinkProcess) -> None:
    key = _limited_key(door, rate=0.01)  # a quarter of an hour to pay for ten: no machine is that slow
    assert door.post(b"[1,1,1,1,1,1,1,1,1,1]", key=key)[0] == 422
    assert door.post(b"[1]", key=key)[0] == 429
    assert int(door.last_headers["retry-after"]) > 800, "nine of the ten are still to be paid"
    assert door.post(b"nonsense", key=key)[0] == 429, "and it is not even read"


def _limited_key(door: SinkProcess, rate: float) -> str:
    command = [sys.executable, "-m", "eventsink", "keys", "create", "--data", door.data, "--scope", "ingest"]
    made = processes.run([*command, "--rate", rate], check=True, capture_output=True, text=True)
    key, deadline = str(made.stdout.split()[0]), time.monotonic() + 30
    # A running sink looks for new keys every second; just after its start it is at the file itself.
    while door.request("GET", "/v1/status", key=key)[0] in (401, 503):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return key


# --- connections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "not all"])
def test_a_thousand_connections_that_say_nothing_lock_nobody_out(door: SinkProcess, said: bytes) -> None:
    port = int(door.url.rpartition(":")[2])
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(socket.create_connection(("127.0.0.1", port)))) for _ in range(800)]
        for connection in silent:
            connection.sendall(said)
        begun = time.monotonic()
        assert door.request("GET", "/healthz")[0] == 200
        assert time.monotonic() - begun < SILENT / 2, "nobody waits until the others are let go"
        silent[0].settimeout(60)
        assert silent[0].recv(1000) == b"", "it is closed after a stated time"


def test_who_takes_nothing_of_an_answer_is_let_go(door: SinkProcess) -> None:
    port = int(door.url.rpartition(":")[2])
    ask = b"GET /static/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        silent.connect(("127.0.0.1", port))
        silent.sendall(ask * 40)
        deadline = time.monotonic() + 90
        while _is_open(port, silent.getsockname()[1]):
            assert time.monotonic() < deadline, "it is closed by and by"
            time.sleep(1.0)


def _is_open(port: int, other: int) -> bool:
    """Whether the sink's end of a connection is there, as the system says it."""
    wanted = (f":{port:04X}", f":{other:04X}", "01")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(wanted[0]) and row[2].endswith(wanted[1]) and row[3] == wanted[2] for row in rows)


# --- what every route says -------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")
def test_every_route_says_how_safe_it_is(door: SinkProcess) -> None:
    paths = _paths(door)
    assert {"/", "/docs", "/static/sink.js", "/v1/events", "/healthz"} <= {path for _, path in paths}
    for method, path in [*paths, ("GET", "/unused"), ("GET", "/unused/swagger"), ("GET", "/nothing/here")]:
        status, content = door.request(method, path, b"{}" if method == "POST" else None)
        told = {name.lower(): value for name, value in door.last_headers.items()}
        assert status < 500, f"{method} {path}: {content}"
        assert told["x-content-type-options"] == "nosniff", path
        assert (
            "default-src 'none'" in told["content-security-policy"]
            or "default-src 'self'" in told["content-security-policy"]
        )
        assert "frame-ancestors 'none'" in told["content-security-policy"], path
        page = path in ("/", "/docs") or path.startswith("/static/")
        assert told["cache-control"] == ("no-cache" if page else "no-store"), path
        assert page or "://" not in str(content).replace(door.url, "") or "json" in told["content-type"], path
    assert door.request("GET", "/unused")[0] == door.request("GET", "/unused/swagger")[0] == 404


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"ids":[' + b"[" * 50_000], ids=len
)
def test_no_route_fails_on_what_is_deep_or_long(door: SinkProcess, body: bytes) -> None:
    for method, path in _paths(door):
        if method != "GET":
            status, answer = door.request(method, path, body)
            assert 400 <= status < 500, f"{method} {path}: {status} {answer}"


def _paths(door: SinkProcess) -> list[tuple[str, str]]:
    """Every route that there is, those of the pages included: new ones are found by themselves."""
    _, document = door.request("GET", "/openapi.json")
    described = [
        (method.upper(), path.replace("{worker}", "store").replace("{number}", "1").replace("{name}", "x"))
        for path, methods in document["paths"].items()
        for method in methods
    ]
    pages = ("/", "/docs", "/static/sink.js", "/openapi.json", "/asyncapi.json")
    return [*described, *(("GET", path) for path in pages)]
