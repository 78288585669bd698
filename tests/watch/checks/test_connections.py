"""The checks `tcp` and `tls`, and certificates as they are read."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsink.watch import connecting
from eventsink.watch.certificates import days_left
from eventsink.watch.check import Unknown
from tests.servers.faults import Authority, Behaviour, reset, serving, stall
from tests.watch.checks.running import down, make, up

Run = Callable[..., Any]
Servers = dict[str, ssl.SSLContext]
SECRET = "h7uSh9h7uSh9"


def greet(*pieces: bytes, wait: float = 0, listen: bool = False) -> Behaviour:
    """Says something, after seconds, and then waits for the other to go."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if listen:
            await reader.read(1)
        for piece in pieces:
            await asyncio.sleep(wait)
            writer.write(piece)
            await writer.drain()
        await stall(reader, writer)

    return behave


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says half of it."""
    await reader.read(99)
    writer.write(b"+PO")


async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says a lot, and not what is expected."""
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


def test_a_port_that_listens_is_up(run: Run):
    async def look() -> Any:
        async with serving(stall) as port:
            return await up("tcp", host="127.0.0.1", port=port)

    numbers = run(look()).numbers
    assert set(numbers) == {"dns_ms", "connect_ms"}


def test_what_is_expected_may_come_in_pieces(run: Run):
    async def look() -> Any:
        async with serving(greet(b"+PO", b"NG\r\n", wait=0.15, listen=True), host="::1") as port:
            return await up("tcp", host="::1", port=port, send="PING\r\n", expect="PONG", timeout=20)

    assert run(look()).numbers["answer_ms"] >= 299


ANSWERS = {
    "silent": (stall, "timeout", "the expected text had not come"),
    "other": (greet(b"-ERR\r\n"), "timeout", "the expected text had not come"),
    "half": (hang_up, "content", "not in the 3 bytes"),
    "too much": (chatter, "content", "the expected text is not in"),
    "reset": (reset(), "reset", "it hung up: the expected text had not come"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_another_answer_than_expected_has_its_class(name: str, run: Run):
    behave, reason, words = ANSWERS[name]

    async def look() -> Any:
        async with serving(behave) as port:
            more = {"send": f"AUTH {SECRET}", "expect": "PONG", "timeout": 1 if reason == "timeout" else 20}
            return await down("tcp", host="localhost", family="ipv4", port=port, **more)

    found = run(look())
    assert found.reason == reason and words in found.message
    assert {"dns_ms", "connect_ms"} <= found.numbers.keys()
    assert SECRET not in repr((found, found.numbers, make("tcp", host="h", port=1, send=SECRET).options))


def test_one_that_does_not_take_what_is_sent_is_told_from_one_that_does_not_answer(run: Run):
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    async def look() -> Any:
        async with serving(deaf) as port:
            return await down("tcp", host="127.0.0.1", port=port, send="x" * 30_000_000, expect="y", timeout=1)

    found = run(look())
    assert found.reason == "timeout" and "it had not taken what is sent" in found.message


def test_a_port_at_which_nothing_listens_refuses(run: Run):
    for kind in ("tcp", "tls"):
        found = run(down(kind, host="127.0.0.1", port=1))
        assert found.reason == "refused" and "127.0.0.1 port 1: nothing listens there." in found.message
        assert "dns_ms" in found.numbers and "connect_ms" not in found.numbers


SYSTEM = {
    "no route": (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "unreachable", "No route to host"),
    "no network": (OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)), "unreachable", "Network is unreachable"),
    "firewall": (PermissionError(errno.EPERM, os.strerror(errno.EPERM)), "unreachable", "Operation not permitted"),
    "slow": (TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), "timeout", "no answer came in time"),
    "reset": (ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), "reset", "it hung up"),
    "files": (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "limit", "Too many open files"),
}


@pytest.mark.parametrize("kind", ["tcp", "tls", "http"])
@pytest.mark.parametrize("name", SYSTEM)
def test_what_the_system_says_has_its_class(name: str, kind: str, run: Run, monkeypatch: pytest.MonkeyPatch):
    error, reason, words = SYSTEM[name]

    async def dial(*_: Any) -> socket.socket:
        raise error

    monkeypatch.setattr(connecting, "dial", dial)
    found = run(down(kind, **({"url": "http://127.0.0.1:80"} if kind == "http" else {"host": "127.0.0.1", "port": 80})))
    assert found.reason == reason and words in found.message
    assert isinstance(found, Unknown) == (name == "files")


