"""Files, and names in a folder, which need a sync of their own."""

import os
from pathlib import Path

__all__ = ["sync", "sync_names"]


def sync_names(folder: Path) -> None:
    """Have the names of new files, and of renamed ones, survive the loss of power."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync(path: Path) -> None:
    """Have what is in a file survive the loss of power."""
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
