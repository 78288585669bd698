"""The entries of DuckDB's write-ahead log, as far as their lengths go.

DuckDB takes an entry that ends beyond the file for one that a crash has cut off, and drops it with all that follows.
That is right at the end of the file. A length that the disk has changed looks the same, and would lose what was
committed behind it without a word.

After a header, an entry is eight bytes of length, eight of a checksum, and an object that begins with the id of its
first field and ends with that of no field (`WriteAheadLog` and `ChecksumWriter` in DuckDB 1.2 to 2.0).
"""

import mmap
import re
import struct
from pathlib import Path

__all__ = ["damaged_length"]

_LENGTH = struct.Struct("<Q")
_HEAD = 16  # bytes before the object
_BEGIN, _END = b"\x64\x00", b"\xff\xff"
# Kind, version, and in later versions the id of the database and the number of its checkpoint.
_VARINT = rb"[\x80-\xff]*[\0-\x7f]"
_KNOWN = b"\x64\0\x62\x65\0\x02"
_HEADER = re.compile(rb"\x64\0.\x65\0.(?:\x66\0\x10(?:%b){16})?(?:\x67\0%b)?\xff\xff" % (_VARINT, _VARINT), re.DOTALL)


def damaged_length(wal: Path) -> int | None:
    """Where an entry begins whose length cannot be; None when all are sound, or the last is cut off."""
    if not wal.stat().st_size:
        return None
    with wal.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        header = _HEADER.match(content)
        if header is None:  # of another version DuckDB says what is wrong
            return 0 if content[: len(_KNOWN)] == _KNOWN and _has_entry(content, 0) else None
        at = header.end()
        while (end := _end(content, at)) is not None:
            at = end
        whole = content[at + _HEAD : at + _HEAD + 2] == _BEGIN and content[-2:] == _END
        return at if whole or _has_entry(content, at + 1) else None


def _end(content: mmap.mmap, at: int) -> int | None:
    """Where an entry ends, if one begins here."""
    if at + _HEAD + 4 > len(content) or content[at + _HEAD : at + _HEAD + 2] != _BEGIN:
        return None
    end = at + _HEAD + int(_LENGTH.unpack_from(content, at)[0])
    return end if at + _HEAD + 4 < end <= len(content) and content[end - 2 : end] == _END else None


def _has_entry(content: mmap.mmap, start: int) -> bool:
    """Whether an entry begins anywhere from a place on."""
    found = content.find(_BEGIN, start + _HEAD)
    while found >= 0:
        if _end(content, found - _HEAD) is not None:
            return True
        found = content.find(_BEGIN, found + 1)
    return False
