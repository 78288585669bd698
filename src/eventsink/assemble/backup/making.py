"""Making a backup, beside a sink that runs or of one that does not.

The order is what makes it right (docs/decisions/0016-backup.md): first what waits, with the accounts, of one moment;
then the store. So the store has all that the accounts call delivered; what it has beyond that comes once more, and is
known by its id.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from eventsink.assemble.backup.archive import BackupUnusable, Manifest, Told, Writer
from eventsink.assemble.backup.names import DATABASE, MONTH, STORED, TEXT, named_places
from eventsink.causes import why
from eventsink.client.sink import Refusal, Sink
from eventsink.errors import DataDirectoryInUse
from eventsink.files import hold
from eventsink.settings import Settings
from eventsink.trust import check_found

__all__ = ["back_up"]

PATIENCE = 3600.0  # seconds in which the sink copies a file of its store
BUSY = 30.0  # seconds that a file is waited for which another process has for itself
FIRST = ("spool-", "aside-", "jobs-spool", "monitor-spool")  # what is in one may be published a moment later
NO_SUCH_MONTH = 404

Connect = Callable[[], Sink]


def back_up(settings: Settings, out: Path, connect: Connect, told: Told) -> Manifest:
    """Write all that the data directory holds into one file; what is accepted meanwhile may be in it or not.

    Args:
        out: the file, which must not be there.
        connect: gives a connection to the sink that runs on this data directory.
        told: called with the name of a file and how many bytes of it came.

    Raises:
        NotTrusted: nobody named the directory, and it is another user's.
        BackupUnusable: there is nothing to back up, or it cannot be read or written.
        EventSinkError: the sink that has the store does not answer.
    """
    check_found(settings.directory, naming=f"--data {settings.directory}")
    databases = _databases(settings)
    store = settings.store_path
    if not databases:
        raise BackupUnusable(f"There is no data of an event sink in {settings.directory}: name it with --data.")
    if not store.is_dir() and {"exchange.db", "accounts.db"} & databases.keys():
        raise BackupUnusable(
            f"There is no store in {store}: give the settings that the sink runs with (--config), which know its place."
        )
    if not out.parent.is_dir():
        raise BackupUnusable(f"There is no directory {out.parent} for the backup: make it, or name another with --out.")
    try:
        with contextlib.ExitStack() as stack:
            writer = Writer(out, told)
            stack.callback(writer.abandon)
            closed = _held(store, stack) if store.is_dir() else True
            scratch = stack.enter_context(_scratch(out.with_name(f".{out.name}.copies")))
            for name, path in databases.items():
                _add_database(writer, name, path, scratch)
            for path in _named(settings.directory, TEXT.fullmatch):
                _add_file(writer, path.name, path)
            if (store / "uptime.db").exists():
                _add_database(writer, "store/uptime.db", store / "uptime.db", scratch)
            if closed:
                for path in _named(store, STORED.fullmatch):
                    _add_file(writer, f"store/{path.name}", path)
            else:
                _add_months(writer, connect, [path.name for path in _named(store, MONTH.fullmatch)])
            return writer.finish(running=not closed)
    except OSError as error:
        raise BackupUnusable(f"The backup cannot be made: {why(error)}. Nothing of it is left.") from error


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for copies beside a backup that is ours alone to write, without what a killed command left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _databases(settings: Settings) -> dict[str, Path]:
    """The SQLite files, by their names in a backup, in the order in which they are copied."""
    found = {path.name: path for path in _named(settings.directory, DATABASE.fullmatch)}
    found |= {name: path for name, path in named_places(settings).items() if path.exists()}
    return dict(sorted(found.items(), key=lambda item: (not item[0].startswith(FIRST), item[0])))


def _named(folder: Path, fits: Callable[[str], object]) -> list[Path]:
    """The files of a folder with names of a kind, without what a link points to."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if fits(path.name) and path.is_file() and not path.is_symlink())


def _held(store: Path, stack: contextlib.ExitStack) -> bool:
    """Hold the store so that no sink opens it meanwhile; False when one has it already."""
    try:
        stack.callback(os.close, hold(store / "lock"))
    except DataDirectoryInUse:
        return False
    return True


def _add_database(writer: Writer, name: str, path: Path, scratch: Path) -> None:
    """Add a SQLite file as it is at one moment, whoever writes to it, without what was deleted in it."""
    copy = scratch / path.name
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY)
        ) as database:
            database.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise BackupUnusable(
                f"The backup cannot be made: the disk of {scratch.parent} is full. Nothing of it is left."
            ) from error
        raise BackupUnusable(
            f"{path} cannot be copied: {why(error)}. If it is damaged, start the event sink again, which keeps what can"
            " be read; then back up again."
        ) from error
    _add_file(writer, name, copy)
    copy.unlink()


def _add_file(writer: Writer, name: str, path: Path) -> None:
    with path.open("rb") as file:
        writer.add(name, file, os.fstat(file.fileno()).st_size)


def _add_months(writer: Writer, connect: Connect, names: list[str]) -> None:
    """Add the files of a store that a running sink has, as it gives them."""
    with connect() as found, found.twin(timeout=PATIENCE) as sink:
        for name in names:
            month = name.removeprefix("events-").removesuffix(".duckdb")
            try:
                with sink.download("/v1/backup", month=month) as answer:
                    if (size := answer.length) is None:
                        raise BackupUnusable(
                            f"{sink.where} does not say how large store/{name} is: back up on the machine of the sink,"
                            " without a proxy between."
                        )
                    writer.add(f"store/{name}", answer, size)
            except Refusal as refusal:
                if refusal.status != NO_SUCH_MONTH:  # it was too old to be kept, and went meanwhile
                    raise
