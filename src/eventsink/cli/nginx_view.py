"""How far `nginx` is in its logs: a progress bar in a terminal, and nothing elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from eventsink.cli.screen import count, errors
from eventsink.watch.nginx.blocks import LogFile

__all__ = ["View"]

QUIET = 1.0  # seconds: what is done by then needs no bar


class View:
    """Shows the progress in several logs as one.

    Args:
        total: bytes of all of them, None if that is not known.
    """

    def __init__(self, total: int | None) -> None:
        screen = errors()
        columns = (
            BarColumn(bar_width=None), DownloadColumn(), TextColumn("{task.fields[lines]} lines"),
            TextColumn("{task.fields[rate]}/s"), TimeRemainingColumn(compact=True),
        )  # fmt: skip
        self._progress = Progress(*columns, console=screen, transient=True, expand=True, disable=not screen.is_terminal)
        self._task = self._progress.add_task("", total=total, lines="0", rate="0")
        self._read: dict[str, int] = {}
        self._started = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, log: LogFile, lines: int) -> None:
        """So many lines were read in all."""
        seconds = time.monotonic() - self._started
        if seconds < QUIET:
            return
        if not self._shown:
            self._progress.start()
            self._shown = True
        self._read[log.name] = log.progress()
        self._progress.update(
            self._task, completed=sum(self._read.values()), lines=count(lines), rate=count(lines / seconds)
        )
