"""Answers of HTTP/1.1 as they come over the wire, read with bounded memory and without trust in who sends them.

In: a stream. Out: status, headers, and the pieces of the body, handed to whoever counts them.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from eventsink.watch.check import Down
from eventsink.watch.connecting import LONGEST_HEAD

__all__ = ["Head", "read_body", "read_head"]

PIECE = 64 << 10  # bytes that are read at once
MOST_CHUNKS = 100_000  # of a body
AT_ONCE = 200  # of them, before others have their turn
MOST_INTERIM = 10  # answers before the one that counts
_STATUS = re.compile(rb"HTTP/1\.\d ([1-5]\d\d)(?: [^\r\n]*)?\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\r?\n", re.DOTALL)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")

Take = Callable[[bytes], None]


class Head(NamedTuple):
    """What stands before a body.

    Args:
        headers: by their names in lower case; of one that comes again the values are joined with a comma.
    """

    status: int
    headers: Mapping[str, str]

    @property
    def length(self) -> int | None:
        """Bytes that the body is announced to have; None if it has chunks, or ends with the connection."""
        text = self.headers.get("content-length")
        if text is None or "transfer-encoding" in self.headers:
            return None
        values = {value.strip() for value in text.split(",")}
        value = values.pop()
        if values or not re.fullmatch(r"[0-9]{1,18}", value):
            raise Down("protocol", "the Content-Length of its answer is no number.")
        return int(value)


async def read_head(reader: asyncio.StreamReader, first: bytes) -> Head:
    """Read up to the body. Interim answers (1xx) are passed over.

    Args:
        first: byte of the answer, which was read already.

    Raises:
        Down: `protocol` or `truncated`.
    """
    left = LONGEST_HEAD
    for _ in range(MOST_INTERIM):
        status, left = await _status(reader, first, left)
        headers, left = await _headers(reader, left)
        if status >= 200:
            return Head(status, headers)
        if status == 101:
            raise Down("protocol", "it changes to a protocol for which it was not asked.")
        first = b""
    raise Down("protocol", f"it sends more than {MOST_INTERIM} interim answers (1xx).")


async def read_body(reader: asyncio.StreamReader, head: Head, take: Take) -> None:
    """Hand over the body piece by piece.

    Raises:
        Down: `protocol` or `truncated`, or what `take` raises.
    """
    if head.status in (204, 304):
        return
    coding = head.headers.get("transfer-encoding", "").lower()
    if coding:
        if coding != "chunked":
            raise Down("protocol", "its answer has a Transfer-Encoding for which it was not asked.")
        await _chunks(reader, take)
    elif head.length is not None:
        await _exactly(reader, head.length, take, "its body")
    else:
        while piece := await reader.read(PIECE):
            take(piece)


async def _chunks(reader: asyncio.StreamReader, take: Take) -> None:
    number = 0
    while size := await _chunk_size(reader):
        number += 1
        if number > MOST_CHUNKS:
            raise Down("protocol", f"its body comes in more than {MOST_CHUNKS:,} chunks.")
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)  # a server that sends single bytes would let no other check have its turn
        await _exactly(reader, size, take, "a chunk of its body")
        if (await _line(reader)).strip(b"\r\n"):
            raise Down("protocol", "a chunk of its body is longer than announced.")
    await _headers(reader, LONGEST_HEAD)  # trailers, and the empty line at the end


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    found = _CHUNK.fullmatch(await _line(reader))
    if not found:
        raise Down("protocol", "a chunk of its body does not begin with its size.")
    return int(found[1], 16)


async def _exactly(reader: asyncio.StreamReader, size: int, take: Take, what: str) -> None:
    left = size
    while left:
        piece = await reader.read(min(left, PIECE))
        if not piece:
            raise Down("truncated", f"{what} ends after {size - left:,} of {size:,} bytes.")
        left -= len(piece)
        take(piece)


async def _status(reader: asyncio.StreamReader, first: bytes, left: int) -> tuple[int, int]:
    if first and first != b"H":  # no need to wait for the end of a line of what is none
        raise Down("protocol", "it answers, but not in HTTP.")
    line = first + await _line(reader)
    found = _STATUS.fullmatch(line)
    if not found:
        raise Down("protocol", "it answers, but not in HTTP/1.1.")
    return int(found[1]), left - len(line)


async def _headers(reader: asyncio.StreamReader, left: int) -> tuple[dict[str, str], int]:
    headers: dict[str, str] = {}
    while (line := await _line(reader)).strip(b"\r\n"):
        left -= len(line)
        if left < 0:
            raise Down("protocol", f"the head of its answer is longer than {LONGEST_HEAD:,} bytes.")
        if found := _HEADER.fullmatch(line):  # what is none is passed over, as browsers do
            name, value = found[1].decode("ascii").lower(), _text(found[2])
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers, left


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except ValueError:
        raise Down("protocol", f"a line of its answer is longer than {LONGEST_HEAD:,} bytes.") from None
    if not line.endswith(b"\n"):
        raise Down("truncated", "its answer ends in the middle of a line.")
    return line


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
