"""Visits: what a visitor does until he does nothing for half an hour."""

import hashlib
from collections import OrderedDict

__all__ = ["Visits"]

PAUSE = 1800.0  # seconds without anything, after which it is another visit
MOST = 100_000  # visitors that are remembered


class Visits:
    """The visits of the visitors of a day, as far as this process has seen them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, float, float]] = OrderedDict()

    def id(self, visitor: str, when: float) -> str:
        """The id of the visit that something belongs to: 16 hexadecimal digits.

        Args:
            when: seconds since 1970.
        """
        begun, first, last = self._known.get(visitor, (when, when, when))
        if not first - PAUSE <= when <= last + PAUSE:
            begun, first, last = when, when, when
        self._known[visitor] = (begun, min(first, when), max(last, when))
        self._known.move_to_end(visitor)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return hashlib.sha256(f"{visitor}\0{begun}".encode()).hexdigest()[:16]
