"""The salt of a day that is over is gone, though nobody comes any more."""

import asyncio
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

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