def test_a_black_hole_is_a_timeout_that_names_the_address(run: Run):
    hole = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = hole.getsockname()[1]
    full = [socket.socket() for _ in range(3)]
    for each in full:
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
    try:
        found = run(down("tcp", host="127.0.0.1", port=port, timeout=1))
    finally:
        for each in (hole, *full):
            each.close()
    assert found.reason == "timeout" and f"nothing had answered at 127.0.0.1 port {port}" in found.message


CERTIFICATES = {
    "soon": ("certificate", "ends in 5.0 days: renew it", 5),
    "expired": ("certificate", "its certificate has expired", -3),
    "early": ("certificate", "its certificate is not valid yet", 90),
    "other": ("certificate", "its certificate is for another host", 90),
    "self-signed": ("certificate", "it has signed its certificate itself", 90),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_that_is_not_well_is_told_with_its_days(name: str, run: Run, servers: Servers, trusted: object):
    reason, words, days = CERTIFICATES[name]

    async def look() -> Any:
        async with serving(stall, servers[name]) as port:
            return await down("tls", host="localhost", family="ipv4", port=port, timeout=10)

    found = run(look())
    assert found.reason == reason and words in found.message
    assert found.numbers["certificate_days"] == pytest.approx(days, abs=0.1)


def test_a_second_look_at_a_bad_certificate_takes_no_more_time_than_there_is(
    run: Run, servers: Servers, trusted: object, monkeypatch: pytest.MonkeyPatch
):
    real = connecting._handshake

    async def once(*given: Any, verify: bool) -> connecting.Connection:
        if not verify:
            given[0].close()
            await asyncio.sleep(60)
        return await real(*given, verify=verify)

    monkeypatch.setattr(connecting, "_handshake", once)

    async def look() -> Any:
        async with serving(stall, servers["expired"]) as port:
            return await down("tls", host="127.0.0.1", port=port, timeout=2)

    found = run(look())
    assert found.reason == "certificate" and "certificate_days" not in found.numbers


def test_a_good_certificate_is_up_by_each_of_its_names(run: Run, servers: Servers, trusted: object):
    async def look() -> list[Any]:
        async with serving(stall, servers["good"]) as port, serving(stall, servers["other"]) as other:
            return [
                await up("tls", host="localhost", family="ipv4", port=port, timeout=10),
                await up("tls", host="127.0.0.1", port=port, timeout=10),
                await up("tls", host="127.0.0.1", port=other, server_name="other.example", timeout=10),
            ]

    for found in run(look()):
        assert set(found.numbers) == {"dns_ms", "connect_ms", "tls_ms", "certificate_days"}


def test_an_end_after_2050_is_read_as_well(authority: Authority, run: Run, trusted: object):
    context = authority.context("IP:127.0.0.1", days=15_000)

    async def look() -> Any:
        async with serving(stall, context) as port:
            return await up("tls", host="127.0.0.1", port=port, timeout=10)

    assert run(look()).numbers["certificate_days"] == pytest.approx(15_000, abs=0.1)


def der(authority: Authority) -> bytes:
    """The certificate of the authority."""
    return ssl.PEM_cert_to_DER_cert(Path(authority.file).read_text("ascii"))


def test_of_what_is_no_certificate_no_days_are_told(authority: Authority):
    whole = der(authority)
    assert days_left(whole) == pytest.approx(30, abs=0.1)
    assert all(days_left(whole[:cut]) is None for cut in range(len(whole)))
    assert days_left(b"\x30\x84\xff\xff\xff\xff") is None


@given(st.binary(max_size=200))
def test_random_bytes_are_no_certificate(data: bytes):
    assert days_left(data) is None


@given(st.data())
def test_a_damaged_certificate_does_no_harm(authority: Authority, data: st.DataObject):
    damaged = bytearray(der(authority))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(days_left(bytes(damaged)), float | None)
