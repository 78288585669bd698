"""The checks `http` and `download` against a server with every fault that we know, on both event loops."""

import asyncio
import base64
import gc
import os
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsink.errors import SettingsError
from eventsink.watch import http_answer
from eventsink.watch.check import Down
from tests import secrets
from tests.servers.faults import Behaviour, answer, ask, dribble, flood, reset, say, serving, stall, then
from tests.watch.checks.running import down, make, up

Run = Callable[..., Any]
Servers = dict[str, ssl.SSLContext]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TEN_GB = 10 * 1024**3


def redirect(place: str, status: str = "302 Found") -> Behaviour:
    """Sends on to another place."""
    return answer(b"gone", status, f"Location: {place}")


async def for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends on to another page each time."""
    await ask(reader)
    writer.write(f"HTTP/1.1 302 Found\r\nLocation: /{os.urandom(8).hex()}\r\n\r\n".encode())


class Fault(NamedTuple):
    """A fault, and what must be said of it.

    Args:
        words: that are in the message.
        numbers: that were measured all the same.
        over: certificate of the server, by its name; plain HTTP if there is none.
    """

    behave: Behaviour
    reason: str
    words: str
    options: Mapping[str, Any] = MappingProxyType({})
    numbers: tuple[str, ...] = ("dns_ms", "connect_ms")
    over: str = ""


ANSWERED = ("dns_ms", "connect_ms", "first_byte_ms")
FAULTS = {
    "silent": Fault(stall, "timeout", "no byte of an answer had come"),
    "stalls in the head": Fault(dribble(OK, b"", 1), "timeout", "the head of its answer was not complete"),
    "stalls in the body": Fault(
        dribble(OK + b"Content-Length: 9\r\n\r\nabc", b"", 1), "timeout", "3 bytes of the body had come", {}, ANSWERED
    ),
    "dribbles a header": Fault(dribble(OK + b"X: ", b"x"), "timeout", "the head", {}, ANSWERED),
    "dribbles headers": Fault(dribble(OK, b"X: x\r\n"), "timeout", "the head", {}, ANSWERED),
    "dribbles a body": Fault(dribble(OK + b"\r\n"), "timeout", "bytes of the body had come", {}, (*ANSWERED, "bytes")),
    "dribbles a chunk": Fault(dribble(CHUNKED + b"ff\r\n"), "timeout", "of the body", {}, (*ANSWERED, "bytes")),
    "hangs up at once": Fault(say(), "reset", "it hung up without an answer"),
    "hangs up in the head": Fault(say(OK + b"Content-"), "truncated", "in the middle of a line", {}, ANSWERED),
    "hangs up in the body": Fault(
        answer(b"abc", length=1000), "truncated", "after 3 of 1,000 bytes", {}, (*ANSWERED, "bytes")
    ),
    "hangs up in a chunk": Fault(say(CHUNKED + b"ff\r\nabc"), "truncated", "after 3 of 255", {}, (*ANSWERED, "bytes")),
    "hangs up after a chunk": Fault(say(CHUNKED + b"3\r\nabc\r\n"), "truncated", "in the middle", {}, ANSWERED),
    "keeps the last line back": Fault(say(CHUNKED + b"0\r\n"), "truncated", "in the middle", {}, ANSWERED),
    "resets at once": Fault(reset(listen=False), "reset", "it hung up"),
    "resets at the request": Fault(reset(), "reset", "it hung up: no byte of an answer had come"),
    "resets in the head": Fault(reset(OK + b"X: y\r\n"), "reset", "it hung up: the head", {}, ANSWERED),
    "resets in the body": Fault(
        reset(OK + b"Content-Length: 99\r\n\r\nabc"), "reset", "it hung up: 3 bytes", {}, (*ANSWERED, "bytes")
    ),
    "is no HTTP": Fault(say(b"SSH-2.0-OpenSSH_9.9\r\n"), "protocol", "not in HTTP", {}, ANSWERED),
    "is half HTTP": Fault(say(b"HTTP is not for me\r\n"), "protocol", "not in HTTP/1.1"),
    "is random": Fault(flood(b"\x00", os.urandom(70_000)), "protocol", "not in HTTP"),
    "is random after H": Fault(flood(b"H", os.urandom(99).replace(b"\n", b"") * 999), "protocol", "longer than 65,536"),
    "has no status": Fault(say(b"HTTP/1.1 999 Odd\r\n\r\n"), "protocol", "not in HTTP/1.1"),
    "has an endless header": Fault(flood(OK + b"X: ", b"x" * 9999), "protocol", "a line of its answer is longer"),
    "has endless headers": Fault(flood(OK, b"X: y\r\n" * 999), "protocol", "head of its answer is longer"),
    "has endless interim answers": Fault(
        flood(b"", b"HTTP/1.1 100 Go\r\nX: y\r\n\r\n" * 99), "protocol", "more than 10 interim answers"
    ),
    "changes the protocol": Fault(say(b"HTTP/1.1 101 Switching\r\n\r\n"), "protocol", "changes to a protocol"),
    "has two lengths": Fault(
        say(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"), "protocol", "is no number"
    ),
    "has a length in words": Fault(say(OK + b"Content-Length: -3\r\n\r\nabc"), "protocol", "is no number"),
    "has another coding": Fault(say(OK + b"Transfer-Encoding: gzip\r\n\r\nabc"), "protocol", "Transfer-Encoding"),
    "has a chunk too long": Fault(say(CHUNKED + b"3\r\nabcdef\r\n"), "protocol", "is longer than announced"),
    "has random chunks": Fault(say(CHUNKED + b"xyz\r\n"), "protocol", "does not begin with its size"),
    "announces 10 GB": Fault(
        answer(b"x", length=TEN_GB), "too_large", "announced with 10,737,418,240 bytes", {}, ANSWERED
    ),
    "sends without end": Fault(
        flood(OK + b"\r\n", b"x" * 65536), "too_large", "more than 1,000,000", {"most_bytes": 1_000_000, "timeout": 20}
    ),
    "sends a chunk without end": Fault(
        flood(CHUNKED + b"fffffffff\r\n", b"x" * 65536), "too_large", "more than", {"most_bytes": 10**6, "timeout": 20}
    ),
    "fails": Fault(
        answer(b"no", "503 Service Unavailable"), "status", "503 Service Unavailable", {}, (*ANSWERED, "status")
    ),
    "is not found": Fault(answer(b"no", "404 Not Found"), "status", "404 Not Found"),
    "has a status of its own": Fault(answer(b"no", "599 Mine"), "status", "599."),
    "has an unwanted status": Fault(answer(b"ok"), "status", "200 OK", {"status": [204, "3xx"]}),
    "is a page of errors": Fault(answer(b"Oh no"), "content", "text that must be in its body", {"contains": "Welcome"}),
    "is compressed": Fault(
        answer(b"\x1f", "200 OK", "Content-Encoding: gzip"), "content", "It is compressed", {"contains": "Welcome"}
    ),
    "is too short": Fault(
        answer(b"abc"), "content", "3 bytes, and must have 4", {"least_bytes": 4}, (*ANSWERED, "bytes")
    ),
    "turns in a circle": Fault(redirect("/page"), "redirects", "in a circle"),
    "redirects for ever": Fault(for_ever, "redirects", "more than 5 times", {"timeout": 20}, (*ANSWERED, "redirects")),
    "redirects once too often": Fault(for_ever, "redirects", "more than 1 times", {"redirects": 1}),
    "redirects to a file": Fault(redirect("file:///etc/passwd"), "redirects", "no address of the web"),
    "redirects to nowhere": Fault(redirect("http://[::1"), "redirects", "no address of the web"),
    "redirects to the dead": Fault(
        redirect("http://127.0.0.1:1/"), "refused", "nothing listens there", {}, ("redirects",)
    ),
    "is silent in TLS": Fault(stall, "timeout", "no byte of an answer", {}, ("tls_ms", "certificate_days"), "good"),
    "stalls in TLS": Fault(dribble(OK, b"", 1), "timeout", "the head", {}, ("tls_ms", "certificate_days"), "good"),
    "is cut off in TLS": Fault(answer(b"abc", length=9), "truncated", "after 3 of 9", {}, ("tls_ms", "bytes"), "good"),
    "resets in TLS": Fault(reset(OK), "reset", "it hung up: the head", {}, ("tls_ms", "first_byte_ms"), "good"),
    "has expired": Fault(answer(), "certificate", "has expired", {}, ("connect_ms", "certificate_days"), "expired"),
    "is not valid yet": Fault(answer(), "certificate", "not valid yet", {}, ("certificate_days",), "early"),
    "is for another host": Fault(answer(), "certificate", "for another host", {}, ("certificate_days",), "other"),
    "is self-signed": Fault(
        answer(), "certificate", "signed its certificate itself", {}, ("certificate_days",), "self-signed"
    ),
    "ends soon": Fault(
        answer(b"x"), "certificate", "ends in 5.0 days", {"certificate_days": 14}, ("bytes", "certificate_days"), "soon"
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_its_class_and_keeps_what_was_measured(name: str, run: Run, servers: Servers, trusted: object):
    fault = FAULTS[name]

    async def look() -> Down:
        async with serving(fault.behave, servers[fault.over] if fault.over else None) as port:
            url = f"{'https' if fault.over else 'http'}://localhost:{port}/page"
            return await down("download", url=url, family="ipv4", **given)

    given = {"timeout": 1 if fault.reason == "timeout" else 20, **fault.options}
    begin = time.monotonic()
    found = run(look())
    assert found.reason == fault.reason, found.message
    assert fault.words in found.message
    assert set(fault.numbers) <= found.numbers.keys(), found.numbers
    assert found.numbers["url"].endswith("/page")
    assert time.monotonic() - begin < given["timeout"] + 10


BEFORE_TLS = {
    "silent": (stall, "timeout", "the TLS handshake was not at its end"),
    "random": (reset(b"\x42" + os.urandom(9999), listen=False), "tls", "it does not speak TLS at this address"),
    "plain": (say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "timeout", "TLS"),  # waits for the end of a request
    "greets": (reset(b"220 mail.example ESMTP\r\n", listen=False), "tls", "it does not speak TLS at this address"),
    "resets": (reset(), "reset", "it hung up during the TLS handshake"),
    "resets at once": (reset(listen=False), "reset", "it hung up"),
}


@pytest.mark.parametrize("kind", ["http", "tls"])
@pytest.mark.parametrize("name", BEFORE_TLS)
def test_a_handshake_that_fails_has_its_class(name: str, kind: str, run: Run, trusted: object):
    behave, reason, words = BEFORE_TLS[name]

    async def look() -> Down:
        async with serving(behave) as port:
            place = {"url": f"https://127.0.0.1:{port}/"} if kind == "http" else {"host": "127.0.0.1", "port": port}
            return await down(kind, timeout=1 if reason == "timeout" else 20, **place)

    found = run(look())
    assert found.reason == reason, found.message
    assert words in found.message and "tls_ms" not in found.numbers and "dns_ms" in found.numbers


def test_the_phases_are_as_long_as_the_server_made_them(run: Run, servers: Servers, trusted: object):
    head = OK + b"Content-Length: 300000\r\n\r\n"
    slow = say(head + b"x" * 100_000, b"y" * 100_000, b"z" * 100_000, wait=0.3, pause=0.2)

    async def look() -> Any:
        async with serving(slow, servers["good"]) as port:
            return await up("download", url=f"https://localhost:{port}/", family="ipv4", contains="zz", timeout=20)

    numbers = run(look()).numbers
    assert numbers["first_byte_ms"] >= 299 and numbers["transfer_ms"] >= 399
    assert numbers["bytes"] == 300_000 and numbers["status"] == 200 and numbers["redirects"] == 0
    assert numbers["bytes_per_second"] == pytest.approx(300_000 / numbers["transfer_ms"] * 1e3, rel=0.01)
    assert 0 < numbers["bytes_per_second"] <= 300_000 / 0.399
    assert numbers["certificate_days"] == pytest.approx(90, abs=0.1)
    assert {"dns_ms", "connect_ms", "tls_ms"} <= numbers.keys()


BODIES = {
    "length": answer(b"Welcome"),
    "chunks": say(CHUNKED + b"3\r\nWel\r\n", b"4;x=y\r\ncome\r\n", b"0\r\nTrailer: x\r\n\r\n", pause=0.05),
    "to the end": say(OK + b"\r\nWel", b"come", pause=0.05),
    "interim": say(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 7\r\n\r\nWelcome"),
    "old": say(b"HTTP/1.0 200\nServer: x\n\nWelcome"),
    "odd headers": say(OK + b"no header\r\nX-\xff: \xff\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\nWelcome"),
    "longer than announced": say(OK + b"Content-Length: 7\r\n\r\nWelcome, and more"),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("over", ["", "good"])
def test_bodies_of_all_kinds_are_read(name: str, over: str, run: Run, servers: Servers, trusted: object):
    async def look() -> Any:
        async with serving(BODIES[name], servers[over] if over else None) as port:
            return await up("http", url=f"http{'s' if over else ''}://127.0.0.1:{port}", contains="Welcome", timeout=20)

    assert run(look()).numbers["bytes"] == 7


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_without_a_body_is_well(method: str, run: Run):
    behave = say(b"HTTP/1.1 204 No Content\r\n\r\n") if method == "GET" else answer(b"", length=TEN_GB)

    async def look() -> Any:
        async with serving(behave) as port:
            return await up("http", url=f"http://127.0.0.1:{port}", method=method, status=["2xx"])

    assert run(look()).numbers["bytes"] == 0


def test_a_text_is_found_wherever_pieces_end(run: Run):
    text = "Grüße"
    whole = b"x" * 10 + text.encode() + b"y" * 10

    async def look(cut: int) -> None:
        async with serving(say(OK + b"\r\n" + whole[:cut], whole[cut:], pause=0.02)) as port:
            await up("http", url=f"http://127.0.0.1:{port}", contains=text)

    async def all_cuts() -> None:
        for cut in range(9, 19):
            await look(cut)

    run(all_cuts())


def test_redirects_are_followed_and_named(run: Run, servers: Servers, trusted: object):
    async def look() -> Any:
        async with (
            serving(answer(b"Welcome")) as last,
            serving(
                then(redirect("b?token=hush"), redirect(f"http://u:hush@localhost:{last}/c#x")), servers["good"]
            ) as port,
        ):
            return await up("http", url=f"https://127.0.0.1:{port}/a", contains="Welcome", family="ipv4"), port, last

    found, port, last = run(look())
    assert found.numbers["redirects"] == 2 and found.numbers["status"] == 200 and "tls_ms" not in found.numbers
    assert found.message == (
        f"Redirected to https://127.0.0.1:{port}/b. Redirected to http://localhost:{last}/c. "
        "That is not encrypted any more."
    )


def test_a_redirect_that_is_not_to_be_followed_is_judged_by_its_status(run: Run):
    async def look() -> Any:
        async with serving(redirect("/elsewhere")) as port:
            await up("http", url=f"http://127.0.0.1:{port}", redirects=0, status=[302])
            return await down("http", url=f"http://127.0.0.1:{port}", redirects=0, status=["2xx"])

    assert run(look()).reason == "status"


def test_without_verification_a_bad_certificate_is_fine_and_its_end_is_told(
    run: Run, servers: Servers, trusted: object
):
    async def look() -> Any:
        async with serving(answer(b"x"), servers["expired"]) as port:
            return await up("http", url=f"https://127.0.0.1:{port}", verify=False)

    assert run(look()).numbers["certificate_days"] == pytest.approx(-3, abs=0.1)


def test_an_unknown_authority_is_said_to_be_so(run: Run, servers: Servers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")

    async def look() -> Down:
        async with serving(answer(b"x"), servers["good"]) as port:
            return await down("http", url=f"https://127.0.0.1:{port}")

    found = run(look())
    assert found.reason == "certificate" and "authority that this machine does not know" in found.message
    assert found.numbers["certificate_days"] == pytest.approx(90, abs=0.1)


class Recorder:
    """A server that keeps what it is asked, and answers as it is told."""

    def __init__(self, *then_: Behaviour) -> None:
        self.requests: list[bytes] = []
        self._behave = then(*then_)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await ask(reader)
        self.requests.append(request)
        again = asyncio.StreamReader()
        again.feed_data(request)
        await self._behave(again, writer)


SECRET = "h7uSh9h7uSh9"
HIDDEN = base64.b64encode(f"user:{SECRET}".encode()).decode()


@pytest.mark.parametrize("same", [True, False])
def test_secrets_are_sent_to_the_host_of_the_url_and_to_no_other(same: bool, run: Run):
    headers = {"X-API-Key": SECRET, "Accept": "text/html"}

    async def look() -> tuple[Recorder, Recorder]:
        other = Recorder(answer(b"x"))
        async with serving(other) as port_of_other:
            mine = Recorder(redirect("/next" if same else f"http://127.0.0.1:{port_of_other}/next"), answer(b"x"))
            async with serving(mine) as port:
                await up("http", url=f"http://user:{SECRET}@127.0.0.1:{port}/a?q=ä b#f", headers=headers)
        return mine, other

    mine, other = run(look())
    first, *_ = mine.requests
    assert first.startswith(b"GET /a?q=%C3%A4%20b HTTP/1.1\r\nhost: 127.0.0.1:")
    for request in mine.requests:
        assert SECRET.encode() in request and HIDDEN.encode() in request and b"accept: text/html" in request
    assert len(mine.requests) == (2 if same else 1)
    for request in other.requests:
        assert SECRET.encode() not in request and b"authorization" not in request and b"text/html" not in request
    assert len(other.requests) == (0 if same else 1)


SAYING_TOO_MUCH = {
    **{
        name: FAULTS[name]
        for name in ("silent", "resets at the request", "fails", "turns in a circle", "announces 10 GB")
    },
    "echoes in its status": Fault(say(f"HTTP/1.1 500 {SECRET}\r\n\r\n".encode()), "status", "500"),
    "echoes in its location": Fault(redirect(f"https://u:{SECRET}@localhost:1/?token={SECRET}"), "refused", "nothing"),
    "echoes in its words": Fault(say(f"H{SECRET}\r\n".encode()), "protocol", "not in HTTP"),
}


@pytest.mark.parametrize("name", SAYING_TOO_MUCH)
def test_no_secret_is_shown(name: str, run: Run):
    async def look() -> tuple[Any, Down]:
        async with serving(SAYING_TOO_MUCH[name].behave) as port:
            url = f"http://user:{SECRET}@127.0.0.1:{port}/a?token={SECRET}&x={SECRET}#{SECRET}"
            options = {"url": url, "headers": {"X-API-Key": SECRET, "Cookie": SECRET}}
            return make("http", **options), await down("http", timeout=1, **options)

    check, found = run(look())
    shown = [
        str(found),
        repr(found),
        repr(found.numbers),
        found.message,
        check.target,
        repr(check),
        repr(check.options),
    ]
    while (found := found.__cause__ or found.__context__) is not None:
        shown.append(repr(found))
    assert not [text for text in shown if SECRET in text or HIDDEN in text]


WRONG = {
    "no address": {"url": "http://"},
    "no port": {"url": f"http://user:{SECRET}/x@host/"},
    "no name": {"url": "http://a..ü/"},
    "an @ in its path": {"url": f"http://user:1/{SECRET}@host/"},
    "an @ in its query": {"url": f"http://user:?{SECRET}@host/"},
    "an @ in its fragment": {"url": f"http://{SECRET}#@host/"},
    "another scheme": {"url": "ftp://host/"},
    "a status that is none": {"url": "http://h", "status": [99]},
    "a class that is none": {"url": "http://h", "status": ["7xx"]},
    "a header with two lines": {"url": "http://h", "headers": {"X-Key": f"{SECRET}\r\nX: y"}},
    "a header with a line at its end": {"url": "http://h", "headers": {"X-Key": f"{SECRET}\n"}},
    "a header with no name": {"url": "http://h", "headers": {f"X {SECRET}": "x"}},
    "a header that cannot be sent": {"url": "http://h", "headers": {"X-Key": f"{SECRET}\u2013"}},
    "contents of no body": {"url": "http://h", "method": "HEAD", "contains": "x"},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_without_its_value(name: str):
    with pytest.raises(SettingsError, match=r"^checks\.tried[.:]") as found:
        make("http", **WRONG[name])
    assert SECRET not in str(found.value)


@given(st.sampled_from([address for address in secrets.ADDRESSES if address.startswith("http")]), secrets.passwords())
def test_no_password_is_shown_whatever_is_in_it(address: str, password: str):
    """As it is, or escaped as it should be."""
    for written in (password, quote(password, safe="")):
        try:
            check = make("http", url=address.replace("{}", written))
        except SettingsError as error:
            shown = str(error)
        else:
            shown = check.target + repr(check.options)
        assert secrets.CORE not in shown


def test_a_flood_takes_little_memory(run: Run):
    async def look() -> None:
        async with serving(flood(OK + b"\r\n", b"x" * (1 << 20))) as port:
            found = await down(
                "download", url=f"http://127.0.0.1:{port}", most_bytes=50 << 20, contains="y", timeout=60
            )
        assert found.reason == "too_large"

    tracemalloc.start()
    try:
        run(look())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20  # most of it is what the server of this test has in its hands


def test_a_check_leaves_no_socket_behind(run: Run, servers: Servers, trusted: object):
    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def look() -> None:
        async with serving(stall) as silent, serving(answer(b"x"), servers["expired"]) as expired:
            before = files()
            for url in (f"http://127.0.0.1:{silent}", f"https://127.0.0.1:{silent}", f"https://127.0.0.1:{expired}"):
                await down("http", url=url, timeout=0.3)
            check = make("http", url=f"http://127.0.0.1:{silent}", timeout=30)
            task = asyncio.create_task(check.measure())
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            gc.collect()
            for _ in range(600):
                if files() <= before:  # the server closes its side of each when it hears of it
                    return
                await asyncio.sleep(0.05)
            raise AssertionError(f"{files() - before} are open still")

    run(look())


def test_the_next_address_is_tried_when_one_is_dead(run: Run, monkeypatch: pytest.MonkeyPatch):
    """Of a name with two addresses, of which nothing listens at one and the other is a black hole."""
    real = socket.getaddrinfo
    hole = socket.socket()
    hole.bind(("127.0.0.3", 0))
    hole.listen(0)
    port = hole.getsockname()[1]
    full = [socket.socket() for _ in range(3)]  # so that its queue takes no more
    for each in full:
        each.setblocking(False)
        each.connect_ex(("127.0.0.3", port))

    def several(host: str, *more: Any) -> Any:
        if host != "several.example":
            return real(host, *more)
        return [row for each in ("127.0.0.2", "127.0.0.3", "127.0.0.1") for row in real(each, *more)]

    monkeypatch.setattr(socket, "getaddrinfo", several)

    async def look() -> tuple[Any, Down]:
        async with serving(answer(b"x"), host="127.0.0.1", port=port):
            # Half of it is for the black hole; this machine may stand still in the other.
            found = await up("http", url=f"http://several.example:{port}", timeout=15)
        return found, await down("http", url=f"http://several.example:{port}", timeout=4)

    try:
        found, dead = run(look())
    finally:
        for each in (hole, *full):
            each.close()
    assert "127.0.0.2 was no way to it: nothing listens there." in found.message
    assert "127.0.0.3 was no way to it: no answer came in time." in found.message
    assert dead.reason == "refused"
    assert all(f"127.0.0.{last} port {port}" in dead.message for last in (1, 2, 3))


def test_an_address_of_ipv6_is_written_as_it_must_be(run: Run):
    mine = Recorder(answer(b"x"))

    async def look() -> int:
        async with serving(mine, host="::1") as port:
            await up("http", url=f"http://[::1]:{port}/")
            await up("download", url=f"http://[::1]:{port}/", family="ipv6")
            assert (await down("http", url=f"http://[::1]:{port}/", family="ipv4")).reason == "name"
            return port

    port = run(look())
    assert f"\r\nhost: [::1]:{port}\r\n".encode() in mine.requests[0]


SCRAPS = st.sampled_from([
    OK, CHUNKED, b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Go\r\n\r\n", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"\r\n", b"\n", b"0\r\n", b"5\r\n", b"ffffffff\r\n", b"hello", b": x\r\n",
    b"Location: /\r\n", b"\x00", b"x" * 70_000,
])  # fmt: skip


@given(st.lists(SCRAPS | st.binary(max_size=30), max_size=12))
def test_whatever_comes_is_read_or_has_its_class(pieces: list[bytes]):
    async def read() -> str:
        reader = asyncio.StreamReader(limit=http_answer.PIECE)
        reader.feed_data(b"".join(pieces))
        reader.feed_eof()
        taken: list[bytes] = []
        try:
            head = await http_answer.read_head(reader, await reader.read(1))
            await http_answer.read_body(reader, head, taken.append)
        except Down as error:
            return error.reason
        return "read" if len(b"".join(taken)) <= len(b"".join(pieces)) else "made up"

    assert asyncio.run(read()) in ("protocol", "truncated", "read")
