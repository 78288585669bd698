"""Hands what waits to a sink: batches, tries again with patience, and says what the sink refuses."""

import random
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from eventsink.client.tallies import Tallies
from eventsink.client.waiting import Piece, Waiting
from eventsink.errors import EventSinkError

__all__ = ["NotNow", "Posting", "Transport", "Verdict"]

AT_ONCE = 512 << 10  # bytes of a batch, about
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds
ORPHANS_EVERY = 60.0  # seconds between two looks for what other processes have left behind
IDLE = 0.5  # seconds


class NotNow(EventSinkError):
    """The sink has not taken them, and may later.

    Args:
        after: seconds that it asks for.
        patient: it takes a person: there is no haste.
    """

    def __init__(self, message: str, after: float = 0.0, *, patient: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.patient = patient


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

    def close(self) -> None:
        """Let go of the connection."""


class Posting:
    """A thread that sends what waits.

    Args:
        waiting: what waits.
        transport: how it is sent.
        tallies: are told.
    """

    def __init__(self, waiting: Waiting, transport: Transport, tallies: Tallies) -> None:
        self._waiting = waiting
        self._transport = transport
        self._tallies = tallies
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self.is_away = False
        """Whether the last attempt has failed, and the next one is waited for."""
        self._thread = threading.Thread(target=self._run, name="eventsink-posting", daemon=True)

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: the interpreter starts no threads any more.
        """
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._woken.set()

    def stop(self, seconds: float) -> None:
        """Send nothing more; wait at most so long for what is on its way."""
        self._stopped.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(max(seconds, 0.0))

    def _run(self) -> None:
        failures, looked = 0, float("-inf")
        while not self._stopped.is_set():
            try:
                if time.monotonic() - looked >= ORPHANS_EVERY:
                    looked = time.monotonic()
                    self._waiting.take_over()
                pieces = self._waiting.next(AT_ONCE)
                if pieces:
                    self._send(pieces)
                    failures = 0
                    continue
                self._sleep(IDLE)
            except NotNow as error:
                failures += 1
                self._tallies.count("attempts that failed")
                self._tallies.say("away", f"Events wait: {error}")
                backoff = (
                    LONGEST_WAIT if error.patient else min(FIRST_WAIT * 2.0 ** min(failures - 1, 10), LONGEST_WAIT)
                )
                self.is_away = True
                self._stopped.wait(max(random.uniform(0.5, 1.0) * backoff, error.after))  # noqa: S311 - jitter
                self.is_away = False
            except Exception as error:  # noqa: BLE001 - a bug of ours must not end what a program relies on
                self._tallies.say("bug", f"The event sink's client failed: {type(error).__name__}: {error}.")
                self._stopped.wait(LONGEST_WAIT / 10)
        self._transport.close()

    def _send(self, pieces: Sequence[Piece]) -> None:
        verdict = self._transport.send(b"\n".join(piece.lines for piece in pieces), sum(p.events for p in pieces))
        self._waiting.done(pieces)
        self._tallies.count("sent", verdict.accepted)
        if verdict.refused:
            self._tallies.drop("refused", verdict.refused, verdict.reason)

    def _sleep(self, seconds: float) -> None:
        if self._woken.wait(seconds):
            self._woken.clear()
