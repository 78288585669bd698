"""The data directory at the start of a process: ours alone, with all that we have made in it.

In: settings. Out: a directory into which nobody else looks, as far as this user can see to that; what is left is said.
Called before anything in it is opened, and by `eventsink doctor`.

What is somebody else's is left alone, and so is a folder that holds more than our data: `--data /srv` must not shut
/srv to all others.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from eventsink.causes import remedy, why
from eventsink.errors import SettingsError
from eventsink.settings import Settings
from eventsink.trust import check_found, others_may_write, owner

__all__ = ["UNFINISHED", "Exposed", "open_to_others", "prepare"]

OTHERS = 0o077  # the bits of a mode that are for group and others
SHOWN = 3  # paths in a line of the log

# What we make in the data directory and in the folder of the store, also what was set aside as damaged.
_DATA = re.compile(
    r"(exchange|keys|accounts|alerts|jobs|jobs-spool|monitor-spool|spool-\d+(-\d+)?|aside-.+)\.(db.*|lock)"
    r"|(running|monitor-states)\.(json|new|lock)|names\.(json|.+\.new)|visitors-[0-9-]{10}\.salt(-[0-9a-f]+)?|checks"
)
_STORED = re.compile(r"events-\d{4}-\d{2}\.duckdb.*|facts\.duckdb.*|uptime\.db.*|lock|tmp")
_HARMLESS = frozenset({"lost+found"})  # a file system of its own has it

UNFINISHED = ".restoring"  # the end of a name, until all files of a backup are there and compared

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Exposed:
    """A folder or file of our data that others can get at: by its mode, or because it is theirs."""

    path: Path
    status: os.stat_result

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        mode = "700" if stat.S_ISDIR(self.status.st_mode) else "600"
        if self.status.st_uid != os.geteuid():  # taking bits away could shut us out, for we may be in by our group
            chown = f"chown {os.geteuid()} {self.path} && chmod {mode} {self.path}"
            return f"As root: {chown}. On a volume that nobody else mounts, nothing need be done."
        if mode == "700":
            return f"chmod 700 {self.path}, or give a directory with nothing else in it."
        return f"chmod 600 {self.path}, or start the sink again, which does it."


@dataclass(frozen=True)
class _Place:
    """A folder with files of ours.

    Args:
        names: of the files that we make there.
        whole: whether the folder, too, should be for us alone.
        beside: what else may be there, and is no sign that the folder serves others, too.
    """

    folder: Path
    names: re.Pattern[str]
    whole: bool = True
    beside: frozenset[str] = _HARMLESS


def prepare(settings: Settings) -> None:
    """Make the data directory, and make private what is there. Nothing in it is open yet.

    What cannot be made private, as on a volume of somebody else's, is said; it is no reason not to run.

    Raises:
        NotTrusted: nobody named the directory, and it is another user's, or others can write to it.
        SettingsError: it cannot be made, is a folder that all users share, or holds what somebody else has planted.
    """
    directory, naming = settings.directory, f"--data {settings.directory}"
    check_found(directory, naming=naming)  # before: a folder of somebody else's gets nothing of ours
    check_found(settings.store_path, naming="a whole path in store.path")
    with contextlib.suppress(SettingsError):  # of an exchange that is no file
        check_found(settings.exchange_path, naming="a whole path in exchange.url")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        raise SettingsError(f"The data directory {directory} cannot be made: {why(error)}.{remedy(error)}") from error
    check_found(directory, naming=naming)  # and after: in a folder like /tmp, others may have been faster
    if status.st_mode & stat.S_ISVTX and others_may_write(status):
        raise SettingsError(f"All users share {directory}: give a folder in it, as --data {directory / 'eventsink'}.")
    if status.st_uid not in {os.geteuid(), 0}:
        advice = f"run it as {owner(status)}, or: chown -R {os.geteuid()} {directory}"
        _log.warning("data.of_another_user", path=str(directory), owner=owner(status), remedy=advice)
    _refuse_half_restored(settings)
    _refuse_planted(settings)
    _make_private(settings)


def _refuse_half_restored(settings: Settings) -> None:
    """Begin with all of a backup or with none: with a part of it the accounts of another time would go on."""
    for folder in (settings.directory, settings.store_path):
        if folder.is_dir() and any(folder.glob(f"*{UNFINISHED}")):
            raise SettingsError(
                f"{folder} holds a part of a backup: `eventsink restore` still runs, or was broken off. Wait for it;"
                " else empty the data directory and restore again."
            )


def open_to_others(settings: Settings) -> list[Exposed]:
    """What of our data others can get at."""
    return [exposed for place in _places(settings) for exposed in _open_in(place)]


def _make_private(settings: Settings) -> None:
    mended: list[Exposed] = []
    left: list[Exposed] = []
    for place in _places(settings):
        for exposed in _open_in(place):
            kept = exposed.path == place.folder and _holds_more(place)
            (left if kept or not _mend(exposed.path) else mended).append(exposed)
    if mended:
        _log.warning("data.made_private", count=len(mended), paths=_some(mended))
    if left:
        _log.warning("data.open_to_others", count=len(left), paths=_some(left), remedy=left[0].remedy)


def _refuse_planted(settings: Settings) -> None:
    """Use no link, and no keys, that somebody else has put there, who may do so while a directory is open to him."""
    for place in _places(settings):
        with contextlib.suppress(OSError):  # it is not there yet
            trusted = {os.geteuid(), 0, place.folder.stat().st_uid}
            for path, found in _entries(place.folder):
                matters = stat.S_ISLNK(found.st_mode) or path.name.startswith("keys.")
                if matters and place.names.fullmatch(path.name) and found.st_uid not in trusted:
                    raise SettingsError(
                        f"{path} belongs to {owner(found)}, and not to whoever has the data directory: take it away, or"
                        f" give it to yourself if you trust it (chown -h {os.geteuid()} {path})."
                    )


def _places(settings: Settings) -> Iterator[_Place]:
    store = settings.store_path.resolve()
    yield _Place(settings.directory.resolve(), _DATA, beside=_HARMLESS | {"store", store.name})
    yield _Place(store, _STORED)
    path = _embedded(settings)
    if path and path.parent != settings.directory.absolute():
        names = rf"{re.escape(path.name)}([-.].*)?|{re.escape(path.with_suffix('.lock').name)}"
        yield _Place(path.parent, re.compile(names), whole=False)  # a person may have put it beside anything


def _embedded(settings: Settings) -> Path | None:
    """The file of the embedded exchange; None where there is none, or the setting is wrong, which others say."""
    with contextlib.suppress(SettingsError):
        return None if settings.exchange.on_rabbitmq else settings.exchange_path.absolute()
    return None


def _open_in(place: _Place) -> Iterator[Exposed]:
    """The folder and our files in it. The folder comes first: once it is shut, nobody exchanges files in it."""
    try:
        status = place.folder.stat()
    except OSError:  # it is not there yet, or we may not look: opening it says so
        return
    if not stat.S_ISDIR(status.st_mode):  # somebody's file: opening it says so
        return
    if place.whole and status.st_mode & OTHERS:
        yield Exposed(place.folder, status)
    for path, found in _entries(place.folder):
        if stat.S_ISLNK(found.st_mode) or not place.names.fullmatch(path.name):
            continue
        if found.st_mode & OTHERS or found.st_uid not in {os.geteuid(), 0, status.st_uid}:
            yield Exposed(path, found)


def _entries(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """What is in a folder; nothing where we may not look."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # of a sink that runs, files come and go
                found.append((path, path.lstat()))
    return found


def _holds_more(place: _Place) -> bool:
    """Whether others have something in a folder, or something else than our data lives there."""
    for path, status in _entries(place.folder):
        if place.names.fullmatch(path.name) or path.name in place.beside:
            continue
        hidden = path.name.startswith(".")  # as .snapshot
        if status.st_uid not in {os.geteuid(), 0} or (stat.S_ISDIR(status.st_mode) and not hidden):
            return True
    return False


def _mend(path: Path) -> bool:
    """Take the bits for others away; False where that is not ours to do, or does not help.

    By a descriptor, without following a link, and not where the file has a second name: it may be one that matters.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
            return False
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~OTHERS)
        return not os.fstat(descriptor).st_mode & OTHERS  # some file systems take it and do nothing
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _some(those: list[Exposed]) -> str:
    more = f" and {len(those) - SHOWN} more" if len(those) > SHOWN else ""
    return ", ".join(str(exposed.path) for exposed in those[:SHOWN]) + more
