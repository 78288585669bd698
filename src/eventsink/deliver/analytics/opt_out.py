"""People of whom nothing is sent: a file of their ids, one a line, read again when it has changed."""

import asyncio
import re
import stat
import threading
from concurrent.futures import Future
from pathlib import Path

from eventsink.causes import why
from eventsink.errors import TryLater

__all__ = ["OptOut", "same"]

PATIENCE = 60.0  # seconds until the file is looked for again
SECONDS = 5.0  # in which it must have been read: a network drive may never answer
_COMMENT = re.compile(r"(?:^|\s)\s*#.*")


class OptOut:
    """Knows them.

    Args:
        path: of the file; empty if there is none. Empty lines say nothing, nor does what follows a `#` at the beginning
            of a line or after a blank.
        setting: its name, for messages.
    """

    def __init__(self, path: str, setting: str) -> None:
        self._path = Path(path) if path else None
        self._setting = setting
        self._state: tuple[int, int, int] | None = None  # of the file when it was read
        self._people: frozenset[str] = frozenset()
        self._reading: Future[frozenset[str]] | None = None

    async def look(self) -> frozenset[str]:
        """Their ids as they are now, each as `same` has it, read beside the event loop.

        Raises:
            TryLater: the file cannot be read. Who is in it is not known then, so nothing may be sent of anybody.
        """
        if self._path is None:
            return self._people
        # A thread of its own, and one at most: those of the loop are waited for at the end, and this one may never end.
        if self._reading is None:
            reading: Future[frozenset[str]] = Future()
            threading.Thread(target=self._read_into, args=(reading,), daemon=True, name="opt-out").start()
            self._reading = reading  # not before: this machine may let us start no more threads
        found = asyncio.wrap_future(self._reading)
        done, _ = await asyncio.wait({found}, timeout=SECONDS)
        if not done:
            raise self._unreadable(f"no answer within {SECONDS:g} seconds")
        self._reading = None
        return found.result()

    def people(self) -> frozenset[str]:
        """The same at once, however long that takes.

        Raises:
            TryLater: likewise.
        """
        if self._path is None:
            return self._people
        try:
            found = self._path.stat()
            if not stat.S_ISREG(found.st_mode):  # a pipe would never end
                raise self._unreadable("it is no file")
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state != self._state:
                lines = [same(_COMMENT.sub("", line)) for line in self._path.read_text("utf-8-sig").splitlines()]
                self._people = frozenset(filter(None, lines))
                self._state = state
        except (OSError, ValueError) as error:
            raise self._unreadable(why(error)) from None
        return self._people

    def _read_into(self, future: Future[frozenset[str]]) -> None:
        try:
            people = self.people()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for it
            future.set_exception(error)
        else:
            future.set_result(people)

    def _unreadable(self, reason: str) -> TryLater:
        said = f"The file of people who opted out ({self._setting}) cannot be read: {reason}."
        return TryLater(f"{said} Nothing is sent until it can be.", after=PATIENCE)


def same(user: str) -> str:
    """An id without blanks around it, in small letters: so it is compared."""
    return user.strip().casefold()
