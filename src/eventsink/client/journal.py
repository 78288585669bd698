"""How far each file was sent to each sink, kept in the state directory of the user: an interrupted run can go on."""

import errno
import hashlib
import os
import time
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

import msgspec

from eventsink.client.source import Mark, Source
from eventsink.errors import EventSinkError

__all__ = ["Journal", "Known", "state_directory"]

PER_MILLISECOND = 1_000_000  # events without a time, which their `sequence` tells apart
SAVE_EVERY = 0.5  # seconds; what was answered since is sent once more after kill -9, with the same ids


class Known(Enum):
    """What is known of a file before it is sent."""

    new = "was never sent to this sink"
    partly = "was sent in part"
    wholly = "was sent"
    grown = "was sent, and has grown since"
    changed = "was sent, and has changed since"


class Entry(msgspec.Struct):
    """What is written.

    Args:
        token: stands for the file in the ids of its events.
        begun: from which line on events without a time have which: where the file had grown, those added later a later
            one. They are the same at every attempt.
        before: hash of what lies before `position`, to see later whether the file has only grown.
    """

    file: str
    url: str
    size: int
    modified: int
    token: str
    position: int = 0
    number: int = 0
    before: str = ""
    accepted: int = 0
    refused: int = 0
    done: bool = False
    begun: list[tuple[int, datetime]] = []


class Journal:
    """The entry of one file and sink.

    Args:
        source: of a file that can be read again.
        file: what the disk says about it.
        url: of the sink.
        again: begin at its start, whatever was sent. Its events keep their ids.
        home: where entries are kept.
    """

    def __init__(self, source: Source, file: os.stat_result, url: str, *, again: bool, home: Path) -> None:
        self._source = source
        path = os.path.realpath(source.name)
        place = (path, file.st_dev, file.st_ino)
        self._path = home / f"{_hash(place, url)[:32]}.json"
        self._saved = time.monotonic()
        self._saved_at = 0  # the position that was written last
        old = _read(self._path)
        if old is not None and not old.position and (old.size, old.modified) != (file.st_size, file.st_mtime_ns):
            old = None  # nothing of it was answered, and what is there now may be another file
        token = _hash(place, file.st_size, file.st_mtime_ns)[:32]
        self.known = self._compare(old, file)
        if old is not None and self.known is not Known.changed:
            token = old.token
        self.entry = Entry(path, url, file.st_size, file.st_mtime_ns, token)
        if old is not None and self.known is not Known.changed:
            self.entry.begun = old.begun
        if old is not None and not again and self.known is not Known.changed:
            kept = {"position": old.position, "number": old.number, "accepted": old.accepted, "refused": old.refused}
            self.entry = msgspec.structs.replace(self.entry, **kept, done=self.known is Known.wholly)

    def begin(self, now: datetime) -> None:
        """Note, before anything is sent, at what time events happened that name none.

        Raises:
            OSError: it cannot be written.
        """
        since = self.entry.begun[-1][0] if self.entry.begun else -1
        if (self.known is Known.grown and self.entry.number > since) or not self.entry.begun:
            self.entry.begun.append((self.entry.number, now.replace(microsecond=0)))
        self.save(done=False, now=True)

    def time_of(self, number: int) -> datetime:
        """When the event of a line or value happened, if it does not say so itself."""
        times = [time for first, time in self.entry.begun if first < number]
        return times[-1] + timedelta(milliseconds=number // PER_MILLISECOND)

    @property
    def start(self) -> Mark:
        """Where to go on."""
        return Mark(self.entry.position, self.entry.number)

    def note(self, mark: Mark, *, accepted: int, refused: int) -> None:
        """All up to a mark was answered."""
        self.entry.position, self.entry.number = mark
        self.entry.accepted += accepted
        self.entry.refused += refused

    def save(self, *, done: bool, now: bool = False) -> None:
        """Write it down, if it is time to.

        Args:
            done: all of the file was answered.
            now: even if it was written a moment ago.

        Raises:
            OSError: it cannot be written.
        """
        # The first answer is noted at once: by what lies before it the file is known again, should it grow meanwhile.
        first = self.entry.position and not self._saved_at
        if not (done or now or first or time.monotonic() - self._saved > SAVE_EVERY):
            return
        self.entry.done = done
        self.entry.before = _hash_bytes(self._source.before(self.entry.position))
        _make_private(self._path.parent)
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.unlink(missing_ok=True)  # of a process that was killed; what is made new follows no link
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self.entry))
        draft.replace(self._path)
        self._saved, self._saved_at = time.monotonic(), self.entry.position

    def _compare(self, old: Entry | None, now: os.stat_result) -> Known:
        if old is None:
            return Known.new
        if (old.size, old.modified) == (now.st_size, now.st_mtime_ns):
            return Known.wholly if old.done else Known.partly
        same = old.before == _hash_bytes(self._source.before(old.position))
        return Known.grown if self._source.grows and same and now.st_size >= old.position > 0 else Known.changed


def state_directory() -> Path:
    """Where programs of this user keep what they must remember (XDG base directories).

    Raises:
        EventSinkError: this user has no home, as one that a container was given by a number.
    """
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return Path(home).expanduser() / "eventsink" / "send"
    except RuntimeError:
        raise EventSinkError(
            "This user has no home directory: name a folder, to note in it how far files are sent, with XDG_STATE_HOME."
        ) from None


def _make_private(folder: Path) -> None:
    """Make a folder for this user alone, and all above it that are missing.

    Raises:
        OSError: that cannot be done, or it belongs to somebody else.
    """
    for missing in [place for place in (*reversed(folder.parents), folder) if not place.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid not in {os.geteuid(), 0}:
        raise PermissionError(errno.EPERM, "it belongs to another user", str(folder))
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        folder.chmod(0o700)


def _read(path: Path) -> Entry | None:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid not in {os.geteuid(), 0}:
                return None
            return msgspec.json.decode(file.read(), type=Entry)
    except (OSError, msgspec.MsgspecError):  # none, or not ours: the file is sent from its start, with the same ids
        return None


def _hash(*parts: object) -> str:
    return _hash_bytes(msgspec.json.encode(parts))


def _hash_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
