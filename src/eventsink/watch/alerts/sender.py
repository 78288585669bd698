"""Gets notices out: takes what is due in the outbox, sends it on its channels, and notes what became of it.

Each channel has a task of its own, so none waits for another. Whatever a channel raises is dealt with in its `Lane`.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from eventsink.errors import StoreUnavailable
from eventsink.settings import Alerts
from eventsink.watch.alerts import outbox
from eventsink.watch.alerts.addresses import places
from eventsink.watch.alerts.channel import Channel
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.lane import Lane, attempt
from eventsink.watch.alerts.notice import Notice
from eventsink.watch.alerts.outbox import Counts
from eventsink.watch.alerts.patience import Patience
from eventsink.watch.alerts.text import Texts

__all__ = ["Sender"]

TIDY_EVERY = 3600.0  # seconds
GONE = "is not in alerts.notify or a route any more"

_log = structlog.get_logger(__name__)


class Sender:
    """Sends what is in the outbox.

    Args:
        file: that has the outbox.
        channels: by their labels.
        texts: what messages say.
        alerts: the settings.
        patience: between attempts.
    """

    def __init__(
        self,
        file: AlertFile,
        channels: Mapping[str, Channel],
        texts: Texts,
        alerts: Alerts,
        patience: Patience = Patience(),  # noqa: B008 - a frozen value
    ) -> None:
        self._file = file
        self._channels = channels
        self._texts = texts
        give_up = timedelta(seconds=alerts.give_up)
        self._lanes = [Lane(file, channel, texts, give_up, patience, self._note) for channel in channels.values()]
        self._known: Mapping[str, Counts] = {}
        self.places = places(alerts)
        """In which settings each channel stands, by its label."""
        self._woken = asyncio.Event()

    @property
    def labels(self) -> list[str]:
        """The channels that are in the settings."""
        return list(self._channels)

    async def run(self) -> None:
        """Send until this is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(lane.run())
            tasks.create_task(self._tidy())

    def wake(self) -> None:
        """Look at once: there is something new in the outbox, or somebody has changed it."""
        self._woken.set()
        for lane in self._lanes:
            lane.wake()

    def state(self) -> dict[str, Counts]:
        """What was not told, of each channel by its label; of those, too, that are not in the settings any more."""
        return {label: self._known.get(label, Counts()) for label in self._channels} | dict(self._known)

    def concerns(self) -> list[str]:
        """What a person should know of it, in sentences."""
        return [_sentence(label, found) for label, found in self._known.items() if found.dead or found.since]

    async def test(self, label: str | None = None) -> dict[str, str]:
        """Send a test notice on a channel, or on all, past the outbox.

        Returns:
            For each channel why it did not take it; nothing if it did.

        Raises:
            KeyError: there is no channel of this label.
        """
        channels = list(self._channels.values()) if label is None else [self._channels[label]]
        now = datetime.now(UTC)
        notice = Notice(
            id=f"test-{now.timestamp():.6f}",
            alert="test",
            title="Test of alerts",
            kind="test",
            severity="info",
            time=now,
            since=now,
            message="This is how you are told when something is not well. Nothing is wrong.",
        )
        outcomes = await asyncio.gather(
            *(attempt(channel, self._texts.message([(notice, False)], channel.longest)) for channel in channels)
        )
        return {
            channel.label: outcome.reason if outcome else ""
            for channel, outcome in zip(channels, outcomes, strict=True)
        }

    def _note(self, counts: Mapping[str, Counts]) -> None:
        self._known = counts

    async def _tidy(self) -> None:
        """Give up what has no channel any more, delete what is old, and look what is left."""
        while True:
            self._woken.clear()
            try:
                gone, self._known = await self._file.run(partial(_tidied, channels=list(self._channels)))
                for channel, count in gone.items():
                    _log.error("alerts.given_up", channel=channel, notices=count, reason=f"{channel} {GONE}")
            except StoreUnavailable as error:
                _log.warning("alerts.not_tidied", reason=str(error))
            except Exception:  # noqa: BLE001 - a bug of ours is no reason to tell nothing any more
                _log.exception("alerts.tidying_failed")
            try:
                async with asyncio.timeout(TIDY_EVERY):
                    await self._woken.wait()
            except TimeoutError:
                continue


def _tidied(connection: sqlite3.Connection, channels: Sequence[str]) -> tuple[Mapping[str, int], Mapping[str, Counts]]:
    now = datetime.now(UTC)
    gone = outbox.bury_strangers(connection, channels, now, GONE)
    outbox.forget_old(connection, now)
    return gone, outbox.counts(connection)


def _sentence(label: str, found: Counts) -> str:
    count = found.waiting + found.dead
    since = f" since {found.since:%Y-%m-%d %H:%M} UTC" if found.since else ""
    dead = f"; {found.dead} of them were given up" if found.dead else ""
    return f"{label} did not take {count:,} notice{'s' if count > 1 else ''}{since}{dead}: {found.reason.rstrip('.')}."
