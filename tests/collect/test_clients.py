"""The bytes that other people's clients send: of Windows, Java and Go."""

import http.client
import json
import socket
from collections.abc import Sequence

import pytest

from tests.sink_process import PATIENCE, SinkProcess

NAMED = json.dumps({"type": "lab.client", "user": "Jörg"}, ensure_ascii=False)
GO = "User-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n"
POWERSHELL = "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041\r\n"


def _talk(door: SinkProcess, head: str, *parts: bytes) -> tuple[int, dict]:
    """One request, byte for byte; the body is sent when a client that asks first is told to."""
    host, _, port = door.url.removeprefix("http://").partition(":")
    lines = f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: {door.key}\r\n{head}\r\n"
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(lines.encode())
        answer = connection.makefile("rb")
        if "100-continue" in head:
            assert answer.readline() == b"HTTP/1.1 100 Continue\r\n" and answer.readline() == b"\r\n"
        for part in parts:
            connection.sendall(part)
        status = int(answer.readline().split()[1])
        length = 0
        while line := answer.readline().strip().lower():
            length = int(line.partition(b":")[2]) if line.startswith(b"content-length:") else length
        return status, json.loads(answer.read(length))


def _chunked(body: bytes) -> Sequence[bytes]:
    halves = body[:11], body[11:]
    return [b"%x\r\n%s\r\n" % (len(half), half) for half in halves] + [b"0\r\n\r\n"]


def _users(door: SinkProcess, event_type: str) -> list[str]:
    door.settle()
    return [event["user"] for event in door.request("GET", f"/v1/events?type={event_type}")[1]["events"]]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (
            f"{POWERSHELL}Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n",
            NAMED.encode("latin-1"),
        ),
        ("Content-Type: application/json\r\n", NAMED.encode("utf-16")),
        ("Content-Type: text/plain\r\n", f"\ufeff{NAMED}\r\n".encode()),
        ("Content-Type: text/plain;charset=windows-1252\r\n", NAMED.encode("cp1252")),
        ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n", NAMED.encode()),
        ("User-Agent: Java-http-client/17.0.15\r\nExpect: 100-continue\r\n", NAMED.encode("utf-16-be")),
    ],
    ids=["powershell-5", "powershell-redirection", "notepad", "excel", "java-11-http-2", "java-utf-16"],
)
def test_an_event_arrives_as_it_was_meant(
    door: SinkProcess, head: str, body: bytes, request: pytest.FixtureRequest
) -> None:
    kind = f"lab.{request.node.callspec.id}"
    body = body.replace(*(f"{text}".encode(_codec(body)) for text in ("lab.client", kind)))
    assert _talk(door, f"{head}Content-Length: {len(body)}\r\n", body)[0] == 202
    assert _users(door, kind) == ["Jörg"]


def _codec(body: bytes) -> str:
    return {0xFF: "utf-16-le", 0x00: "utf-16-be"}.get(body[0], "ascii")


def test_go_sends_chunks_and_headers_with_capitals(door: SinkProcess) -> None:
    body = NAMED.replace("client", "go").encode()
    head = f"{GO}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    assert _talk(door, head, *_chunked(body)) == (202, {"accepted": 1, "rejected": []})
    head = (
        f"{GO}Ce-Id: 1\r\nCe-Source: /go\r\nCe-Specversion: 1.0\r\nCe-Type: lab.go\r\nCe-User: Jörg\r\n"
        "Ce-Time: 2026-11-27T10:00:00.123456789Z\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
    )
    assert _talk(door, head, b'{"a":1}') == (202, {"accepted": 1, "rejected": []})
    assert _users(door, "lab.go") == ["Jörg", "Jörg"]


@pytest.mark.parametrize("body", [b"'{type: a.b}'", b"{type: a.b, user: x}"])
def test_quotes_that_windows_has_eaten_are_explained(door: SinkProcess, body: bytes) -> None:
    status, problem = _talk(door, f"Content-Length: {len(body)}\r\n", body)
    assert status == 400
    assert "On Windows quotes within quotes are lost: send a file, as `-d @event.json`." in problem["detail"]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/v1/events", "wrong", 401),
        ("POST", "/v1/events/users/login", "wrong", 401),
        ("POST", "/v1/extractors", "wrong", 405),
        ("POST", "/nosuch", "", 404),
        ("POST", "/v1/events/nosuch", "", 404),
        ("PUT", "/v1/events", "", 405),
        ("POST", "/v1/dead/retry", "wrong", 401),
        ("POST", "/v1/events", "", 413),
    ],
)
def test_a_client_that_listens_when_it_has_sent_everything_hears_why_it_is_refused(
    door: SinkProcess, method: str, path: str, key: str, status: int, chunked: bool
) -> None:
    body = b"x" * 6_000_000
    connection = http.client.HTTPConnection(door.url.removeprefix("http://"), timeout=PATIENCE)
    try:
        sent = iter([body[:3_000_000], body[3_000_000:]]) if chunked else body
        headers = {"X-Api-Key": key or door.key, "Connection": "close"}
        connection.request(method, path, sent, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (status, status)
    finally:
        connection.close()
