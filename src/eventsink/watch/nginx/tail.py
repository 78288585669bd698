"""Reads a log that is written to, over all rotations: each line once, in the order of the files.

A file is left when another one has taken its name and nothing was written to it for a while: until NGINX has reopened
its logs, it goes on writing to the old one. A file that was cut to nothing and written anew (copytruncate) is known by
its size and its beginning; what was not read of it is then looked for in its copy.
"""

import time
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from eventsink.watch.nginx.blocks import LONGEST_LINE
from eventsink.watch.nginx.place import HEAD, OpenLog, Place
from eventsink.watch.nginx.rotated import open_quietly, rotated

__all__ = ["Part", "Tail"]

SIZE = 1 << 18


class Part(NamedTuple):
    """Some lines of a log, or the beginning of a line that is too long.

    Args:
        place: where they begin.
    """

    lines: bytes
    too_long: bytes
    place: Place


class Tail:
    """Reads on in a log.

    Args:
        path: where NGINX writes to.
        at: where to go on; None for the beginning of the file.
        since: when it was read last, seconds since 1970: rotated files that were written to later are read, if the
            file of `at` is gone.
        settle: seconds without a change after which a rotated file is taken to be complete.
    """

    def __init__(self, path: Path, at: Place | None, *, since: float = 0.0, settle: float = 10.0) -> None:
        self._path = path
        self._settle = settle
        self._file: OpenLog | None = None
        self._offset, self._within = 0, False
        self.caught_up = False
        """Whether all is read that stands in the log now."""
        self.lost = ""
        """What could not be found, in a sentence; empty if nothing is missing."""
        if at is not None:
            self._find(at, since)

    def place(self) -> Place | None:
        """Where it goes on; None if no file was there yet."""
        return self._file.place(self._offset, within=self._within) if self._file else None

    def begin(self, *, at_end: bool) -> None:
        """Open the log at its beginning, or after its last whole line."""
        if not self._open(self._path) or not at_end:
            return
        assert self._file is not None  # noqa: S101 - it was just opened
        begin = max(0, self._file.size() - LONGEST_LINE)
        data = self._file.read(begin, LONGEST_LINE)
        cut = data.rfind(b"\n") + 1
        self._within = not cut and begin > 0
        self._offset = begin + (len(data) if self._within else cut)

    def parts(self, until: Place | None) -> Iterator[Part]:
        """What is there now and was not read yet.

        Args:
            until: a place at which to end.
        """
        self.caught_up = False
        if self._file is None and not self._open(self._path):
            return
        self._look_for_truncation()
        while (file := self._file) is not None:
            most = SIZE
            if until is not None and self._is_in(file, until):
                most = min(most, until.offset - self._offset)
                if most <= 0:
                    return
            try:
                part, used = self._take(file, most)
            except (OSError, EOFError, zlib.error):
                self.lost = f"{file.path.name} cannot be read on: what is left of it is missing."
                part, used = None, 0
            if part is not None:
                self._offset += used
                file.place(self._offset)  # while what was read is certainly there
                if part.lines or part.too_long:
                    yield part
            elif most < SIZE:  # when it was read first, this was the end of the file, and no line feed came
                yield from self._all_of(file, most)
                return
            elif not (yield from self._leave(file)):
                return

    def close(self) -> None:
        """Free the file."""
        if self._file is not None:
            self._file.close()

    # --- within a file -----------------------------------------------------------------------------------------------

    def _take(self, file: OpenLog, most: int) -> tuple[Part | None, int]:
        """The next whole lines, and how many bytes they are; None if there are none."""
        data = file.read(self._offset, most)
        place = file.place(self._offset, within=self._within)
        if self._within:  # what is left of a line that is too long
            skipped = data.find(b"\n") + 1
            self._within = not skipped
            used = skipped or len(data)
            return (Part(b"", b"", place), used) if used else (None, 0)
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) == SIZE:
            data = file.read(self._offset, LONGEST_LINE + 1)
            cut = data.find(b"\n") + 1
        if not cut and len(data) > LONGEST_LINE:
            self._within = True
            return Part(b"", data[:1000], place), len(data)
        return (Part(data[:cut], b"", place), cut) if cut else (None, 0)

    def _is_in(self, file: OpenLog, place: Place) -> bool:
        return _holds(file, place) and self._offset <= place.offset

    def _look_for_truncation(self) -> None:
        """If the file was cut and written anew, read what its copy has more; after that comes the file again."""
        file = self._file
        if file is None or file.unchanged(self._offset):
            return
        here = file.known_place(self._offset, within=self._within)
        file.close()
        self._file = None
        for path in reversed(rotated(self._path)):
            copy = open_quietly(path)
            if copy is None:
                continue
            if copy.identity != file.identity and _holds(copy, here):
                self._file = copy
                return
            copy.close()
        self.lost = f"{self._path.name} was cut, and no copy is here: what was not read of it is missing."
        self._open(self._path)

    # --- from one file to the next -----------------------------------------------------------------------------------

    def _leave(self, file: OpenLog) -> Generator[Part, None, bool]:
        """At the end of a file: go to the next, and say whether there is one. What has no line feed is then a line.

        Which one is next is looked up now, and not before: logs are rotated at any time.
        """
        path = self._after(file)
        if path is None:
            return False
        yield from self._all_of(file, LONGEST_LINE)
        file.close()
        return self._open(path)

    def _all_of(self, file: OpenLog, most: int) -> Iterator[Part]:
        """What is left, as a line."""
        try:
            rest = b"" if self._within else file.read(self._offset, most)
        except (OSError, EOFError, zlib.error):
            return
        if rest:
            place = file.place(self._offset)
            self._offset += len(rest)
            yield Part(rest + b"\n", b"", place)

    def _after(self, file: OpenLog) -> Path | None:
        """The file that was written after this one; None if there is none, or none yet."""
        self.caught_up = True
        try:
            now = self._path.stat()
        except OSError:
            return None
        if (now.st_dev, now.st_ino) == file.identity:
            return None
        later = [path for path in (*_later(rotated(self._path), file, self._offset), self._path) if _has_line(path)]
        if not later:  # an empty file could not be known again
            return None
        self.caught_up = False
        file.size()
        is_settled = file.packed or not 0 <= time.time() - file.status.st_mtime < self._settle
        return later[0] if is_settled else None  # NGINX may still write to this one

    def _open(self, path: Path) -> bool:
        """Open a file at its beginning."""
        self._file, self._offset, self._within = open_quietly(path), 0, False
        return self._file is not None

    def _find(self, at: Place, since: float) -> None:
        """Find the file of a place again, under whatever name it has now."""
        others = rotated(self._path)
        for path in (self._path, *reversed(others)):
            file = open_quietly(path)
            if file is None:
                continue
            if _holds(file, at):
                self._file, self._offset, self._within = file, at.offset, at.within
                return
            file.close()
        self.lost = "The file that was read last is gone: what was not read of it is missing."
        later = [path for path in others if _written(path) > since and _has_line(path)]
        self._open(later[0] if later else self._path)


def _later(files: list[Path], file: OpenLog, offset: int) -> list[Path]:
    """Those of rotated files that were written after one of them, which may have been compressed meanwhile."""
    here = file.known_place(offset)
    for number, path in enumerate(files):
        other = open_quietly(path)
        if other is None:
            continue
        same = other.identity == file.identity or (other.packed and _holds(other, here))
        other.close()
        if same:
            return files[number + 1 :]
    return [path for path in files if _written(path) > file.status.st_mtime]


def _holds(file: OpenLog, place: Place) -> bool:
    try:
        return file.holds(place)
    except (OSError, EOFError, zlib.error):  # it is no whole file of gzip
        return False


def _has_line(path: Path) -> bool:
    """Whether a file begins with a line by which it can be known."""
    file = open_quietly(path)
    if file is None:
        return False
    try:
        head = file.read(0, HEAD)
        return b"\n" in head or len(head) == HEAD
    except (OSError, EOFError, zlib.error):
        return False
    finally:
        file.close()


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
