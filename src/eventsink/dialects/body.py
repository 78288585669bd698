"""From the bytes of a body to drafts, whatever form and charset it has: JSON, lines, arrays, CloudEvents, messages.

In: a body and its media type. Out: a draft for each event in it, or why not. Called by the front door and by the
exchange for what others put into a queue.
"""

import codecs
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from eventsink import dialects
from eventsink.dialects.cloudevents import from_headers
from eventsink.errors import InvalidEvent, MalformedBody, UnreadableBody
from eventsink.event import Plain

__all__ = ["declares_charset", "read_all", "read_binary", "read_each", "split_array", "to_utf8"]

_JSON = frozenset({"", "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq"})
_EITHER = frozenset({"application/x-www-form-urlencoded", "text/plain", "application/octet-stream"})  # curl and friends

# Codecs of Python that no charset is; one of them needs hours for a body of some megabytes.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})

# Every byte beyond ASCII as a letter: where a string ends does not depend on what is written in it.
_TO_ASCII = bytes(byte if byte < 0x80 else ord("x") for byte in range(256))
_BETWEEN = b" \t\r\n,"  # the elements of an array

_plain = msgspec.json.Decoder(Plain)
_plains = msgspec.json.Decoder(list[Plain])
_pieces = msgspec.json.Decoder(list[msgspec.Raw])


def read_all(body: bytes, media: str) -> Sequence[Plain]:
    """All events at once, which works when they are in our own form and well-formed.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError, RecursionError: `read_each` says what is wrong.
    """
    if media in _LINES:
        return _plain.decode_lines(body)
    if body[:1] == b"[":
        return _plains.decode(body)
    return [_plain.decode(body)]


def read_each(body: bytes, media: str, *, declared: bool = False) -> Iterator[tuple[int, Plain | InvalidEvent]]:
    """One event after the other, in any dialect, or why it cannot be read; each with its number.

    Args:
        declared: the sender has named the charset, so that no other is guessed.

    Raises:
        MalformedBody: the whole of it is no JSON.
    """
    pieces = _split(body, media)
    for index, piece in enumerate(pieces):
        try:
            yield index, dialects.read(_decode(piece, declared=declared) if isinstance(piece, bytes) else piece)
        except InvalidEvent as error:
            yield index, error
        except MalformedBody as error:
            if len(pieces) == 1:
                raise
            yield index, InvalidEvent(str(error), expected="JSON")


