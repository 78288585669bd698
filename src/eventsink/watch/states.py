"""What was known of each check when the monitor last looked, kept over its restarts: a change is said once.

The file is written on a thread of its own: a disk that hangs stops no check.
"""

import asyncio
import os
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import structlog

from eventsink.causes import why
from eventsink.watch.check import Down
from eventsink.watch.threads import OneThread

__all__ = ["State", "States"]

PATIENCE = 5.0  # seconds; a disk that has not taken so little by then hangs

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
        self._thread = OneThread("monitor states")
        self._draft: bytes | None = None  # what is to be written next
        self._writing: asyncio.Task[None] | None = None
        if path:  # so that a change that is told before the first is noted is the same after kill -9
            self._try(path, msgspec.json.encode(self._kept))

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

    async def drop(self, checks: Iterable[str]) -> None:
        """Forget checks, durably."""
        for check in checks:
            self._kept.checks.pop(check, None)
        await self.note({})

    async def note(self, changed: Mapping[str, State]) -> None:
        """Note changes, durably: their events are durable already. A disk that hangs is waited for once, and not long.

        What is noted while it hangs is written as soon as it does so no more.
        """
        self._kept.checks |= changed
        if self._path is None:
            return
        self._draft = msgspec.json.encode(self._kept)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(self._path), name="monitor-states")
        if not self._failed:
            await self._wait(self._writing)

    async def finish(self) -> None:
        """Wait until all that was noted is in the file, or the disk hangs. Safe to call twice."""
        if self._writing is not None:
            await self._wait(self._writing)
            self._writing.cancel()

    async def _wait(self, writing: asyncio.Task[None]) -> None:
        _, hanging = await asyncio.wait([writing], timeout=PATIENCE)
        if hanging:
            self._fail("the disk does not answer")

    async def _write(self, path: Path) -> None:
        """Write the file until it holds what was noted last."""
        while (draft := self._draft) is not None:
            self._draft = None
            try:
                await self._thread.run(partial(self._try, path, draft))
            except (Down, RuntimeError) as error:  # what was begun before hangs, or no more threads can be started
                self._fail(why(error))

    def _try(self, path: Path, content: bytes) -> None:
        draft = path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            self._failed = False
        except OSError as error:
            self._fail(why(error))

    def _fail(self, reason: str) -> None:
        if not self._failed:
            _log.warning("monitor.state_not_kept", path=str(self._path), reason=reason)
        self._failed = True


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        _log.warning("monitor.state_not_read", path=str(path), reason=why(error))
        return None
