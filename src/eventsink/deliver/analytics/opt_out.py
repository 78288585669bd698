"""People of whom nothing is sent: a file of their ids, one a line, read again when it has changed."""

from pathlib import Path

from eventsink.causes import why
from eventsink.errors import TryLater

__all__ = ["OptOut"]

PATIENCE = 60.0  # seconds until the file is looked for again


class OptOut:
    """Knows them.

    Args:
        path: of the file; empty if there is none. Empty lines, and what follows a `#` at the beginning of a line, say
            nothing.
        setting: its name, for messages.
    """

    def __init__(self, path: str, setting: str) -> None:
        self._path = Path(path) if path else None
        self._setting = setting
        self._state: tuple[int, int, int] | None = None  # of the file when it was read
        self._people: frozenset[str] = frozenset()

    def people(self) -> frozenset[str]:
        """Their ids, as they are now.

        Raises:
            TryLater: the file cannot be read. Who is in it is not known then, so nothing may be sent of anybody.
        """
        if self._path is None:
            return self._people
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state != self._state:
                lines = [line.strip() for line in self._path.read_text("utf-8-sig").splitlines()]
                self._people = frozenset(line for line in lines if line and not line.startswith("#"))
                self._state = state
        except (OSError, UnicodeDecodeError) as error:
            said = f"The file of people who opted out ({self._setting}) cannot be read: {why(error)}."
            raise TryLater(f"{said} Nothing is sent until it can be.", after=PATIENCE) from None
        return self._people
