"""What is shown of a backup: how far it is, and what is in it."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from eventsink.assemble.backup import Manifest
from eventsink.cli.options import Form
from eventsink.cli.screen import count, errors, print_json, say, size
from eventsink.cli.times import clock

__all__ = ["bar", "print_manifest"]


@contextlib.contextmanager
def bar(name: str, total: int | None) -> Iterator[Callable[[str, int], None]]:
    """A bar on standard error, where that is a terminal; told the name of a file and bytes of it.

    SIGTERM ends what is done meanwhile as Ctrl-C does: nothing that was half done is left.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    screen = errors()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), DownloadColumn())
    progress = Progress(*columns, console=screen, transient=True, expand=True, disable=not screen.is_terminal)
    task = progress.add_task(name, total=total)
    try:
        with progress:
            yield lambda file, more: progress.update(task, advance=more, description=file)
    finally:
        signal.signal(signal.SIGTERM, before)


def print_manifest(manifest: Manifest, done: str, form: Form) -> None:
    """What is in a backup: a sentence, or all of it as JSON."""
    if form is Form.json:
        print_json(manifest)
        return
    began = clock(str(msgspec.to_builtins(manifest.began)))
    files = f"{count(len(manifest.files))} file{'' if len(manifest.files) == 1 else 's'}, {size(manifest.bytes)}"
    ran = "" if manifest.running else ", of a sink that did not run"
    say(f"{done}: {files}, all that was accepted before {began} UTC{ran}.")
