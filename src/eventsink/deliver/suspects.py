"""Events that may be why their destination does not answer: sent alone in vain, while it takes others."""

from collections.abc import Sequence

import msgspec

from eventsink.errors import NoAnswer, Refused
from eventsink.event import Event

__all__ = ["ROUNDS", "Suspects"]

ROUNDS = 3  # in each of which an event is sent alone as often as the policy of the runner says


class _Doubt(msgspec.Struct):
    """What is known of one event.

    Args:
        rounds: in which it was sent alone, and no answer came.
        others: whether the destination has taken others since the last of these.
    """

    reason: str
    rounds: int = 0
    others: bool = False


class Suspects:
    """Tells an event that its destination cannot bear from a destination that is away.

    Nobody is guilty while the destination is away for all: only what it took after an event had no answer speaks
    against that event, and only when that has come about some times.
    """

    def __init__(self) -> None:
        self._doubts: dict[tuple[str, str], _Doubt] = {}

    def suspect(self, event: Event, error: NoAnswer) -> None:
        """Note that no answer came to this event alone."""
        doubt = self._doubts.setdefault(event.identity, _Doubt(error.reason, others=True))
        doubt.rounds += doubt.others  # however often it is sent while nothing is taken at all, that is one round
        doubt.others = False

    def acquit(self, events: Sequence[Event]) -> None:
        """Note that the destination has these."""
        if not self._doubts:
            return
        for event in events:
            self._doubts.pop(event.identity, None)
        for doubt in self._doubts.values():
            doubt.others = True

    def verdict(self, events: Sequence[Event]) -> Refused | None:
        """A refusal that names those of these events that are not sent any more."""
        if not self._doubts:
            return None
        doubts = [(event, self._doubts.get(event.identity)) for event in events]
        guilty = [(event, doubt) for event, doubt in doubts if doubt and doubt.others and doubt.rounds >= ROUNDS]
        if not guilty:
            return None
        for event, _ in guilty:
            del self._doubts[event.identity]
        reason = f"{guilty[0][1].reason} So it was whenever this event was sent alone, and others were taken meanwhile."
        return Refused(reason, events=[event for event, _ in guilty])
