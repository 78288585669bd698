"""Where events wait, while others are at the same files: of the program, of its parent, and of nobody any more."""

import contextlib
import errno
import logging
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from eventsink import SinkService
from eventsink.client.tallies import Tallies
from eventsink.client.waiting import TAKEN_AT_ONCE, Waiting
from tests import processes

NOBODY = "http://127.0.0.1:9"
WITHIN = 15.0  # seconds for an end that is to lose nothing: in the one of a program a busy disk may take longer


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


def test_what_is_damaged_keeps_no_room(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, 100, tallies := Tallies())
    waiting.add(1, b"x" * 90)
    (path,) = tmp_path.glob("*.db")
    with sqlite3.connect(path) as other:
        other.execute("UPDATE spool SET lines = ?", (b"y" * 90,))
    other.close()
    assert waiting.next(1) == [] and tallies.shown() == {"dropped: damaged": 1}
    waiting.add(1, b"x" * 90)
    assert waiting.is_on_disk
    waiting.close()


def test_a_file_that_cannot_be_removed_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    before = _descriptors()
    waiting = Waiting(tmp_path, 1 << 20, Tallies())
    waiting.add(1, b"{}")
    waiting.done(waiting.next(1))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        waiting.close()
    assert _descriptors() == before and waiting.events == 0


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def _restore(folder: Path) -> None:
    """As from a copy: the files have their names, and are others."""
    shutil.copytree(folder, copy := folder.with_name("copy"))
    shutil.rmtree(folder)
    copy.rename(folder)


def _waits_for_the_next(folder: Path) -> set[bytes]:
    waiting, lines = Waiting(folder, 1 << 30, Tallies()), set[bytes]()
    while waiting.take_over():
        while pieces := waiting.next(1 << 20):
            lines |= {line for piece in pieces for line in piece.lines.split(b"\n")}
            waiting.done(pieces)
    waiting.close()
    return lines


