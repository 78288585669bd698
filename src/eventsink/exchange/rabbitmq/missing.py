"""Which events are missing: entered, and neither settled nor in a queue for so long that they are not on their way."""

import time
from collections import deque
from collections.abc import Mapping, Sequence

from eventsink.exchange.rabbitmq.accounts_file import Book

__all__ = ["Missing"]

SURE = 3.0  # seconds: one queue of a message may have it later than another, and a front door tells every half second
KEPT = 30.0  # seconds that a look is remembered


class Lasting:
    """Numbers that count as the least that they were in the last `SURE` seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def least(self, name: str, number: int) -> int:
        """What is sure of a number that was seen now."""
        now = time.monotonic()
        seen = self._seen.setdefault(name, deque())
        seen.append((now, number))
        while len(seen) > 1 and (seen[1][0] <= now - SURE or seen[0][0] < now - KEPT):
            seen.popleft()
        return min(count for _, count in seen) if seen[0][0] <= now - SURE else 0


class Missing:
    """Judges the accounts each time that they are looked at, and remembers what it has seen."""

    def __init__(self) -> None:
        self._nowhere = Lasting()
        self._unseen = Lasting()
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
        # Who wants all and has nothing left shows what there was; else what nobody counted may wait in every queue.
        known = [name for name in after if after[name].begun and not after[name].types]
        shown = not known or any(name in idle for name in known)
        for name, book in after.items():
            if name not in idle:
                if book.noted > book.left:  # some of them came after all
                    missing[name] = book.left
                continue
            if not book.begun:
                if self._is_quiet(name, book) and shown:
                    begun.append(name)
                continue
            # What was left could only have been settled meanwhile: the rest is nowhere.
            nowhere = max(before[name].left - (book.settled - before[name].settled), 0)
            sure, exact = self._nowhere.least(name, nowhere), before[name] == book
            found = sure if exact and sure == nowhere else max(sure, book.missing)
            if found != book.noted:
                missing[name] = found
        return begun, missing

    def given(
        self,
        seen: Mapping[str, int],
        before: Mapping[str, Book],
        after: Mapping[str, Book],
        depths: Mapping[str, int],
        idle: Sequence[str],
    ) -> dict[str, int]:
        """How many events each worker was given at least.

        Its account has most of them. Messages that wait, and that nobody has settled or told of yet, are in no account:
        of those that others publish nobody tells, and while RabbitMQ takes nothing, front doors cannot. All of them are
        in the queue of each worker that wants everything. A message that is recorded and not acknowledged, because its
        worker was killed between the two, is in one queue alone, and not for long.

        While not all is known that was settled, what was seen before is not forgotten: it has gone from the queue, and
        is on its way into the account.

        Args:
            seen: what was given to them when this was asked last.
            before: the books before the queues were looked at.
            after: when all that was settled by then is in them.
            depths: messages in the queue of each worker, and in its hands.
            idle: as for `judge`.
        """
        everywhere = min((depth for name, depth in depths.items() if not before[name].types), default=0)
        found = {}
        for name in depths.keys() & after.keys():
            depth, known = depths[name], after[name].settled + after[name].left
            entered = known - before[name].settled - before[name].left
            beyond = min(depth - before[name].left - max(entered, 0), everywhere)
            found[name] = known + self._unseen.least(name, max(beyond, 0))
            if name not in idle:
                found[name] = max(found[name], seen.get(name, 0))
        return found

    def _is_quiet(self, name: str, book: Book) -> bool:
        """Whether front doors and processes elsewhere have had the time to tell if it were otherwise."""
        since, then = self._quiet.get(name, (0.0, None))
        if book != then:
            since = time.monotonic()
            self._quiet[name] = since, book
        return time.monotonic() - since >= SURE
