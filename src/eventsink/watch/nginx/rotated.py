"""The files that a log was rotated into, the oldest first."""

import re
from pathlib import Path

from eventsink.watch.nginx.place import OpenLog

__all__ = ["rotated"]

_NUMBER = re.compile(r"\.(\d+)(?:\.gz)?$")


def rotated(log: Path) -> list[Path]:
    """The rotated files of a log: `access.log.1`, `access.log.2.gz`, `access.log-20261128`, `access-20261128.log.gz`.

    They are in the order in which they were last written, which compressing leaves as it is.
    """
    stem, suffix = re.escape(log.stem), re.escape(log.suffix)
    digits = r"[.-]\d[\d.T_-]*"
    named = re.compile(rf"(?:{stem}{suffix}{digits}|{stem}{digits}{suffix})(?:\.gz)?")
    found = []
    try:
        files = [file for file in log.parent.iterdir() if named.fullmatch(file.name)]
    except OSError:
        return []
    for file in files:
        if file.suffix == ".gz" and file.with_suffix("") in files:
            continue  # it is being compressed
        try:
            written = file.stat().st_mtime_ns
        except OSError:
            continue
        number = _NUMBER.search(file.name)
        found.append((written, -int(number[1]) if number else 0, file))
    return [file for _, _, file in sorted(found)]


def open_quietly(path: Path) -> OpenLog | None:
    """A file, if it can be opened."""
    try:
        return OpenLog(path)
    except OSError:
        return None
