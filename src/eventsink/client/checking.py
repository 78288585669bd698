"""Mistakes of a program in what it reports, said once, at the first event that has them; nothing is held up for it."""

from collections import deque
from typing import Any

from eventsink.client.tallies import Tallies
from eventsink.errors import InvalidEvent

__all__ = ["Checker", "flaw"]

MOST = 2000  # forms of events that are remembered


class Checker:
    """Looks at the first event of each form: its type and the names of its data.

    `note` is quick, and called where an event is captured; `look` is not, and called on a thread.
    """

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._known: set[tuple[str, ...]] = set()
        self._new: deque[tuple[str, dict[str, Any]]] = deque()

    def note(self, kind: str, data: dict[str, Any]) -> None:
        """Remember an event of a form that was not seen before."""
        form = (kind, *data)
        if form not in self._known and len(self._known) < MOST:
            self._known.add(form)
            self._new.append((kind, dict(data)))

    def look(self) -> None:
        """Say what is wrong with those that are new."""
        while self._new:
            kind, data = self._new.popleft()
            if sentence := flaw(kind, data):
                self._tallies.say(f"flaw: {kind} {sentence}", sentence)


def flaw(kind: str, data: dict[str, Any]) -> str:
    """What is wrong with an event, or likely to be; empty if nothing is."""
    from eventsink.catalogue import CATALOGUE, nearest, validate  # noqa: PLC0415 - on a thread, when it is needed

    entry = CATALOGUE.get(kind)
    if entry is None:
        close = nearest(kind, list(CATALOGUE))
        return f"The event type {kind!r} is not in the catalogue: did you mean {close!r}?" if close else ""
    try:
        unknown = validate(entry, data)
    except InvalidEvent as error:
        return f"The event sink will refuse this {kind}: {error.message}"
    for name in unknown:
        close = nearest(name, list(entry.fields))
        hint = f": did you mean {close!r}?" if close else ", and is kept as it is."
        return f"{kind} has no {name!r}{hint}"
    return ""
