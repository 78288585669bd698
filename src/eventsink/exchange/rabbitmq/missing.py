"""Which events are missing: entered, and neither settled nor in a queue for so long that they are not on their way."""

import time
from collections.abc import Mapping, Sequence

import structlog

from eventsink.exchange.rabbitmq.accounts_file import Book

__all__ = ["Missing"]

SURE = 3.0  # seconds: one queue of a message may have it later than another, and a front door tells every half second

_log = structlog.get_logger(__name__)


class Missing:
    """Judges the accounts each time that they are looked at, and remembers what it has seen."""

    def __init__(self) -> None:
        self._suspects: dict[
            str, tuple[float, int]
        ] = {}  # since when how many events of a worker are nowhere, at least
        self._quiet: dict[str, tuple[float, Book]] = {}  # since when an account has not changed

    def judge(
        self, before: Mapping[str, Book], after: Mapping[str, Book], idle: Sequence[str]
    ) -> tuple[list[str], dict[str, int]]:
        """Which accounts begin, and how many events of which worker are missing, where that has changed.

        Args:
            before: the books before the queues were looked at.
            after: when all that was settled by then is in them.
            idle: workers of which the queues were empty between the two, and nothing was in anybody's hands.
        """
        begun, missing = [], {}
        for name in idle:
            if name not in after:
                continue
            book = after[name]
            if not book.begun:
                if self._is_quiet(name, book):
                    begun.append(name)
                continue
            sure = self._surely_missing(name, before[name], book)
            if sure is not None and sure != book.missing:
                missing[name] = sure
                if sure > book.missing:
                    _log.error("exchange.events_missing", worker=name, events=sure - book.missing)
        for name in {*self._suspects} - {*after}:
            del self._suspects[name]
        return begun, missing

    def _is_quiet(self, name: str, book: Book) -> bool:
        """Whether front doors and processes elsewhere have had the time to tell if it were otherwise."""
        since, then = self._quiet.get(name, (0.0, None))
        if book != then:
            since = time.monotonic()
            self._quiet[name] = since, book
        return time.monotonic() - since >= SURE

    def _surely_missing(self, name: str, before: Book, after: Book) -> int | None:
        """How many are missing for as long as it takes to be sure; None as long as one is not.

        What is left of `before` could only have been settled by now, so that the rest is nowhere. While nothing has
        changed meanwhile that is exact, else at least so many.
        """
        now = time.monotonic()
        exact = before == after
        nowhere = max(before.left - (after.settled - before.settled), 0)
        if not nowhere:
            self._suspects.pop(name, None)
            return 0 if exact else None
        since, least = self._suspects.get(name, (now, nowhere))
        if nowhere < least:
            since, least = now, nowhere
        self._suspects[name] = since, least
        if now - since < SURE:
            return None
        return nowhere if exact else max(least, after.missing)
