"""Alerts that are left out for a while: a notice that alone is refused holds up no others, if these are taken."""

import time

__all__ = ["Aside"]

MANY = 20  # alerts


class Aside:
    """Remembers of one channel what it has refused."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._row: list[str] = []  # refused alone one after the other, and it is not known whether others are taken

    @property
    def alerts(self) -> list[str]:
        """Those that are left out."""
        return list(self._until)

    def refused(self, alert: str, seconds: float) -> None:
        """Leave an alert out for a time, for its notice was refused alone.

        If many were refused one after the other, it is the channel that takes none, and none of them is left out.
        """
        if alert not in self._row:
            self._row.append(alert)
        self._until[alert] = time.monotonic() + seconds
        if len(self._row) >= MANY:
            for each in self._row:
                self._until.pop(each, None)
            self._row.clear()

    def taken(self) -> None:
        """Others were taken: the fault is not the channel's."""
        self._row.clear()

    def lapse(self) -> bool:
        """Whether the time of some is over: they are tried again, and alone, the oldest first."""
        now = time.monotonic()
        over = [alert for alert, until in self._until.items() if until <= now]
        for alert in over:
            del self._until[alert]
        return bool(over)
