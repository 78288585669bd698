"""A spool that erases leaves no byte of what it has given away, neither in its file nor beside it."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from eventsink.durable import Codec, SpoolFile
from tests import processes

SECRET = b"r1ght-0r-wr0ng-"

# Appends to the spool, removes all, and is killed before anything is closed.
_KILLED = f"""
import asyncio, os, signal, sys
from pathlib import Path
from eventsink.durable import Codec, SpoolFile

async def main():
    file = SpoolFile(Path(sys.argv[1]), Codec(b"\\n".join, bytes.splitlines), erase=True)
    await file.append([[{SECRET!r} * 1000]])
    if sys.argv[2] == "sent":
        await file.remove({{group: () for group in await file.read(0, await file.last())}})
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def opened(path: Path, *, erase: bool = True) -> SpoolFile[bytes]:
    """A spool of lines."""
    return SpoolFile(path, Codec(b"\n".join, bytes.splitlines), erase=erase)


def on_disk(path: Path) -> bytes:
    """All bytes of the file and of those that SQLite has beside it."""
    return b"".join(part.read_bytes() for part in path.parent.iterdir())


async def remove(file: SpoolFile[bytes], left: tuple[bytes, ...] = ()) -> None:
    """Remove what is there now, but for what is left in the place of each group."""
    await file.remove(dict.fromkeys(await file.read(0, await file.last()), left))


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_removed_is_gone_from_the_disk(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    file = opened(tmp_path / "spool.db")
    for _ in range(20):
        await file.append([[SECRET * chance.choice((1, 10, 300, 5000))] for _ in range(chance.randrange(1, 12))])
        groups = [group for group in await file.read(0, await file.last()) if chance.random() < 0.7]
        await file.remove(dict.fromkeys(groups, ()))
    await file.append([[SECRET]])
    assert SECRET in on_disk(tmp_path / "spool.db"), "what waits is there"
    while file.events:
        await remove(file)
    assert SECRET[:8] not in on_disk(tmp_path / "spool.db")
    await file.close()


async def test_of_a_group_that_was_sent_in_part_only_the_rest_is_on_the_disk(tmp_path: Path) -> None:
    file = opened(tmp_path / "spool.db")
    await file.append([[SECRET * 500, b"waits"]])
    await remove(file, left=(b"waits",))
    assert SECRET[:8] not in on_disk(tmp_path / "spool.db")
    assert b"waits" in on_disk(tmp_path / "spool.db")
    await file.close()


@pytest.mark.parametrize("fate", ["sent", "waits"])
async def test_a_process_that_is_killed_leaves_nothing_that_was_sent(tmp_path: Path, fate: str) -> None:
    path = tmp_path / "spool.db"
    processes.run([sys.executable, "-c", _KILLED, str(path), fate], check=False, timeout=60)
    assert (SECRET in on_disk(path)) is (fate == "waits")
    file = opened(path)
    await remove(file)
    assert SECRET[:8] not in on_disk(path)
    await file.close()


async def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = opened(tmp_path / "spool.db")
        await file.append([[SECRET]])
        modes = {part.name: part.stat().st_mode & 0o777 for part in tmp_path.glob("spool.db*")}
        await file.close()
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}, modes


async def test_a_reader_that_is_in_the_way_is_said_and_the_next_commit_erases(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spool.db"
    file = opened(path)
    await file.append([[SECRET * 100]])
    reader = processes.start([sys.executable, "-c", _READING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"reading\n"
    await remove(file)
    assert SECRET[:8] in on_disk(path), "the reader still needs it"
    reader.communicate(b"\n", timeout=30)
    await file.last()
    assert SECRET[:8] not in on_disk(path)
    await file.close()
    assert "spool.not_erased" in caplog.text + "".join(capfd.readouterr())


_READING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM spool").fetchone()
print("reading", flush=True)
sys.stdin.readline()
"""
