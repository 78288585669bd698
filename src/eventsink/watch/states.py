"""What was known of each check when the monitor last looked, kept over its restarts: a change is said once."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from eventsink.causes import why

__all__ = ["State", "States"]

_log = structlog.get_logger(__name__)


class State(msgspec.Struct, frozen=True):
    """`up` or `down`, and since when. What is unknown for a while changes nothing."""

    state: str
    since: datetime


class States:
    """The file of them.

    Args:
        path: of the file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, State] = _read(path) if path else {}
        self._failed = False

    def get(self, check: str) -> State | None:
        """What was known of a check; None when nothing was."""
        return self._known.get(check)

    def note(self, changed: Mapping[str, State]) -> None:
        """Note changes, durably: their events are durable already."""
        self._known |= changed
        if self._path is None:
            return
        draft = self._path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(self._known))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                _log.warning("monitor.state_not_kept", path=str(self._path), reason=why(error))
            self._failed = True


def _read(path: Path) -> dict[str, State]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, State])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.warning("monitor.state_not_read", path=str(path), reason=why(error))
        return {}
