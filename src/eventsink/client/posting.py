"""Hands what waits to a sink: batches, tries again with patience, and says what the sink refuses."""

import random
import threading
import time
from collections.abc import Sequence

from eventsink.client.bell import Bell, Latch
from eventsink.client.culprits import Culprits, separate
from eventsink.client.tallies import Tallies
from eventsink.client.transport import NotNow, Transport, Verdict
from eventsink.client.waiting import Piece, Waiting

__all__ = ["Posting"]

AT_ONCE = 512 << 10  # bytes of a batch, about
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds
ORPHANS_EVERY = 60.0  # seconds between two looks for what other processes have left behind
IDLE = 0.5  # seconds
SEARCH_EVERY = 4  # attempts: every fourth time events are sent apart


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
        self._culprits = Culprits()
        self._jitter = random.Random()  # noqa: S311 - not the one of the program, which may have been seeded
        self._woken = Bell()
        self._stopped = Latch()
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
        else:
            self._transport.close()  # it may never have begun

    def _run(self) -> None:
        failures, looked, alone, answered = 0, float("-inf"), False, False
        while not self._stopped.is_set():
            try:
                if time.monotonic() - looked >= ORPHANS_EVERY:
                    self._waiting.take_over()
                    looked = time.monotonic()
                pieces = self._waiting.next(AT_ONCE)
                if pieces:
                    was_alone, alone = alone, _events(pieces) == 1
                    in_turn = failures % SEARCH_EVERY == SEARCH_EVERY - 1 or (was_alone and not alone)
                    self._send(pieces, apart=answered and in_turn)
                    failures, answered = 0, False
                elif not self._waiting.has_more or self._waiting.take_over() == 0:
                    self._transport.idle()
                    self._woken.wait(IDLE)
            except NotNow as error:
                failures, answered = failures + 1, error.answered
                self._tallies.count("attempts that failed")
                self._tallies.say("away", f"Events wait{self._waiting.where}: {error}")
                backoff = (
                    LONGEST_WAIT if error.patient else min(FIRST_WAIT * 2.0 ** min(failures - 1, 10), LONGEST_WAIT)
                )
                self.is_away = True
                self._stay_away(max(self._jitter.uniform(0.5, 1.0) * backoff, error.after))
                self.is_away = False
            except Exception as error:  # noqa: BLE001 - a bug of ours must not end what a program relies on
                self._say_bug(error)
                self._stopped.wait(LONGEST_WAIT / 10)
        self._transport.close()

    def _send(self, pieces: Sequence[Piece], *, apart: bool) -> None:
        lines = b"\n".join(piece.lines for piece in pieces)
        verdict = self._send_apart(lines.split(b"\n")) if apart else self._transport.send(lines, _events(pieces))
        self._tallies.count("sent", verdict.accepted)  # before nothing waits any more, which is what `flush` goes by
        if verdict.refused:
            self._tallies.drop("refused", verdict.refused, verdict.reason)
        self._waiting.done(pieces)

    def _send_apart(self, lines: Sequence[bytes]) -> Verdict:
        """Send all but those at which the sink fails: they wait again, behind the others, and are given up at last."""
        apart = separate(self._transport, lines, self._stopped.is_set)
        verdict = apart.verdict
        for line in apart.rest:
            self._waiting.add(1, line)
        for line in apart.held:
            if self._culprits.is_over(line):
                verdict = verdict.plus(Verdict(0, 1, apart.reason))
            else:
                self._waiting.add(1, line)
        return verdict

    def _stay_away(self, seconds: float) -> None:
        """Wait before the next attempt, which would fail on a connection that nobody has seen to."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopped.wait(min(left, IDLE)):
            try:
                self._transport.idle()
            except Exception as error:  # noqa: BLE001 - the next attempt finds out
                self._say_bug(error)

    def _say_bug(self, error: Exception) -> None:
        self._tallies.say("bug", f"The event sink's client failed: {type(error).__name__}: {error}.")


def _events(pieces: Sequence[Piece]) -> int:
    return sum(piece.events for piece in pieces)
