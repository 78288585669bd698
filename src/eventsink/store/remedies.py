"""What the store says when it cannot read or write: the reason, and what whoever runs it can do."""

import re
from pathlib import Path

import duckdb

from eventsink.causes import why

__all__ = ["first_line", "sentence"]

# The first that fits: what DuckDB and the system say, and the remedy.
_REMEDIES = (
    (r"out of memory", "Ask for a shorter time, or give the store more memory than {memory} (memory in [store])."),
    (r"no space left", "Free some space on its disk."),
    (r"too many open files", "Let this process open more files (ulimit -n, or LimitNOFILE of its service)."),
    (r"no such file|not a directory|file exists", "Give a place in which a folder can be made, with store.path."),
    (r"could not set lock", "End the program that has this file open."),
    (r"permission denied|read-only", "Let this user write to the files in this folder (chown, chmod)."),
    (r"corrupt|checksum|could not read enough|deserializ", "Look at the disk; the next start sets the file aside."),
    (r"^(?:fatal|internal)", "Start the event sink again."),
)


def first_line(error: BaseException) -> str:
    """What an error says, without the hints that DuckDB adds."""
    return str(error).partition("\n")[0]


def sentence(path: Path, verb: str, error: duckdb.Error | OSError, memory: str) -> str:
    """What could not be done, why, and what to do about it.

    Args:
        path: the folder of the store.
        verb: what it cannot be: "read", "written", "opened".
        memory: what DuckDB may use, as "64MB".
    """
    reason = why(error) if isinstance(error, OSError) else first_line(error)
    remedies = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, reason, re.IGNORECASE))
    remedy = next(remedies, "").format(memory=memory)
    return f"The store in {path} cannot be {verb}: {reason.rstrip('.')}. {remedy}".rstrip()
