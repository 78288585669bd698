"""A damaged file is mended, or all stays as it was: whenever who mends it is killed, the next one loses no more."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from eventsink.files import rebuild, spool_rows

ROWS = 60


class Killed(BaseException):
    """This process ends now."""


def _damaged(folder: Path) -> Path:
    """A spool of which a page is gone, and of which the newest rows are in its write-ahead log alone."""
    made = folder / "made.db"
    connection = spool_rows.open_spool(made, _never)
    for number in range(ROWS):
        spool_rows.add(connection, [(1, os.urandom(5000))])
        if number == ROWS // 2:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = folder / "spool.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{made}{suffix}", f"{path}{suffix}")
    connection.close()
    content = bytearray(path.read_bytes())
    begin = len(content) // 8192 * 4096
    content[begin : begin + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    return path


def _never(reason: str, *_: object) -> None:
    raise AssertionError(reason)


def _rows(path: Path) -> tuple[list[bytes], list[str]]:
    """What is in a spool, and what was said of damage when it was opened."""
    said: list[str] = []
    connection = spool_rows.open_spool(path, lambda reason, *_: said.append(reason))
    found = [lines for (lines,) in connection.execute("SELECT lines FROM spool ORDER BY id")]
    connection.close()
    return found, said


@pytest.mark.parametrize("at", range(8))
def test_whoever_mends_a_file_may_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    path = _damaged(tmp_path)
    reference = tmp_path / "reference"
    reference.mkdir()
    for part in tmp_path.glob("spool.db*"):
        shutil.copy(part, reference)
    kept, said = _rows(reference / "spool.db")
    assert len(kept) > ROWS - 5 and len(said) == 1

    steps = 0

    def killed_at(name: str) -> None:
        real = getattr(Path, name)

        def step(self: Path, target: Path) -> object:
            nonlocal steps
            steps += 1
            if steps > at:
                raise Killed
            return real(self, target)

        monkeypatch.setattr(Path, name, step)

    for name in ("rename", "replace", "hardlink_to"):
        killed_at(name)
    done = True
    try:
        _rows(path)
    except Killed:
        done = False
    monkeypatch.undo()
    assert done == (at >= steps)
    again, said = _rows(path)
    assert again == kept
    assert len(said) == (0 if done else 1)
    assert list(tmp_path.glob("spool.db.damaged-*")) and not list(tmp_path.glob("spool.db.rebuilt*"))


def test_what_a_full_disk_left_in_the_write_ahead_log_of_the_new_file_is_in_it(tmp_path: Path) -> None:
    path = _damaged(tmp_path)
    holding = []

    def build(draft: Path, _old: sqlite3.Connection) -> None:
        with closing(spool_rows.open_spool(draft, _never)) as new:
            new.execute("PRAGMA wal_autocheckpoint=0")
            spool_rows.add(new, [(1, b"kept")])
            holding.append(sqlite3.connect(draft))  # closing does not empty the log then, and says nothing of it either
            holding[0].execute("SELECT count(*) FROM spool").fetchone()

    rebuild(path, build)
    holding[0].close()
    assert _rows(path) == ([b"kept"], [])
