"""The salt of a day that is over is gone, though nobody comes any more."""

import asyncio
import threading
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eventsink.assemble import forgetting as module
from eventsink.assemble.forgetting import forgetting


class Noon(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Noon":
        return cls(2026, 11, 29, 12, tzinfo=tz)


async def test_salts_of_days_before_are_removed_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    monkeypatch.setattr(module, "datetime", Noon)  # no midnight comes in between
    today = tmp_path / "visitors-2026-11-29.salt"
    tomorrow = tmp_path / "visitors-9999-12-31.salt"
    former = tmp_path / "visitors-2026-01-01.salt"
    for _ in range(2):
        for path in (today, tomorrow, former):
            path.write_bytes(b"x" * 32)
        async with asyncio.timeout(30), forgetting(tmp_path):
            while former.exists():
                await asyncio.sleep(0.01)
        assert today.exists() and tomorrow.exists()


async def test_a_folder_that_cannot_be_read_ends_nothing(tmp_path: Path) -> None:
    async with forgetting(tmp_path / "gone"):
        await asyncio.sleep(0)


async def test_a_fault_of_ours_is_said_and_the_next_time_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    again, threads = asyncio.Event(), set()
    loop = asyncio.get_running_loop()

    def forget(_folder: Path, _now: datetime) -> None:
        threads.add(threading.current_thread())
        if len(logs) > 1:
            loop.call_soon_threadsafe(again.set)
        raise ValueError("no day of this kind")

    monkeypatch.setattr(module, "forget", forget)
    with capture_logs() as logs:
        async with asyncio.timeout(30), forgetting(tmp_path):
            await again.wait()
    assert {line["event"] for line in logs} == {"browser.salts_not_forgotten"}
    assert threading.main_thread() not in threads, "a disk that hangs holds up nobody"
