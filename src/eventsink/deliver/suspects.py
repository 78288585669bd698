"""Events that may be why their destination does not answer: sent alone in vain, while it takes others."""

from collections import Counter
from collections.abc import Sequence

from eventsink.errors import NoAnswer, Refused
from eventsink.event import Event

__all__ = ["ROUNDS", "Suspects"]

ROUNDS = 3  # in each of which an event is sent alone as often as the policy of the runner says


class Suspects:
    """Tells an event that its destination cannot bear from a destination that is away.

    An event that is sent alone and not answered proves nothing. When the destination then takes another event at once,
    that is a round; after some of them the event is given up.
    """

    def __init__(self) -> None:
        self._rounds: Counter[tuple[str, str]] = Counter()

    def suspect(self, event: Event) -> None:
        """Note that no answer came to this event alone, and at once one to another."""
        self._rounds[event.identity] += 1

    def acquit(self, events: Sequence[Event]) -> None:
        """Note that the destination has these."""
        for event in events if self._rounds else ():
            self._rounds.pop(event.identity, None)

    def verdict(self, event: Event, error: NoAnswer) -> Refused | None:
        """Why an event is not sent any more; None as long as it is."""
        if self._rounds[event.identity] < ROUNDS:
            return None
        del self._rounds[event.identity]
        return Refused(f"{error.reason} So it was each time that it was sent alone, and others were taken meanwhile.")
