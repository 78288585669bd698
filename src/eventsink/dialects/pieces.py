"""The single events of a body, cut out byte for byte before any of them is read: none changes how another is read."""

import re

import msgspec

from eventsink.dialects.labels import Text
from eventsink.errors import MalformedBody

__all__ = ["malformed", "split"]

# Every byte beyond ASCII as a letter: where a string ends does not depend on what is written in it.
_TO_ASCII = bytes(byte if byte < 0x80 else ord("x") for byte in range(256))
_BETWEEN = b" \t\r\n,"  # the elements of an array
# What gives an array its form: strings as a whole, also one without an end, so that the time stays linear.
_FORM = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)

_raw = msgspec.json.Decoder(msgspec.Raw)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def split(text: Text) -> list[bytes]:
    """The pieces of a body: elements of an array, lines, members of a JSON text sequence, or the whole of it.

    Whether it has lines is told by all of it, so that a broken line is refused and its neighbours are read. A line may
    be an array.

    Raises:
        MalformedBody: it is empty, or an array whose form is broken.
    """
    body = text.content.strip()
    if not body:
        raise MalformedBody("The body is empty: send an event, an array of events, or one event a line.")
    if body[:1] == b"\x1e":
        return [piece for piece in body.split(b"\x1e") if piece.strip()]
    lines = [line for line in body.split(b"\n") if line.strip()]
    if body[:1] == b"[":
        try:
            return _elements(body)
        except MalformedBody:
            if not text.lines or len(lines) == 1:
                raise
    elif len(lines) == 1 or _is_value(body) or not (text.lines or any(map(_is_object, lines))):
        return [body]
    return [piece for line in lines for piece in _elements_of_line(line)]


def _is_object(line: bytes) -> bool:
    """Whether this line is an object by itself; within one that is written over several lines it would be indented."""
    return line[:1] == b"{" and _is_value(line)


def _elements_of_line(line: bytes) -> list[bytes]:
    if line.lstrip()[:1] == b"[":
        try:
            return _elements(line.strip())
        except MalformedBody:
            pass  # and is refused as that
    return [line]


def _is_value(piece: bytes) -> bool:
    """Whether this is one value of JSON, as far as its form goes."""
    try:
        _raw.decode(piece.translate(_TO_ASCII))
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _elements(body: bytes) -> list[bytes]:
    try:
        raws = _raws.decode(body.translate(_TO_ASCII))
    except (msgspec.MsgspecError, RecursionError) as error:
        return _elements_by_form(body, error)
    pieces, end = [], 1
    for raw in raws:
        while body[end] in _BETWEEN:
            end += 1
        start, end = end, end + len(bytes(raw))
        pieces.append(body[start:end])
    return pieces


def _elements_by_form(body: bytes, error: Exception) -> list[bytes]:
    """The elements of an array of which one is no JSON by itself, as NaN, or nested beyond all reason.

    Raises:
        MalformedBody: brackets do not match, or an element is missing: nothing tells where the next begins.
    """
    pieces, depth, start = [], 0, 1
    for found in _FORM.finditer(body):
        mark = found[0]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if (mark == b"," and depth == 1) or depth == 0:
            pieces.append(body[start : found.start()].strip())
            start = found.end()
        if depth == 0:
            break
    if depth or start != len(body) or not all(pieces):
        raise malformed(error, body)
    return pieces


def malformed(error: Exception, body: bytes) -> MalformedBody:
    """What the strict reader said of a body, as a sentence with the place."""
    if isinstance(error, RecursionError):
        return MalformedBody("The JSON is nested too deeply.")
    text = str(error)
    where = text.rpartition("(byte ")[2].rstrip(")")
    if "truncated" in text:
        return MalformedBody(f"The JSON ends too early, after {len(body)} bytes.")
    if where.isdigit():
        line = body.count(b"\n", 0, int(where)) + 1
        column = int(where) - (body.rfind(b"\n", 0, int(where)) + 1) + 1
        reason = text.partition(":")[2].partition("(")[0].strip()
        if body[:1] == b"'" or body[:2] in (
            b"{t",
            b"{i",
            b"{d",
            b"{s",
        ):  # what is left of quotes that cmd does not know
            reason += ". On Windows quotes within quotes are lost: send a file, as `-d @event.json`"
        return MalformedBody(f"The JSON is malformed at line {line}, column {column} (byte {where}): {reason}.")
    return MalformedBody(f"The JSON is malformed: {text}.")
