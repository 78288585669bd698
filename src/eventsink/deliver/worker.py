"""The worker contract, on one screen.

A worker is one file: a docstring, a frozen dataclass `Options` whose fields carry help texts, and one subclass of
`Worker` with `deliver`. The runner owns everything else: batching, retries, backoff, splitting a refused batch, dead
letters, accounts, shutdown. `deliver` is never called twice at once, never before `open` and never after `close`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from eventsink.errors import Refused
from eventsink.event import Event
from eventsink.point import Point

__all__ = ["ENTRY_POINTS", "Worker"]

ENTRY_POINTS = "eventsink.workers"


Options = TypeVar("Options")


class Worker(Generic[Options]):
    """Delivers events to one destination.

    Args:
        options: the worker's `Options`, filled from its section of the settings.
    """

    batch_size: ClassVar[int] = 1000
    """Most events of one call."""
    batch_wait: ClassVar[float] = 0.2
    """Seconds that an event waits at most for company."""
    timeout: ClassVar[float] = 60.0
    """Seconds after which a call counts as failed: the destination is away."""
    keeps_repeats: ClassVar[bool] = False
    """Whether the destination keeps two of an event that comes twice: then none is sent again to see if it answers."""
    open_asks: ClassVar[bool] = True
    """Whether it is known after `open` that the destination answers."""
    types: Sequence[str] = ()
    """What it is given where its section names no `types`, as `storage.*`; all if empty."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.skipped: list[tuple[Event, str]] = []
        """Events passed over on purpose, with a reason of a few words. The runner counts, says and clears them."""

    async def open(self) -> None:
        """Make connections. Called again after a failure. May raise `TryLater`."""

    async def examine(self) -> Sequence[Point]:
        """What `eventsink doctor` is told of the destination: its version, and whether we may do there what we need.

        In the place of `open`, and before `close`. Nothing is left behind that was not there, and no event is counted.

        Raises:
            TryLater: the destination does not answer, or does not let us in.
        """
        await self.open()
        return ()

    async def deliver(self, events: Sequence[Event]) -> None:
        """Bring events to the destination; returning means that it has them durably.

        Raises:
            TryLater: the destination takes nothing now, and the same events are offered again; or it does not take
                those that the error names, and has all others. Raised from another `TryLater`, of the events that
                that one names, too.
            Refused: it will never take these events, or those that the error names.
        """
        raise Refused(f"{type(self).__name__} has no deliver().")

    def preview(self, events: Sequence[Event]) -> Sequence[Mapping[str, Any]]:
        """What would be sent for these events, for a person who tries the worker: no connection is made for it."""
        return ()

    async def close(self) -> None:
        """Free what `open` made. Called even if `open` failed."""
