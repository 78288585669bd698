"""What was known of each check when the monitor last looked, kept over its restarts: a change is said once."""

import os
import uuid
from collections.abc import Iterable, Mapping
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


class _Kept(msgspec.Struct):
    """What is in the file.

    Args:
        life: random, made with the file: changes that were told before it was lost are others.
    """

    life: str
    checks: dict[str, State]


class States:
    """The file of them.

    Args:
        path: of the file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept = (_read(path) if path else None) or _Kept(uuid.uuid4().hex, {})
        self._failed = False
        self.note({})  # so that a change that is told before the first is noted is the same after kill -9

    @property
    def life(self) -> str:
        """Stands for the file, as long as there is one."""
        return self._kept.life

    def get(self, check: str) -> State | None:
        """What was known of a check; None when nothing was."""
        return self._kept.checks.get(check)

    def others(self, checks: Iterable[str]) -> dict[str, State]:
        """What is known of checks that are none of these."""
        known = {*checks}
        return {name: state for name, state in self._kept.checks.items() if name not in known}

    def drop(self, checks: Iterable[str]) -> None:
        """Forget checks, durably."""
        for check in checks:
            self._kept.checks.pop(check, None)
        self.note({})

    def note(self, changed: Mapping[str, State]) -> None:
        """Note changes, durably: their events are durable already."""
        self._kept.checks |= changed
        if self._path is None:
            return
        draft = self._path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(self._kept))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                _log.warning("monitor.state_not_kept", path=str(self._path), reason=why(error))
            self._failed = True


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.warning("monitor.state_not_read", path=str(path), reason=why(error))
        return None
