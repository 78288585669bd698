"""From a body to events: decode, read the dialect, check, stamp. What is bad is named, what is good goes on."""

import asyncio
import codecs
import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventsink import dialects
from eventsink.collect.problems import Problem
from eventsink.dialects.admit import Admission, Stamps
from eventsink.dialects.cloudevents import from_headers
from eventsink.errors import InvalidEvent
from eventsink.event import Event, Plain

__all__ = ["Intake", "Notice", "Rejection", "ingest", "ingest_typed"]

MOST_TOLD = 1000
AT_ONCE = 2000  # events between two chances for other requests

_JSON = frozenset({"", "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq"})
_EITHER = frozenset({"application/x-www-form-urlencoded", "text/plain", "application/octet-stream"})  # curl and friends

# Codecs of Python that no charset is; one of them needs hours for a body of some megabytes.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})

_plain = msgspec.json.Decoder(Plain)
_plains = msgspec.json.Decoder(list[Plain])
_pieces = msgspec.json.Decoder(list[msgspec.Raw])


class Rejection(msgspec.Struct, frozen=True):
    """An event of the request that was not accepted: which, where in it, and why."""

    index: int
    pointer: str
    expected: str
    got: str
    message: str


class Notice(msgspec.Struct, frozen=True):
    """Something about an accepted event that its sender should know."""

    index: int
    pointer: str
    message: str


