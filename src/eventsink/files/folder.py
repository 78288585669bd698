"""Names in a folder, which need a sync of their own."""

import os
from pathlib import Path

__all__ = ["sync_names"]


def sync_names(folder: Path) -> None:
    """Have the names of new files, and of renamed ones, survive the loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