@pytest.mark.parametrize("harm", [_remove, _move, _restore])
def test_what_somebody_has_removed_is_made_again_at_the_end(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    waiting = Waiting(folder := tmp_path / "spool", 100, tallies := Tallies())
    waiting.add(1, b"x" * 90)
    harm(folder)
    waiting.close()
    assert _waits_for_the_next(folder) == {b"x" * 90} and not tallies.shown()


def test_what_somebody_has_removed_and_cannot_be_made_again_is_counted(tmp_path: Path) -> None:
    waiting = Waiting(folder := tmp_path / "spool", 1 << 20, tallies := Tallies())
    waiting.add(3, b"{}\n{}\n{}")
    shutil.rmtree(folder)
    folder.write_text("no folder")
    waiting.close()
    assert tallies.shown() == {"dropped: disk": 3}


@pytest.mark.parametrize("harm", [_remove, _move, _restore])
def test_what_comes_after_somebody_has_removed_a_file_goes_to_another(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    waiting = Waiting(folder := tmp_path / "spool", 1 << 20, Tallies())
    waiting.add(1, b"first")
    harm(folder)
    waiting.add(1, b"second")  # finds out
    waiting.add(1, b"third")
    (own,) = {*folder.glob("*.db")} - {file.path for file in waiting._files[:1]}
    with contextlib.closing(sqlite3.connect(own)) as other:
        assert other.execute("SELECT lines FROM spool").fetchall() == [(b"third",)]
    assert {piece.lines for piece in waiting.next(1 << 20)} == {b"first", b"second", b"third"}
    waiting.close()
    assert _waits_for_the_next(folder) == {b"first", b"second", b"third"}


def test_a_copy_in_the_place_of_a_file_that_is_done_stays(tmp_path: Path) -> None:
    waiting = Waiting(folder := tmp_path / "spool", 1 << 20, Tallies())
    waiting.add(1, b"{}")
    _restore(folder)
    waiting.done(waiting.next(1))
    waiting.close()
    assert list(folder.glob("*.db"))


def test_a_disk_that_is_full_is_not_filled_with_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse)  # of the number of the process
        waiting = Waiting(tmp_path, 1 << 20, Tallies())
        waiting.add(1, b"{}")
    assert not list(tmp_path.iterdir()) and not waiting.is_on_disk
    with monkeypatch.context() as full:
        full.setattr("eventsink.client.waiting.Room", refuse)  # after all files were made
        waiting = Waiting(tmp_path, 1 << 20, Tallies())
        waiting.add(1, b"{}")
    assert not list(tmp_path.iterdir()) and not waiting.is_on_disk


def test_who_comes_too_late_for_a_file_leaves_nothing(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, 1 << 20, Tallies())
    assert waiting._take(tmp_path / "gone.db") is None
    assert not list(tmp_path.iterdir())


def test_what_a_child_has_sent_for_a_parent_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    """As of a daemon, which SQLite takes for one that has the file open still."""
    program = """
import os, sys, time
from pathlib import Path
from eventsink.client.tallies import Tallies
from eventsink.client.waiting import Waiting

folder = Path(sys.argv[1])
waiting = Waiting(folder, 1 << 20, Tallies())
waiting.add(1, b'{"user": "somebody"}')
parent = os.getpid()
if os.fork():
    os._exit(0)
kept = waiting.leave()
while os.getppid() == parent:
    time.sleep(0.01)
waiting = Waiting(folder, 1 << 20, Tallies())
waiting.take_over()
waiting.done(waiting.next(1))
waiting.close()
print(*folder.iterdir())
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert processes.run(command, check=True, capture_output=True, text=True).stdout == "\n"


def test_a_file_that_somebody_locks_costs_no_event(tmp_path: Path) -> None:
    took = (_seconds_while_locked(tmp_path / str(number)) for number in range(5))
    assert any(seconds < 5.0 for seconds in took), "a machine may stand still, but not each time"


def _seconds_while_locked(folder: Path) -> float:
    """How long it takes to add events and to end while somebody locks the file."""
    waiting = Waiting(folder, 1 << 20, Tallies())
    waiting.add(1, b"{}")
    (path,) = folder.glob("*.db")
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    waiting.add(2, b"{}\n{}")
    waiting.close()
    seconds = time.monotonic() - began
    foreign.execute("ROLLBACK")
    foreign.close()
    again = Waiting(folder, 1 << 20, Tallies())
    again.take_over()
    assert again.events == 3
    again.close()
    return seconds


def test_what_comes_after_the_end_waits_in_one_file(tmp_path: Path) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    sink.close(WITHIN)
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


def test_a_child_made_while_others_write_ends_as_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own locks must not be held by a thread that the child does not have."""
    monkeypatch.setattr("eventsink.client.service.FORK_WITHIN", WITHIN)  # it forks in any case when that is over
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
                signal.alarm(60)
                sink.capture("demo.child")
                sink.close(WITHIN)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            assert status == 0, "it hung"
    finally:
        over.set()
        reporting.join()
        sink.close(WITHIN)
    waiting, lines = Waiting(tmp_path, 1 << 30, Tallies()), []
    while waiting.take_over():
        while pieces := waiting.next(1 << 20):
            lines += [line for piece in pieces for line in piece.lines.split(b"\n")]
            waiting.done(pieces)
    waiting.close()
    assert sum(b"demo.child" in line for line in lines) == 40
    assert sum(b"demo.parent" in line for line in lines) == sink.counts["captured"]


def _fork(work: Callable[[], bool]) -> bool:
    """Whether something went well in a child, which has half a minute for it."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(0 if work() else 1)
    return os.waitpid(child, 0)[1] == 0


def test_a_fork_waits_for_a_file_that_is_being_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsink.client.service.FORK_WITHIN", WITHIN)
    opening, opened = threading.Event(), threading.Event()

    class Slow(Waiting):
        def __init__(self, *args: Any) -> None:
            opening.set()
            time.sleep(0.2)
            super().__init__(*args)
            opened.set()

    monkeypatch.setattr("eventsink.client.service.Waiting", Slow)
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    threading.Thread(target=sink.capture, args=("demo.x",)).start()
    assert opening.wait(WITHIN)
    assert _fork(opened.is_set)
    sink.close(WITHIN)


def test_a_child_made_while_the_disk_hangs_keeps_its_events_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    assert sink._waiting is not None
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(waiting: Waiting) -> None:
        with waiting.locks[1]:
            hangs.set()
            goes_on.wait(WITHIN)

    busy = threading.Thread(target=hang, args=(sink._waiting,))
    busy.start()
    assert hangs.wait(WITHIN)

    sink.capture("demo.x")
    assert not sink.flush(0.1) and sink.counts["waiting"] >= 0, "neither waits for the disk"

    def work() -> bool:
        sink.capture("demo.child")
        sink.close()
        return sink.counts["dropped: closed"] == 1 and "the disk of the spool was too busy" in caplog.text

    assert _fork(work)
    goes_on.set()
    busy.join()
    assert _fork(lambda: sink._folder == tmp_path), "the next one has a disk again"
    sink.close(WITHIN)


def test_a_fork_after_the_end_leaves_the_descriptors_of_the_program_alone(tmp_path: Path) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    sink.close(WITHIN)
    mine = os.open("/etc/hostname", os.O_RDONLY)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.fstat(mine)
        sink.capture("demo.child")
        sink.close(WITHIN)
        os._exit(0 if sink.counts["captured"] == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    os.close(mine)


def test_forks_of_several_threads_leave_nothing_locked(tmp_path: Path) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def fork() -> None:
        for _ in range(30):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

    threads = [threading.Thread(target=fork) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert sink._waiting is not None and sink._waiting.is_free(5.0)
    sink.close()


def _end_while_threads_report(folder: Path) -> tuple[int, SinkService]:
    """How many events they have reported, to a sink that was closed meanwhile."""
    sink = SinkService(NOBODY, "k", spool=folder)
    over, captured = threading.Event(), [0, 0, 0]

    def report(place: int) -> None:
        while not over.is_set():
            for _ in range(20):
                sink.capture("demo.x", place=place)
                captured[place] += 1
            time.sleep(0.0005)

    threads = [threading.Thread(target=report, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    sink.close()
    time.sleep(0.02)
    over.set()
    for thread in threads:
        thread.join()
    return sum(captured), sink


def test_what_threads_report_during_the_end_is_not_lost(tmp_path: Path) -> None:
    for number in range(3):
        captured, sink = _end_while_threads_report(tmp_path / str(number))
        counts = sink.counts
        lost = sum(count for name, count in counts.items() if name.startswith("dropped"))
        assert captured == counts["captured"] + lost and not sink._queue
        assert lost == counts.get("dropped: memory", 0), counts


def test_a_handler_of_the_log_may_report_to_the_sink(tmp_path: Path) -> None:
    """As whoever sends warnings there: nothing is said while anything is locked."""
    folder = tmp_path / "file"
    folder.write_text("no folder")
    sink = SinkService(NOBODY, "k", spool=folder)

    class Reporting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.05)
            sink.capture("demo.logged", text=record.getMessage())
            assert sink.counts

    handler, log = Reporting(), logging.getLogger("eventsink")
    log.addHandler(handler)
    try:
        threads = [threading.Thread(target=sink.capture, args=("demo.x",), daemon=True) for _ in range(20)]
        for thread in threads:
            thread.start()
        log.warning("something")
        sink.close()
        for thread in threads:
            thread.join(20)
        sink.capture("demo.late")
        assert not any(thread.is_alive() for thread in threads)
    finally:
        log.removeHandler(handler)


def test_a_handler_of_a_signal_that_comes_while_a_thread_is_woken_may_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    handled: list[bool] = []

    def handle(number: int, frame: FrameType | None) -> None:
        handled.append(True)
        sink.capture("demo.handler")
        sink.close(0.1)

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        # Of an event of `threading` it is where its lock is held.
        within = frame.f_code.co_name == "notify_all" or frame.f_code.co_filename.endswith("bell.py")
        if within and not handled:
            signal.raise_signal(signal.SIGUSR1)
        return trace

    def work() -> bool:
        sink.capture("demo.x")
        sys.settrace(trace)
        sink.close()
        sys.settrace(None)
        return bool(handled) and sink.counts["captured"] == 1 + len(handled)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        assert _fork(work)
    finally:
        signal.signal(signal.SIGUSR1, before)
        sink.close()


@pytest.mark.parametrize("place", ["eventsink.client.service.Waiting", "threading.Thread.start"])
@pytest.mark.parametrize("closes", [True, False])
def test_a_handler_of_a_signal_that_comes_with_the_first_event_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, *, closes: bool
) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    real: Any = Waiting if place.endswith("Waiting") else threading.Thread.start
    handled: list[bool] = []

    def handle(*given: Any) -> Any:
        made = real(*given)
        if not handled:
            handled.append(True)
            sink.capture("demo.handler")
            if closes:
                sink.close()
        return made

    with monkeypatch.context() as patch:
        patch.setattr(place, handle)
        sink.capture("demo.first")
    sink.capture("demo.later")
    assert closes or (sink._posting and sink._posting._waiting is sink._waiting)
    sink.close(WITHIN)
    sink.close()
    assert len(_waits_for_the_next(tmp_path)) == 3 == sink.counts["captured"]


def test_what_a_disk_that_hangs_costs_at_the_end_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, goes_on = threading.Event(), threading.Event()
    folder = tmp_path / "spool"
    folder.write_text("no folder, at first")
    sink = SinkService(NOBODY, "k", spool=folder)
    sink.capture("demo.memory")
    while sink.counts.get("captured", 0) < 1:
        sink.flush(0.0)
    add = Waiting.add

    def hang(waiting: Waiting, *given: Any) -> None:
        with waiting.locks[1]:
            hangs.set()
            goes_on.wait(WITHIN)
            add(waiting, *given)

    monkeypatch.setattr(Waiting, "add", hang)
    sink.capture("demo.hand")
    assert hangs.wait(WITHIN)
    sink.capture("demo.queue")
    sink.close(0.2)
    assert sink.counts["dropped: memory"] == 3
    sink.capture("demo.late")
    assert sink.counts["dropped: memory"] == 4
    goes_on.set()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_handler_of_a_signal_that_raises_while_events_go_to_disk_costs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """As that of Ctrl-C, or of a limit of time."""
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    monkeypatch.setattr(sink, "_is_started", True)  # without threads, which might be faster
    monkeypatch.setattr(sink, "_drain", lambda: None)
    sink.capture("demo.x", number=1)
    sink.capture("demo.x", number=2)
    monkeypatch.undo()
    add = Waiting.add

    def interrupted(*given: Any) -> None:
        if when == "after":
            add(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Waiting, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sink.flush(0.0)
    sink.close(WITHIN)
    assert len(_waits_for_the_next(tmp_path)) == 2 == sink.counts["captured"]


def test_wherever_the_handler_of_a_signal_raises_while_events_are_taken_in_hand_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler runs after a call of a function in C at the earliest: it raises after each of them."""
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    monkeypatch.setattr(sink, "_is_started", True)  # without threads, which might be faster
    sink.capture("demo.x")
    places, calls, place = 8, 0, 0

    def profile(frame: FrameType, event: str, given: Any) -> None:
        nonlocal calls
        calls += event == "c_return" and frame.f_code.co_name == "_bring"
        if calls > place:
            raise KeyboardInterrupt

    for place in range(places):  # noqa: B007 - the function above goes by it
        calls = 0
        with monkeypatch.context() as patch:
            patch.setattr(sink, "_drain", lambda: None)
            sink.capture("demo.x")
        with pytest.raises(KeyboardInterrupt):
            sys.setprofile(profile)
            try:
                sink._drain()
            finally:
                sys.setprofile(None)
    sink.close(WITHIN)
    assert len(_waits_for_the_next(tmp_path)) == 1 + places == sink.counts["captured"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("exits", [True, False])
def test_a_handler_of_a_signal_that_ends_the_sink_while_events_go_to_disk_costs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, *, exits: bool
) -> None:
    """As that of SIGTERM, which ends the program then, or lets it come to its end."""
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    monkeypatch.setattr(sink, "_is_started", True)  # without threads, which might be faster
    with monkeypatch.context() as patch:
        patch.setattr(sink, "_drain", lambda: None)
        sink.capture("demo.x", number=1)
        sink.capture("demo.x", number=2)
    add = Waiting.add

    def handled(*given: Any) -> None:
        patch.undo()
        if when == "after":
            add(*given)
        sink.close(WITHIN)
        if exits:
            raise SystemExit
        if when == "before":
            add(*given)

    with monkeypatch.context() as patch, contextlib.suppress(SystemExit):
        patch.setattr(Waiting, "add", handled)
        sink.flush(0.0)
    sink.close(WITHIN)
    assert len(_waits_for_the_next(tmp_path)) == 2 == sink.counts["captured"]


def test_what_the_handler_of_a_signal_raises_ends_a_flush(tmp_path: Path) -> None:
    class TimeIsOver(Exception):
        pass

    def handle(number: int, frame: FrameType | None) -> None:
        raise TimeIsOver

    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    assert not sink.flush(0.1)
    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(TimeIsOver):
            sink.flush(WITHIN)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        sink.close(WITHIN)


def test_an_end_does_not_wait_for_who_looks_for_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look imports, and the disk with the libraries may be slow."""
    over = threading.Event()

    def hang(line: bytes) -> str:
        over.wait(WITHIN)
        return ""

    monkeypatch.setattr("eventsink.client.checking.flaw", hang)
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    began = time.monotonic()
    sink.close()
    took = time.monotonic() - began
    over.set()
    assert took < WITHIN / 3


def test_a_handler_of_a_signal_that_raises_at_a_fork_leaves_nothing_locked(tmp_path: Path) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)
    sink.capture("demo.x")
    assert sink._waiting is not None
    locks = (sink._checker.looking, sink._lock, *sink._waiting.locks)
    left = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if event == "line" and frame.f_code.co_name in {"prepare_fork", "_acquire"}:
            left -= 1
            if left == 0:
                raise RuntimeError  # as the handler of a signal may
        return trace

    for place in range(4, 24, 2):
        left = place
        sys.settrace(trace)
        try:
            with contextlib.suppress(RuntimeError):
                sink.prepare_fork()
        finally:
            sys.settrace(None)
        sink.end_fork()
        with ThreadPoolExecutor(1) as other:
            assert other.submit(_take_and_release, locks).result(), place
    sink.close()


def test_threads_that_cannot_be_started_now_are_started_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = SinkService(NOBODY, "k", spool=tmp_path)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", refuse)
        sink.capture("demo.x")
        assert sink._writer is None and sink.counts["captured"] == 1, "it is on disk"
    sink.capture("demo.x")
    assert sink._writer is None, "not with every event"
    sink._threads_from = 0.0
    sink.capture("demo.x")
    assert sink._writer is not None and sink._posting is not None
    sink.close(WITHIN)
    assert sink.counts["captured"] == 3


def _take_and_release(locks: Sequence[threading.RLock]) -> bool:
    """Whether another thread can have them all."""
    for lock in locks:
        if not lock.acquire(timeout=5.0):
            return False
        lock.release()
    return True
