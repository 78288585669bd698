"""Fetches a page as the checks `http` and `download` want it: timed by phases, within bounds, redirects followed.

In: what is asked for, and a run of a check. Out: its numbers, or `Down` with the class of the failure. It speaks
HTTP/1.1 itself, over one connection a request: so nothing of what is measured was done before.
"""

import ssl
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from eventsink.errors import SettingsError
from eventsink.watch.certificates import failure
from eventsink.watch.check import Down
from eventsink.watch.connecting import Connection, connect, secure, stream
from eventsink.watch.course import Course, since
from eventsink.watch.http_answer import Head, read_body, read_head
from eventsink.watch.http_request import Place, onward, request, shown
from eventsink.watch.names import Family

__all__ = ["Asked", "Probe", "see_to"]

_MOVED = (301, 302, 303, 307, 308)
_LONGEST_NAMED = 200  # characters of an address that a server has sent
_NAME = r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_VALUE = r"\A[\t\x20-\x7e\x80-\xff]*\Z"

StatusClass = Annotated[str, msgspec.Meta(pattern=r"\A[1-5]xx\Z", title="a class of these, as 2xx")]
StatusCode = Annotated[int, msgspec.Meta(ge=100, le=599)]
Headers = dict[
    Annotated[str, msgspec.Meta(pattern=_NAME, title="the name of a header")],
    Annotated[str, msgspec.Meta(pattern=_VALUE, title="text of one line")],
]


@dataclass(frozen=True)
class Asked:
    """What both checks that fetch a page can be told. What may be a secret is in no `repr`."""

    url: Annotated[
        str,
        "Address, http or https; user and password in it are sent.",
        msgspec.Meta(pattern=r"^https?://.", title="an address as https://clowder.example.org"),
    ]
    status: Annotated[
        tuple[StatusCode | StatusClass, ...], "Status that is well, as 204 or 2xx; below 400 if none."
    ] = ()
    contains: Annotated[str, "Text that must be in the body, within most_bytes."] = ""
    headers: Annotated[Headers, "Headers, sent to the host of the url alone; their values are shown nowhere."] = field(
        default_factory=dict, repr=False
    )
    verify: Annotated[bool, "Whether the certificate must be valid."] = True
    certificate_days: Annotated[
        float, "Days that the certificate must be valid still; 0: today is enough.", msgspec.Meta(ge=0, le=36_500)
    ] = 0
    redirects: Annotated[int, "Redirects that are followed, one after the other.", msgspec.Meta(ge=0, le=20)] = 5
    family: Annotated[Family, "Which addresses of the host: any, ipv4 or ipv6."] = "any"
    most_bytes: Annotated[int, "Bytes of the body from which it is too large.", msgspec.Meta(ge=1)] = 64_000_000

    def __repr__(self) -> str:
        """Without credentials, query and headers."""
        return f"{type(self).__name__}({shown(self.url)})"


def see_to(asked: Asked, section: str) -> None:
    """Refuse an address that cannot be one.

    Raises:
        SettingsError: with the name of the setting, and nothing of the address: half of it may be a password.
    """
    remedy = "In user and password / is written as %2F, ? as %3F, # as %23, : as %3A and @ as %40"
    try:
        Place.of(asked.url)
        parts = urlsplit(asked.url)
    except ValueError:
        raise SettingsError(f"{section}.url is no address: it must be https://host/path. {remedy}.") from None
    if "@" in parts.path + parts.query + parts.fragment:  # what stands before it may be half of a password
        raise SettingsError(f"{section}.url has an @ behind the host, which is written as %40 there. {remedy}.")


