"""Where events come from: lines of a file, whole JSON values, or a stream. Gzip is known by its first bytes.

A file whose first line opens an array, or is a lone `{`, is read as a whole: JSON values one after the other, the
items of arrays taken apart. It is mapped into memory, and only a compressed one is loaded. All other files are read
line by line, in constant memory.
"""

import gzip
import io
import mmap
import os
import re
import select
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from eventsink.causes import why
from eventsink.client.source import LONGEST_LINE, Mark, Piece, Source, Unreadable
from eventsink.client.spool_source import SpoolSource
from eventsink.files import spool_rows

__all__ = ["given_source", "open_source"]

QUIET = 0.2  # seconds without input after which a stream's events are sent, though they are few
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")


def open_source(path: str) -> Source:
    """The source of a path; `-` is standard input.

    Raises:
        Unreadable: there is none, or it cannot be read.
    """
    try:
        if path == "-":
            return _Stream(io.FileIO(0, closefd=False), "standard input")
        file = Path(path).open("rb")  # noqa: SIM115 - the source closes it
    except FileNotFoundError:
        raise Unreadable(f"There is no file {path}.") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from None
    try:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return _Stream(file, path)
        head = _head(file)
    except (OSError, EOFError, zlib.error) as error:
        file.close()
        raise Unreadable(f"{path} cannot be read: {why(error)}.") from None
    if head.startswith(spool_rows.MAGIC):
        file.close()
        return SpoolSource(path)
    if head.startswith(_UTF_16):
        file.close()
        raise Unreadable(f"{path} is UTF-16, as `>` of Windows PowerShell writes it: save it as UTF-8.")
    return _Whole(file, path) if _is_whole(head) else _Lines(file, path)


def _is_packed(file: BinaryIO) -> bool:
    packed = file.read(2) == _GZIP
    file.seek(0)
    return packed


def _head(file: BinaryIO) -> bytes:
    head = gzip.GzipFile(fileobj=file).read(1 << 16) if _is_packed(file) else file.read(1 << 16)
    file.seek(0)
    return head


def _is_whole(head: bytes) -> bool:
    first = head.removeprefix(_BOM).lstrip()
    return first.startswith(b"[") or first.partition(b"\n")[0].strip() == b"{"


def given_source(line: bytes, name: str) -> Source:
    """A source of one event that is there already."""
    return _Given(line, name)


