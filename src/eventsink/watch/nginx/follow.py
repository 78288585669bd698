"""Counts a log that is written to, interval by interval, once and only once, whenever the process ends.

An interval is told of when it is over: the log has lines that are later by `lag`, or all is read and the clock is. What
was told is noted before it is told, with the place up to which was read for it, so that after `kill -9` the very same
is told again; `keep` notes that it need not be. Then reading goes on from where the first line of an open interval is,
passing over what was counted there already.
"""

import time
from bisect import bisect_left
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from eventsink.browsers.robots import Robots
from eventsink.watch.nginx.parser import Parsed, Parser
from eventsink.watch.nginx.place import Place
from eventsink.watch.nginx.state import State, Step, load, save
from eventsink.watch.nginx.summary import Summary
from eventsink.watch.nginx.tail import Part, Tail
from eventsink.watch.nginx.tally import Tally

__all__ = ["Follower", "Told"]

MOST_OPEN = 1440  # intervals
MOST_HASHES = 1_000_000  # of all open intervals, some 80 MB
MOST_TOLD = 1440  # intervals that nobody has kept yet
AHEAD = 3600.0  # seconds by which the clock of a log may be ahead of ours


class Told(NamedTuple):
    """One interval.

    Args:
        start: of it, seconds since 1970.
        numbers: by the names of the catalogue.
    """

    start: int
    numbers: dict[str, Any]


