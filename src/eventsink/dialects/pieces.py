"""The single events of a body, cut out byte for byte before any of them is read: none changes how another is read."""

import re
from collections.abc import Iterator

import msgspec

from eventsink.dialects.labels import Text
from eventsink.errors import MalformedBody, TooManyEvents

__all__ = ["MOST_EVENTS", "check_number", "malformed", "split"]

MOST_EVENTS = 50_000  # of one body: even the smallest, which is refused at once, costs more than its bytes

# Every byte beyond ASCII as a letter: where a string ends does not depend on what is written in it.
_TO_ASCII = bytes(byte if byte < 0x80 else ord("x") for byte in range(256))
_BETWEEN = b" \t\r\n,"  # the elements of an array
# What gives an array its form: strings as a whole, also one without an end, so that the time stays linear.
_FORM = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_COMMA = re.compile(rb",")
MOST_MARKS = 2_000_000  # strings, brackets and escapes that are looked at in an array that has to be cut by its form
DEEPEST = 150_000  # levels in it
AT_ONCE = 256 << 10  # bytes

_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")

_raw = msgspec.json.Decoder(msgspec.Raw)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def split(text: Text) -> list[bytes]:
    """The pieces of a body: elements of an array, lines, members of a JSON text sequence, or the whole of it.

    Whether it has lines is told by all of it, so that a broken line is refused and its neighbours are read. A line may
    be an array.

    Raises:
        MalformedBody: it is empty, or an array whose form is broken.
        TooManyEvents: there are more than `MOST_EVENTS`.
    """
    body = text.content.strip()
    if not body:
        raise MalformedBody("The body is empty: send an event, an array of events, or one event a line.")
    if body[:1] == b"\x1e":
        return [piece for piece in _cut(body, b"\x1e") if piece.strip()]
    if body[:1] == b"[":
        try:
            return _elements(body)
        except TooManyEvents:
            raise
        except MalformedBody:
            if not text.lines or b"\n" not in body:
                raise
    elif b"\n" not in body or _is_value(body):
        return [body]
    lines = [line for line in _cut(body, b"\n") if line.strip()]
    if not (text.lines or body[:1] == b"[" or any(map(_is_object, lines))):
        return [body]
    pieces: list[bytes] = []
    for line in lines:
        pieces += _elements_of_line(line)
        check_number(len(pieces))
    return pieces


def _cut(body: bytes, mark: bytes) -> list[bytes]:
    """The parts of a body, which are counted before any is made."""
    check_number(body.count(mark))
    return body.split(mark)


def check_number(events: int) -> None:
    """Refuse more events than are read at once.

    Raises:
        TooManyEvents: there are.
    """
    if events > MOST_EVENTS:
        raise TooManyEvents(f"The body holds more than {MOST_EVENTS:,} events: send them in parts.")


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
        array = body.translate(_TO_ASCII)
        _count_elements(array)
        raws = _raws.decode(array)
    except (msgspec.MsgspecError, RecursionError) as error:
        return _elements_by_form(body, error)
    pieces, end = [], 1
    for raw in raws:
        while body[end] in _BETWEEN:
            end += 1
        start, end = end, end + len(bytes(raw))
        pieces.append(body[start:end])
    return pieces


def _count_elements(array: bytes) -> None:
    """Count the elements of an array of ASCII that may have very many, before any of them is made.

    Raises:
        TooManyEvents: there are more than `MOST_EVENTS`. What is broken is left to who reads it.
    """
    if array.count(b",") < MOST_EVENTS:
        return
    rest, number = memoryview(array)[1:], 0
    while trailing := _trailing(rest):
        number += 1
        check_number(number)
        if rest[trailing] != ord(","):
            return
        rest = rest[trailing + 1 :]


def _trailing(rest: memoryview) -> int:
    """Where the first value ends, of several; the strict reader says so, for all that follows is too much to it."""
    try:
        _raw.decode(rest)
    except (msgspec.MsgspecError, RecursionError) as error:
        found = _TRAILING.search(str(error))
        return int(found[1]) - 1 if found else 0  # msgspec counts bytes from 1
    return 0


def _elements_by_form(body: bytes, error: Exception) -> list[bytes]:
    """The elements of an array of which one is no JSON by itself, as NaN, or nested beyond all reason.

    Raises:
        MalformedBody: brackets do not match, or an element is missing: nothing tells where the next begins. Or there
            are more of them than anybody means.
    """
    if body.count(b"\\") > MOST_MARKS:  # each is looked at, and nobody else runs meanwhile
        raise malformed(error, body)
    pieces: list[bytes] = []
    depth, start, seen = 1, 1, 1
    for number, found in enumerate(_marks(body)):
        if number == MOST_MARKS or depth == DEEPEST:
            break
        if depth == 1:  # only there a comma is one between elements
            for comma in _COMMA.finditer(body, seen, found.start()):
                pieces.append(body[start : comma.start()].strip())
                start = comma.end()
                check_number(len(pieces))
        mark, seen = found[0], found.end()
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if depth == 0:
            pieces.append(body[start : found.start()].strip())
            start = found.end()
            break
    if depth or start != len(body) or not all(pieces):
        raise malformed(error, body)
    return pieces


def _marks(body: bytes) -> Iterator[re.Match[bytes]]:
    """What gives an array its form, searched some bytes at a time: nobody else runs during a search."""
    at = 1
    while at < len(body):
        end = min(at + AT_ONCE, len(body))
        found = _FORM.search(body, at, end)
        if found is None:
            at = end
            continue
        if found.end() == end and found[0][:1] == b'"':  # perhaps it goes on
            found = _FORM.match(body, found.start()) or found
        yield found
        at = found.end()


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
