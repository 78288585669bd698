"""What takes events to a sink, as the one that posts them sees it."""

from typing import NamedTuple, Protocol

from eventsink.errors import EventSinkError

__all__ = ["NotNow", "Transport", "Verdict"]


class NotNow(EventSinkError):
    """The sink has not taken them, and may later.

    Args:
        after: seconds that it asks for.
        patient: it takes a person: there is no haste.
        answered: what was sent was looked at: it may be for one event that all fail.
    """

    def __init__(self, message: str, after: float = 0.0, *, patient: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.patient = patient
        self.answered = answered


class Verdict(NamedTuple):
    """What became of some events.

    Args:
        accepted: how many.
        refused: how many.
        reason: why the first of those was.
    """

    accepted: int = 0
    refused: int = 0
    reason: str = ""

    def plus(self, other: "Verdict") -> "Verdict":
        """What became of both."""
        return Verdict(self.accepted + other.accepted, self.refused + other.refused, self.reason or other.reason)


class Transport(Protocol):
    """Takes events to a sink. Used by one thread."""

    def send(self, lines: bytes, events: int) -> Verdict:
        """Send events, one a line.

        Raises:
            NotNow: all of them are to be sent again.
        """

    def idle(self) -> None:
        """See to the connection, while there is nothing to send. It is called about twice a second."""

    def close(self) -> None:
        """Let go of the connection."""
