"""Where events wait, while others are at the same files: of the program, of its parent, and of nobody any more."""

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from eventsink import SinkService
from eventsink.client.tallies import Tallies
from eventsink.client.waiting import TAKEN_AT_ONCE, Waiting

NOBODY = "http://127.0.0.1:9"


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _left_behind(folder: Path, files: int) -> None:
    for number in range(files):
        waiting = Waiting(folder, 1 << 20, Tallies())
        waiting.add(1, b'{"number":%d}' % number)
        waiting.close()


def test_what_many_processes_have_left_behind_is_taken_over_a_few_files_at_a_time(tmp_path: Path) -> None:
    _left_behind(tmp_path, 30)
    waiting = Waiting(tmp_path, 1 << 20, Tallies())
    before, found = _descriptors(), []
    while taken := waiting.take_over():
        assert taken <= TAKEN_AT_ONCE
        assert _descriptors() <= before + 4 * TAKEN_AT_ONCE
        pieces = waiting.next(1 << 20)
        found += [piece.lines for piece in pieces]
        waiting.done(pieces)
    assert sorted(found) == sorted(b'{"number":%d}' % number for number in range(30))
    waiting.close()
    assert not list(tmp_path.iterdir())


def test_a_file_that_somebody_locks_costs_no_event(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, 1 << 20, Tallies())
    waiting.add(1, b"{}")
    (path,) = tmp_path.glob("*.db")
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    waiting.add(2, b"{}\n{}")
    waiting.close()
    assert time.monotonic() - began < 5.0
    foreign.execute("ROLLBACK")
    foreign.close()
    again = Waiting(tmp_path, 1 << 20, Tallies())
    again.take_over()
    assert again.events == 3
    again.close()


def test_what_comes_after_the_end_waits_in_one_file(tmp_path: Path) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    sink.close()
    assert not sink.flush(), "it waits for the next process"
    for _ in range(300):
        sink.capture("demo.x")
    assert sink.counts["captured"] == 301 and len(list(tmp_path.glob("*.db"))) == 2


def test_what_comes_after_the_end_without_a_disk_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    sink = SinkService(NOBODY, "k", spool=None)
    sink.capture("demo.x")
    sink.close()
    sink.capture("demo.x")
    assert sink.counts["dropped: closed"] == 2 and sink.counts["waiting"] == 0
    assert "there is no disk to wait on" in caplog.text


def test_a_child_made_while_others_write_ends_as_it_should(tmp_path: Path) -> None:
    """SQLite's own locks must not be held by a thread that the child does not have."""
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    over = threading.Event()

    def report() -> None:
        while not over.is_set():
            sink.capture("demo.parent", text="x" * 2000)
            time.sleep(0.0002)

    reporting = threading.Thread(target=report)
    reporting.start()
    try:
        for _ in range(40):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                sink.capture("demo.child")
                sink.close()
                os._exit(0)
            _, status = os.waitpid(child, 0)
            assert status == 0, "it hung"
    finally:
        over.set()
        reporting.join()
        sink.close()
    waiting, lines = Waiting(tmp_path, 1 << 30, Tallies()), []
    while waiting.take_over():
        while pieces := waiting.next(1 << 20):
            lines += [line for piece in pieces for line in piece.lines.split(b"\n")]
            waiting.done(pieces)
    waiting.close()
    assert sum(b"demo.child" in line for line in lines) == 40
    assert sum(b"demo.parent" in line for line in lines) == sink.counts["captured"]