def _split(body: bytes, media: str) -> list[Any]:
    """The single events of a body: pieces of JSON, or values where only Python's lenient reader could read it."""
    body = body.strip()
    if not body:
        raise MalformedBody("The body is empty: send an event, an array of events, or one event a line.")
    separator = b"\x1e" if media == "application/json-seq" else b"\n"
    lines = [line for line in body.split(separator) if line.strip()]
    if media in _LINES:
        return lines
    if body[:1] == b"[":
        try:
            return split_array(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            value = _leniently(_as_utf8(body), error)
            return value if isinstance(value, list) else [value]
    if media in _EITHER and len(lines) > 1:
        try:
            _decode(body)
        except MalformedBody:  # not one value, so one a line
            return lines
    return [body]


def split_array(body: bytes) -> list[bytes]:
    """The elements of a JSON array, cut out byte for byte, whatever charset each of them is in.

    Raises:
        msgspec.MsgspecError, RecursionError: it is no array that the strict reader takes.
    """
    pieces, end = [], 1
    for raw in _pieces.decode(body.translate(_TO_ASCII)):
        while body[end] in _BETWEEN:
            end += 1
        start, end = end, end + len(bytes(raw))
        pieces.append(body[start:end])
    return pieces


def _decode(piece: bytes, *, declared: bool = False) -> Any:
    piece = _as_utf8(piece, declared=declared)
    try:
        return msgspec.json.decode(piece)
    except (msgspec.MsgspecError, RecursionError) as error:
        return _leniently(piece, error)


def _leniently(body: bytes, error: Exception) -> Any:
    """What Python's own reader makes of it: it takes NaN and lone surrogates, which are then refused one by one.

    Raises:
        MalformedBody: with the position of the error that the strict reader met.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed(error, body) from None


def read_binary(body: bytes, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The object that a CloudEvent in binary mode stands for: its attributes by the names of HTTP headers.

    Raises:
        InvalidEvent: a header is no UTF-8.
        MalformedBody: the body is no JSON.
        UnreadableBody: its media type or charset is not read here.
    """
    _, body = to_utf8(attributes.get("content-type", ""), body)
    return from_headers(attributes, _decode(body) if body.strip() else {})


def to_utf8(content_type: str, body: bytes) -> tuple[str, bytes]:
    """The media type, and the body as UTF-8 without a byte order mark.

    Raises:
        UnreadableBody: for a media type or charset that is not read here.
    """
    media, charset = _media_type(content_type)
    if media not in _JSON and media not in _LINES and media not in _EITHER:
        raise UnreadableBody(f"{media[:80]!r} is not read here: send application/json or application/x-ndjson.")
    if charset and charset not in ("utf-8", "utf8"):
        recoded = _recoded(body, charset)
        if recoded is None:
            raise UnreadableBody(f"The body is not in the charset {charset[:40]!r}, or that is not known.")
        body = recoded
    return media, body.removeprefix(b"\xef\xbb\xbf")


@functools.lru_cache(maxsize=256)  # clients send few different ones, and all the time
def _media_type(content_type: str) -> tuple[str, str]:
    """The media type and the charset of a Content-Type, in small letters."""
    media, _, parameters = content_type.lower().partition(";")
    return media.strip(), parameters.partition("charset=")[2].partition(";")[0].strip().strip('"')


def declares_charset(content_type: str) -> bool:
    """Whether a Content-Type names a charset."""
    return bool(_media_type(content_type)[1])


def _recoded(body: bytes, charset: str) -> bytes | None:
    """The body as UTF-8; None when it is not in this charset, or there is none of the name."""
    try:
        if codecs.lookup(charset).name.replace("-", "_") in _NO_CHARSETS:
            return None
        return body.decode(charset).encode()
    except (LookupError, ValueError):  # a UnicodeError is a ValueError, and so is a NUL in the name
        return None


def _as_utf8(piece: bytes, *, declared: bool = False) -> bytes:
    """The JSON of one event, read as windows-1252 where it is not UTF-8, as some Windows and Java machines send it.

    Raises:
        MalformedBody: it is in neither. Text in which characters of UTF-8 are found is damaged UTF-8.
    """
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        try:
            text = "" if declared or _has_utf8(piece) else piece.decode("windows-1252")
        except UnicodeDecodeError:
            text = ""
        if not text:
            byte = f"{piece[error.start]:02X}"
            raise MalformedBody(
                f"Byte {error.start} of the event ({byte}) is no UTF-8, perhaps half of a character: send UTF-8."
            ) from None
        return text.encode()
    return piece


def _has_utf8(piece: bytes) -> bool:
    return not piece.decode("utf-8", "ignore").isascii()


def _malformed(error: Exception, body: bytes) -> MalformedBody:
    if isinstance(error, RecursionError):
        return MalformedBody("The JSON is nested too deeply.")
    text = str(error)
    where = text.rpartition("(byte ")[2].rstrip(")")
    if "truncated" in text:
        return MalformedBody(f"The JSON ends too early, after {len(body)} bytes.")
    if where.isdigit():
        line = body.count(b"\n", 0, int(where)) + 1
        column = int(where) - (body.rfind(b"\n", 0, int(where)) + 1) + 1
        hint = " For one event a line, send application/x-ndjson." if "trailing" in text and line > 1 else ""
        reason = text.partition(":")[2].partition("(")[0].strip()
        return MalformedBody(f"The JSON is malformed at line {line}, column {column} (byte {where}): {reason}.{hint}")
    return MalformedBody(f"The JSON is malformed: {text}.")
