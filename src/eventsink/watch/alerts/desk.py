"""What commands and pages ask of alerts, in one place: of their book, their journal, and what is to be sent."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from eventsink.watch.alerts import journal, outbox
from eventsink.watch.alerts.book import AlertBook
from eventsink.watch.alerts.rule import matches
from eventsink.watch.alerts.sender import Sender

__all__ = ["AlertDesk"]


class AlertDesk:
    """Alerts, for those who ask.

    Args:
        book: of the alerts.
        sender: of notices.
    """

    def __init__(self, book: AlertBook, sender: Sender) -> None:
        self.book = book
        self._sender = sender
        self.acknowledge = book.acknowledge
        self.lift = book.lift
        self.forget = book.forget

    def concerns(self) -> list[str]:
        """What a person should do about them."""
        own = [sentence for sentence in (self.book.trouble, self.book.full) if sentence]
        return [*own, *self._sender.concerns()]

    async def silence(
        self, patterns: Sequence[str], begin: datetime, end: datetime, reason: str, *, maintenance: bool = False
    ) -> dict[str, Any]:
        """Tell nobody of some alerts for a time; gives what is kept of that."""
        kept = await self.book.silence(patterns, begin, end, reason, maintenance=maintenance)
        return kept | {"is_public": maintenance and self._is_public(patterns)}

    def counts(self) -> dict[str, int]:
        """How many alerts are firing, recovering and pending, and how many silences are on, as of the last look."""
        return self.book.counts

    async def listed(self, *, every: bool = False) -> dict[str, Any]:
        """Alerts, silences, and what waits to be sent by channel."""
        found = await self.book.listed(every=every)
        counts = self._sender.state()
        places = self._sender.places
        return found | {
            "channels": [
                {"channel": label, "settings": places.get(label, [])} | _counted(one) for label, one in counts.items()
            ]
        }

    async def test(self, channel: str | None) -> list[dict[str, Any]]:
        """Send a test to one channel or all; gives what came of it. There is none where none has this label."""
        if channel is not None and channel not in self._sender.state():
            return []
        outcomes = await self._sender.test(channel)
        places = self._sender.places
        return [
            {"channel": label, "settings": places.get(label, []), "ok": not reason, "reason": reason}
            for label, reason in outcomes.items()
        ]

    async def retry(self, channel: str | None = None) -> int:
        """Send again what was given up, of one channel or all that are there; gives how many notices."""
        labels = [channel] if channel else self._sender.labels
        return sum([await self._mend(outbox.retry_dead, label) for label in labels])

    async def drop(self, channel: str | None = None) -> int:
        """Throw away what was given up, of one channel or all; gives how many notices."""
        return await self._mend(outbox.drop_dead, channel)

    async def _mend(self, how: Callable[[sqlite3.Connection, datetime, str | None], int], channel: str | None) -> int:
        count = await self.book.write(lambda connection: how(connection, datetime.now(UTC), channel))
        self._sender.wake()
        return count

    async def incidents(self) -> list[dict[str, Any]]:
        """What operators wrote of incidents, the newest first."""
        return [_shown(entry) for entry in await self.book.notes()]

    async def open_incident(self, title: str, checks: Sequence[str], message: str) -> dict[str, Any]:
        """Open an incident."""

        def work(connection: sqlite3.Connection) -> journal.Entry | None:
            return journal.find(connection, journal.add(connection, title, checks, message, time.time()))

        found = await self.book.write(work)
        assert found is not None, "it was just made"  # noqa: S101
        return _shown(found) | {"is_public": self._is_public(checks)}

    def _is_public(self, checks: Sequence[str]) -> bool:
        """Whether users see what is written of these checks."""
        return not checks or any(matches(checks, f"check/{name}") for name in self.book.public)

    async def write_incident(self, number: int, message: str, *, closes: bool) -> dict[str, Any] | None:
        """Write what is new of an incident, and perhaps that it is over; None: no such incident is open."""

        def work(connection: sqlite3.Connection) -> journal.Entry | None:
            written = journal.write(connection, number, message, time.time(), closes=closes)
            return journal.find(connection, number) if written else None

        found = await self.book.write(work)
        return _shown(found) if found else None


def _shown(entry: journal.Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": entry.title,
        "checks": entry.checks,
        "opened": _time(entry.opened),
        "closed": None if entry.closed is None else _time(entry.closed),
        "updates": [{"time": _time(update.at), "text": update.text} for update in entry.updates],
    }


def _counted(counts: outbox.Counts) -> dict[str, Any]:
    return {"waiting": counts.waiting, "dead": counts.dead, "since": counts.since, "reason": counts.reason}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
