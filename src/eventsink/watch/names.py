"""Names of hosts looked up, each in a thread of its own: a resolver that hangs delays nobody who asks for another name.

In: a name. Out: its addresses, and how long that took. Who asks for a name that is being looked up waits for the same
answer, so there are never more threads than names; they are daemons, for which no process waits when it ends.
"""

import asyncio
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple

from eventsink.redact import visible
from eventsink.watch.check import Down, Unknown

__all__ = ["Address", "Family", "Found", "look_up"]

Family = Literal["any", "ipv4", "ipv6"]
Key = tuple[str, Family]
SockAddress = tuple[Any, ...]

MOST = 100  # look-ups at once; each hangs for as long as the resolver of the system likes
_FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_WORDS = {"any": "address", "ipv4": "IPv4 address", "ipv6": "IPv6 address"}
_NOT_NOW = (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM, socket.EAI_MEMORY)

_lock = threading.Lock()
_under_way: dict[Key, "Future[Found | Exception]"] = {}


class Address(NamedTuple):
    """Where to connect to.

    Args:
        family: AF_INET or AF_INET6.
        where: as the system takes it, with port 0.
    """

    family: int
    where: SockAddress

    @property
    def host(self) -> str:
        """For a person."""
        return str(self.where[0])

    def at(self, port: int) -> SockAddress:
        """With a port."""
        return (self.where[0], port, *self.where[2:])


class Found(NamedTuple):
    """What a look-up has found.

    Args:
        addresses: in the order in which they should be tried.
        ms: that it took, also if somebody else asked first.
    """

    addresses: tuple[Address, ...]
    ms: float


async def look_up(name: str, family: Family = "any") -> Found:
    """The addresses of a name, or of an address itself. Has no time limit of its own; who waits may be cancelled.

    Raises:
        Down: with the reason `name`: it has no address.
        Unknown: too many look-ups are hanging already.
    """
    try:
        found: Found | Exception = _resolve(name, family, socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        found = await asyncio.wrap_future(_ask((name, family)))
    if isinstance(found, Exception):
        raise Down("name", _why(found, name, family))
    return found


def _ask(key: Key) -> "Future[Found | Exception]":
    with _lock:
        if known := _under_way.get(key):
            return known
        if len(_under_way) >= MOST:
            raise Unknown("name", f"{MOST} names are being looked up and no name server answers this machine.")
        future = _under_way[key] = Future()
    future.set_running_or_notify_cancel()  # so that one who waits no longer does not end it for the others
    try:
        threading.Thread(target=_answer, args=(key, future), name="look-up", daemon=True).start()
    except RuntimeError:
        with _lock:
            del _under_way[key]
        raise Unknown("limit", "this machine lets us start no more threads, and a name cannot be looked up.") from None
    return future


def _answer(key: Key, future: "Future[Found | Exception]") -> None:
    try:
        found: Found | Exception = _resolve(*key)
    except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
        found = error
    with _lock:
        del _under_way[key]
    future.set_result(found)


def _resolve(name: str, family: Family, flags: int = 0) -> Found:
    begin = time.perf_counter()
    rows = socket.getaddrinfo(name, 0, _FAMILIES[family], socket.SOCK_STREAM, 0, flags)
    addresses = dict.fromkeys(Address(row[0], row[4]) for row in rows)
    return Found(tuple(addresses), (time.perf_counter() - begin) * 1e3)


def _why(error: Exception, name: str, family: Family) -> str:
    shown = visible(name)
    if not isinstance(error, OSError):  # what cannot be encoded as a name at all
        return f"{shown} cannot be the name of a host."
    if isinstance(error, socket.gaierror) and error.errno not in _NOT_NOW:
        return f"no {_WORDS[family]} is known for the name {shown}."
    return f"the name {shown} cannot be looked up: the name servers of this machine do not say whether there is one."
