"""From the bytes of a body to drafts, whatever form and charset it has: JSON, lines, arrays, CloudEvents, messages.

In: a body and its labels. Out: a draft for each event in it, or why not. Called by the front door and by the exchange
for what others put into a queue.
"""

import contextlib
import json
import logging
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from eventsink import dialects
from eventsink.dialects.cloudevents import from_headers
from eventsink.dialects.labels import Text, inflated, text_of
from eventsink.dialects.pieces import check_number, malformed, split
from eventsink.errors import EventTooLarge, InvalidEvent, MalformedBody
from eventsink.event import Plain

__all__ = ["AT_ONCE", "MOST_SENT", "is_binary", "read_all", "read_binary", "read_each", "read_portions", "read_value"]

AT_ONCE = 1 << 20  # bytes of a body that are read in one go
PORTION = 64 << 10  # bytes, of one that is larger
MOST_SENT = 1 << 20  # bytes of one event as it was sent, with all its spaces and escapes

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_DIGITS = re.compile(r"\d{9,20}\.\d{1,30}", re.ASCII)  # which is a time also as text


class _Timed(msgspec.Struct):
    """The time of an event, byte for byte."""

    time: msgspec.Raw = msgspec.Raw(b"")


_plain, _plains = msgspec.json.Decoder(Plain), msgspec.json.Decoder(list[Plain])
_timed, _timeds = msgspec.json.Decoder(_Timed), msgspec.json.Decoder(list[_Timed])


def read_all(text: Text) -> Sequence[Plain]:
    """All events at once, which works when they are in our own form and well-formed.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError, RecursionError: `read_each` says what is wrong.
        TooManyEvents: more than anybody reads at once.
    """
    if text.lines:
        check_number(text.content.count(b"\n"))
    found = _decode_all(text, _plain, _plains)
    check_number(len(found))
    if any(type(plain.time) is float for plain in found):
        for plain, as_sent in zip(found, _decode_all(text, _timed, _timeds), strict=True):
            plain.time = _exact(plain.time, as_sent)
    return found


def read_each(text: Text, most: int = MOST_SENT) -> Iterator[tuple[bytes, Plain | InvalidEvent]]:
    """One event after the other, in any dialect, or why it cannot be read; each with the bytes that it was read from.

    Args:
        most: bytes that an event may have as it was sent; `read_all` does not ask, and is for bodies without such.

    Raises:
        MalformedBody: the whole of it is no JSON.
        TooManyEvents: more than anybody reads at once.
    """
    pieces = split(text)
    for piece in pieces:
        try:
            yield piece, _read_piece(piece, text.charset, most)
        except MalformedBody as error:
            if len(pieces) == 1:
                raise
            yield piece, InvalidEvent(str(error), expected="JSON")


def read_portions(text: Text, most: int = MOST_SENT) -> Iterator[list[Plain | InvalidEvent]]:
    """All events of a large body, some at a time, so that others may have a turn in between.

    Args and errors are those of `read_each`.
    """
    portion: list[Plain | InvalidEvent] = []
    size = 0
    for piece, found in read_each(text, most):
        portion.append(found)
        size += len(piece)
        if size > PORTION:
            yield portion
            portion, size = [], 0
    yield portion


def _read_piece(piece: bytes, charset: str, most: int) -> Plain | InvalidEvent:
    if len(piece) > most:
        return EventTooLarge(
            "The event is too large.", expected=f"at most {most} bytes as it is sent", got=f"{len(piece)} bytes"
        )
    try:
        plain = _plain.decode(piece)
        if type(plain.time) is not float:
            return plain
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # another dialect, or broken
        pass
    try:
        return dialects.read(_decode_item(piece, charset))
    except InvalidEvent as error:
        return error.with_traceback(None)  # with all that was at hand there, it would weigh many times as much
    except MalformedBody:
        raise
    except Exception:  # noqa: BLE001 - a fault of ours: said, and no reason to refuse its neighbours
        _log.exception("An event could not be read, by a fault of the event sink.")
        return InvalidEvent("The event could not be read, by a fault of the event sink; its log says where.")


def is_binary(content_type: str, names: Container[str]) -> bool:
    """Whether the headers are the event, and the body is its data.

    A whole event in the body may have its attributes in headers besides (HTTP protocol binding 1.0.2 §3.2.2); then its
    content type says so.

    Args:
        names: of the headers, as those of HTTP and in small letters.
    """
    return "ce-type" in names and not content_type.lower().lstrip().startswith("application/cloudevents")


def read_binary(text: Text, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The object that a CloudEvent in binary mode stands for.

    Args:
        text: the data.
        attributes: by the names of HTTP headers.

    Raises:
        InvalidEvent: a header is no UTF-8.
        MalformedBody: the body is no JSON.
    """
    return from_headers(attributes, _decode(text.content, text.charset) if text.content.strip() else {})


def read_value(body: bytes, most: int) -> Any:
    """One value of JSON that is no event, whatever its encoding and charset; what is no text in it is read as `�`.

    Args:
        most: bytes that it may have.

    Raises:
        MalformedBody: it is no JSON, or larger.
    """
    text = text_of(inflated(body, "", most), "")
    try:
        return _decode(text.content, text.charset)
    except MalformedBody:
        return _decode(text.content.decode("utf-8", "replace").encode(), "")


def _decode_all(text: Text, one: msgspec.json.Decoder[_T], several: msgspec.json.Decoder[list[_T]]) -> list[_T]:
    if text.content[:1] == b"[":
        return several.decode(text.content)
    return one.decode_lines(text.content) if text.lines else [one.decode(text.content)]


def _decode_item(piece: bytes, charset: str) -> Any:
    item = _decode(piece, charset)
    if isinstance(item, dict) and type(item.get("time")) is float:
        with contextlib.suppress(msgspec.MsgspecError, RecursionError):  # it has a value that is refused, as NaN
            item["time"] = _exact(item["time"], _timed.decode(_as_utf8(piece, charset)))
    return item


def _exact(time: Any, as_sent: _Timed) -> Any:
    """A time that is a number with a fraction as the digits that were sent: a float may be later than they are."""
    digits = bytes(as_sent.time).decode()
    return digits if type(time) is float and _DIGITS.fullmatch(digits) else time


def _decode(piece: bytes, charset: str) -> Any:
    """One value of JSON. Python's own reader takes NaN and lone surrogates, which are then refused by their place.

    Raises:
        MalformedBody: with the position of the error that the strict reader met.
    """
    piece = _as_utf8(piece, charset)
    try:
        return msgspec.json.decode(piece)
    except (msgspec.MsgspecError, RecursionError) as error:
        try:
            return json.loads(piece)
        except (ValueError, RecursionError):
            raise malformed(error, piece) from None


def _as_utf8(piece: bytes, charset: str) -> bytes:
    """The JSON of one event, read as windows-1252 where it is not UTF-8, as some Windows and Java machines send it.

    Raises:
        MalformedBody: it is in neither. Text in which characters of UTF-8 are found is damaged UTF-8.
    """
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        byte = error.start
    else:
        return piece
    if charset:
        raise MalformedBody(f"The event is not in the charset {charset[:40]!r} (byte {byte}).")
    if piece.decode("utf-8", "ignore").isascii():
        try:
            return piece.decode("windows-1252").encode()
        except UnicodeDecodeError:  # five bytes stand for nothing there
            pass
    raise MalformedBody(
        f"Byte {byte} of the event ({piece[byte]:02X}) is no UTF-8, perhaps half of a character: send UTF-8."
    )
