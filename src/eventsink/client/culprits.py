"""Which events of a batch a sink, or a proxy before it, fails at: they must not hold up all others for ever.

A 500, or a 403 of a firewall that looks into what it passes, may be for one event only. Then its neighbours get through
without it, and if none does, it is the sink that is ill.
"""

from collections.abc import Sequence

from eventsink.client.transport import NotNow, Transport, Verdict

__all__ = ["Culprits", "separate"]

MOST_IN_VAIN = 16  # attempts without any that gets through: more than halves of a batch
ROUNDS = 5  # after which a culprit is given up
MOST = 1_000  # culprits that are remembered


class Culprits:
    """How often each was found while others got through."""

    def __init__(self) -> None:
        self._rounds: dict[bytes, int] = {}

    def is_over(self, line: bytes) -> bool:
        """Note that it was found once more; gives whether that was the last time."""
        rounds = self._rounds.pop(line, 0) + 1
        if rounds >= ROUNDS:
            return True
        if len(self._rounds) >= MOST:
            self._rounds.pop(next(iter(self._rounds)))
        self._rounds[line] = rounds
        return False


def separate(transport: Transport, lines: Sequence[bytes]) -> tuple[Verdict, list[bytes], str]:
    """Send events in ever smaller parts; gives what became of them, those that are held back, and why the last is.

    Raises:
        NotNow: none gets through.
    """
    verdict, held, reason, passed, in_vain = Verdict(), list[bytes](), "", False, 0
    parts = [list(lines)]
    while parts:
        some = parts.pop()
        try:
            verdict = verdict.plus(transport.send(b"\n".join(some), len(some)))
            passed = True
        except NotNow as error:
            in_vain += 1
            if not error.answered or (in_vain >= MOST_IN_VAIN and not passed):
                raise
            if len(some) == 1:
                held.append(some[0])
                reason = str(error)
            else:
                parts += [some[: len(some) // 2], some[len(some) // 2 :]]
    if not passed:
        raise NotNow(reason, answered=True)
    return verdict, held, reason