class _Given:
    """One event that somebody typed."""

    unit = ""
    grows = False
    file: os.stat_result | None = None

    def __init__(self, line: bytes, name: str) -> None:
        self.name = name
        self._line = line

    def pieces(self, start: Mark) -> Iterator[Piece | None]:
        yield Piece(self._line, 0, Mark(1, 1))

    def before(self, position: int) -> bytes:
        return b""

    def progress(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing to free."""


class _Lines:
    """A file with one event a line."""

    unit = "line"

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.file: os.stat_result | None = os.fstat(file.fileno())
        self.grows = not _is_packed(file)
        self._raw = file
        self._reader: Any = file if self.grows else io.BufferedReader(gzip.GzipFile(fileobj=file))

    def pieces(self, start: Mark) -> Iterator[Piece | None]:
        try:
            self._reader.seek(start.position)
            yield from _numbered(_lines(self._reader), start)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{self.name} cannot be read on: {why(error)}. What came before was sent.") from None

    def before(self, position: int) -> bytes:
        start = max(0, position - 1024)
        return os.pread(self._raw.fileno(), position - start, start) if self.grows else b""

    def progress(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()


class _Whole:
    """A file of JSON values that cannot be told apart by its lines."""

    unit = "value"
    grows = False

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.file: os.stat_result | None = os.fstat(file.fileno())
        self._raw = file
        self._share = 0.0

    def pieces(self, start: Mark) -> Iterator[Piece | None]:
        try:
            values = _values(self._content(), self.name)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{self.name} cannot be read, and nothing of it was sent: {why(error)}.") from None
        for piece in _on_lines(values, start):
            self._share = piece.end.number / len(values)
            yield piece

    def _content(self) -> Any:
        if _is_packed(self._raw):
            return gzip.GzipFile(fileobj=self._raw).read()
        return mmap.mmap(self._raw.fileno(), 0, access=mmap.ACCESS_READ)

    def before(self, position: int) -> bytes:
        return b""

    def progress(self) -> int:
        return round(self._share * self.file.st_size) if self.file else 0

    def close(self) -> None:
        self._raw.close()


class _Stream:
    """Standard input or a pipe: it can be read only once."""

    unit = "line"
    grows = False
    file: os.stat_result | None = None

    def __init__(self, file: io.IOBase, name: str) -> None:
        self.name = name
        self._raw = file
        self._read = 0

    def pieces(self, start: Mark) -> Iterator[Piece | None]:
        first = self._take()
        while first and b"\n" not in first.lstrip() and (more := self._take()):
            first += more
        if first.startswith(_GZIP):
            raise Unreadable("Standard input is compressed: send it through `gunzip`, or name the file.")
        if _is_whole(first):
            self.unit = "value"
            yield from _on_lines(_values(first + b"".join(iter(self._take, b"")), self.name), start)
        else:
            yield from _numbered(self._lines(first), start)

    def _lines(self, rest: bytes) -> Iterator[tuple[bytes | None, int] | None]:
        data = rest
        while data:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                yield (line if len(line) <= LONGEST_LINE else None), len(line) + 1
            if not select.select([self._raw], [], [], QUIET)[0]:
                yield None
            data = self._take()
            if len(rest) <= LONGEST_LINE or b"\n" in data:
                rest += data
        if rest:
            yield (rest if len(rest) <= LONGEST_LINE else None), len(rest)

    def _take(self) -> bytes:
        data = os.read(self._raw.fileno(), 1 << 18)
        self._read += len(data)
        return data

    def before(self, position: int) -> bytes:
        return b""

    def progress(self) -> int:
        return self._read

    def close(self) -> None:
        self._raw.close()


def _lines(reader: BinaryIO) -> Iterator[tuple[bytes | None, int] | None]:
    """Each line and its length. Of a line that is too long only the length."""
    while line := reader.readline(LONGEST_LINE):
        length = len(line)
        if length < LONGEST_LINE or line.endswith(b"\n"):
            yield line, length
            continue
        while part := reader.readline(1 << 20):
            length += len(part)
            if part.endswith(b"\n"):
                break
        yield None, length


def _numbered(lines: Iterator[tuple[bytes | None, int] | None], start: Mark) -> Iterator[Piece | None]:
    position, number = start
    for item in lines:
        if item is None:
            yield None
            continue
        line, length = item
        begin, position, number = position, position + length, number + 1
        if line is None:
            yield Piece(b"", begin, Mark(position, number))
        elif text := (line if begin else line.removeprefix(_BOM)).strip():
            yield Piece(text, begin, Mark(position, number))


def _on_lines(values: list[msgspec.Raw], start: Mark) -> Iterator[Piece]:
    """Values, each brought onto one line: a line break in JSON is always between its parts."""
    for position in range(start.position, len(values)):
        line = bytes(values[position]).strip().replace(b"\n", b" ").replace(b"\r", b" ")
        yield Piece(line if len(line) <= LONGEST_LINE else b"", position, Mark(position + 1, position + 1))


def _values(content: Any, name: str) -> list[msgspec.Raw]:
    """JSON values that follow one another, arrays taken apart.

    Raises:
        Unreadable: one of them is malformed, or nested too deeply.
    """
    view, offset, values = memoryview(content), 0, []
    if bytes(view[:3]) == _BOM:
        offset = 3
    try:
        while offset < len(view):
            value, length = _first_value(view[offset:])
            values += _items(value)
            offset += length
    except msgspec.DecodeError as error:
        raise Unreadable(f"{name} is malformed JSON, and nothing of it was sent: {_where(error, offset)}.") from None
    except RecursionError:
        raise Unreadable(f"{name} is nested too deeply, and nothing of it was sent.") from None
    return values


def _first_value(view: memoryview) -> tuple[msgspec.Raw, int]:
    try:
        return msgspec.json.decode(view, type=msgspec.Raw), len(view)
    except msgspec.DecodeError as error:
        more = _TRAILING.search(str(error))
        if more is None:
            raise
        length = int(more[1]) - 1  # msgspec counts bytes from 1
        return msgspec.json.decode(view[:length], type=msgspec.Raw), length


def _items(value: msgspec.Raw) -> list[msgspec.Raw]:
    is_array = bytes(memoryview(value)[:64]).lstrip().startswith(b"[")
    return msgspec.json.decode(value, type=list[msgspec.Raw]) if is_array else [value]


def _where(error: msgspec.DecodeError, offset: int) -> str:
    text = str(error).removeprefix("JSON is malformed: ")
    what, _, byte = text.rstrip(")").partition(" (byte ")
    return f"{what} at byte {int(byte) + offset}" if byte.isdigit() else "it ends too early"
