"""One question to a server of the web: what it answers, and which time it says that it is."""

import contextlib
import email.utils
import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from eventsink import __version__
from eventsink.watch.certificates import context

__all__ = ["Said", "ask", "places"]

WITHIN = 5.0  # seconds in which it must have answered
LONGEST = 1 << 20  # bytes of an answer that are read


class Said(NamedTuple):
    """What was answered.

    Args:
        ahead: seconds that its clock is ahead of ours, by the header Date, which has whole ones; None if it has none.
    """

    status: int
    content: Any
    ahead: float | None


def ask(
    url: str, path: str = "", *, headers: Mapping[str, str] | None = None, verify: bool = True, within: float = WITHIN
) -> Said:
    """Ask with GET. No redirect is followed.

    Args:
        url: an address; a user and password in it are not sent.
        path: after that of the address.
        verify: the certificate; only who is sent no secret may go unverified.

    Raises:
        OSError, http.client.HTTPException, ValueError: no answer came, or the address is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("It has no host.")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=within, context=context(verify=verify)
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=within)
    try:
        connection.connect()
        with _cut_off(connection, within):
            before = time.time()
            connection.request(
                "GET",
                (parts.path.rstrip("/") + path) or "/",
                headers={"user-agent": f"eventsink-doctor/{__version__}", **(headers or {})},
            )
            answer = connection.getresponse()
            after = time.time()
            return Said(answer.status, _json(answer.read(LONGEST)), _ahead(answer.getheader("date"), before, after))
    finally:
        connection.close()


def places(url: str) -> list[tuple[str, int | None]]:
    """Host and port in an address, of a cluster all of them, with commas between; nothing of what cannot be one."""
    found = []
    for place in url.partition("://")[2].partition("/")[0].rpartition("@")[2].split(","):
        with contextlib.suppress(ValueError):  # a port that is none, a bracket too many: said of the setting
            parts = urlsplit(f"//{place}")
            if parts.hostname:
                found.append((parts.hostname, parts.port))
    return found


@contextlib.contextmanager
def _cut_off(connection: http.client.HTTPConnection, within: float) -> Iterator[None]:
    """End a connection that takes longer: who sends a byte now and then is never late for who waits for the next.

    Raises:
        TimeoutError: it took longer.
    """
    late = threading.Event()
    opened = connection.sock

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):  # it has ended by itself
            opened.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(within, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():  # also where what had come looks whole
        raise TimeoutError


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _ahead(date: str | None, before: float, after: float) -> float | None:
    """Seconds between its clock and ours; 0 within the second that a date leaves open, and the time of the way."""
    try:
        there = email.utils.parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if there > after:
        return there - after
    return min(there + 1 - before, 0.0)
