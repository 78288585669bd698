"""Mistakes of a program in what it reports, said once, at the first event that has them; nothing is held up for it."""

import threading
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from eventsink.client.tallies import Tallies
from eventsink.errors import InvalidEvent

__all__ = ["Checker", "flaw"]

MOST = 2000  # forms of events that are remembered
MOST_NEW = 100  # events that are looked at when there is time


class Checker:
    """Looks at the first event of each form: its type and the names of its data.

    `note` is quick, and called where an event is captured; `look` is not, and called on a thread.
    """

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._known: set[int] = set()
        self._new: deque[bytes] = deque(maxlen=MOST_NEW)
        self.looking = threading.RLock()
        """Held while a thread looks. The first look imports, and what is being imported at a fork can never be imported
        in the child."""

    def note(self, kind: str, names: Iterable[str], line: bytes) -> None:
        """Remember an event of a form that was not seen before."""
        form = hash((kind, *names))  # the names themselves may be very many
        if form not in self._known and len(self._known) < MOST:
            self._known.add(form)
            self._new.append(line)

    def look(self, seconds: float = -1) -> None:
        """Say what is wrong with those that are new.

        Args:
            seconds: that another thread may be at it still, after which this is left to it; below 0 for ever.
        """
        if not self.looking.acquire(timeout=seconds):
            return
        try:
            while self._new:
                if sentence := flaw(self._new.popleft()):
                    self._tallies.say(f"flaw: {sentence}", sentence)
        finally:
            self.looking.release()

    def rest(self) -> None:
        """Look at nothing from now on."""
        self._new = deque(maxlen=0)


def flaw(line: bytes) -> str:
    """What the sink will say of an event: why it refuses it, or what its sender should know; empty if nothing.

    Args:
        line: the event as it is sent.
    """
    from eventsink import dialects  # noqa: PLC0415 - on a thread, when it is needed
    from eventsink.dialects.admit import Admission, Stamps  # noqa: PLC0415

    kind = "event"
    try:
        draft = dialects.read(msgspec.json.decode(line))
        kind = draft.type[:100]
        _, notices = Admission().admit(draft, Stamps(datetime.now(UTC), "", len(line)))
    except InvalidEvent as error:
        where = f" ({error.pointer})" if error.pointer else ""
        return f"The event sink will refuse this {kind}: {error.message}{where}"
    return notices[0].message if notices else ""
