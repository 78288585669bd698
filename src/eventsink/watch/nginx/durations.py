"""How long answers took: percentiles from counts of each millisecond.

Exact as long as there are few different durations. From `MOST` on, those of a second and more are rounded to three
digits, so an error is at most 0.5 % and only there; memory stays bounded, for at three digits there are not so many.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from eventsink.watch.nginx.values import milliseconds

__all__ = ["Durations"]

MOST = 1 << 13
LONGEST = 1_000_000_000  # milliseconds, 11 days


class Durations:
    """Counts durations."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, counts: Mapping[Any, int]) -> None:
        """Count some more durations, as NGINX has written them."""
        for written, count in counts.items():
            duration = milliseconds(written)
            if duration is not None and duration >= 0:
                self.counts[min(duration, LONGEST)] += count
        self._bound()

    def merge(self, other: "Durations") -> None:
        """Count what another has counted."""
        self.counts.update(other.counts)
        self._bound()

    def percentiles(self, *shares: float) -> list[int] | None:
        """The durations, in milliseconds, that such shares of all did not exceed; None if there were none."""
        total = self.counts.total()
        if not total:
            return None
        ordered, found, passed = sorted(self.counts.items()), list[int](), 0
        wanted = list(shares)
        for duration, count in ordered:
            passed += count
            while wanted and passed >= wanted[0] * total - 1e-9:
                found.append(duration)
                wanted.pop(0)
        return found

    def _bound(self) -> None:
        if len(self.counts) <= MOST:
            return
        rounded: Counter[int] = Counter()
        for duration, count in self.counts.items():
            step = 10 ** max(0, len(str(duration)) - 3)
            rounded[round(duration / step) * step if duration >= 1000 else duration] += count
        self.counts = rounded
