"""The keys that a running sink knows: read beside the event loop, again when one comes that is not known.

In: a key that was presented. Out: who that is. A file that is busy or gone stops nothing: the keys known so far go on.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from eventsink.errors import KeysNotRead
from eventsink.keys import Key, KeyFile, NewKey, id_of, matches, new_key

__all__ = ["Keyring"]

LOOK_AGAIN = 1.0  # seconds after which a revoked key no longer works, at the latest
PAUSE = 0.05  # seconds between two looks, however many unknown keys come


class Keyring:
    """The keys of one data directory, as far as they are known, and those that end with this process."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._known: dict[str, tuple[bytes, Key]] | None = None
        self._ephemeral: dict[str, tuple[bytes, Key]] = {}
        self._used: dict[str, float] = {}
        self._began = float("-inf")  # the last look
        self._succeeded = False
        self._looking = asyncio.Lock()

    def create_ephemeral(self, scopes: Sequence[str], *, name: str) -> NewKey:
        """Make a key that this process alone knows and that ends with it."""
        made, hashed = new_key(scopes)
        key = Key(id=made.id, name=name, scopes=made.scopes, created=datetime.now(UTC))
        self._ephemeral[made.id] = (hashed, key)
        return made

    async def check(self, text: str) -> Key | None:
        """The key that was presented, or None when it is unknown, revoked or expired.

        Raises:
            KeysNotRead: it is unknown, and the file could not be looked at since it came.
        """
        key_id = id_of(text)
        if key_id is None:
            return None
        now = time.monotonic()
        known = self._find(key_id)
        fresh = True
        if known is None:  # one that was made this moment is good at once
            fresh = await self._look(since=now)
        elif now - self._began > LOOK_AGAIN and key_id not in self._ephemeral:
            await self._look(since=now)
        known = self._find(key_id)
        if known is None and not fresh:
            raise KeysNotRead(f"The keys at {self._file.path} cannot be read at the moment: try again soon.")
        if known is None or not matches(text, known):
            return None
        key, today = known[1], time.time()
        if key.expires is not None and key.expires.timestamp() < today:
            return None
        self._used[key.id] = today
        return key

    async def close(self) -> None:
        """Note what was used last."""
        await self._look(since=time.monotonic())

    def _find(self, key_id: str) -> tuple[bytes, Key] | None:
        return (self._known or {}).get(key_id) or self._ephemeral.get(key_id)

    async def _look(self, *, since: float) -> bool:
        """Have looked at the file since a moment; one look serves all who wait. Returns whether it could be read."""
        async with self._looking:
            if self._began > since:
                return self._succeeded
            await asyncio.sleep(self._began + PAUSE - time.monotonic())
            self._began = time.monotonic()
            used, self._used = self._used, {}
            try:
                self._known = await asyncio.to_thread(self._file.look, used)
            except FileNotFoundError:
                self._known = self._known or {}  # there are none yet; or it was taken away, which ends no key
                self._succeeded = not self._known
            except (OSError, sqlite3.Error):
                self._succeeded = False
            else:
                self._succeeded = True
            return self._succeeded
