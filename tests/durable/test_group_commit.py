"""Commits that are shared: whoever asks gets an answer, whatever becomes of the file."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from eventsink.durable import GroupCommit


def _open(path: Path) -> GroupCommit:
    return GroupCommit(sqlite3.connect(path, isolation_level=None, check_same_thread=False))


async def test_what_comes_after_closing_fails_at_once(tmp_path: Path) -> None:
    commits = _open(tmp_path / "a.db")
    assert await commits.call(lambda _: 1) == 1
    await commits.close()
    await commits.close()
    async with asyncio.timeout(30):
        with pytest.raises(sqlite3.ProgrammingError, match="it is closed"):
            await commits.call(lambda _: 1)
        with pytest.raises(sqlite3.ProgrammingError, match="it is closed"):
            await commits.append(b"{}", 1)


async def test_what_was_asked_for_before_closing_is_finished_and_no_more(tmp_path: Path) -> None:
    commits = _open(tmp_path / "a.db")
    before = commits.call(lambda _: 1)
    closing = asyncio.create_task(commits.close())
    await asyncio.sleep(0)
    late = commits.call(lambda _: 2)
    async with asyncio.timeout(30):
        await closing
        assert await before == 1
        with pytest.raises(sqlite3.ProgrammingError, match="it is closed"):
            await late
