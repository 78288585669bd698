"""Names are looked up beside one another, and `dns` compares what they have: none waits for a resolver that hangs."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventsink.errors import SettingsError
from eventsink.watch import names
from eventsink.watch.check import Down, Unknown
from eventsink.watch.names import look_up
from tests.watch.checks.running import down, make, up

Run = Callable[..., Any]


class Resolver:
    """The resolver of the system, with names of which it knows nothing, too much, or hangs at."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self.hanging = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: str, port: int, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0) -> Any:
        if flags & socket.AI_NUMERICHOST:
            return self._real(host, port, family, kind, proto, flags)
        self.asked.append(host)
        if host.startswith("hangs"):
            self.hanging += 1
            self.go.wait(100)
            self.hanging -= 1
        if host == "nobody.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host == "half.example" and family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
        if host == "away.example":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        addresses = ("10.0.0.2", "10.0.0.1", "10.0.0.2") if family != socket.AF_INET6 else ()
        more = ("fd00::1",) if family != socket.AF_INET and host != "half.example" else ()
        return [row for each in (*addresses, *more) for row in self._real(each, port, 0, kind)]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """In the place of the real one. When the test ends, nothing hangs any more."""
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.go.set()
    for _ in range(1500):
        if not names._under_way:
            return
        time.sleep(0.02)
    raise AssertionError("Look-ups are under way still")


def test_a_name_has_its_addresses(run: Run, resolver: Resolver):
    found = run(up("dns", name="host.example", expect=["10.0.0.1", "FD00:0::1", "10.0.0.2"]))
    assert found.numbers["addresses"] == 3 and found.numbers["dns_ms"] >= 0
    assert found.message == "It has 10.0.0.1, 10.0.0.2, fd00::1."


@pytest.mark.parametrize("expect", [["10.0.0.1"], ["10.0.0.1", "10.0.0.2", "10.0.0.3"]])
def test_other_addresses_than_expected_are_named(expect: list[str], run: Run, resolver: Resolver):
    found = run(down("dns", name="host.example", family="ipv4", expect=expect))
    assert found.reason == "content" and found.numbers["addresses"] == 2
    assert f"it has 10.0.0.1, 10.0.0.2, and should have {', '.join(expect)}" in found.message


WITHOUT = {
    "nobody.example": "no IPv6 address is known for the name nobody.example",
    "half.example": "no IPv6 address is known for the name half.example",
    "away.example": "name servers of this machine do not say",
    "a..example": "cannot be the name of a host",
    f"{'x' * 64}.example": "cannot be the name of a host",
}


@pytest.mark.parametrize("name", WITHOUT)
@pytest.mark.parametrize("kind", ["dns", "tcp", "tls", "ping", "http"])
def test_a_name_without_an_address_is_down(name: str, kind: str, run: Run, resolver: Resolver, monkeypatch: Any):
    if name[:2] in ("a.", "xx"):
        monkeypatch.undo()  # the real one refuses it
    options = {
        "dns": {"name": name},
        "tcp": {"host": name, "port": 1},
        "tls": {"host": name},
        "ping": {"host": name},
        "http": {"url": f"http://{name}/"},
    }[kind]

    found = run(down(kind, family="ipv6", **options))
    assert (found.reason, type(found)) == ("name", Down)
    assert WITHOUT[name] in found.message


def test_a_name_that_cannot_be_seen_is_made_visible(run: Run):
    found = run(down("dns", name="\u202ea\x1b..example"))
    assert found.message == "�a�..example: �a�..example cannot be the name of a host."


@pytest.mark.parametrize("kind", ["dns", "tcp", "tls", "ping", "http"])
def test_a_resolver_that_hangs_delays_no_other_name_and_not_the_end(kind: str, run: Run, resolver: Resolver):
    options = {
        "dns": {"name": "hangs.example"},
        "tcp": {"host": "hangs.example", "port": 1},
        "tls": {"host": "hangs.example"},
        "ping": {"host": "hangs.example"},
        "http": {"url": "http://hangs.example/"},
    }[kind]

    async def look() -> list[Down]:
        hanging = [asyncio.create_task(down(kind, timeout=2, **options)) for _ in range(50)]
        await asyncio.sleep(0)
        for number in range(20):
            await up("dns", name=f"n{number}.example")
        assert resolver.hanging == 1, "nobody has waited for it"
        return await asyncio.gather(*hanging)

    found = run(look())
    assert resolver.hanging == 1, "it hangs still"
    assert {error.reason for error in found} == {"timeout"}
    assert all("name" in error.message and "still being looked up" in error.message for error in found)
    assert resolver.asked.count("hangs.example") == 1  # by all of them, and by one thread


def test_an_answer_that_comes_late_is_of_use_to_who_asks_then(run: Run, resolver: Resolver):
    async def look() -> Any:
        assert (await down("dns", name="hangs.example", timeout=0.2)).reason == "timeout"
        again = asyncio.create_task(up("dns", name="hangs.example", timeout=20))
        await asyncio.sleep(0.1)
        resolver.go.set()
        return await again

    found = run(look())
    assert found.numbers["dns_ms"] >= 200  # since it was asked for first
    assert len(resolver.asked) == 1


def test_look_ups_that_hang_do_not_pile_up(run: Run, resolver: Resolver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names, "MOST", 3)

    async def look() -> None:
        hanging = [asyncio.create_task(look_up(f"hangs{number}.example")) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unknown, match="no name server answers this machine") as found:
            await look_up("other.example")
        assert found.value.reason == "name"
        assert (await look_up("::1")).addresses[0].host == "::1"
        resolver.go.set()
        await asyncio.gather(*hanging)
        assert await look_up("other.example")

    run(look())


def test_an_expected_address_must_be_one():
    with pytest.raises(SettingsError, match=r"checks\.tried\.expect must be addresses"):
        make("dns", name="host.example", expect=["here"])
