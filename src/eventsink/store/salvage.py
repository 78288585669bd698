"""What to do with a damaged file: tell it from trouble around it, set it aside, keep the sound beginning of its WAL."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from eventsink.store.wal import damaged_length

__all__ = [
    "check_wal",
    "delete",
    "is_around",
    "is_damage",
    "keep_beginning",
    "parts",
    "rename",
    "sound_bytes",
    "wal_of",
]

_AROUND = re.compile(
    r"no space left|could not set lock|permission denied|too many open files|input/output error|out of memory"
    r"|cannot open file|is a directory|read-only",
    re.IGNORECASE,
)
_LATER = re.compile(r"version number", re.IGNORECASE)  # of DuckDB
_DAMAGE = re.compile(
    r"corrupt|checksum|not a valid duckdb|could not read enough|replaying wal|deserializ", re.IGNORECASE
)
_POSITION = re.compile(r"entry at byte position (\d+)")
_BESIDE = (".wal", ".wal.checkpoint", ".wal.recovery")


def is_damage(error: duckdb.Error) -> bool:
    """Whether it says that a file is damaged, and not that the disk is full or another process has it."""
    text = str(error)
    return bool(_DAMAGE.search(text)) and not _LATER.search(text) and not is_around(error)


def is_around(error: duckdb.Error) -> bool:
    """Whether it is of what is around a file, which may be sound: a full disk, too little memory, being broken off."""
    return isinstance(error, duckdb.InterruptException) or bool(_AROUND.search(str(error)))


def wal_of(file: Path) -> Path:
    """The write-ahead log of a DuckDB file."""
    return file.with_name(file.name + ".wal")


def parts(file: Path, *, beside: bool = False) -> list[Path]:
    """A DuckDB file and its WALs; with `beside` the WALs alone."""
    names = [file.name + suffix for suffix in (_BESIDE if beside else ("", *_BESIDE))]
    return [part for part in map(file.with_name, names) if part.exists()]


def delete(file: Path) -> None:
    """Delete a DuckDB file and its WALs."""
    for part in parts(file):
        part.unlink()


def rename(damaged: list[Path]) -> list[Path]:
    """Move files away, to names that say what they are."""
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    return [part.rename(f"{part}.damaged-{moment}") for part in damaged]


def check_wal(file: Path) -> None:
    """See that DuckDB will not take damage in the middle of a WAL for the end that a crash has cut off.

    Raises:
        duckdb.IOException: it would, and drop what was committed behind it.
    """
    wal = wal_of(file)
    position = damaged_length(wal) if wal.exists() else None
    if position is not None:
        raise duckdb.IOException(f"Corrupt WAL file: the length of the entry at byte position {position} is damaged.")


def sound_bytes(error: duckdb.Error) -> int:
    """How much of a WAL is sound according to the error that its damage led to; 0 when it does not say."""
    position = _POSITION.search(str(error))
    return int(position[1]) if position else 0


def keep_beginning(source: Path, target: Path, size: int) -> None:
    """Copy the transactions of a WAL that lie before its damage."""
    with source.open("rb") as old, target.open("wb") as new:
        shutil.copyfileobj(old, new)
        new.truncate(size)
