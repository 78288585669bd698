"""What all destinations over HTTP share: a session, one request, and what its answer means by the rules of HTTP.

In: a request. Out: the answer, or `TryLater` or `Refused` with the server's own reason. Called by workers, who know
what else an answer of their destination means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from eventsink.causes import why_unreachable
from eventsink.errors import NoAnswer, Refused, TryLater
from eventsink.redact import hide_secrets

__all__ = ["Answer", "HttpDestination", "shorten"]

LATER = frozenset({408, 425, 429})  # and all from 500 on
CLOSED = frozenset({401, 403, 407})
PATIENCE = 30.0  # seconds to wait at least, where a person has to change something
LONGEST_WAIT = 3600.0  # seconds that a server may ask for
LONGEST_REASON = 300  # characters
LONGEST_BODY = 4 << 20  # bytes of an answer that are read


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked to."""
        return 200 <= self.status < 300

    @property
    def json(self) -> Any:
        """The body, if it is JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def reason(self) -> str:
        """Why, in the words of the server, all of them."""
        content = self.json if isinstance(self.json, dict) else {}
        texts = [content[name] for name in ("error", "message") if isinstance(content.get(name), str)]
        return next(iter(texts), "") or self.body.decode(errors="replace") or _phrase(self.status)

    @property
    def after(self) -> float | None:
        """Seconds after which to come again, if it says so; RFC 9110 §10.2.3 has a number or a date."""
        said = self.headers.get("Retry-After", "").strip()
        if said.isascii() and said.isdigit():
            return min(float(said), LONGEST_WAIT)
        try:
            seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a zone
            return None
        return min(max(seconds, 0.0), LONGEST_WAIT)


class HttpDestination:
    """Sends requests to a server, over connections that are kept.

    Args:
        name: of the destination, for messages.
        remedy: a sentence that says what to do when it does not let us in.
        timeout: seconds in which it must have answered.
        connections: requests that may be on their way at once. More would wait for one of them, and the wait would
            count as the time of their own.
    """

    def __init__(self, name: str, *, remedy: str, timeout: float, connections: int = 1) -> None:
        self.name = name
        self._remedy = remedy
        self._timeout = timeout
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make a session, unless there is one. No connection is made yet."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request.

        Raises:
            TryLater: there is no answer. What it says has no query in it, where some services want a secret.
        """
        if self._session is None:
            raise TryLater(f"{self.name} is not open.")
        try:
            async with self._session.request(
                method, url, params=query, headers=headers, data=body or None, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await _read(response))
        except TimeoutError:
            raise NoAnswer(f"{self.name} at {_origin(url)} did not answer within {self._timeout:g} seconds.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryLater(f"{self.name} at {_origin(url)} cannot be reached: {_why(error)}.") from None

    def check(self, answer: Answer, reason: str = "") -> None:
        """Raise what an answer means, unless it is a success.

        Args:
            answer: of the server.
            reason: why, where the caller knows to say it better than the answer.

        Raises:
            TryLater: the server takes nothing now, or not from us.
            Refused: it will never take that request.
        """
        if answer.ok:
            return
        said = f"{self.name} answers {answer.status}: {shorten(reason or answer.reason)}"
        if answer.status in CLOSED:
            raise TryLater(f"{said} {self._remedy}", after=max(answer.after or 0.0, PATIENCE))
        if answer.status < 400:
            where = _origin(answer.headers.get("Location", ""))
            raise TryLater(f"{said} It has moved{f' to {where}' if where else ''}: change its address.", after=PATIENCE)
        if answer.status in LATER or answer.status >= 500:
            raise TryLater(said, after=answer.after)
        raise Refused(said)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > LONGEST_BODY:
            break
    return bytes(body[:LONGEST_BODY])


def shorten(reason: str) -> str:
    """A server's words as one sentence for a log: on one line, not too long, without secrets."""
    text = hide_secrets(" ".join(reason.split()))
    text = text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "…"
    return text if text.endswith((".", "!", "…")) else f"{text}."


def _why(error: Exception) -> str:
    # Of aiohttp's errors some have the whole address in their text, so that is not shown.
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "it hung up"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is no HTTP"
    return why_unreachable(error) or "the request cannot be made"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a number of its own
        return "no reason given"


def _origin(url: str) -> str:
    """Scheme, host and port of an address, if it has them."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a server may say anything
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
