"""Which events of a batch a sink, or a proxy before it, fails at: they must not hold up all others for ever.

A 500, or a 403 of a firewall that looks into what it passes, may be for one event only. Then its neighbours get through
without it, and if none does, it is the sink that is ill.
"""

import hashlib
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from eventsink.client.transport import NotNow, Transport, Verdict

__all__ = ["Apart", "Culprits", "separate"]

IN_VAIN = 32  # attempts one after the other of which none gets through: it is the sink
AT_ONCE = 400  # attempts of one search
DRAWN = 16  # single events that are tried when whole parts do not get through
ROUNDS = 5  # searches that find the same culprit, before it is given up
AGE = 600.0  # seconds since the first of them, at least: a sink may be ill for a while
MOST = 20_000  # culprits that are remembered


class Apart(NamedTuple):
    """What came of sending events apart.

    Args:
        held: at which the sink fails while it takes others.
        rest: of which that is not known.
        reason: why the last of those was not taken.
    """

    verdict: Verdict
    held: list[bytes]
    rest: list[bytes]
    reason: str


class Culprits:
    """How often each was found while others got through, and since when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[bytes, tuple[int, float]] = {}

    def is_over(self, line: bytes) -> bool:
        """Note that it was found once more; gives whether that was the last time."""
        digest, now = hashlib.blake2b(line, digest_size=16).digest(), self._clock()
        rounds, since = self._known.pop(digest, (0, now))
        rounds += 1
        if rounds >= ROUNDS and now - since >= AGE:
            return True
        if len(self._known) >= MOST:
            self._known.pop(next(iter(self._known)))
        self._known[digest] = rounds, since
        return False


def separate(transport: Transport, lines: Sequence[bytes], is_over: Callable[[], bool] = lambda: False) -> Apart:
    """Send events in ever smaller parts, the larger ones first.

    Args:
        is_over: whether there is no time any more.

    Raises:
        NotNow: none gets through.
    """
    search = _Search(transport, is_over)
    search.run(deque([list(lines)]))
    if not search.passed:  # perhaps there are very many of them, in every part
        drawn = random.Random().sample(range(len(lines)), min(DRAWN, len(lines)))  # noqa: S311 - a sample
        search.run(deque([lines[number]] for number in drawn))
    if not search.passed:
        raise NotNow(search.reason, answered=True)
    known = {*search.taken, *search.held}
    return Apart(search.verdict, search.held, [line for line in lines if line not in known], search.reason)


class _Search:
    """One of them, with what it has found out."""

    def __init__(self, transport: Transport, is_over: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_over = is_over
        self._attempts = self._in_vain = 0
        self._suspects: list[bytes] = []  # culprits, if another one gets through after them
        self.passed = False
        self.verdict = Verdict()
        self.taken: set[bytes] = set()
        self.held: list[bytes] = []
        self.reason = ""

    def run(self, parts: deque[list[bytes]]) -> None:
        """Try parts and the halves of what does not get through, until it is clear that nothing does.

        Raises:
            NotNow: the sink is away.
        """
        self._in_vain = 0
        while parts and self._in_vain < IN_VAIN and self._attempts < AT_ONCE and not self._is_over():
            some = parts.popleft()
            if self._gets_through(some):
                continue
            if len(some) == 1:
                self._suspects += some
            else:
                parts += [some[: len(some) // 2], some[len(some) // 2 :]]
        if self.passed and not parts:
            self._convict()

    def _gets_through(self, some: list[bytes]) -> bool:
        self._attempts += 1
        try:
            self.verdict = self.verdict.plus(self._transport.send(b"\n".join(some), len(some)))
        except NotNow as error:
            if not error.answered and not self.passed:
                raise
            self._in_vain += 1 if error.answered else IN_VAIN
            self.reason = str(error)
            return False
        self.taken.update(some)
        self.passed, self._in_vain = True, 0
        self._convict()
        return True

    def _convict(self) -> None:
        self.held += self._suspects
        self._suspects = []
