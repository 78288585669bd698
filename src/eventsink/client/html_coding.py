"""Changes what is in a compressed stream while it flows."""

import zlib
from typing import Protocol

__all__ = ["CODINGS", "Changing", "Recoding"]

CODINGS = ("gzip", "x-gzip", "deflate")
"""What the standard library reads."""

GZIP = 31  # zlib's numbers for how a stream is wrapped
ZLIB = 15
RAW = -15
LEVEL = 5  # a page is as small as with 6, a tenth faster
AT_ONCE = 65_536  # bytes that are decompressed at once, however well they were compressed
GZIP_BEGINS = b"\x1f\x8b"


class Changing(Protocol):
    """Something that changes a stream, as `Insertion` does."""

    @property
    def inserted(self) -> bool:
        """Whether anything was changed."""

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """What may be passed on; all of it after the last piece."""

    def end(self) -> bytes:
        """What is held back, when somebody gives up."""


class Recoding:
    """Decompresses a stream, has it changed, and compresses it again in the same way.

    A piece that comes goes on at once, with what was decompressed of it. A stream that is broken goes on as it is from
    there: who reads it finds the same.

    Args:
        inner: what changes it.
        coding: one of `CODINGS`.
    """

    def __init__(self, inner: Changing, coding: str) -> None:
        self._inner = inner
        self._wrapped = ZLIB if coding == "deflate" else GZIP
        self._taken = b""  # as it came, as long as nothing of it was passed on
        self._passes = False
        self._is_unread = False  # whether something is in the compressor that nobody can read yet
        self._out: zlib._Compress | None = None
        self._in: zlib._Decompress | None = None

    @property
    def inserted(self) -> bool:
        """Whether anything was changed."""
        return self._inner.inserted

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """What may be passed on. All of a piece can be read at once by whoever gets that."""
        if self._passes:
            return data
        passed = self._take(data)
        if last:
            return passed + self.end()
        if self._is_unread and self._out is not None and not self._passes:
            self._is_unread = False
            passed += self._out.flush(zlib.Z_SYNC_FLUSH)
        return passed

    def end(self) -> bytes:
        """What is left when the stream is over, or when somebody gives up."""
        if self._passes:
            return b""
        self._passes = True
        if self._out is None:
            return self._taken
        rest = self._out.compress(self._inner.end())
        whole = self._in is not None and self._in.eof
        # What was cut off stays recognizable as that.
        return rest + self._out.flush(zlib.Z_FINISH if whole else zlib.Z_SYNC_FLUSH)

    def _take(self, data: bytes) -> bytes:
        if self._out is None:
            self._taken += data
            if self._in is None:
                data = self._taken
                if len(data) < len(GZIP_BEGINS):  # these show how it is wrapped
                    return b""
        return self._recode(data)

    def _recode(self, data: bytes) -> bytes:
        passed: list[bytes] = []
        piece = b""
        while data or len(piece) == AT_ONCE:  # then there is more, though all of it was read
            if not self._goes_on(data):
                break
            try:
                piece, data = self._decompress(data)
            except zlib.error:
                return b"".join([*passed, self.end(), b"" if self._out is None else data])
            if piece:
                passed.append(self._compress(self._inner.feed(piece)))
        return b"".join(passed)

    def _goes_on(self, data: bytes) -> bool:
        """Whether there is something that can read on. Of gzip a member may follow another; the rest is nothing."""
        if self._in is None:
            self._wrapped = self._wrapped if self._wrapped == GZIP else _recognize(data)
            self._in = zlib.decompressobj(self._wrapped)
        elif self._in.eof:
            if self._wrapped != GZIP or not data.startswith(GZIP_BEGINS):
                return False
            self._in = zlib.decompressobj(GZIP)
        return True

    def _decompress(self, data: bytes) -> tuple[bytes, bytes]:
        """Some of what is in there, and what is not read yet."""
        assert self._in is not None  # noqa: S101
        piece = self._in.decompress(data, AT_ONCE)
        return piece, self._in.unconsumed_tail or self._in.unused_data

    def _compress(self, data: bytes) -> bytes:
        if self._out is None:
            self._out = zlib.compressobj(LEVEL, zlib.DEFLATED, self._wrapped)
        self._is_unread = self._is_unread or bool(data)
        return self._out.compress(data)


def _recognize(data: bytes) -> int:
    """How deflate is wrapped: as RFC 9110 says, or not at all, as some programs do."""
    return ZLIB if data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0 else RAW
