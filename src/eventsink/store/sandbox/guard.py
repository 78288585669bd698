"""A query is broken off when it takes too long, or much more memory than it may have.

DuckDB keeps to its limit with what it buffers; a single value, and what functions make of texts, lies outside of it.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Guard"]

LOOKS_EVERY = 0.05  # seconds
SPARE = 256 << 20  # bytes that the process may grow by beyond what DuckDB may have: others work at the same time


class Guard:
    """Watches over one query on a thread of its own.

    Args:
        interrupt: breaks the query off; called until it has ended, since one that has not begun yet does not hear it.
        seconds: that it may take.
        memory: bytes that DuckDB may have.
    """

    def __init__(self, interrupt: Callable[[], None], seconds: float, memory: int) -> None:
        self.reason = ""  # why it was broken off: "time", "memory" or "others"
        self._interrupt = interrupt
        self._end = time.monotonic() + seconds
        self._most = _resident() + memory + SPARE
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="store-guard", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def break_off(self) -> None:
        """Let the query end soon: others need the files."""
        self.reason = self.reason or "others"

    def _watch(self) -> None:
        while not self._ended.wait(LOOKS_EVERY):
            if not self.reason and time.monotonic() > self._end:
                self.reason = "time"
            if not self.reason and _resident() > self._most:
                self.reason = "memory"
            if self.reason:
                self._interrupt()


def _resident() -> int:
    """Bytes of memory that this process has; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
