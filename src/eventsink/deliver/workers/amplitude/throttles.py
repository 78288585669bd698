"""Users and devices that have sent too much, and until when nothing of theirs is sent."""

from collections.abc import Iterable, Sequence

from eventsink.deliver.workers.amplitude.answers import Throttle
from eventsink.deliver.workers.amplitude.events import Packed

__all__ = ["Throttles"]

SECONDS = 15.0  # Batch Event Upload: "pause for a short time (15 seconds)"; HTTP V2 says 30
LONG_SECONDS = 3600.0  # its quota is that of the last 24 hours, counted by the hour
MOST = 20_000  # that are remembered

_FOR_SHORT = "Amplitude takes no more than so many events a second of one user or device: those of the others go on."
_FOR_LONG = "Amplitude takes no more than 500,000 events a day of one user or device: those of the others go on."


class Throttles:
    """Remembers them, by the time of the loop."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], tuple[float, str]] = {}

    def note(self, found: Throttle, part: Sequence[Packed], now: float) -> None:
        """Have them wait from now on."""
        named = [part[index] for index in sorted(found.indexes)]
        for_short = _of_kind("user", found.users) | _of_kind("device", found.devices)
        for_long = _of_kind("user", found.users_for_long) | _of_kind("device", found.devices_for_long)
        # An event may be named whose user and device are not: then it is its device that has to wait.
        theirs = {("device", each.device) for each in named if not _keys(each) & (for_short | for_long)}
        self._until.update(dict.fromkeys(for_short | theirs, (now + SECONDS, _FOR_SHORT)))
        self._until.update(dict.fromkeys(for_long, (now + LONG_SECONDS, _FOR_LONG)))

    def split(self, part: Sequence[Packed], now: float) -> tuple[list[Packed], list[Packed]]:
        """Those that may be sent, and those that have to wait."""
        self._forget(now)
        if not self._until:
            return list(part), []
        free: list[Packed] = []
        held: list[Packed] = []
        for each in part:
            (held if self._until.keys() & _keys(each) else free).append(each)
        return free, held

    def groups(self, waiting: Sequence[Packed], now: float) -> list[tuple[float, str, list[Packed]]]:
        """The events by their time, the first to be sent first: seconds until then, why, and which they are."""
        found: dict[tuple[float, str], list[Packed]] = {}
        for each in waiting:
            found.setdefault(max(self._of(each)), []).append(each)
        return [(max(until - now, 0.0), why, found[until, why]) for until, why in sorted(found)]

    def _of(self, each: Packed) -> list[tuple[float, str]]:
        return [self._until[key] for key in _keys(each) if key in self._until] or [(0.0, _FOR_SHORT)]

    def _forget(self, now: float) -> None:
        over = [key for key, (until, _) in self._until.items() if until <= now]
        for key in [*over, *list(self._until)[: max(len(self._until) - len(over) - MOST, 0)]]:
            self._until.pop(key, None)


def _keys(each: Packed) -> set[tuple[str, str]]:
    return {("user", each.user), ("device", each.device)} if each.user else {("device", each.device)}


def _of_kind(kind: str, names: Iterable[str]) -> set[tuple[str, str]]:
    return {(kind, name) for name in names}
