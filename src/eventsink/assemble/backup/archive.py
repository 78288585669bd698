"""The form of a backup: a tar file, and at its end a list of what is in it, with checksums.

The list is last because only then the checksums are known, and so that a file that was cut off has none.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from eventsink import __version__
from eventsink.assemble.backup.names import BACKED_UP
from eventsink.causes import why
from eventsink.errors import EventSinkError
from eventsink.files import sync_names

__all__ = ["BackupUnusable", "Content", "Manifest", "Told", "Writer", "contents"]

FORM = 1
MANIFEST = "manifest.json"
LONGEST_MANIFEST = 8 << 20  # bytes
AT_ONCE = 1 << 20  # bytes

Told = Callable[[str, int], None]  # the name of a file, and how many bytes of it came


class BackupUnusable(EventSinkError):
    """A backup cannot be made or used; the sentence says why."""


class Content(msgspec.Struct, frozen=True):
    """One file in a backup."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup.

    Args:
        form: of the backup.
        version: of the event sink that made it.
        began: all that was accepted before this moment is in it.
        ended: when it was whole.
        running: whether the sink ran meanwhile.
    """

    form: int = FORM
    version: str = __version__
    began: datetime
    ended: datetime
    running: bool
    files: list[Content]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(content.bytes for content in self.files)


class Writer:
    """Writes a backup. Its file is there when `finish` returns, and before has another name.

    Args:
        path: of the file, which must not be there.
        told: called for each piece that is written.

    Raises:
        BackupUnusable: there is a file of this name, or another command is writing it.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, told: Told) -> None:
        if path.exists():
            raise BackupUnusable(f"{path} is there already: give another name, or take it away.")
        self.path = path
        self.part = path.with_name(f".{path.name}.part")
        self._told = told
        self._contents: list[Content] = []
        self._began = datetime.now(UTC)
        self._file = os.fdopen(_alone(self.part), "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed below

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """Add a file under a name.

        Raises:
            BackupUnusable: it is shorter than it was said to be, or the backup cannot be written.
            OSError: it cannot be read.
        """
        reader = _Counting(file, lambda more: self._told(name, more))
        try:
            self._tar.addfile(_header(name, size), reader)
        except OSError as error:
            if reader.bytes < size and str(error) == "unexpected end of data":
                raise BackupUnusable(
                    f"{name} broke off after {reader.bytes:,} of {size:,} bytes: try again."
                ) from error
            if not reader.failed:  # it is the writing that fails, whoever it comes from
                raise BackupUnusable(f"The backup cannot be written: {why(error)}. Nothing of it is left.") from error
            raise
        self._contents.append(Content(name, size, reader.sha256))

    def finish(self, *, running: bool) -> Manifest:
        """Write the list, and give the file its name."""
        now = datetime.now(UTC)
        manifest = Manifest(began=self._began, ended=now, running=running, files=self._contents)
        content = msgspec.json.format(msgspec.json.encode(manifest))
        self._tar.addfile(_header(MANIFEST, len(content)), io.BytesIO(content))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        if self.path.exists():
            raise BackupUnusable(f"{self.path} was made by somebody else meanwhile: give another name.")
        self.part.rename(self.path)
        self._file.close()
        sync_names(self.path.parent)
        return manifest

    def abandon(self) -> None:
        """Leave nothing behind. Safe to call at any time, and twice."""
        if not self._file.closed:
            self.part.unlink(missing_ok=True)  # it is ours for as long as we have it open
            with contextlib.suppress(OSError):  # of a full disk, for what was not written yet
                self._file.close()


def contents(path: Path, take: Callable[[str, BinaryIO], None]) -> Manifest:
    """Read a backup through, and compare what is in it with its list.

    Args:
        take: called with the name of each file and what gives its bytes, of which it reads as many as it needs.

    Raises:
        BackupUnusable: it is damaged, cut off, no backup, or of a later version.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise BackupUnusable(f"There is no file {path}: give what `eventsink backup` has written.")
    found: list[Content] = []
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                # A sparse file has more bytes than the backup: a few may say that they are all that a disk has.
                content = tar.extractfile(member) if member.isfile() and not member.issparse() else None
                if content is None:
                    raise BackupUnusable(f"{path} holds something that is no file: it is no backup of an event sink.")
                if member.name == MANIFEST:
                    return _compared(path, content.read(LONGEST_MANIFEST), found)
                if not BACKED_UP.fullmatch(member.name) or member.name in {known.name for known in found}:
                    raise BackupUnusable(f"{path} holds a file of another kind: it is no backup of an event sink.")
                found.append(_taken(member, content, take))
    except (tarfile.TarError, EOFError) as error:
        raise BackupUnusable(f"{path} is no backup, or damaged: {error}. Take another one.") from error
    except (ValueError, OverflowError, MemoryError) as error:  # of tarfile, at headers that no tar file has
        raise BackupUnusable(
            f"{path} is no backup, or damaged: it has a header of no sense. Take another one."
        ) from error
    raise BackupUnusable(f"{path} ends before its list: it is no backup, or was cut off. Take another one.")


def _taken(member: tarfile.TarInfo, content: IO[bytes], take: Callable[[str, BinaryIO], None]) -> Content:
    reader = _Counting(content, lambda _: None)
    take(member.name, reader)  # type: ignore[arg-type]
    for _ in iter(lambda: reader.read(AT_ONCE), b""):
        pass
    return Content(member.name, reader.bytes, reader.sha256)


def _compared(path: Path, content: bytes, found: list[Content]) -> Manifest:
    try:
        form = msgspec.json.decode(content, type=dict[str, msgspec.Raw]).get("form", b"0")
        if int(bytes(form)) > FORM:
            raise BackupUnusable(f"{path} was made by a later version of the event sink: install that, or a later one.")
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BackupUnusable(f"The list in {path} cannot be read: it is damaged. Take another one.") from error
    if manifest.files != found:
        wrong = next((a.name for a, b in zip(manifest.files, found, strict=False) if a != b), "its list")
        raise BackupUnusable(f"{path} is damaged: {wrong} is not what was backed up. Take another one.")
    return manifest


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o600, int(datetime.now(UTC).timestamp())
    return header


def _alone(part: Path) -> int:
    """Open a file to write it anew; two commands that write into one would each destroy what the other writes.

    Raises:
        BackupUnusable: another command is writing it.
        OSError: it cannot be written.
    """
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not part.exists() or not os.path.samestat(part.lstat(), os.fstat(descriptor)):
            raise BlockingIOError  # it was done a moment ago, and the file has its name
        os.truncate(descriptor, 0)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise BackupUnusable(f"Another command is writing {part}: give another name, or wait.") from None
        raise
    return descriptor


class _Counting(io.RawIOBase):
    """What is read of a file, with its checksum."""

    def __init__(self, file: IO[bytes], told: Callable[[int], None]) -> None:
        super().__init__()
        self._file = file
        self._told = told
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.failed = False
        """Whether it could not be read."""

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """The next bytes, empty at the end."""
        try:
            content = self._file.read(size)
        except OSError:
            self.failed = True
            raise
        self._hash.update(content)
        self.bytes += len(content)
        self._told(len(content))
        return content
