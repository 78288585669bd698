"""Every address says which methods it answers, and a body that will be refused is not invited."""

import contextlib
import socket

import pytest

from tests.sink_process import PATIENCE, SinkProcess

READ = "GET, HEAD, OPTIONS"
ALLOWED = {
    "/": READ,
    "/docs": READ,
    "/healthz": READ,
    "/readyz": READ,
    "/metrics": READ,
    "/openapi.json": READ,
    "/asyncapi.json": READ,
    "/v1/events": f"{READ}, POST",
    "/v1/events/": f"{READ}, POST",
    "/v1/events/users/login": "OPTIONS, POST",
    "/v1/status": READ,
    "/v1/summary": READ,
    "/v1/types": READ,
    "/v1/dead": READ,
    "/v1/dead/7": READ,
    "/v1/dead/retry": "OPTIONS, POST",
    "/v1/extractors": READ,
}


@pytest.mark.parametrize(("path", "allow"), ALLOWED.items())
def test_options_names_the_methods_and_others_are_refused_with_them(door: SinkProcess, path: str, allow: str) -> None:
    assert door.request("OPTIONS", path, key="")[0] == 204
    assert door.last_headers["allow"] == allow
    status, problem = door.request("DELETE", path)
    assert (status, door.last_headers["allow"]) == (405, allow)
    assert problem["detail"] == f"DELETE is not answered at this address: use {allow}."
    assert door.last_headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [path for path, allow in ALLOWED.items() if "HEAD" in allow])
def test_head_is_get_without_the_body(door: SinkProcess, path: str) -> None:
    status, _ = door.request("GET", path)
    kind = door.last_headers["content-type"]
    assert door.request("HEAD", path) == (status, "")
    assert door.last_headers["content-type"] == kind
    assert int(door.last_headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/nosuch", "/v1/events2", "/v1/deadly"])
def test_an_address_that_is_none_says_where_to_look(door: SinkProcess, path: str) -> None:
    status, problem = door.request("POST", path, {"type": "a.b"})
    assert (status, problem["detail"]) == (404, "There is nothing at this address: /docs shows what there is.")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("limit=abc", "limit: Expected `int`, got `str`."),
        ("order=up", "order: Invalid enum value 'up': it may be asc or desc."),
        ("since=soon", "since: The time cannot be read: give RFC 3339 text or an epoch number."),
    ],
)
def test_a_wrong_question_is_told_what_is_expected(door: SinkProcess, question: str, said: str) -> None:
    assert door.request("GET", f"/v1/events?{question}")[1]["detail"] == said


def test_events_are_taken_with_a_slash_at_the_end(door: SinkProcess) -> None:
    assert door.request("POST", "/v1/events/", {"type": "test.slash"})[0] == 202


@pytest.mark.parametrize(
    ("path", "key", "length", "answer"),
    [
        ("/v1/events", None, 9_000_000, 413),
        ("/v1/events", "wrong", 10, 401),
        ("/v1/events/users/logn", None, 10, 404),
        ("/v1/dead/retry", "wrong", 10, 401),
        ("/v1/events", None, 10, 100),
    ],
)
def test_a_body_is_invited_only_if_it_may_be_taken(
    door: SinkProcess, path: str, key: str | None, length: int, answer: int
) -> None:
    host, _, port = door.url.removeprefix("http://").partition(":")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key or door.key}\r\nExpect: 100-continue\r\n"
    with contextlib.closing(socket.create_connection((host, int(port)), timeout=PATIENCE)) as connection:
        connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(f"HTTP/1.1 {answer} ".encode())


@pytest.mark.parametrize("path", ["/v1/dead/retry", "/v1/replay"])
def test_json_that_is_nested_too_deeply_is_told_so(door: SinkProcess, path: str) -> None:
    status, problem = door.request("POST", path, b'{"a":' * 3000)
    assert (status, problem["detail"]) == (400, "The request cannot be read: the JSON is nested too deeply.")
