"""One channel at work: what is due on it is noted as begun, sent, and noted as told or postponed; again and again."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from eventsink.errors import StoreUnavailable
from eventsink.watch.alerts import outbox
from eventsink.watch.alerts.aside import Aside
from eventsink.watch.alerts.channel import Channel, Message, NotTaken
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.outbox import Counts, Waiting
from eventsink.watch.alerts.patience import Patience
from eventsink.watch.alerts.text import Texts

__all__ = ["Lane", "attempt"]

LOOK_EVERY = 60.0  # seconds, at least: a clock that was set wrong holds up nobody for longer
FILE_AWAY = 5.0  # seconds before a file that cannot be used is tried again
LIMIT_OF_ALL = 120.0  # seconds that a channel may take, should its own limit fail

Note = Callable[[Mapping[str, Counts]], None]
_log = structlog.get_logger(__name__)


class Lane:
    """Sends what waits for one channel.

    Args:
        give_up: after which time a notice is given up whose attempts fail.
        patience: between attempts.
        note: is told what waits, of all channels, whenever that changes.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it brings together
        self,
        file: AlertFile,
        channel: Channel,
        texts: Texts,
        give_up: timedelta,
        patience: Patience,
        note: Note,
    ) -> None:
        self._file = file
        self._channel = channel
        self._texts = texts
        self._give_up = give_up
        self._patience = patience
        self._note = note
        self._woken = asyncio.Event()
        self._failures = 0  # in a row
        self._most = channel.most
        self._aside = Aside()

    def wake(self) -> None:
        """Look at once whether something is due."""
        self._woken.set()

    async def run(self) -> None:
        """Send until this is cancelled."""
        while True:
            self._woken.clear()
            try:
                wait = await self._turn()
            except StoreUnavailable as error:
                _log.warning("alerts.file_away", channel=self._channel.label, reason=str(error))
                wait = FILE_AWAY
            except Exception:  # noqa: BLE001 - a bug of ours is no reason to tell nothing any more
                _log.exception("alerts.lane_failed", channel=self._channel.label)
                wait = self._patience.longest / 10
                await asyncio.sleep(min(wait, FILE_AWAY))  # whoever wakes us
            await self._sleep(wait)

    async def _turn(self) -> float:
        """Send what is due. Gives the seconds until something else is."""
        waiting, until = await self._file.run(self._take)
        if not waiting:
            return LOOK_EVERY if until is None else max((until - datetime.now(UTC)).total_seconds(), 0.0)
        notices = [(each.notice, each.again) for each in waiting]
        # On a thread: thousands of texts are cleaned.
        message = await asyncio.to_thread(
            self._texts.message, notices, self._channel.longest, whole=self._channel.whole
        )
        outcome = await attempt(self._channel, message)
        if outcome is None:
            self._aside.taken()
            self._failures, self._most = 0, min(self._most * 2, self._channel.most)
            await self._settle(partial(outbox.done, numbers=_numbers(waiting), now=datetime.now(UTC)))
        else:
            await self._failed(waiting, outcome)
        return 0.0

    def _take(self, connection: sqlite3.Connection) -> tuple[list[Waiting], datetime | None]:
        now = datetime.now(UTC)
        if self._aside.lapse():
            self._most = 1
        label, but = self._channel.label, self._aside.alerts
        waiting = outbox.due(connection, label, now, self._most, but)
        outbox.begin(connection, _numbers(waiting), now)
        return waiting, None if waiting else outbox.next_due(connection, label, now, but)

    async def _failed(self, waiting: Sequence[Waiting], outcome: NotTaken) -> None:
        self._failures += 1
        now, wait = datetime.now(UTC), self._patience.wait(self._failures, outcome.after)
        in_parts = outcome.too_much and len(waiting) > 1
        if in_parts:
            self._most, wait = len(waiting) // 2, 0.0
        elif outcome.too_much:
            # The rest is not held up: if it is taken, what was refused is at fault.
            self._aside.refused(waiting[0].notice.alert, wait)
        over = [outcome.final or (not in_parts and now - each.made >= self._give_up) for each in waiting]
        dead = _numbers([each for each, is_over in zip(waiting, over, strict=True) if is_over])
        rest = _numbers([each for each, is_over in zip(waiting, over, strict=True) if not is_over])
        reason = outcome.reason.rstrip(".")

        def note(connection: sqlite3.Connection) -> None:
            outbox.give_up(connection, dead, now, reason)
            until = now + timedelta(seconds=wait)
            outbox.postpone(connection, rest, now, until, reason, unsure=outcome.unsure)

        await self._settle(note)
        if dead:
            _log.error("alerts.given_up", channel=self._channel.label, notices=len(dead), reason=reason)
        if rest and (self._failures in {1, 5} or self._failures % 20 == 0):
            _log.warning(
                "alerts.not_told",
                channel=self._channel.label,
                notices=len(rest),
                times=self._failures,
                next_in=round(wait, 1),
                reason=reason,
            )

    async def _settle(self, note: Callable[[sqlite3.Connection], None]) -> None:
        """Note what became of a message, however often that takes: else it would be sent again."""

        def noted(connection: sqlite3.Connection) -> Mapping[str, Counts]:
            note(connection)
            return outbox.counts(connection)

        while True:
            try:
                self._note(await self._file.run(noted))
                return
            except StoreUnavailable as error:
                _log.warning("alerts.not_noted", channel=self._channel.label, reason=str(error))
                await asyncio.sleep(FILE_AWAY)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(seconds, LOOK_EVERY)):
                await self._woken.wait()
        except TimeoutError:  # nobody woke us
            return


async def attempt(channel: Channel, message: Message) -> NotTaken | None:
    """Send a message; gives why it was not taken. Whatever a channel raises, it is one that did not take it."""
    try:
        async with channel.turn, asyncio.timeout(LIMIT_OF_ALL):
            await channel.send(message)
    except NotTaken as error:
        return error
    except TimeoutError:
        return NotTaken(f"no answer came within {LIMIT_OF_ALL:g} seconds", unsure=True)
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        # Its text may have the address in it, and so may the lines that led to it.
        _log.error("alerts.channel_failed", channel=channel.label, error=type(error).__name__, place=_place(error))
        return NotTaken(f"it failed by {type(error).__name__}, see the log", unsure=True)
    return None


def _place(error: BaseException) -> str:
    """The file and line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


def _numbers(waiting: Sequence[Waiting]) -> list[int]:
    return [each.number for each in waiting]
