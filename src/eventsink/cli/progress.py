"""How far `send` is: a progress bar in a terminal, and sentences everywhere."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from eventsink.cli.screen import count, errors
from eventsink.client.source import Source

__all__ = ["View"]

LONGEST_NAME = 16


class View:
    """Shows the progress of several sources as one.

    Args:
        total: bytes of all of them, None if that is not known.
    """

    def __init__(self, total: int | None) -> None:
        self._screen = errors()
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TextColumn("{task.fields[events]} events"),
            TextColumn("{task.fields[rate]}/s"),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(
            *columns, console=self._screen, transient=True, expand=True, disable=not self._screen.is_terminal
        )
        self._task = self._progress.add_task("", total=total, events="0", rate="0")
        self._read: dict[str, int] = {}
        self._started = time.monotonic()
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    def tell(self, text: str, style: str = "") -> None:
        """Say something, above the bar."""
        self._screen.print(text, style=style, soft_wrap=True)

    def tell_once(self, text: str) -> None:
        """Say something that may come up often."""
        if text not in self._told:
            self._told.add(text)
            self.tell(text, "yellow")

    def waiting(self, reason: str) -> None:
        """Nothing gets through, and why; an empty reason: it does again."""
        self.tell(f"{reason} Trying again." if reason else "Going on.", "yellow" if reason else "green")

    def advance(self, source: Source, events: int) -> None:
        """Some more events were answered, `events` in all."""
        name = source.name.rpartition("/")[2]
        read = source.progress()
        self._progress.update(
            self._task,
            advance=read - self._read.get(source.name, 0),
            description=name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…",
            events=count(events),
            rate=count(events / max(self.seconds, 0.1)),
        )
        self._read[source.name] = read
