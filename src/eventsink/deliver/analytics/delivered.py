"""What a destination has of a batch that is not finished: when the batch comes again these are not sent again."""

from collections.abc import Sequence

from eventsink.event import Event

__all__ = ["Delivered"]

MOST = 50_000  # events that are remembered


class Delivered:
    """Remembers events from when the destination has them until the runner is told so.

    A batch is many requests. If the last of them fails, the whole batch comes again, and Amplitude would have to look
    for doubles, and Google Analytics would count them.
    """

    def __init__(self) -> None:
        self._identities: dict[tuple[str, str], None] = {}  # in the order in which they came

    def note(self, events: Sequence[Event]) -> None:
        """The destination has these, or shall never have them."""
        self._identities.update(dict.fromkeys(event.identity for event in events))
        while len(self._identities) > MOST:
            del self._identities[next(iter(self._identities))]

    def missing(self, events: Sequence[Event]) -> list[Event]:
        """Those of a batch that it does not have yet."""
        if not self._identities:
            return list(events)
        return [event for event in events if event.identity not in self._identities]

    def forget(self, events: Sequence[Event]) -> None:
        """The runner knows it of these: should they come again, somebody wants them to be sent again."""
        for event in events if self._identities else ():
            self._identities.pop(event.identity, None)
