"""Notices to a program: one POST of JSON to an address of the web.

The body is `{"notices": […]}`, each with all fields of a notice and with `state`, `link` and `again`. The header
`Idempotency-Key` is the same when the same notices come again.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec

from eventsink.causes import why_unreachable
from eventsink.watch.alerts.address_parts import AddressParts
from eventsink.watch.alerts.channel import Channel, Message, NotTaken, Told
from eventsink.watch.http_request import Place, onward

__all__ = ["Webhook", "body_of", "key_of", "wait_asked_for"]

WITHIN = 15.0  # seconds, for all of it
WORDS_WITHIN = 2.0  # seconds, for what a server says of a refusal
MOST_WORDS = 4096  # bytes of that
HOPS = 3  # from one address of a host to another
LONGEST_WAIT = 3600.0  # seconds that a server may ask for
PATIENCE = 300.0  # seconds, where a person has to change something
_LATER = frozenset({408, 425, 429})  # and all from 500 on
_IN_PARTS = frozenset({400, 413, 422})
_REDIRECTS = frozenset({307, 308})  # the others make a GET of it, which tells nobody anything


class Webhook(Channel):
    """One address of the web.

    Args:
        address: with user and password in it, if it wants them.
        within: seconds for one message.

    Raises:
        ValueError: it is no address of the web.
    """

    def __init__(self, label: str, address: str, within: float = WITHIN) -> None:
        super().__init__(label)
        parts = urlsplit(address.strip())
        user = Place.of(address.strip()).user
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        self._user = {"Authorization": f"Basic {user}"} if user else {}
        self._parts = AddressParts(address)
        self._within = within

    async def send(self, message: Message) -> None:
        """Post it.

        Raises:
            NotTaken: the server says no, or nothing.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": key_of(message.notices), **self._user}
        end = time.monotonic() + self._within
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar()
            ) as session:
                async with asyncio.timeout(self._within):
                    await self._post(session, await asyncio.to_thread(body_of, message), headers, end)
        except TimeoutError:
            raise NotTaken(f"no answer came within {self._within:g} seconds", unsure=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            unsure = not isinstance(error, aiohttp.ClientConnectorError)
            raise NotTaken(_why(error), unsure=unsure) from None

    async def _post(self, session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str], end: float) -> None:
        url = self._url
        for _ in range(HOPS):
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    if not 200 <= answer.status < 300:
                        raise self._refusal(answer, await _words(answer, end))
                    return
                there = _there(url, answer.headers.get("Location", ""))
            if there is None or not Place.of(self._url).trusts(Place.of(there)):
                raise NotTaken(
                    f"the server answers {answer.status}: it has moved to another host. Change its address.", PATIENCE
                )
            url = there
        raise NotTaken("the server sends from one address to the next", PATIENCE)

    def _refusal(self, answer: aiohttp.ClientResponse, words: str) -> NotTaken:
        status = answer.status
        said = f"the server answers {status}: {self._parts.hide(words) or _phrase(status)}"
        if status in _LATER or status >= 500:
            return NotTaken(said, wait_asked_for(answer.headers.get("Retry-After", "")))
        if 300 <= status < 400:
            return NotTaken(f"the server answers {status}: it has moved. Change its address.", PATIENCE)
        return NotTaken(said, PATIENCE, too_much=status in _IN_PARTS)


def body_of(message: Message) -> bytes:
    """A message in JSON."""
    notices = [
        {**msgspec.structs.asdict(told.notice), "state": told.state, "link": message.link, "again": told.again}
        for told in message.notices
    ]
    return msgspec.json.encode({"notices": notices})


def key_of(notices: Sequence[Told]) -> str:
    """What tells one message from another, and is the same when it comes again."""
    ids = "\n".join(told.notice.id for told in notices)
    return hashlib.sha256(ids.encode()).hexdigest()


def wait_asked_for(said: str) -> float | None:
    """Seconds after which to come again, an hour at most; RFC 9110 §10.2.3 has a number or a date."""
    said = said.strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), LONGEST_WAIT)
    try:
        seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a zone
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


async def _words(answer: aiohttp.ClientResponse, end: float) -> str:
    """What the server says, the begin of it: it may have no end."""
    words = bytearray()
    # What is there by then is enough: without words, the status says what there is to say.
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(min(WORDS_WITHIN, (end - time.monotonic()) / 2)):
            while len(words) < MOST_WORDS and (piece := await answer.content.read(MOST_WORDS - len(words))):
                words += piece
    return words.decode(errors="replace")


def _there(url: str, location: str) -> str | None:
    try:
        return onward(url, location) if location else None
    except ValueError:
        return None


def _why(error: Exception) -> str:
    # Of aiohttp's errors some have the whole address in their text, so that is not shown.
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "it hung up before it had answered"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is no HTTP"
    return why_unreachable(error) or "the request cannot be made"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a number of its own
        return "no reason given"
