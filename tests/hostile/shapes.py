"""Bodies that a hostile sender would try, each of any size: for the front door and for what others put into a queue."""

import base64
import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["SHAPES", "Shape"]

EVENT = b'{"type":"lab.run","data":%b}'
LOGIN = b'{"type":"users.login","data":%b}'


@dataclass(frozen=True)
class Shape:
    """One kind of body.

    Args:
        make: gives a body of about so many bytes, once it is inflated.
        size: of the smaller one of two; it is tried at four times that, too.
        headers: in which it comes.
    """

    name: str
    make: Callable[[int], bytes]
    size: int = 250_000
    headers: dict[str, str] = field(default_factory=dict)


LINES = {"content-type": "application/x-ndjson"}
GZIP = {"content-encoding": "gzip"}
MEGABYTES = 2_000_000  # four times as much is the most that is read


def _fill(pattern: bytes, size: int) -> bytes:
    return pattern * (size // len(pattern))


def _data(pattern: bytes, size: int) -> bytes:
    """A custom event with a list in its data."""
    return EVENT % (b'{"a":[' + _fill(pattern, size) + b"1]}")


def _lines(line: bytes, size: int) -> bytes:
    return _fill(line + b"\n", size)


def _each(make: Callable[[int], bytes], size: int, between: bytes = b"\n") -> bytes:
    """As many different pieces as fit."""

    def pieces() -> Iterator[bytes]:
        left = size
        for number in itertools.count():
            piece = make(number)
            left -= len(piece) + 1
            if left < 0:
                return
            yield piece

    return between.join(pieces())


def _many_keys(size: int) -> bytes:
    return b"{" + _each(lambda number: b'"k%07d":1' % number, size, b",") + b"}"


def _permuted(size: int) -> bytes:
    """Names that look like those of the catalogue and are none."""
    names = itertools.permutations("file_name")
    return b"{" + _each(lambda _: b'"%b":1' % "".join(next(names)).encode(), size, b",") + b"}"


def _near_types(number: int) -> bytes:
    letters = base64.b32encode(number.to_bytes(4, "big")).decode().lower().rstrip("=")
    return b'{"type":"storage.file_uploade%b"}' % letters.encode()


def _missing_field(number: int) -> bytes:
    others = ",".join(f'"resource_typ{number}_{other}":1' for other in range(20))
    return b'{"type":"storage.resource_created","data":{%b}}' % others.encode()


def _month(number: int) -> bytes:
    time = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=31 * (number % 400))
    return b'{"type":"lab.run","time":"%b"}' % time.isoformat().encode()


