"""The channel contract, on one screen: what can tell a person something.

A channel is one address of the settings. It sends one message at a time, and says why it could not. The sender owns
everything else: what waits, when it is tried again, when it is given up. No channel waits for another.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from eventsink.errors import EventSinkError
from eventsink.watch.alerts.notice import Notice

__all__ = ["Channel", "Message", "NotTaken", "Told"]


class NotTaken(EventSinkError):
    """A channel did not take a message.

    Args:
        reason: a sentence for the operator, with nothing of the address in it.
        after: seconds to wait at least before the next attempt, where that is known.
        final: it never will: the notices are given up at once.
        unsure: it may have arrived all the same, for it was on its way when this happened.
        too_much: it may be taken in parts.
    """

    def __init__(
        self,
        reason: str,
        after: float | None = None,
        final: bool = False,  # noqa: FBT001, FBT002 - an exception is raised by position, as TryLater is
        *,
        unsure: bool = False,
        too_much: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.final = final
        self.unsure = unsure
        self.too_much = too_much


class Told(msgspec.Struct, frozen=True):
    """A notice in a message.

    Args:
        notice: fit to be shown: no secrets and nothing that cannot be seen.
        state: in words, as "down".
        again: it may have arrived before: it was on its way when this process was killed, or no answer came.
    """

    notice: Notice
    state: str
    again: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is told at once.

    Args:
        title: one line.
        body: plain text.
        notices: what it is made of, in the order in which they were made, where a channel wants the whole of it; else
            the first of those, the worst before the others.
        link: where to read more; may be empty.
    """

    title: str
    body: str
    notices: Sequence[Told]
    link: str = ""


class Channel(ABC):
    """One address to which notices go.

    Args:
        label: its name wherever it is shown: of the address, it has the scheme alone.

    Whoever sends holds its `turn`.
    """

    most = 500
    """Notices in a message, at most."""
    whole = True
    """Whether its messages have all notices; else those alone that their body lists."""
    longest = 8000
    """Letters of title and body together, at most."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<{self.label}>"  # the address stays out of every log

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Tell it. Never called twice at once.

        Raises:
            NotTaken: it was not taken, or nobody knows.
        """