class Follower:
    """Follows one log.

    Args:
        path: where NGINX writes to.
        parser: reads its lines.
        state: the file in which it is noted how far the log is counted.
        every: length of an interval, seconds.
        lag: how long NGINX may hold lines back, seconds.
        history: count also what is in the log when it is followed for the first time.

    Raises:
        EventSinkError: the note cannot be read.
    """

    def __init__(  # noqa: PLR0913 - what following a log takes
        self, path: Path, parser: Parser, state: Path, *, every: int = 60, lag: float = 10.0, history: bool = False
    ) -> None:
        self._parser, self._file, self._lag, self._history = parser, state, lag, history
        self._every = every
        self._told: list[Told] = []
        self._goals: deque[Step] = deque()
        self._known = load(state)
        kept = self._known.kept if self._known else None
        since = self._known.written if self._known else 0.0
        self._tail = Tail(path, kept.first if kept else None, since=since, settle=lag)
        self._summary: Summary[Place] = Summary(every, Robots(), since=self._known.begin if self._known else 0.0)
        if kept is not None:
            self._resume(kept)

    @property
    def example(self) -> str:
        """What a line is like that does not fit; empty if all do."""
        return self._summary.example

    def lost(self) -> str:
        """What is missing since this was asked last, in a sentence; empty if nothing is."""
        lost, self._tail.lost = self._tail.lost, ""
        return lost

    def read(self, now: float, seconds: float) -> list[Told]:
        """Read what is new. Gives the intervals that are over, and with them those that are not kept yet.

        Args:
            now: seconds since 1970.
            seconds: that it may take, about; what is left is read the next time.

        Raises:
            EventSinkError: what is told cannot be noted. Then follow anew: what was to be told is forgotten here.
        """
        deadline = time.monotonic() + seconds
        if not self._begin(now):
            return []
        while self._goals and time.monotonic() < deadline:
            if not self._reach(self._goals[0], now, deadline):
                return [*self._told]
        if not self._goals and len(self._told) < MOST_TOLD:
            for part in self._tail.parts(None):
                self._count(part, now)
                if time.monotonic() > deadline or self._is_full():
                    break
            self._tell(now)
        return [*self._told]

    def keep(self) -> None:
        """What was told is kept: it need not be told again.

        Raises:
            EventSinkError: that cannot be noted.
        """
        if self._known is None or not self._known.told or self._goals:
            return
        self._note(msgspec.structs.replace(self._known, kept=self._known.told[-1], told=()))
        self._told = []

    def close(self) -> None:
        """Free the log."""
        self._tail.close()

    # --- going on where it ended -------------------------------------------------------------------------------------

    def _begin(self, now: float) -> bool:
        """Note where counting begins, the first time. Says whether there is a log."""
        if self._known is not None:
            return True
        self._tail.begin(at_end=not self._history)
        begin = 0.0 if self._history else float(self._summary.start(now) + self._every)
        here = self._tail.place()
        if here is None:
            return False
        self._summary = Summary(self._every, Robots(), closed=int(begin), since=begin)
        self._note(State(self._every, begin, Step(here, 0.0, here, int(begin))))
        return True

    def _resume(self, kept: Step) -> None:
        assert self._known is not None  # noqa: S101 - it is where `kept` is from
        closed = -(-kept.closed // self._every) * self._every  # another length of intervals may be wanted now
        self._summary.closed, self._summary.clock = closed, kept.clock
        told = self._known.told if self._known.every == self._every else ()
        self._goals.extend((kept, *told))

    def _reach(self, goal: Step, now: float, deadline: float) -> bool:
        """Read up to where it was read before, and close what was closed then. Says whether that is done."""
        counted = self._known is not None and goal is self._known.kept
        for part in self._tail.parts(goal.read):
            self._count(part, now, counted=counted)
            if time.monotonic() > deadline:
                return False
        self._goals.popleft()
        if not counted:
            self._told += self._closed(goal.closed, goal.silent)
        return True

    # --- counting ----------------------------------------------------------------------------------------------------

    def _count(self, part: Part, now: float, *, counted: bool = False) -> None:
        if part.too_long:
            self._summary.add(Parsed(0, (), {}, ((0, part.too_long),)), part.place, counted=counted)
            return
        parsed = self._parser.parse(part.lines)
        if parsed.count and max(parsed.seconds) > now + AHEAD:
            parsed = _without_future(parsed, now + AHEAD)
        self._summary.add(parsed, part.place, counted=counted)

    def _is_full(self) -> bool:
        return self._summary.open >= MOST_OPEN or self._summary.size >= MOST_HASHES

    def _tell(self, now: float) -> None:
        """Close what is over, and note that before anybody hears of it."""
        until = self._summary.start(now - self._lag)
        if not self._tail.caught_up:
            until = min(until, self._summary.start(max(0.0, self._summary.newest - self._lag)))
        before, oldest = self._summary.closed, self._summary.oldest()
        if until <= before or self._known is None:
            return
        last = until - self._every
        # Nobody came: that is told of the last interval, and not of each one of a time in which nobody watched.
        silent = last if self._tail.caught_up and before and not self._summary.has_open(last) else 0
        if not silent and (oldest is None or oldest >= until):
            return
        told = self._closed(until, silent)
        first, clock = self._summary.first() or (None, self._summary.clock)
        here = self._tail.place()
        if here is not None:
            step = Step(first or here, clock, here, until, silent)
            self._note(msgspec.structs.replace(self._known, told=(*self._known.told, step), every=self._every))
        self._told = self._told + told

    def _closed(self, until: int, silent: int) -> list[Told]:
        closed = self._summary.close(until)
        if silent:
            closed.append((silent, Tally(Robots())))
        return [Told(start, {"interval_s": self._every, **tally.numbers()}) for start, tally in closed]

    def _note(self, state: State) -> None:
        state = msgspec.structs.replace(state, written=time.time())
        save(self._file, state)
        self._known = state


def _without_future(parsed: Parsed, latest: float) -> Parsed:
    """Lines of a time that has not come are no lines of this log: they would keep their intervals open for ever."""
    good = [place for place, second in enumerate(parsed.seconds) if second <= latest]
    bad = [(place, b"a time to come") for place, second in enumerate(parsed.seconds) if second > latest]
    columns = {name: [column[place] for place in good] for name, column in parsed.columns.items()}
    unreadable = sorted((bisect_left(good, place), line) for place, line in (*parsed.unreadable, *bad))
    return Parsed(len(good), [parsed.seconds[place] for place in good], columns, unreadable)
