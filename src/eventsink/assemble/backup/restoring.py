"""Making a data directory of a backup."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from eventsink.assemble.backup.archive import BackupUnusable, Manifest, Told, contents
from eventsink.assemble.backup.names import named_places
from eventsink.assemble.data_directory import UNFINISHED
from eventsink.causes import why
from eventsink.files import give_to_owner, make_folder, sync_names
from eventsink.settings import Settings

__all__ = ["check", "restore"]

AT_ONCE = 1 << 20  # bytes
HARMLESS = {"lost+found"}  # a file system of its own has it


def check(path: Path, told: Told) -> Manifest:
    """Read a backup through and compare its checksums; nothing is written.

    Raises:
        BackupUnusable: it is damaged, cut off, no backup, or of a later version.
    """

    def take(name: str, file: BinaryIO) -> None:
        for part in _parts(file):
            told(name, len(part))

    try:
        return contents(path, take)
    except OSError as error:
        raise BackupUnusable(f"{path} cannot be read: {why(error)}.") from error


def restore(settings: Settings, path: Path, told: Told) -> Manifest:
    """Make the data directory of a backup, for its owner alone, else for this user. On failure nothing is left of it.

    Raises:
        BackupUnusable: the directory holds something, or the backup cannot be used.
    """
    folders = list(dict.fromkeys((settings.directory, settings.store_path)))
    target = _target_of(settings)
    with _in_words(path, settings.directory):
        for folder in folders:
            if folder.exists() and {entry.name for entry in folder.iterdir()} - HARMLESS:
                raise BackupUnusable(f"{folder} is not empty: give a new directory, or move away what is there.")
        for place in named_places(settings).values():
            if place.exists():
                raise BackupUnusable(f"{place} is there already: move it away.")
        with _nothing_left([folder for folder in folders if not folder.exists()]) as written:

            def take(name: str, file: BinaryIO) -> None:
                final = target(name)
                make_folder(final.parent)
                part = final.with_name(final.name + UNFINISHED)
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
                    written[part] = final
                    give_to_owner(made.fileno(), part.parent)
                    for content in _parts(file):
                        made.write(content)
                        told(name, len(content))
                    made.flush()
                    os.fsync(made.fileno())

            manifest = contents(path, take)
            _refuse_company(folders, written)
            for part, final in [*written.items()]:
                part.rename(final)
                written[final] = written.pop(part)
            for folder in {final.parent for final in written.values()}:
                sync_names(folder)
        return manifest


def _target_of(settings: Settings) -> Callable[[str], Path]:
    """Where a file of a backup goes: to where these settings have it."""
    places = named_places(settings)

    def target(name: str) -> Path:
        if name.startswith("store/"):
            return settings.store_path / name.removeprefix("store/")
        return places.get(name, settings.directory / name)

    return target


def _refuse_company(folders: list[Path], written: dict[Path, Path]) -> None:
    """Take the place of nothing that came while we wrote: a sink that was started has accepted events."""
    ours = {*written, *(part.parent for part in written)}
    came = [entry for folder in folders if folder.exists() for entry in folder.iterdir() if entry not in ours]
    came = [entry for entry in came if entry.name not in HARMLESS]
    came += [final for final in written.values() if final.exists() and final not in came]
    if came:
        raise BackupUnusable(
            f"{min(came)} was made by somebody else meanwhile: see that no sink runs here, move away what is there, and"
            " restore again."
        )


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(AT_ONCE):
        yield part


@contextlib.contextmanager
def _nothing_left(made: list[Path]) -> Iterator[dict[Path, Path]]:
    """Files that are written, by their names of now; unless all is well, they go, and what folders we made."""
    written: dict[Path, Path] = {}
    try:
        yield written
    except BaseException:
        for part in written:
            part.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # it was not made yet
                folder.rmdir()
        raise


@contextlib.contextmanager
def _in_words(path: Path, directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupUnusable(
            f"{path} cannot be restored into {directory}: {why(error)}. Nothing of it is left."
        ) from error
