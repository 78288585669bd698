"""The check contract, on one screen.

A check is one file: a docstring, a frozen dataclass `Options` whose fields carry help texts, and one subclass of
`Check` with `measure`. The monitor owns everything else: when it runs, its time limit, region, events, what was down
since when. `measure` is never called twice at once; no check waits for another.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from eventsink.errors import EventSinkError

__all__ = ["ENTRY_POINTS", "Check", "Down", "Measurement", "Site", "Unknown"]

ENTRY_POINTS = "eventsink.checks"

Options = TypeVar("Options")


class Down(EventSinkError):
    """What is checked is not well.

    Args:
        reason: the class of the failure in one word, on which programs rely. Ours are `name` (no such host),
            `unreachable`, `refused`, `timeout`, `reset`, `truncated`, `protocol`, `tls`, `certificate`, `status`,
            `content`, `loss`, `redirects`, `too_large`, `limit` (a number out of bounds), `silent`, `rights`.
        message: a sentence for a person.
        numbers: what was measured all the same, as in a `Measurement`.
    """

    def __init__(self, reason: str, message: str, numbers: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.numbers = dict(numbers or {})


class Unknown(Down):
    """Whether it is well cannot be told from here, for a reason that is not its own."""


class Measurement(msgspec.Struct, frozen=True):
    """What a check has found; its being there means that all is well, unless it has a reason.

    Args:
        numbers: fields of the event, by their names in the catalogue; other names end with their unit, as `size_bytes`.
        message: for a person, if there is something to say.
        time: of the event; None for when the check began.
        key: what makes it the same event when it is measured again, because the process ended before it was kept.
        reason: as of `Down`, of one among several that is not well.
    """

    numbers: Mapping[str, Any] = {}
    message: str = ""
    time: datetime | None = None
    key: str = ""
    reason: str = ""


class Site(msgspec.Struct, frozen=True):
    """Where a check runs.

    Args:
        name: of the check, from its section.
        timeout: seconds that it has; the monitor ends it when they are over.
        every: seconds from one run to the next.
        folder: for files of its own, made when it is needed; None where nothing is to be kept.
        sink: address of the sink that the monitor posts to; empty where it posts to none.
        key: for that sink.
    """

    name: str = "check"
    timeout: float = 10.0
    every: float = 60.0
    folder: Path | None = None
    sink: str = ""
    key: str = ""


class Check(Generic[Options]):
    """Measures one thing.

    Args:
        options: the check's `Options`, filled from its section of the settings.
        site: where it runs.
    """

    event: ClassVar[str] = "health.check_update"
    """Type of the events that are made of it."""
    timeout: ClassVar[float] = 10.0
    """Seconds that it has, where its section does not say otherwise."""
    network: ClassVar[bool] = True
    """Whether it needs the network, so that a failure may be that of the monitor's own."""

    def __init__(self, options: Options, site: Site) -> None:
        self.options = options
        self.site = site

    @property
    def target(self) -> str:
        """What is checked, for a person: a host, host:port, address or name. No secret belongs in it."""
        raise NotImplementedError

    @property
    def about(self) -> Mapping[str, Any]:
        """Fields that every event of it has, whatever was found: those that its type in the catalogue must have."""
        return {}

    async def measure(self) -> Measurement | list[Measurement]:
        """Look once.

        A check that reads what has piled up may give several, the oldest first, or none yet; each with its time and
        key. What was measured and not kept is given again the next time.

        Raises:
            Down: it is not well.
            Unknown: that cannot be told from here.
        """
        raise NotImplementedError

    async def kept(self) -> None:
        """What was measured last is durable: what it was made of need not be read again."""

    async def close(self) -> None:
        """Free what is held. Called once, at the end."""
