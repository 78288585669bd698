"""Drafts: files that take the place of others once they are written."""

import time
from contextlib import suppress
from glob import escape
from pathlib import Path

__all__ = ["clear_drafts"]

LEFT = 3600.0  # seconds after which nobody writes a draft any more: whoever did was killed


def clear_drafts(folder: Path, before: str, after: str = "") -> None:
    """Remove drafts that were left. What cannot be removed stays.

    By their age, and not by the process in a name, for another machine may write into the same folder.

    Args:
        before: what their names begin with; `after` is what they end with.
    """
    for path in folder.glob(f"{escape(before)}*{escape(after)}"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > LEFT:
                path.unlink()
