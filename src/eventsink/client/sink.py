"""A running sink over HTTP, with the standard library alone: one keep-alive connection, JSON in and out."""

import email.utils
import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from eventsink import __version__
from eventsink.causes import why_unreachable
from eventsink.errors import EventSinkError
from eventsink.redact import hide_in_address

__all__ = ["Refusal", "Sink", "Unreachable"]

LONGEST = 64 << 20  # bytes of an answer
LONGEST_WAIT = 3600.0  # that a Retry-After may ask for


class Unreachable(EventSinkError):
    """No answer came: nothing listens, or the connection broke."""


class Refusal(EventSinkError):
    """The sink answered, and said no.

    Args:
        status: of the HTTP answer.
        problem: the members of its RFC 9457 problem.
        retry_after: seconds after which it wants to be asked again, 0 if it did not say.
    """

    def __init__(self, message: str, *, status: int, problem: Mapping[str, Any], retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
        self.retry_after = retry_after


class Sink:
    """One connection to a sink. Not for two threads at once: `twin` makes another.

    Args:
        url: address of the sink; a path in it comes before every path that is asked for.
        key: API key, if there is one.
        timeout: seconds to wait for an answer.
        renew: gives another key when this one is refused, if there is another.
        named_by: what a person gives another address by, and another key.

    Raises:
        EventSinkError: the URL or the key cannot be one. From every method that asks: `Unreachable`, `Refusal`.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        renew: Callable[[str | None], str | None] | None = None,
        named_by: tuple[str, str] = ("--url", "--key or EVENTSINK_KEY"),
    ) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EventSinkError(
                f"{hide_in_address(url)!r} is no address of a sink: give one as http://127.0.0.1:8750."
            )
        if key and not (key.isascii() and key.isprintable()):
            raise EventSinkError("The API key has characters that no key has: look for a line break or a quote in it.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url.rstrip("/")
        self.where = hide_in_address(self.url)
        self.key = key
        self._timeout = timeout
        self._renew = renew
        self.named_by = named_by
        self._prefix = parts.path.rstrip("/")
        self._connection = kind(parts.hostname, port, timeout=timeout)
        self._last_headers: dict[str, str] = {}
        self._headers = {"accept": "application/json", "user-agent": f"eventsink/{__version__}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def twin(self, timeout: float | None = None) -> "Sink":
        """Another connection to the same sink.

        Args:
            timeout: seconds to wait for an answer, if other than with this one.
        """
        return Sink(self.url, self.key, timeout=timeout or self._timeout, renew=self._renew, named_by=self.named_by)

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Ask for something; parameters that are None are left out."""
        return dict(_decode(self, self._ask("GET", _address(path, query))))

    def fetch(self, path: str, **query: Any) -> tuple[bytes, Mapping[str, str]]:
        """Ask for something that may have any form: it as it comes, and its headers by their names in small letters.

        Parameters that are None are left out; one that is a list is given as often as it has values.
        """
        content = self._ask("GET", _address(path, query))
        return content, self._last_headers

    def post(self, path: str, content: object) -> dict[str, Any]:
        """Post a value as JSON."""
        return dict(_decode(self, self._ask("POST", path, msgspec.json.encode(content), "application/json")))

    def delete(self, path: str, **query: Any) -> dict[str, Any]:
        """Delete something; parameters that are None are left out."""
        return dict(_decode(self, self._ask("DELETE", _address(path, query))))

    def post_lines(self, lines: bytes, *, packed: bool = False) -> dict[str, Any]:
        """Post events, one a line; `packed`: they are compressed by gzip."""
        return dict(_decode(self, self._ask("POST", "/v1/events", lines, "application/x-ndjson", packed=packed)))

    def pages(self, path: str, member: str, *, cursor: str = "after", **query: Any) -> Iterator[list[msgspec.Raw]]:
        """All pages of a list: the items of each as JSON. `cursor` is the parameter that `next` goes into."""
        while True:
            page = _decode(self, self._ask("GET", _address(path, query)), dict[str, msgspec.Raw])
            yield msgspec.json.decode(page.get(member, b"[]"), type=list[msgspec.Raw])
            following = msgspec.json.decode(page.get("next", b"null"))
            if following is None or following == query.get(cursor):  # or it would be asked for ever
                return
            query[cursor] = following

    @contextmanager
    def download(self, path: str, **query: Any) -> Iterator[http.client.HTTPResponse]:
        """Ask for a file of any size; gives the answer, to be read in parts. Parameters that are None are left out."""
        headers = self._headers | {"accept": "*/*"} | ({"x-api-key": self.key} if self.key else {})
        self.close()  # a connection that was kept open may be closed at the other end
        try:
            self._connection.request("GET", self._prefix + _address(path, query), None, headers)
            answer = self._connection.getresponse()
            if answer.status >= 300:
                raise self._refusal(answer, answer.read(LONGEST))
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            self.close()

    def _ask(
        self, method: str, path: str, body: bytes | None = None, media: str = "", *, packed: bool = False
    ) -> bytes:
        headers = (
            self._headers | ({"content-type": media} if media else {}) | ({"x-api-key": self.key} if self.key else {})
        )
        headers |= {"content-encoding": "gzip"} if packed else {}
        reused = self._connection.sock is not None
        try:
            answer, content = self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # A connection that was kept open may have been closed at the other end meanwhile: that is no failure.
            if not reused or isinstance(error, TimeoutError):
                raise self._unreachable(error) from error
            return self._ask(method, path, body, media, packed=packed)
        if answer.status == 401 and self._renew and (other := self._renew(self.key)):
            self.key = other
            return self._ask(method, path, body, media, packed=packed)
        if answer.status >= 300:
            raise self._refusal(answer, content)
        self._last_headers = {name.lower(): value for name, value in answer.getheaders()}
        return content

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, self._prefix + path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise EventSinkError(f"{self.where} answers with more than {LONGEST >> 20} MB: is it an event sink?")
        return answer, content

    def _unreachable(self, error: Exception) -> Unreachable:
        if isinstance(error, TimeoutError):
            return Unreachable(f"The event sink at {self.where} did not answer within {self._timeout:g} seconds.")
        words = why_unreachable(error) or getattr(error, "strerror", None) or error
        why = "" if isinstance(error, ConnectionError) else f" ({words})"
        another = f"start one with `eventsink up`, or name another with {self.named_by[0]}."
        return Unreachable(f"No event sink answers at {self.where}{why}: {another}")

    def _refusal(self, answer: http.client.HTTPResponse, content: bytes) -> EventSinkError:
        if answer.status < 400:
            return EventSinkError(
                f"{self.where} refers to {answer.getheader('location')}: give that as {self.named_by[0]}."
            )
        try:
            problem = msgspec.json.decode(content, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):  # a proxy in between, or another program altogether
            problem = {}
        detail = str(problem.get("detail") or f"{self.where} answers {answer.status} {answer.reason}.")
        if answer.status == 401:
            detail += f" Give it with {self.named_by[1]}."
        wait = _seconds(answer.getheader("retry-after"))
        return Refusal(detail, status=answer.status, problem=problem, retry_after=wait)


def _address(path: str, query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return path + ("?" + urlencode(given, doseq=True, quote_via=quote) if given else "")


def _decode(sink: Sink, content: bytes, form: Any = dict[str, Any]) -> Any:
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EventSinkError(
            f"What answers at {sink.where} is no event sink: name one with {sink.named_by[0]}."
        ) from None


def _seconds(text: str | None) -> float:
    """Retry-After: seconds, or a date."""
    if not text:
        return 0.0
    try:
        wait = float(text)
    except ValueError:
        wait = _until(text)
    return min(max(0.0, wait), LONGEST_WAIT)  # in this order NaN becomes 0


def _until(date: str) -> float:
    """Seconds until a date as HTTP has them; 0 where it is none."""
    parsed = email.utils.parsedate_tz(date)
    try:
        return email.utils.mktime_tz(parsed) - datetime.now(UTC).timestamp() if parsed else 0.0
    except (ValueError, OverflowError):  # a year that there is not
        return 0.0
