"""What is said of the write-ahead log of a file that is sound."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from eventsink.files import commits_behind_damage

COMMITS = 20


def test_while_another_program_is_at_a_checkpoint_nothing_is_said_to_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "sound.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as made,
        closing(sqlite3.connect(path, isolation_level=None)) as reads,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE found (number INTEGER)")
        reads.execute("BEGIN").execute("SELECT * FROM found").fetchall()
        for number in range(COMMITS):
            made.execute("INSERT INTO found VALUES (?)", (number,))
        other.execute("PRAGMA busy_timeout=20000")

        def empty() -> None:
            while other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                time.sleep(0.01)

        waits = threading.Thread(target=empty)
        waits.start()  # for the one that reads
        end, busy = time.monotonic() + 10, 0
        while not busy and time.monotonic() < end:
            time.sleep(0.1)
            (busy, *_) = made.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        gone = commits_behind_damage(made, path)
        reads.execute("COMMIT")
        waits.join()
        assert busy and not gone
