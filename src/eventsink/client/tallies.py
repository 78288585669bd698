"""What became of events in a program that reports them: counted, and said in its log, but not too often."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping

__all__ = ["REASONS", "Tallies"]

AGAIN = 60.0  # seconds after which the same is said again
MOST_UNSAID = 100

REASONS: Mapping[str, str] = {
    "memory": "Events come faster than they can be written down, or the disk hangs",
    "disk": "The disk takes no more events, and memory neither: the event sink has been away for long",
    "size": "An event is larger than the event sink takes",
    "data": "The data of an event cannot be written",
    "hook": "before_send has failed, and nothing is sent that it has not passed on",
    "refused": "The event sink has refused events",
    "damaged": "A file of events that waited is damaged",
    "closed": "Events came after the end, or waited at the end, and there is no disk to wait on",
}
"""Why events are lost, by the names under which they are counted."""

_log = logging.getLogger("eventsink")


class Tallies:
    """Counts, and sentences for whoever reads the log of the program. Nothing here raises.

    To count is quick, and may be done anywhere; to say something may be slow, as a log may be.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self._told: dict[str, int] = {}
        self._said: dict[str, float] = {}
        self._unsaid: deque[tuple[int, str, str]] = deque(maxlen=MOST_UNSAID)
        self._lock = threading.RLock()  # the handler of a signal may come in between

    def begin_child(self) -> None:
        """Begin anew in a child. Another thread may have held the lock when there was a fork."""
        self._lock = threading.RLock()
        for known in (self._counts, self._details, self._told, self._unsaid):
            known.clear()

    def count(self, name: str, events: int = 1) -> None:
        """So many events, as `captured` or `sent`."""
        with self._lock:
            self._counts[name] += events

    def drop(self, reason: str, events: int = 1, detail: str = "") -> None:
        """So many events are lost, for one of the `REASONS`; `report` says so."""
        with self._lock:
            self._counts[f"dropped: {reason}"] += events
            if detail:
                self._details[reason] = detail

    def report(self) -> None:
        """Say what there is to say: what was lost since this was said, but of each reason once a minute.

        It is called where no lock is held: whoever reads the log may report to the sink.
        """
        while self._unsaid:
            try:
                _log.log(*self._unsaid.popleft())
            except IndexError:  # another thread was faster
                break
        for reason, sentence in REASONS.items():
            lost = self._counts[f"dropped: {reason}"]
            if lost != self._told.get(reason, 0):
                detail = f" ({self._details[reason]})" if reason in self._details else ""
                many = f"{lost:,} event{'' if lost == 1 else 's'} lost so far"
                if self.say_now(f"dropped: {reason}", f"{sentence}{detail}: {many}."):
                    self._told[reason] = lost

    def say(self, key: str, sentence: str, level: int = logging.WARNING) -> None:
        """Have something said by the next report, unless it was said a minute ago."""
        if self._is_new(key):
            self._unsaid.append((level, "%s", sentence))

    def say_now(self, key: str, sentence: str, level: int = logging.WARNING) -> bool:
        """Say something, unless it was said a minute ago; gives whether it was said. No lock may be held."""
        new = self._is_new(key)
        if new:
            _log.log(level, "%s", sentence)
        return new

    def _is_new(self, key: str) -> bool:
        now = time.monotonic()
        with self._lock:
            last = self._said.get(key)
            new = last is None or now - last >= AGAIN
            if new:
                self._said[key] = now
        return new

    def shown(self) -> dict[str, int]:
        """All counts."""
        with self._lock:
            return dict(self._counts)
