"""Names that Clowder knows: of users with address and institution, of datasets and spaces. Kept in a file for a day.

Nothing here fails a report: what cannot be learned is a note below it. Ids come out of events, which anybody may have
sent: only what looks like an id of Clowder's becomes part of an address, and no redirect gets the key.
"""

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from eventsink.errors import SettingsError
from eventsink.mistakes import is_address

__all__ = ["ClowderNames", "Entry"]

DAY = 86_400.0  # seconds that an answer is believed
MOST = 200  # look-ups of one report
AT_ONCE = 8
WITHIN = 5.0  # seconds for one
IN_ALL = 20.0  # seconds for those of a report
QUIET = 60.0  # seconds in which a Clowder that did not answer is not asked again
LARGEST = 1 << 20  # bytes of an answer
KINDS = {"user": "users", "dataset": "datasets", "space": "spaces"}
_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What Clowder said of an id, and when; of who is not there all is empty."""

    at: float
    name: str = ""
    email: str = ""
    institution: str = ""


class ClowderNames:
    """What one Clowder says of ids.

    Args:
        url: its address.
        key: API key.
        path: the file in which answers are kept.
        now: the clock, in seconds.

    Raises:
        SettingsError: the address is none.
    """

    def __init__(self, url: str, key: str, path: Path, now: Callable[[], float] = time.time) -> None:
        if not is_address(url):
            raise SettingsError("reports.clowder_url is no address: give one as https://clowder.example.org.")
        self._url = url.rstrip("/")
        self._headers = {"X-API-Key": key} if key else {}
        self._path = path
        self._now = now
        self._known: dict[str, dict[str, Entry]] | None = None
        self._quiet_until = 0.0
        self._turn = asyncio.Lock()  # of two reports the later one finds what the first has learned

    async def learn(self, column: str, ids: Iterable[str]) -> tuple[Mapping[str, Entry], str]:
        """What is known of some ids, and a note if not all could be asked for.

        Args:
            column: user, dataset or space; of others nothing is known.
        """
        kind = KINDS.get(column)
        if kind is None:
            return {}, ""
        wanted = sorted({one for one in ids if _ID.fullmatch(one)})
        async with self._turn:
            if self._known is None:
                self._known = await asyncio.to_thread(_read, self._path)
            known = self._known.setdefault(kind, {})
            old = self._now() - DAY
            missing = [one for one in wanted if one not in known or known[one].at < old]
            trouble = await self._ask(kind, missing[:MOST], known) if missing else ""
            if missing:
                await asyncio.to_thread(_write, self._path, self._known)
            left = len(missing) - MOST
            if left > 0 and not trouble:
                trouble = f"Clowder was asked for {MOST} {kind}, and not yet for {left} more: ask for the report again."
            return {one: known[one] for one in wanted if one in known}, trouble

    async def _ask(self, kind: str, ids: list[str], known: dict[str, Entry]) -> str:
        """Ask for each; gives why that went wrong, or nothing. Who does not answer is left alone for a while."""
        if self._now() < self._quiet_until:
            return f"Clowder did not say what some {kind} are called: it did not answer lately."
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=WITHIN), cookie_jar=aiohttp.DummyCookieJar()
        )
        waiting = iter(ids)

        async def ask_on() -> None:
            for one in waiting:
                known[one] = await self._ask_one(session, kind, one)

        try:
            async with session, asyncio.timeout(IN_ALL), asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(ask_on())
        except TimeoutError:
            reason = "it did not answer in time"
        except BaseExceptionGroup as error:
            failed, rest = error.split(_FAILURES)
            if rest or failed is None:
                raise
            reason = _reason(failed.exceptions[0])
        else:
            return ""
        self._quiet_until = self._now() + QUIET
        return f"Clowder did not say what some {kind} are called: {reason}."

    async def _ask_one(self, session: aiohttp.ClientSession, kind: str, one: str) -> Entry:
        address = f"{self._url}/api/{kind}/{one}"
        async with session.get(address, headers=self._headers, allow_redirects=False) as answer:
            if answer.status in (400, 404, 410):  # it is not there, or was deleted
                return Entry(self._now())
            if answer.status != 200:
                raise _NoAnswer(f"it answers {answer.status}")
            body = bytearray()
            async for part in answer.content.iter_chunked(1 << 16):
                body += part
                if len(body) > LARGEST:
                    raise _NoAnswer("it answers with more than a megabyte")
        return _entry(bytes(body), self._now())


class _NoAnswer(Exception):
    """Clowder says nothing of use."""


def _entry(body: bytes, now: float) -> Entry:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _NoAnswer("what it answers is no JSON") from None
    if not isinstance(said, dict):
        raise _NoAnswer("what it answers is no object")
    profile = said.get("profile")
    both = " ".join(filter(None, (_text(said, "firstName"), _text(said, "lastName"))))
    return Entry(
        now,
        _text(said, "fullName") or both or _text(said, "name") or _text(said, "datasetname"),
        _text(said, "email"),
        _text(said, "institution") or (_text(profile, "institution") if isinstance(profile, dict) else ""),
    )


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value.strip()[:500] if isinstance(value, str) else ""


_FAILURES = (TimeoutError, aiohttp.ClientError, OSError, ValueError, _NoAnswer)


def _reason(error: BaseException) -> str:
    if isinstance(error, _NoAnswer):
        return str(error)
    return "it did not answer in time" if isinstance(error, TimeoutError) else "it cannot be reached"


# --- the file --------------------------------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, dict[str, Entry]]:
    """What was learned before; a file that is no use is as none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Entry]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _write(path: Path, known: Mapping[str, Mapping[str, Entry]]) -> None:
    """Beside it first, then in its place; for us alone. What cannot be kept is asked for again."""
    with contextlib.suppress(OSError):
        handle, draft = tempfile.mkstemp(prefix="names.", suffix=".new", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(known))
            Path(draft).replace(path)
        except OSError:
            Path(draft).unlink(missing_ok=True)