class Intake:
    """What became of the events of one request."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rejected: list[Rejection] = []
        self.warnings: list[Notice] = []
        self.malformed: str = ""

    def reject(self, index: int, error: InvalidEvent) -> None:
        """Note one event that was not accepted."""
        self.rejected.append(Rejection(index, error.pointer, error.expected, error.got, error.message))


async def ingest(
    body: bytes, content_type: str, headers: dict[bytes, bytes], admission: Admission, source: str
) -> Intake:
    """Read a body in any form that `POST /v1/events` takes.

    Raises:
        Problem: 400 when it is not JSON; 415 when its content type or charset is not known.
    """
    stamps = Stamps(datetime.now(UTC), source, len(body))
    if b"ce-type" in headers:
        return await _one(_binary(body, headers), admission, stamps)
    media, body = _plain_utf8(content_type, body)
    intake = Intake()
    try:
        drafts = _fast(body, media)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # the careful way says what is wrong, and where
        await _admit(_carefully(body, media, intake), admission, stamps, intake)
    else:
        await _admit(enumerate(drafts), admission, stamps, intake)
    return intake


async def ingest_typed(
    body: bytes, event_type: str, headers: dict[bytes, bytes], admission: Admission, source: str
) -> Intake:
    """Read the data of one event whose type the address names; its other attributes stand in `ce-` headers."""
    named = {**headers, b"ce-type": event_type.encode()}
    return await _one(_binary(body, named), admission, Stamps(datetime.now(UTC), source, len(body)))


async def _one(item: dict[str, Any], admission: Admission, stamps: Stamps) -> Intake:
    intake = Intake()
    try:
        draft = dialects.read(item)
    except InvalidEvent as error:
        intake.reject(0, error)
        return intake
    await _admit([(0, draft)], admission, stamps, intake)
    return intake


async def _admit(
    drafts: Iterable[tuple[int, Plain | None]], admission: Admission, stamps: Stamps, intake: Intake
) -> None:
    admit, accept = admission.admit, intake.events.append
    for index, draft in drafts:
        if index % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        if draft is None:  # it could not even be read
            continue
        try:
            event, notices = admit(draft, stamps)
        except InvalidEvent as error:
            intake.reject(index, error)
            continue
        accept(event)
        if notices:
            intake.warnings += [Notice(index, notice.pointer, notice.message) for notice in notices]


def _fast(body: bytes, media: str) -> Sequence[Plain]:
    """All events at once, which works when they are in our own form and well-formed."""
    if media in _LINES:
        return _plain.decode_lines(body)
    if body[:1] == b"[":
        return _plains.decode(body)
    return [_plain.decode(body)]


def _carefully(body: bytes, media: str, intake: Intake) -> Iterator[tuple[int, Plain | None]]:
    """One event after the other, in any dialect; None for one that was refused here."""
    pieces = _split(body, media)
    for index, piece in enumerate(pieces):
        draft = None
        try:
            draft = dialects.read(_decode(bytes(piece)) if isinstance(piece, bytes | msgspec.Raw) else piece)
        except InvalidEvent as error:
            intake.reject(index, error)
        except Problem as problem:
            if len(pieces) == 1:
                raise
            intake.reject(index, InvalidEvent(problem.detail, expected="JSON"))
        yield index, draft


def _split(body: bytes, media: str) -> list[Any]:
    """The single events of a body: pieces of JSON, or values where only Python's lenient reader could read it."""
    body = body.strip()
    if not body:
        raise Problem(400, "The body is empty: send an event, an array of events, or one event a line.")
    separator = b"\x1e" if media == "application/json-seq" else b"\n"
    lines = [line for line in body.split(separator) if line.strip()]
    if media in _LINES:
        return lines
    body = _as_utf8(body)
    if body[:1] == b"[":
        try:
            return list(_pieces.decode(body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            value = _leniently(body, error)
            return value if isinstance(value, list) else [value]
    if media in _EITHER and len(lines) > 1:
        try:
            _decode(body)
        except Problem:  # not one value, so one a line
            return lines
    return [body]


def _decode(piece: bytes) -> Any:
    piece = _as_utf8(piece)
    try:
        return msgspec.json.decode(piece)
    except (msgspec.MsgspecError, RecursionError) as error:
        return _leniently(piece, error)


def _leniently(body: bytes, error: Exception) -> Any:
    """What Python's own reader makes of it: it takes NaN and lone surrogates, which are then refused one by one.

    Raises:
        Problem: 400 with the position of the error that the strict reader met.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed(error, body) from None


def _binary(body: bytes, headers: dict[bytes, bytes]) -> dict[str, Any]:
    attributes = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    _, body = _plain_utf8(attributes.get("content-type", ""), body)
    return from_headers(attributes, _decode(body) if body.strip() else {})


def _plain_utf8(content_type: str, body: bytes) -> tuple[str, bytes]:
    """The media type, and the body as UTF-8 without a byte order mark.

    Raises:
        Problem: 415 for a media type or charset that is not read here.
    """
    media, charset = _media_type(content_type)
    if media not in _JSON and media not in _LINES and media not in _EITHER:
        raise Problem(415, f"{media[:80]!r} is not read here: send application/json or application/x-ndjson.")
    if charset and charset not in ("utf-8", "utf8"):
        recoded = _recoded(body, charset)
        if recoded is None:
            raise Problem(415, f"The body is not in the charset {charset[:40]!r}, or that is not known.")
        body = recoded
    return media, body.removeprefix(b"\xef\xbb\xbf")


@functools.lru_cache(maxsize=256)  # clients send few different ones, and all the time
def _media_type(content_type: str) -> tuple[str, str]:
    """The media type and the charset of a Content-Type, in small letters."""
    media, _, parameters = content_type.lower().partition(";")
    return media.strip(), parameters.partition("charset=")[2].partition(";")[0].strip().strip('"')


def _recoded(body: bytes, charset: str) -> bytes | None:
    """The body as UTF-8; None when it is not in this charset, or there is none of the name."""
    try:
        if codecs.lookup(charset).name.replace("-", "_") in _NO_CHARSETS:
            return None
        return body.decode(charset).encode()
    except (LookupError, ValueError):  # a UnicodeError is a ValueError, and so is a NUL in the name
        return None


def _as_utf8(body: bytes) -> bytes:
    """The body, read as Latin-1 where it is not UTF-8, as some Java machines send it."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1").encode()
    return body


def _malformed(error: Exception, body: bytes) -> Problem:
    if isinstance(error, RecursionError):
        return Problem(400, "The JSON is nested too deeply.")
    text = str(error)
    where = text.rpartition("(byte ")[2].rstrip(")")
    if "truncated" in text:
        return Problem(400, f"The JSON ends too early, after {len(body)} bytes.")
    if where.isdigit():
        line = body.count(b"\n", 0, int(where)) + 1
        column = int(where) - (body.rfind(b"\n", 0, int(where)) + 1) + 1
        hint = " For one event a line, send application/x-ndjson." if "trailing" in text and line > 1 else ""
        reason = text.partition(":")[2].partition("(")[0].strip()
        return Problem(400, f"The JSON is malformed at line {line}, column {column} (byte {where}): {reason}.{hint}")
    return Problem(400, f"The JSON is malformed: {text}.")
