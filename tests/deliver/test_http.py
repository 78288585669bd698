"""What the answers of any HTTP server mean for the events in hand."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from eventsink.deliver.http import Answer, HttpDestination, shorten
from eventsink.errors import Refused, TryLater
from tests.deliver.answering import Answering, Said, answering

REMEDY = "Set token."


@asynccontextmanager
async def talking(*script: Said, timeout: float = 30.0) -> AsyncIterator[tuple[HttpDestination, Answering]]:
    """A destination that is open, and the server that it talks to."""
    async with answering(*script) as server:
        destination = HttpDestination("Somebody", remedy=REMEDY, timeout=timeout)
        await destination.open()
        try:
            yield destination, server
        finally:
            await destination.close()


async def meaning(said: Said) -> Exception | None:
    """What is raised when a server says that."""
    async with talking(said) as (destination, server):
        try:
            destination.check(await destination.send("POST", server.url, body=b"x"))
        except (TryLater, Refused) as error:
            return error
    return None


# --- one request -----------------------------------------------------------------------------------------------------


async def test_a_request_arrives_as_it_was_sent_and_its_answer_comes_back() -> None:
    async with talking(Said(201, {"a": 1}, {"X-B": "c"})) as (destination, server):
        answer = await destination.send(
            "POST", f"{server.url}/p/q", query={"n": "a b&c"}, headers={"H": "v"}, body=b"\0body"
        )
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query, asked.headers["H"], asked.body) == (
        "POST",
        "/p/q",
        {"n": "a b&c"},
        "v",
        b"\0body",
    )
    assert (answer.status, answer.ok, answer.json, answer.headers["x-b"]) == (201, True, {"a": 1}, "c")


async def test_a_connection_is_kept() -> None:
    async with talking(Said(204)) as (destination, server):
        for _ in range(5):
            await destination.send("POST", server.url, body=b"x")
        assert len(server.connections) == 1


async def test_cookies_and_redirects_are_not_followed() -> None:
    async with talking(Said(302, headers={"Location": "/b", "Set-Cookie": "a=b"}), Said(204)) as (destination, server):
        assert (await destination.send("GET", server.url)).status == 302
        await destination.send("GET", server.url)
    assert [asked.path for asked in server.asked] == ["/", "/"]
    assert "Cookie" not in server.asked[1].headers


async def test_it_can_be_opened_and_closed_again_and_again() -> None:
    async with answering(Said(204)) as server:
        destination = HttpDestination("Somebody", remedy=REMEDY, timeout=5)
        await destination.close()
        for _ in range(2):
            await destination.open()
            await destination.open()
            assert (await destination.send("GET", server.url)).ok
            await destination.close()
            await destination.close()
        with pytest.raises(TryLater, match="not open"):
            await destination.send("GET", server.url)


# --- no answer -------------------------------------------------------------------------------------------------------


async def silence(url: str, *, timeout: float = 30.0) -> str:
    """What is said of a server that gives no answer."""
    destination = HttpDestination("Somebody", remedy=REMEDY, timeout=timeout)
    await destination.open()
    try:
        with pytest.raises(TryLater) as error:
            await destination.send("POST", f"{url}/path?api_secret=hush", query={"key": "hush"}, body=b"x")
    finally:
        await destination.close()
    assert "hush" not in error.value.reason
    assert "hush" not in repr(error.value.__cause__)
    return error.value.reason


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    said = await silence(f"http://127.0.0.1:{port}")
    assert said.startswith(f"Somebody at http://127.0.0.1:{port} cannot be reached: nothing listens at this address.")


async def test_a_password_in_the_address_is_not_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    said = await silence(f"http://user:hush@127.0.0.1:{port}")
    assert said.startswith(f"Somebody at http://127.0.0.1:{port} cannot be reached: ")


async def test_a_host_that_does_not_exist() -> None:
    assert (await silence("http://no-such-host.invalid")) in (
        "Somebody at http://no-such-host.invalid cannot be reached: there is no host of this name.",
        "Somebody at http://no-such-host.invalid cannot be reached: the name of the host cannot be looked up.",
    )


async def test_it_does_not_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and says nothing
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert await silence(url, timeout=0.2) == f"Somebody at {url} did not answer within 0.2 seconds."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"", "it hung up"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "it hung up"),
        (b"SSH-2.0-OpenSSH\r\n", "its answer is no HTTP"),
    ],
)
async def test_it_hangs_up_or_speaks_another_language(words: bytes, said: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.write(words)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await silence(url) == f"Somebody at {url} cannot be reached: {said}."


@pytest.mark.parametrize("url", ["http://[", "nothing", "ftp://host/x", "http://host:99999"])
async def test_an_address_that_is_none(url: str) -> None:
    assert (await silence(url)).endswith("cannot be reached: the request cannot be made.")


async def test_an_answer_without_end_is_read_up_to_a_limit() -> None:
    async with talking(Said(400, b"x" * (5 << 20))) as (destination, server):
        assert len((await destination.send("GET", server.url)).body) == 4 << 20


async def test_the_end_of_an_answer_is_not_waited_for_beyond_the_limit() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.write(b"x" * (5 << 20))
        await asyncio.gather(reader.read(), return_exceptions=True)  # says nothing more, until we hang up
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    destination = HttpDestination("Somebody", remedy=REMEDY, timeout=30)
    await destination.open()
    try:
        answer = await destination.send("GET", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        await destination.close()
        server.close()
    assert len(answer.body) == 4 << 20


# --- what an answer means --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_a_success_means_nothing_more(status: int) -> None:
    assert await meaning(Said(status)) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 520])
async def test_some_answers_mean_try_later(status: int) -> None:
    error = await meaning(Said(status, {"error": "busy"}))
    assert isinstance(error, TryLater)
    assert (error.reason, error.after) == (f"Somebody answers {status}: busy.", None)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 415, 422])
async def test_other_answers_mean_that_the_events_are_refused(status: int) -> None:
    error = await meaning(Said(status, {"message": "bad"}))
    assert isinstance(error, Refused)
    assert (error.reason, error.events) == (f"Somebody answers {status}: bad.", ())


@pytest.mark.parametrize("status", [401, 403, 407])
@pytest.mark.parametrize(("headers", "after"), [({}, 30.0), ({"Retry-After": "5"}, 30.0), ({"Retry-After": "90"}, 90)])
async def test_who_is_not_let_in_keeps_the_events_and_says_what_to_do(
    status: int, headers: dict[str, str], after: float
) -> None:
    error = await meaning(Said(status, "go away", headers))
    assert isinstance(error, TryLater)
    assert (error.reason, error.after) == (f"Somebody answers {status}: go away. Set token.", after)


@pytest.mark.parametrize(
    ("location", "said"),
    [("https://new.example:1/write?key=hush", " to https://new.example:1"), ("/elsewhere", ""), ("http://[", "")],
)
async def test_a_server_that_has_moved_keeps_the_events_and_says_where_to(location: str, said: str) -> None:
    error = await meaning(Said(301, headers={"Location": location}))
    assert isinstance(error, TryLater)
    assert error.reason == f"Somebody answers 301: Moved Permanently. It has moved{said}: change its address."
    assert error.after == 30


def in_an_hour() -> str:
    """An HTTP date that lies ahead."""
    return format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        (" 0 ", 0, 0),
        ("999999999999", 3600, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, low: float, high: float) -> None:
    after = Answer(503, {"Retry-After": value}, b"").after
    assert after is not None
    assert low <= after <= high


def test_retry_after_may_be_a_date_to_come() -> None:
    after = Answer(503, {"Retry-After": in_an_hour()}, b"").after
    assert after is not None
    assert 1700 <= after <= 1800


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "1.5", "nan", "٣", "Wed, 21 Oct 2015 07:28:00 -0000", "Wed, 99 Foo 2015 07:28:00 GMT"]
)
def test_a_senseless_retry_after_is_none(value: str) -> None:
    assert Answer(503, {"Retry-After": value}, b"").after is None


# --- reasons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "a"}', "a"),
        (b'{"code": "invalid", "message": "b"}', "b"),
        (b'{"error": {"code": 1}}', '{"error": {"code": 1}}'),
        (b'{"error": ""}', '{"error": ""}'),
        (b"[1]", "[1]"),
        (b"plain\n", "plain\n"),
        (b"\xff", "\ufffd"),
        (b"", "Bad Request"),
    ],
)
def test_the_reason_is_what_the_server_says(body: bytes, reason: str) -> None:
    assert Answer(400, {}, body).reason == reason


def test_a_status_without_words_has_some_reason() -> None:
    assert Answer(599, {}, b"").reason == "no reason given"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("a\n  b", "a b."),
        ("a.", "a."),
        ("x" * 1000, "x" * 300 + "…"),
        ("your token=abc is bad", "your token=… is bad."),
        ("y" * 290 + " token=abcdefghij", "y" * 290 + " token=…"),
        ("Authorization: Bearer abc", "Authorization: Bearer …"),
    ],
)
def test_a_reason_is_one_short_sentence_without_secrets(said: str, sentence: str) -> None:
    assert shorten(said) == sentence


def test_a_caller_may_know_the_reason_better() -> None:
    with pytest.raises(Refused, match=r"^Somebody answers 400: mine\.$"):
        HttpDestination("Somebody", remedy=REMEDY, timeout=1).check(Answer(400, {}, b"theirs"), "mine")


def test_the_json_of_no_json_is_none() -> None:
    found: list[Any] = [Answer(200, {}, body).json for body in (b"", b"{", b"\xff", b"[" * 100_000)]
    assert found == [None] * 4
