"""Requests by intervals, each of which begins at a whole multiple of its length since 1970 (UTC).

Lines of a log are not quite in the order of their times: every worker of NGINX writes its own buffer. So several
intervals are open at once. A line whose interval was closed already is counted in the first that is open: sums are
right, and no number that was given out changes afterwards.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter, le
from typing import Any, Generic, TypeVar

from eventsink.browsers.robots import Robots
from eventsink.watch.nginx.example import shape
from eventsink.watch.nginx.parser import Parsed
from eventsink.watch.nginx.tally import Tally

__all__ = ["Summary"]

Place = TypeVar("Place")
Columns = Mapping[str, Sequence[Any]]


class Summary(Generic[Place]):
    """Counts the lines of a log by intervals.

    Args:
        every: length of an interval, seconds.
        robots: tells robots by their user agents.
        closed: what lies before this time is closed, seconds since 1970.
        since: lines of an earlier time are not counted at all; `until` likewise.
    """

    def __init__(
        self, every: int, robots: Robots, *, closed: int = 0, since: float = 0.0, until: float = float("inf")
    ) -> None:
        self.every = every
        self.closed = closed
        self.clock = 0.0
        """Time of the last line that could be read."""
        self.newest = 0.0
        """The latest time of all lines."""
        self.example = ""
        self._robots = robots
        self._since, self._until = since, until
        self._open: dict[int, Tally] = {}
        self._places: dict[int, tuple[Place | None, float]] = {}

    def add(self, parsed: Parsed, place: Place | None = None, *, counted: bool = False) -> None:
        """Count lines.

        Args:
            place: where these lines begin; see `first`.
            counted: they were read before, so those of closed intervals are counted already.
        """
        at = (place, self.clock)
        if parsed.count:
            seconds = parsed.seconds
            first, last = min(seconds), max(seconds)
            for start, count, columns in self._parts(parsed, first, last, counted=counted):
                self._tally(start, at).add(count, columns)
            self.newest = max(self.newest, min(last, self._until))
        for before, line in parsed.unreadable:
            time = parsed.seconds[before - 1] if before else self.clock or (parsed.seconds[0] if parsed.count else 0.0)
            self._misfit(time, line, at, counted=counted)
        if parsed.count:
            self.clock = parsed.seconds[-1]

    def first(self) -> tuple[Place | None, float] | None:
        """Where the first line of the open intervals may be, and the time before it; None if none is open."""
        return next(iter(self._places.values()), None)

    @property
    def open(self) -> int:
        """How many intervals are open."""
        return len(self._open)

    @property
    def size(self) -> int:
        """How many hashes are kept of them."""
        return sum(tally.size for tally in self._open.values())

    def start(self, time: float) -> int:
        """The beginning of the interval of a time."""
        return int(time // self.every) * self.every

    def oldest(self) -> int | None:
        """The beginning of the first open interval."""
        return min(self._open, default=None)

    def has_open(self, start: int) -> bool:
        """Whether anything was counted in an open interval."""
        return start in self._open

    def close(self, until: int) -> list[tuple[int, Tally]]:
        """Close all intervals that begin before a time; those in which something was, in their order."""
        self.closed = max(self.closed, until)
        starts = sorted(start for start in self._open if start < until)
        for start in starts:
            self._places.pop(start)
        return [(start, self._open.pop(start)) for start in starts]

    def close_all(self) -> list[tuple[int, Tally]]:
        """Close what is open."""
        return self.close(max(self._open, default=0) + self.every)

    def _tally(self, start: int, at: tuple[Place | None, float]) -> Tally:
        tally = self._open.get(start)
        if tally is None:
            tally = self._open[start] = Tally(self._robots)
            self._places[start] = at  # the first one that was put in stands first
        return tally

    def _misfit(self, time: float, line: bytes, at: tuple[Place | None, float], *, counted: bool) -> None:
        start = self.start(time)
        if not self._since <= time < self._until or (counted and start < self.closed):
            return
        self._tally(max(start, self.closed), at).unreadable += 1
        self.example = self.example or shape(line)

    def _parts(self, parsed: Parsed, first: float, last: float, *, counted: bool) -> Iterator[tuple[int, int, Columns]]:
        """The lines of each interval, as columns."""
        begin, closed, seconds = self.start(first), self.closed, parsed.seconds
        inside = begin >= closed and first >= self._since and last < self._until
        if inside and last < begin + self.every:
            yield begin, parsed.count, parsed.columns
        elif inside and all(map(le, seconds, islice(seconds, 1, None))):
            yield from self._slices(parsed)
        else:
            yield from self._scattered(parsed, counted=counted)

    def _slices(self, parsed: Parsed) -> Iterator[tuple[int, int, Columns]]:
        """Of lines in the order of their times."""
        seconds, begin = parsed.seconds, 0
        while begin < parsed.count:
            start = self.start(seconds[begin])
            end = bisect_left(seconds, start + self.every, begin)
            yield start, end - begin, {name: column[begin:end] for name, column in parsed.columns.items()}
            begin = end

    def _scattered(self, parsed: Parsed, *, counted: bool) -> Iterator[tuple[int, int, Columns]]:
        places: dict[int, list[int]] = {}
        for place, time in enumerate(parsed.seconds):
            start = self.start(time)
            if start < self.closed:
                if counted:
                    continue
                start = self.closed
            if self._since <= time < self._until:
                places.setdefault(start, []).append(place)
        for start in sorted(places):
            taken = places[start]
            pick = itemgetter(*taken) if len(taken) > 1 else lambda column, taken=taken: (column[taken[0]],)
            yield start, len(taken), {name: pick(column) for name, column in parsed.columns.items()}
