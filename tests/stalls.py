"""What a busy machine keeps everybody from doing, so that it is not taken for the slowness of what is tested."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stalls", "stalls"]

EVERY = 0.02  # seconds
LATE = 0.1  # seconds: less is no stall


class Stalls:
    """The times in which even a thread that does nothing but sleep did not run."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []  # begin and end, on the monotonic clock
        self._woken = time.monotonic()
        self._stop = threading.Event()

    def watch(self) -> None:
        """Look until it is stopped."""
        while not self._stop.is_set():
            due = time.monotonic() + EVERY
            time.sleep(EVERY)
            woken = time.monotonic()
            if woken - due > LATE:
                self._found.append((due, woken))
            self._woken = woken

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def running(self, begun: float) -> float:
        """Seconds from a moment of the monotonic clock until now, without those in which nobody ran."""
        now = time.monotonic()
        while self._woken < now:  # it may not have been woken yet from what has just held up both
            time.sleep(EVERY)
        lost = sum(max(min(end, now) - max(begin, begun), 0.0) for begin, end in self._found)
        return now - begun - lost


@contextmanager
def stalls() -> Iterator[Stalls]:
    """Watch for them while in the context."""
    made = Stalls()
    thread = threading.Thread(target=made.watch, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
