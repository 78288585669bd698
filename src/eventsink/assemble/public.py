"""What the status page says beside what was measured: which checks are public, and what operators wrote."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from eventsink.look.status.contract import Note, Planned, Said, Update
from eventsink.settings import Settings
from eventsink.watch.alerts.book import AlertBook
from eventsink.watch.alerts.journal import Entry
from eventsink.watch.alerts.windows import Quiet

__all__ = ["said_by"]


def said_by(settings: Settings, book: AlertBook) -> Callable[[], Awaitable[Said]]:
    """Gives what the settings and operators say.

    Raises:
        StoreUnavailable: when it is asked for, and the file of alerts cannot be read.
    """

    async def say() -> Said:
        notes, maintenance, life = await book.notes(), await book.maintenance(), await book.life()
        return Said(
            title=settings.status_page.title,
            public=book.public,
            notes=[_note(entry, life) for entry in notes],
            maintenance=[_planned(quiet) for quiet in maintenance],
        )

    return say


def _note(entry: Entry, life: str) -> Note:
    return Note(
        id=f"{life[:12]}-{entry.id}",  # numbers begin anew with another file, and are those of other sinks, too
        title=entry.title,
        checks=[check.removeprefix("check/") for check in entry.checks],
        opened=_time(entry.opened),
        closed=None if entry.closed is None else _time(entry.closed),
        updates=[Update(_time(update.at), update.text) for update in entry.updates],
    )


def _planned(quiet: Quiet) -> Planned:
    checks = [pattern.removeprefix("check/") for pattern in quiet.alerts]
    return Planned(begin=_time(quiet.begin), end=_time(quiet.end), checks=checks, reason=quiet.reason)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