class Probe:
    """One look at a page.

    Args:
        run: of the check, which gets the numbers: those of the last request, where it is sent on.
        asked: what to fetch.
        method: GET or HEAD.
        least_bytes: that the body must have.
    """

    def __init__(self, run: Course, asked: Asked, *, method: str = "GET", least_bytes: int = 0) -> None:
        self._run, self._asked, self._method, self._least_bytes = run, asked, method, least_bytes
        self._own = Place.of(asked.url)

    async def fetch(self) -> None:
        """Fetch it, and judge what came.

        Raises:
            Down: it is not as it should be.
        """
        url, seen = self._asked.url, {self._asked.url}
        while True:
            self._run.numbers.clear()
            self._run.numbers |= {"url": shown(self._asked.url), "redirects": len(seen) - 1}
            head, body = await self._request(Place.of(url))
            if not self._goes_on(head):
                return self._judge(head, body)
            before, url = url, _onward(url, head)
            self._count(url, seen)
            seen.add(url)
            warning = " That is not encrypted any more." if before[:6] == "https:" and url[:5] == "http:" else ""
            self._run.notes.append(f"Redirected to {_named(url)}.{warning}")

    async def _request(self, place: Place) -> tuple[Head, "_Body"]:
        run = self._run
        connected = await connect(run, place.host, place.port, self._asked.family)
        if place.scheme == "https":
            connection = await secure(run, connected, place.port, place.host, verify=self._asked.verify)
        else:
            connection = await stream(connected)
        try:
            return await self._exchange(connection, place)
        except TimeoutError:
            raise
        except ssl.SSLError as error:
            raise Down("tls", f"TLS broke off: {failure(error)}.") from None
        except OSError:
            raise Down("reset", f"it hung up: {run.doing}.") from None
        finally:
            connection.close()

    async def _exchange(self, connection: Connection, place: Place) -> tuple[Head, "_Body"]:
        run, body = self._run, _Body(self._run, self._asked)
        with run.phase("no byte of an answer had come", "first_byte_ms"):
            connection.writer.write(request(self._method, place, self._own, self._asked.headers))
            await connection.writer.drain()
            first = await connection.reader.read(1)
            if not first:
                raise Down("reset", "it hung up without an answer.")
        begin = time.perf_counter()
        with run.phase("the head of its answer was not complete"):
            head = await read_head(connection.reader, first)
        run.numbers["status"] = head.status
        if self._goes_on(head) or not self._fits(head.status):
            return head, body  # a body that nobody asked for is not waited for
        run.doing = "the body was not at its end"
        run.numbers["bytes"] = 0
        if self._method != "HEAD":
            body.expect(head.length)
            await read_body(connection.reader, head, body.take)
        run.numbers["transfer_ms"] = spent = since(begin)
        # Less than a millisecond says how the network happened to deliver, and not how fast it is.
        run.numbers["bytes_per_second"] = round(run.numbers["bytes"] / max(spent, 1.0) * 1e3, 1)
        return head, body

    def _goes_on(self, head: Head) -> bool:
        return bool(self._asked.redirects) and head.status in _MOVED and "location" in head.headers

    def _count(self, url: str, seen: set[str]) -> None:
        most = self._asked.redirects
        if url in seen:
            raise Down("redirects", f"its redirects lead in a circle, back to {_named(url)}.")
        if len(seen) > most:
            raise Down("redirects", f"it redirects more than {most} times, at last to {_named(url)}.")

    def _fits(self, status: int) -> bool:
        if not self._asked.status:
            return status < 400
        return any(status == fit or f"{status // 100}xx" == fit for fit in self._asked.status)

    def _judge(self, head: Head, body: "_Body") -> None:
        numbers, asked = self._run.numbers, self._asked
        if not self._fits(head.status):
            raise Down("status", f"it answers {head.status}{_phrase(head.status)}.")
        if numbers["bytes"] < self._least_bytes:
            raise Down("content", f"its body has {numbers['bytes']:,} bytes, and must have {self._least_bytes:,}.")
        if not body.found:
            coding = head.headers.get("content-encoding")
            told = " It is compressed, for which it was not asked." if coding else ""
            raise Down("content", f"the text that must be in its body is not there.{told}")
        days = numbers.get("certificate_days")
        if asked.certificate_days and days is not None and days < asked.certificate_days:
            raise Down("certificate", f"its certificate ends in {days:.1f} days: renew it.")


class _Body:
    """Counts a body and looks for a text in it, of which no more is kept than another piece may go on with."""

    def __init__(self, run: Course, asked: Asked) -> None:
        self._run, self._most = run, asked.most_bytes
        self._wanted = asked.contains.encode()
        self._tail = b""
        self.found = not self._wanted

    def expect(self, length: int | None) -> None:
        """Refuse what is announced to be too large."""
        if length is not None and length > self._most:
            raise Down("too_large", f"its body is announced with {length:,} bytes, and may have {self._most:,}.")

    def take(self, piece: bytes) -> None:
        """The next piece."""
        self._run.numbers["bytes"] += len(piece)
        self._run.doing = f"{self._run.numbers['bytes']:,} bytes of the body had come, and not its end"
        if self._run.numbers["bytes"] > self._most:
            raise Down("too_large", f"its body has more than {self._most:,} bytes.")
        if not self.found:
            text = self._tail + piece
            self.found = self._wanted in text
            self._tail = text[max(0, len(text) - len(self._wanted) + 1) :]


def _onward(url: str, head: Head) -> str:
    try:
        return onward(url, head.headers["location"])
    except ValueError:
        raise Down("redirects", "it redirects to what is no address of the web.") from None


def _named(url: str) -> str:
    return shown(url)[:_LONGEST_NAMED]


def _phrase(status: int) -> str:
    return f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""
