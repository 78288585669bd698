"""The keys that a running sink knows: read beside the event loop, again when one comes that is not known.

In: a key that was presented. Out: who that is. A file that is busy or gone stops nothing: the keys known so far go on.
That it is gone, or another one, is said: by it, keys that somebody revoked may be good again.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from eventsink.errors import KeysNotRead
from eventsink.keys import Key, KeyFile, Look, NewKey, id_of, matches, new_key

__all__ = ["Keyring"]

_log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0  # seconds after which a revoked key no longer works, at the latest
WITHIN = 0.5  # seconds that a probe waits for a look
BUSY = 1.0  # seconds for which others may be at the file, as at the start, and nobody is told
PAUSE = 0.05  # seconds between two looks, however many unknown keys come


class Keyring:
    """The keys of one data directory, as far as they are known, and those that end with this process."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._known: dict[str, tuple[bytes, Key]] | None = None
        self._ephemeral: dict[str, tuple[bytes, Key]] = {}
        self._used: dict[str, float] = {}
        self._expired: set[tuple[str, datetime]] = set()
        self._changes: frozenset[int] = frozenset()  # of the file as it was seen last
        self._gone = self._replaced = False
        self._looks = 0
        self._began = float("-inf")  # the last look
        self._succeeded = False
        self._failing = float("inf")  # since when no look has come to a good end
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
        known = self._find(key_id)
        fresh = True
        if known is None:  # one that was made this moment is good at once
            fresh = await self._look_again()
        elif not 0 <= time.monotonic() - self._began <= LOOK_AGAIN:  # also when the clock went back
            await self._look_again()
        known = self._find(key_id)
        if known is None and not fresh:
            raise KeysNotRead(f"The keys at {self._file.path} cannot be read at the moment: try again soon.")
        if known is None or not matches(text, known):
            return None
        key = known[1]
        if self._has_expired(key):
            return None
        self._used[key.id] = time.time()
        return key

    async def trouble(self) -> str:
        """Why no key can be told good or bad, as a sentence; empty if they can. It takes no longer than a probe may."""
        try:
            async with asyncio.timeout(WITHIN):
                while self._known is None and not await self._look_again():  # it may be busy for a moment
                    continue
        except TimeoutError:
            return self._unread()
        return ""

    def _unread(self) -> str:
        return f"The keys at {self._file.path} cannot be read: see that this user may, and that the disk is well."

    def concerns(self) -> list[str]:
        """What a person should know of the file, in sentences."""
        said = []
        if self._known is None and time.monotonic() - self._failing > BUSY:  # then every request with a key is refused
            said.append(self._unread())
        if self._gone:
            said.append(
                f"The file of the keys {self._file.path} was taken away: those known so far stay good until the event"
                " sink is stopped, and none can be revoked. Put it back."
            )
        if self._replaced:
            said.append(
                f"The file of the keys {self._file.path} was replaced by another one, or by an older copy: revoked"
                " keys may be good again, others unknown. See `eventsink keys list`; this is said until the next start."
            )
        return said

    async def close(self) -> None:
        """Note what was used last."""
        await self._look_again()

    def _find(self, key_id: str) -> tuple[bytes, Key] | None:
        return (self._known or {}).get(key_id) or self._ephemeral.get(key_id)

    def _has_expired(self, key: Key) -> bool:
        """Whether its time is over; what has expired stays so when the clock goes back."""
        if key.expires is None:
            return False
        end = key.id, key.expires
        if key.expires.timestamp() < time.time():
            self._expired.add(end)
        return end in self._expired

    async def _look_again(self) -> bool:
        """Have looked at the file since now; one look serves all who wait. Returns whether it could be read.

        Looks are counted, for no clock tells for sure what came before what.
        """
        wanted = self._looks + 1
        async with self._looking:
            if self._looks >= wanted:
                return self._succeeded
            await asyncio.sleep(min(self._began + PAUSE - time.monotonic(), PAUSE))
            self._looks += 1
            self._began = time.monotonic()
            used, self._used = self._used, {}
            self._succeeded = False  # who waits for a look that is given up must not go by the one before
            with contextlib.suppress(OSError, sqlite3.Error):
                try:
                    self._take(await asyncio.to_thread(self._file.look, used))
                except FileNotFoundError:
                    self._miss()
            self._failing = float("inf") if self._succeeded else min(self._failing, time.monotonic())
            return self._succeeded

    def _take(self, look: Look) -> None:
        """Go on with what was found."""
        lost, self._changes = self._changes - look.changes, look.changes
        self._known, self._gone, self._succeeded = look.keys, False, True
        if lost:
            self._replaced = True
            _log.warning("keys.replaced", reason=self.concerns()[-1])

    def _miss(self) -> None:
        """Go on with what is known: there are none yet; or the file was taken away, which ends no key."""
        self._known = self._known or {}
        self._succeeded = not self._known
        if self._known and not self._gone:
            self._gone = True
            _log.warning("keys.gone", reason=self.concerns()[0])