def _members(size: int) -> bytes:
    member = gzip.compress(b"\n")
    return gzip.compress(b"1") + _fill(member, size // 4)


SHAPES = [
    Shape("nested arrays", lambda size: b"[" * size, MEGABYTES),
    Shape("nested objects", lambda size: _fill(b'{"a":', size), MEGABYTES),
    Shape("data nested deeply", lambda size: EVENT % (b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6)), MEGABYTES),
    Shape("many keys", lambda size: EVENT % _many_keys(size)),
    Shape("many keys of a known type", lambda size: LOGIN % _many_keys(size)),
    Shape("names like known ones", lambda size: b'{"type":"storage.file_uploaded","data":%b}' % _permuted(size)),
    Shape("many integers", lambda size: _data(b"1,", size)),
    Shape("many numbers", lambda size: _data(b"1.5,", size)),
    Shape("many texts", lambda size: _data(b'"ab",', size)),
    Shape("many lists", lambda size: _data(b"[],", size)),
    Shape("many lists of one", lambda size: _data(b"[1],", size)),
    Shape("many objects", lambda size: _data(b'{"a":1},', size)),
    Shape(
        "a long key over a long list", lambda size: EVENT % (b'{"%b":[%b1]}' % (b"k" * size, b"1," * 8000)), MEGABYTES
    ),
    Shape("a long key over a fault", lambda size: EVENT % (b'{"%b":[1,NaN]}' % (b"k" * size)), MEGABYTES),
    Shape(
        "long keys over faults", lambda size: _lines(EVENT % (b'{"%b":NaN}' % (b"k" * 5000)), size), MEGABYTES, LINES
    ),
    Shape("lines of a number", lambda size: _lines(b"1", size), MEGABYTES, LINES),
    Shape("lines of a number in no form", lambda size: _lines(b"1", size), MEGABYTES),
    Shape("lines of nothing", lambda size: _lines(b"{}", size), 100_000, LINES),
    Shape("lines that break off", lambda size: _lines(b"{", size), 80_000, LINES),
    Shape("lines of arrays", lambda size: _lines(b"[1,1,1,1,1,1,1,1]", size), 100_000, LINES),
    Shape("blank lines", lambda size: b"{}" + b"\n" * size + b"{}", MEGABYTES, LINES),
    Shape("an array of numbers", lambda size: b"[" + _fill(b"1,", size) + b"1]", MEGABYTES),
    Shape("an array of NaN", lambda size: b"[" + _fill(b"NaN,", size) + b"1]", MEGABYTES),
    Shape("an array cut by its form", lambda size: b"[NaN,[" + _fill(b"[],", size) + b"1]]", MEGABYTES),
    Shape("an array of quotes", lambda size: b"[NaN," + _fill(b'"\\"', size), MEGABYTES),
    Shape("a text of commas", lambda size: b'["' + b"," * size + b'"]', MEGABYTES),
    Shape("a text of backslashes", lambda size: b'["' + b"\\" * size, MEGABYTES),
    Shape("a sequence of numbers", lambda size: _fill(b"\x1e1", size), MEGABYTES),
    Shape("spaces", lambda size: b" " * size, MEGABYTES),
    Shape("spaces within", lambda size: b'{"type":"lab.run"' + b" " * size + b"}", 200_000),
    Shape("many types", lambda size: _each(lambda number: b'{"type":"lab.t%d"}' % number, size), 250_000, LINES),
    Shape("types like known ones", lambda size: _each(_near_types, size), 250_000, LINES),
    Shape("types that are none", lambda size: _lines(b'{"type":"%b"}' % (b"x" * 3000), size), MEGABYTES, LINES),
    Shape("a long type", lambda size: b'{"type":"a.%b"}' % (b"x" * size), MEGABYTES),
    Shape("a field that is missing", lambda size: _each(_missing_field, size), MEGABYTES, LINES),
    Shape(
        "a choice that is none",
        lambda size: _lines(b'{"type":"storage.resource_created","data":{"resource_type":"fila"}}', size),
        MEGABYTES,
        LINES,
    ),
    Shape(
        "long attributes", lambda size: _lines(b'{"type":"a.b","user":"%b"}' % (b"u" * 2000), size), MEGABYTES, LINES
    ),
    Shape(
        "many extensions",
        lambda size: b'{"type":"lab.run",%b}' % _each(lambda number: b'"x%d":1' % number, size, b","),
    ),
    Shape("many months", lambda size: _each(_month, size), 20_000, LINES),
    Shape("events as they should be", lambda size: _lines(LOGIN % b'{"method":"local"}', size), 500_000, LINES),
    Shape("large events", lambda size: _lines(_data(b"[1],", 200_000), size), MEGABYTES, LINES),
    Shape("halves of surrogate pairs", lambda size: _lines(EVENT % b'{"a":"\\ud800"}', size), 400_000, LINES),
    Shape(
        "integers that are too long", lambda size: _lines(EVENT % b'{"a":1180591620717411303424}', size), 400_000, LINES
    ),
    Shape("an integer of very many digits", lambda size: EVENT % (b'{"a":%b}' % (b"9" * size)), MEGABYTES),
    Shape(
        "times of many digits",
        lambda size: _lines(b'{"type":"a.b","time":"%b"}' % (b"9" * 2000), size),
        MEGABYTES,
        LINES,
    ),
    Shape("a time that backs off", lambda size: b'{"type":"a.b","time":"' + _fill(b":59:60+", size) + b'\\n0"}'),
    Shape("small lines that break off", lambda size: _lines(b"[", size), 16_000, LINES),
    Shape("small lines of nothing", lambda size: _lines(b"{}", size), 16_000, LINES),
    Shape("events of all kinds of types", lambda size: _each(lambda n: b'{"type":"a%d.b"}' % n, size), 16_000, LINES),
    Shape(
        "checks with long messages",
        lambda size: b'{"check":"ping","measurement":{},"config":{},"message":"%b"}' % _fill(b"k@:/?", size),
    ),
    Shape("bytes of no charset", lambda size: _lines(EVENT % b'{"a":"Mei\xdfner"}', size), 400_000, LINES),
    Shape(
        "bytes that are not in their charset",
        lambda size: b'{"type":"' + b"\xff" * size + b'"}',
        MEGABYTES,
        {"content-type": "application/json; charset=ascii"},
    ),
    Shape(
        "UTF-16 that is none",
        lambda size: b"{\0" + _fill(b"\0\xd8", size),
        MEGABYTES,
        {"content-type": "application/json; charset=utf-16-le"},
    ),
    Shape(
        "data in base64",
        lambda size: json.dumps(
            {"specversion": "1.0", "id": "1", "source": "x", "type": "a.b", "data_base64": "e30K" * (size // 4)}
        ).encode(),
    ),
    Shape("messages of Clowder", lambda size: _lines(b'{"category":"%b"}' % (b"c" * 500), size), 400_000, LINES),
    Shape(
        "exports of MongoDB",
        lambda size: _lines(b'{"_id":{"$oid":"5f"},"created":{"$date":{"$numberLong":"%b"}}}' % (b"9" * 300), size),
        400_000,
        LINES,
    ),
    Shape("a bomb of spaces", lambda size: gzip.compress(b" " * size), MEGABYTES, GZIP),
    Shape("a bomb of lines", lambda size: gzip.compress(_lines(b"1", size)), MEGABYTES, GZIP | LINES),
    Shape("a bomb of lists", lambda size: gzip.compress(_data(b"[],", size)), MEGABYTES, GZIP),
    Shape(
        "a bomb of large events",
        lambda size: gzip.compress(_lines(_data(b"[],", 100_000), size)),
        MEGABYTES,
        GZIP | LINES,
    ),
    Shape("many members", _members, MEGABYTES, GZIP),
    Shape("zeros behind", lambda size: gzip.compress(b"1") + bytes(size), MEGABYTES, GZIP),
    Shape("deflate", lambda size: zlib.compress(_lines(b"{}", size)), 100_000, {"content-encoding": "deflate"} | LINES),
]
