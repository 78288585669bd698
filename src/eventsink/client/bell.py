"""What wakes a thread of ours. Unlike an event of `threading` it may be rung anywhere.

The handler of a signal may come while its own thread rings: an event of `threading` has a lock that is held just then,
and the handler, if it closes or flushes, would wait for it for ever.
"""

import contextlib
import threading

__all__ = ["Bell", "Latch"]


class Bell:
    """Wakes one thread, as often as it is rung."""

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def set(self) -> None:
        """Ring."""
        with contextlib.suppress(RuntimeError):  # it rings already
            self._silent.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, for so long at most; gives whether it did. It is silent then."""
        return self._silent.acquire(timeout=max(seconds, 0.0))


class Latch(Bell):
    """Once it is set it stays so."""

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False

    def set(self) -> None:
        """Set it, and wake who waits."""
        self._is_set = True
        super().set()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, for so long at most; gives whether it is."""
        return self._is_set or super().wait(seconds)
