"""When a check runs: aligned with the wall clock, so that regions measure at the same moments and gaps are seen.

Each check has a place of its own within its period, which follows from its name: a thousand checks of one period do not
all run in the same instant, and after a restart each runs when it would have run.
"""

import hashlib
import math

__all__ = ["Schedule"]


class Schedule:
    """The moments of one check.

    Args:
        name: decides its place within the period.
        every: seconds from one run to the next.
        now: seconds since 1970.
    """

    def __init__(self, name: str, every: float, now: float) -> None:
        self.every = every
        self.offset = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48 * every
        self._slot = self._slot_of(now)
        self.missed = 0
        """Runs that were left out since the last one, because it took too long or the machine slept."""

    @property
    def due(self) -> float:
        """When the next run is due, seconds since 1970."""
        return (self._slot + 1) * self.every + self.offset

    def wait(self, now: float) -> float:
        """Seconds until the next run, by the wall clock: one that was set back makes nobody wait for longer."""
        if self.due - now > self.every:
            self._slot = self._slot_of(now)
        return max(self.due - now, 0.0)

    def begin(self, now: float) -> int:
        """A run begins; gives how many were missed before it."""
        slot = max(self._slot + 1, self._slot_of(now))
        missed, self._slot = slot - self._slot - 1, slot
        self.missed += missed
        return missed

    def _slot_of(self, now: float) -> int:
        return math.floor((now - self.offset) / self.every)
