"""Reports as files, once or whenever a day, week or month is over. A reader never sees half of one."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from eventsink.causes import remedy, why
from eventsink.cli.report_asking import ask, decoded
from eventsink.cli.screen import flush, note, plain, say
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.files import clear_drafts

__all__ = ["COUNTER", "Every", "Schedule", "go_on", "write"]

FORMS = ("csv", "json", "html")
COUNTER = "counter"  # whose forms are the standard's, and whose periods are months
FORMS_OF_COUNTER = ("json", "tsv", "csv")
LATE = timedelta(minutes=10)  # that events may need to arrive
AGAIN = 60.0  # seconds after which what failed is tried again
LONGEST = 3600.0  # that is slept at once: clocks are set, and machines sleep


class Every(StrEnum):
    """What must be over for a report to be written."""

    day = "day"
    week = "week"
    month = "month"


def write(out: Path, name: str, form: str, content: bytes) -> Path:
    """Write a report to a file, or into a folder under its name.

    Raises:
        EventSinkError: the disk takes nothing.
    """
    target = out / f"{_safe(name)}.{form}" if out.is_dir() or str(out).endswith(os.sep) else out
    _put(target, content)
    return target


def go_on(sink: Sink, name: str, query: Mapping[str, Any], out: Path, every: Every) -> NoReturn:
    """Write a report whenever its time has come."""
    say(f"{plain(name)} is written to {plain(out)} when a {every} is over, until Ctrl-C.")
    schedule = Schedule(sink, name, query, out, every)
    while True:
        schedule.step()


# From one report to the next; a clock that says more was wrong.
MOST_WAITED = {Every.day: timedelta(days=2), Every.week: timedelta(days=8), Every.month: timedelta(days=32)}


class Schedule:
    """Writes the last day, week or month that is over, if it is not there yet.

    Args:
        query: what else is asked for.
        out: the folder; it is made.
        now: the clock.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        query: Mapping[str, Any],
        out: Path,
        every: Every,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sink = sink
        self._name = name
        self._query = query
        self._out = out
        self._every = every
        self._now = now
        self._sleep = sleep
        self._due: datetime | None = None
        self._told = ""

    def step(self) -> None:
        """Do what is due, and wait."""
        if self._is_to_come():
            self._sleep(min(LONGEST, max(1.0, self._left().total_seconds())))
            return
        trouble = self._try()
        if trouble != self._told:
            note(trouble or "It works again.", "red" if trouble else "")
            self._told = trouble
        if trouble or not self._is_to_come():  # the clock of the sink is behind, or far ahead
            self._sleep(AGAIN)

    def _is_to_come(self) -> bool:
        """Whether the next one is. What is further off than one span a clock said that has been set back since."""
        return timedelta() < self._left() <= MOST_WAITED[self._every]

    def _left(self) -> timedelta:
        return self._due - self._now() if self._due is not None else timedelta()

    def _try(self) -> str:
        """Write what is missing; gives why it could not be, or nothing."""
        try:
            written = self._write()
        except EventSinkError as error:
            return f"{plain(error)} It is tried again every minute."
        if written:
            say(f"Written to {plain(', '.join(written))}.")
            flush()
        return ""

    def _write(self) -> list[str]:
        period = {"period": self._every.value, "since": None, "until": None}
        if self._name == COUNTER and self._every is not Every.month:
            raise EventSinkError("COUNTER's report is of whole months: give --every month.")
        if self._name == COUNTER:
            period = {}
        content, _ = ask(self._sink, self._name, "table", {**self._query, **period})
        found = decoded(self._sink, content)
        if not isinstance(found, dict) or not found.get("since") or "zone" not in found:
            raise EventSinkError(f"The report {plain(self._name)} has no period of its own: ask for it from cron.")
        begin, end = datetime.fromisoformat(found["since"]), datetime.fromisoformat(found["until"])
        label = _label(begin.astimezone(ZoneInfo(found["zone"])), self._every)
        span = {"period": None, "since": found["since"], "until": found["until"], "zone": found["zone"]}
        if self._name == COUNTER:
            span = {"since": label, "until": label}
        written = []
        for form in FORMS_OF_COUNTER if self._name == COUNTER else FORMS:
            target = self._out / f"{_safe(self._name)}-{label}{self._marks()}.{form}"
            if not target.exists():
                _put(target, ask(self._sink, self._name, form, {**self._query, **span})[0])
                written.append(str(target))
        self._due = _next(end.astimezone(ZoneInfo(found["zone"])), self._every) + LATE
        return written

    def _marks(self) -> str:
        """What else was asked for, in the name: two schedules may share a folder."""
        asked = {name: value for name, value in self._query.items() if value is not None}
        return "".join(
            f"-{_safe(f'{name}-{value}') if isinstance(value, str | int) else _filtered(name, value)}"
            for name, value in asked.items()
        )


def _filtered(name: str, values: Sequence[str]) -> str:
    """A filter in the name of a file. Others may look like it there, once letters are exchanged and many are cut."""
    text = f"{name}-{'-'.join(values)}"
    if len(values) == 1 and _safe(text) == text:
        return text
    return f"{_safe(text)}-{hashlib.sha256(chr(0).join(values).encode()).hexdigest()[:8]}"


def _label(begin: datetime, every: Every) -> str:
    """A span in the name of a file: 2026-10, 2026-W48, 2026-11-28."""
    form = {"month": "%Y-%m", "week": "%G-W%V", "day": "%Y-%m-%d"}[every.value]
    return begin.strftime(form)


def _next(end: datetime, every: Every) -> datetime:
    """When the span that begins at a midnight is over, by local clocks."""
    if every is Every.month:
        later = end.replace(year=end.year + end.month // 12, month=end.month % 12 + 1)
    else:
        later = end + timedelta(days=7 if every is Every.week else 1)
    return later.astimezone(UTC)


def _safe(name: str) -> str:
    """A name that is one of a file, whatever somebody typed."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60] or "report"


def _put(target: Path, content: bytes) -> None:
    """Beside it first, then in its place. A pipe or device is written to: what took its place would destroy it."""
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        _replace(Path(os.path.realpath(target)), content)  # what a link leads to, not the link
    except OSError as error:
        raise EventSinkError(f"{plain(target)} cannot be written: {why(error)}.{remedy(error, '--out')}") from error


def _replace(target: Path, content: bytes) -> None:
    before, after = f".{target.name}.", ".new"
    draft = target.with_name(f"{before}{os.getpid()}{after}")
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_drafts(target.parent, before, after)
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # one that is empty after a loss of power would never be written again
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
