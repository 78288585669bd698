"""Alerts that are left out for a while: a notice that alone is refused holds up no others, if these are taken."""

import time

__all__ = ["Aside"]


class Aside:
    """Remembers of one channel what it has refused."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._suspect: str | None = None  # refused alone, and it is not known whether others are taken

    @property
    def alerts(self) -> list[str]:
        """Those that are left out."""
        return list(self._until)

    def refused(self, alert: str, seconds: float) -> None:
        """Leave an alert out for a time, for its notice was refused alone.

        If another was refused just before, it is the channel that takes none, and neither is left out.
        """
        if self._suspect not in {None, alert}:
            self._until.pop(self._suspect or "", None)
            self._suspect = None
            return
        self._suspect = alert
        self._until[alert] = time.monotonic() + seconds

    def taken(self) -> None:
        """Others were taken: the fault is not the channel's."""
        self._suspect = None

    def lapse(self) -> bool:
        """Whether the time of some is over: they are tried again, and alone, the oldest first."""
        now = time.monotonic()
        over = [alert for alert, until in self._until.items() if until <= now]
        for alert in over:
            del self._until[alert]
        return bool(over)
