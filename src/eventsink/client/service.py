"""`SinkService`: what a program has that reports events. It never raises, never blocks, and never slows its program.

`capture` stamps an event, writes it as JSON and puts it into a queue in memory. One thread brings the queue to disk a
few times a second, another one sends what is on disk. So a sink that is away costs nothing, and what is not sent when
the program ends is sent by the next one that reports to the same sink.
"""

import atexit
import contextlib
import hashlib
import logging
import os
import socket
import sys
import threading
import time as clock
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eventsink.causes import why
from eventsink.client.bell import Latch
from eventsink.client.catalogued import Catalogued
from eventsink.client.checking import Checker
from eventsink.client.extraction import Extraction
from eventsink.client.mend import mend, plain_time, text
from eventsink.client.posting import Posting
from eventsink.client.stamp import Ids, Stamped, encode, now
from eventsink.client.tallies import Tallies
from eventsink.client.transport import Transport
from eventsink.client.transports import open_transport
from eventsink.client.waiting import Waiting
from eventsink.errors import EventSinkError
from eventsink.redact import hide_in_address

__all__ = ["SinkService"]

MOST_QUEUED = 20_000  # events that the thread has not brought to disk yet
MOST_DISK = 256 << 20  # bytes
LARGEST = 256 << 10  # bytes of one event, as the sink has it
EVERY = 0.05  # seconds between two looks into the queue
AT_ONCE = 256 << 10  # bytes of one row on disk, about
LATE_WITHIN = 0.1  # seconds that what comes after the end waits for another that does
END_WITHIN = 1.0  # seconds that the end of the program waits at most
THREADS_AGAIN = 10.0  # seconds after which threads that could not be started are tried again
FORK_WITHIN = 0.2  # seconds that a fork waits for our threads to be where they can be left

_HOMELESS = (
    "Events wait in memory alone, and are lost when the program ends before the sink has them: this user has no home"
    " directory. Name a folder with spool=…, or a whole path in XDG_STATE_HOME."
)

BeforeSend = Callable[[dict[str, Any]], Mapping[str, Any] | None]


class SinkService(Catalogued):
    """Reports events to an event sink.

    Where to comes from the arguments, else from EVENTSINK_URL and EVENTSINK_KEY. If neither is there it is off: it
    does nothing, and says so once in the log `eventsink`. One is enough for a program, whatever threads, tasks and
    child processes it has.

    Args:
        url: address of the sink, as https://sink.example.org; or amqp://user:password@host/vhost of its RabbitMQ.
        key: API key with the scope ingest.
        source: who reports, as clowder.example.org; by default the name of this host.
        spool: folder where events wait; by default one in the state directory of the user. None keeps them in memory.
        before_send: is handed each event as a dict with `type`, `time`, `user`, `subject` and `data`, and gives it
            back, changed or not, or None to send nothing.
        max_disk: bytes that may wait on disk.
        timeout: seconds to wait for an answer of the sink.
    """

    def __init__(  # noqa: PLR0913
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        source: str | None = None,
        spool: str | os.PathLike[str] | None = "",
        before_send: BeforeSend | None = None,
        max_disk: int = MOST_DISK,
        timeout: float = 10.0,
    ) -> None:
        self._url = url or os.environ.get("EVENTSINK_URL") or ""
        self._key = key or os.environ.get("EVENTSINK_KEY") or None
        self._source = source or _host()
        self._folder = None if spool is None else Path(spool) if spool else _default_folder(self._url, self._key)
        self._before_send = before_send
        self._max_disk = max_disk
        self._timeout = timeout
        self._tallies = Tallies()
        self._off = not self._is_usable()
        self._abandoned: list[object] = []  # what a parent has open, and must not be closed by a child
        self._begin()
        if not self._off:
            if self._folder is None and spool is not None:
                self._tallies.say_now("spool", _HOMELESS)
            this = weakref.ref(self)
            atexit.register(_call, this, "close")
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(
                    before=partial(_call, this, "prepare_fork"),
                    after_in_parent=partial(_call, this, "end_fork"),
                    after_in_child=partial(_call, this, "begin_child"),
                )
                # Once more: the handler of a signal may raise just where the first one begins.
                os.register_at_fork(after_in_parent=partial(_call, this, "end_fork"))

    def _begin(self) -> None:
        self._ids = Ids()
        self._queue: deque[bytes] = deque()
        self._in_hand: list[bytes] = []  # out of the queue, and not on disk yet
        self._lock = threading.RLock()
        self._checker = Checker(self._tallies)
        self._waiting: Waiting | None = None
        self._late: Waiting | None = None
        self._posting: Posting | None = None
        self._writer: threading.Thread | None = None
        self._is_started = False
        self._threads_from = 0.0  # when threads may be started again, on the monotonic clock
        self._ending = Latch()
        self._closed = False
        self._left_behind = False  # at the end something waited still
        self._forking = threading.local()  # of each thread: what no other one is at while it forks

    # --- what a program calls ----------------------------------------------------------------------------------------

    def capture(
        self,
        type: str,  # noqa: A002 - the name of the attribute
        /,
        *,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
        **data: Any,
    ) -> None:
        """Report an event. It returns at once, and never raises.

        Args:
            type: as `storage.file_uploaded`; one of your own, as `myprogram.started`, is accepted as well.
            user: who did it; None for somebody unknown, or the system.
            time: when it happened: a datetime (of here, if it has no zone), an RFC 3339 text, or a number since
                1970; by default now.
            subject: what it is about, as files/64b….
            data: all else, by the names of the type.
        """
        self._capture(type, user, time, subject, data)

    def extraction(self, extractor: str, /, *, user: str | None = None, **data: Any) -> Extraction:
        """Time what an extractor does: `with sink.extraction("ncsa.wordcount", resource_id=…):`, or as a decorator.

        Args:
            extractor: its name, which is its queue.
            user: for whom it runs.
            data: of `extractions.extraction_event`, as job_id, resource_type and resource_id.
        """
        return Extraction(self, extractor, user, data)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until the sink has everything, or the time is over; gives whether it has."""
        if self._off:
            return True
        if self._closed:
            return not self._left_behind
        end = clock.monotonic() + timeout
        while (flushed := self._is_flushed(end)) is None:
            clock.sleep(0.01)  # what the handler of a signal raises here, as when a job's time is over, is not caught
        return flushed

    def close(self, timeout: float = END_WITHIN) -> None:
        """Bring everything to disk, send what can be sent within the time, and end. The rest the next process sends."""
        if self._off:
            return
        try:
            if self._closed:
                self._close_late()
            else:
                self._end(timeout)
        except Exception as error:  # noqa: BLE001
            self._say_bug(error)

    @property
    def counts(self) -> dict[str, int]:
        """What became of events: `captured`, `sent`, `waiting`, and `dropped: …` with the reason.

        After `close` what still waits is with the next process, and not counted as `waiting`.
        """
        waiting = len(self._queue) + sum(one.events for one in (self._waiting, self._late) if one is not None)
        return self._tallies.shown() | {"waiting": waiting}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the quick part ----------------------------------------------------------------------------------------------

    def _capture(
        self,
        kind: str,
        user: str | None,
        time: datetime | str | float | None,
        subject: str | None,
        data: dict[str, Any],
    ) -> None:
        if self._off:
            return
        try:
            if len(self._queue) >= MOST_QUEUED:
                self._tallies.drop("memory")
                return
            if self._before_send is not None:
                event = {"type": kind, "time": time, "user": user, "subject": subject, "data": data}
                changed = self._ask_hook(event)
                if changed is None:
                    return
                kind, time, user = changed["type"], changed.get("time"), changed.get("user")
                subject, data = changed.get("subject"), changed["data"]
            when = now() if time is None else time
            if isinstance(when, datetime) and when.tzinfo is None:
                when = when.astimezone()  # as Python means it: the time of here
            line = self._write_line(kind, when, user, subject, data)
            if line is not None:
                self._note(kind, data, line)
                self._take(line)
        except Exception as error:  # noqa: BLE001 - whatever it is, the program must not notice
            self._tallies.drop("data", 1, type(error).__name__)

    def _note(self, kind: str, data: dict[str, Any], line: bytes) -> None:
        self._checker.note(kind, data, line)

    def _take(self, line: bytes) -> None:
        self._queue.append(line)
        if self._writer is None:
            self._start()

    def _ask_hook(self, event: dict[str, Any]) -> Mapping[str, Any] | None:
        assert self._before_send is not None  # noqa: S101
        try:
            changed: Any = self._before_send(event)
        except Exception as error:  # noqa: BLE001 - what it was to hide must not be sent
            self._tallies.drop("hook", 1, type(error).__name__)
            return None
        if changed is None:
            self._tallies.count("left out by before_send")
            return None
        if not (isinstance(changed, Mapping) and "type" in changed and isinstance(changed.get("data"), dict)):
            self._tallies.drop("hook", 1, "it gives back neither None nor a dict with type and data")
            return None
        found: Mapping[str, Any] = changed
        return found

    def _write_line(
        self, kind: str, when: datetime | str | float, user: str | None, subject: str | None, data: dict[str, Any]
    ) -> bytes | None:
        event_id = self._ids.new()
        if user is not None and type(user) is not str:
            user = text(user)  # as the number of a user in a database
        try:
            line = encode(
                Stamped(id=event_id, source=self._source, type=kind, time=when, data=data, subject=subject, user=user)
            )
        except Exception:  # noqa: BLE001 - a circle, half a character, a key that is no text: seldom, and slow
            given = Stamped(
                id=event_id,
                source=self._source,
                type=text(kind),
                time=when if type(when) is datetime else plain_time(when),
                data=mend(data),
                subject=None if subject is None else text(subject),
                user=None if user is None else text(user),
            )
            line = encode(given)
        if len(line) > LARGEST:
            self._tallies.drop("size", 1, f"{len(line):,} bytes, of a {kind[:100]}")
            return None
        return line

    # --- the thread --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the threads, with the first event; in a child anew. Without them, bring what there is to disk."""
        if self._closed:
            self._write_late()
            return
        with self._lock:
            if self._closed:
                self._write_late()
                return
            if self._waiting is None:
                waiting = Waiting(self._folder, self._max_disk, self._tallies)
                if self._waiting is None:  # the handler of a signal may have come in between, and made one
                    self._waiting = waiting
                _end_with_child(self)
            if not self._is_started and clock.monotonic() >= self._threads_from:
                self._is_started = True  # before: the handler of a signal may capture something in between
                self._start_threads(self._waiting)
            if self._closed:  # the handler of a signal has closed it meanwhile
                self._writer = None
                self._write_late()
            elif self._writer is None:
                self._drain()
        if self._writer is None:
            self._tallies.report()

    def _start_threads(self, waiting: Waiting) -> None:
        try:
            posting = Posting(waiting, self._transport(), self._tallies)
        except Exception as error:  # noqa: BLE001 - as too many open files
            self._is_started = False
            sentence = f"Events wait{waiting.where}, and cannot be sent: {why(error)}. The next event tries it again."
            self._tallies.say("threads", sentence)
            return
        writer = threading.Thread(target=self._run, name="eventsink-writing", daemon=True)
        try:
            posting.start()
            self._posting = posting
            writer.start()
            self._writer = writer
            if self._closed:
                posting.stop(0.0)
        except RuntimeError as error:  # an isolated interpreter, one that ends, or too many threads just now
            self._posting = None
            posting.stop(0.0)
            self._is_started, self._threads_from = False, clock.monotonic() + THREADS_AGAIN
            sentence = f"Events wait on disk for another program to send them: {error}."
            self._tallies.say("threads", sentence)

    def _transport(self) -> Transport:
        return open_transport(self._url, self._key, self._timeout)

    def _run(self) -> None:
        while not self._ending.wait(EVERY):
            self._see_to(self._drain, self._checker.look, self._tallies.report)
        self._see_to(self._checker.look)  # not where the program ends: what it imports may come from a slow disk

    def _see_to(self, *tasks: Callable[[], None]) -> None:
        try:
            for task in tasks:
                task()
        except Exception as error:  # noqa: BLE001
            self._say_bug(error)

    def _drain(self) -> None:
        """Bring the queue to disk."""
        with self._lock:
            if self._waiting is None:
                return
            added = False
            while self._queue:
                before = self._in_hand  # of this thread: its handler of a signal is here
                lines = self._in_hand = []
                try:
                    self._bring(self._waiting, lines)
                except BaseException:  # the handler of a signal: those that are there already are the same events
                    self._take_back()
                    raise
                finally:
                    self._in_hand = before
                added = True
            if added and self._posting:
                self._posting.wake()

    def _bring(self, waiting: Waiting, lines: list[bytes]) -> None:
        """Bring some to disk; `lines` has them at any moment."""
        size = 0
        while self._queue and size < AT_ONCE:
            lines.extend(map(deque.popleft, (self._queue,)))  # in one step: in two, the handler could raise in between
            size += len(lines[-1])
        waiting.add(len(lines), b"\n".join(lines))
        self._tallies.count("captured", len(self._in_hand))  # none, if they were taken back

    def _take_back(self) -> None:
        """Have what is in hand be the next: who had it does not go on, or has come too late."""
        with self._lock:
            lines, self._in_hand = self._in_hand, []
            self._queue.extendleft(reversed(lines))

    def _is_flushed(self, end: float) -> bool | None:
        """Whether the sink has everything; None while that is waited for."""
        try:
            if not self._is_free(end - clock.monotonic()):  # a disk hangs
                return False
            self._drain()
            if self._is_done():
                return True
            return False if clock.monotonic() >= end or self._posting is None else None
        except Exception as error:  # noqa: BLE001 - a program never hears of our faults
            self._say_bug(error)
            return False

    def _is_done(self) -> bool:
        return not self._queue and (self._waiting is None or self._waiting.is_empty)

    def _is_left_behind(self) -> bool:
        """Whether all that waits is on disk, and nobody sends it now: the next process does."""
        away = self._posting is None or self._posting.is_away
        return away and (self._waiting is None or self._waiting.is_on_disk)

    def _end(self, timeout: float) -> None:
        end = clock.monotonic() + timeout
        self._ending.set()
        if self._writer is not None and self._writer.is_alive() and self._writer is not threading.current_thread():
            self._writer.join(timeout / 4)
        if not self._is_free(timeout / 4):
            self._give_up()
            return
        self._take_back()  # this may be the handler of a signal that came while this thread brought them to disk
        self._drain()
        while not self._is_done() and not self._is_left_behind() and clock.monotonic() < end - timeout / 10:
            clock.sleep(0.005)
            self._drain()  # other threads go on
        with self._lock:
            self._closed, self._writer = True, None  # in this order: what comes now finds the way of the late ones
        self._drain()
        self._left_behind = not self._is_done()
        if self._posting:  # one that hangs in an attempt is left to itself
            self._posting.stop(max(end - clock.monotonic(), 0.0))
        if self._waiting:
            self._waiting.close()
        self._checker.look(max(end - clock.monotonic(), 0.0))
        self._tallies.report()

    def _give_up(self) -> None:
        """End while a disk hangs: what is not on it is lost."""
        lost = 0 if self._closed or self._waiting is None else len(self._in_hand) + self._waiting.in_memory
        self._closed = self._left_behind = True
        self._writer = None
        with contextlib.suppress(IndexError):  # others take out as well
            for _ in range(len(self._queue)):
                self._queue.popleft()
                lost += 1
        self._tallies.drop("memory", lost, "at the end")
        self._tallies.report()

    def _is_free(self, seconds: float) -> bool:
        """Whether no thread is in the middle of something: not while a disk hangs."""
        if self._waiting is None:
            return True
        if not self._lock.acquire(timeout=max(seconds, 0.0)):
            return False
        self._lock.release()
        return self._waiting.is_free(seconds)

    def _write_late(self) -> None:
        """After the end: what comes still goes to disk, for the next process; without one it is lost."""
        if not self._lock.acquire(timeout=LATE_WITHIN):  # a disk hangs
            self._give_up()
            return
        try:
            if self._late is None:
                self._late = Waiting(self._folder, self._max_disk, self._tallies)
            while self._queue:
                line = self._queue.popleft()
                if self._folder is None:
                    self._tallies.drop("closed")
                    continue
                self._late.add(1, line)
                self._tallies.count("captured")
                self._left_behind = True
        finally:
            self._lock.release()
        self._tallies.report()

    def _close_late(self) -> None:
        """Let others have what came after the end; more may come."""
        if not self._lock.acquire(timeout=LATE_WITHIN):  # a disk hangs
            return
        try:
            late, self._late = self._late, None
            if late is not None:
                late.close()
        finally:
            self._lock.release()
        self._tallies.report()

    def begin_child(self) -> None:
        """Begin anew in a child: what is in the queue of the parent is the parent's, and so are its threads and files.

        It is called by itself after a fork.
        """
        reached = self._forking.__dict__.get("reached", {})
        try:
            for waiting in (self._waiting, self._late):
                if waiting is not None:
                    self._abandoned += waiting.leave()
            self._abandoned += [self._waiting, self._late, self._posting, self._queue]
            self._tallies.begin_child()
            if not reached.get("disk", True):
                self._folder = None
                self._tallies.say("fork", "Events wait in memory: at the fork the disk of the spool was too busy.")
        finally:
            self._begin()
        if not reached.get("checker", True):
            self._checker.rest()

    def prepare_fork(self) -> None:
        """Wait until no thread of ours is within SQLite, or imports: what is locked then is in the child for ever.

        Where one is for too long, as while a disk hangs, the child does without: it keeps its events in memory, or
        looks for no mistakes.
        """
        # The handler of a signal may raise in between, or fork: what this thread holds is known at any moment.
        held: list[threading.RLock] = self._forking.__dict__.setdefault("held", [])
        reached = self._forking.reached = {"checker": False, "disk": False}
        end = clock.monotonic() + FORK_WITHIN
        reached["checker"] = _acquire(self._checker.looking, end, held)
        # Who holds the first of them may be opening a file.
        reached["disk"] = _acquire(self._lock, end, held) and (
            self._waiting is None or all(_acquire(lock, end, held) for lock in self._waiting.locks)
        )
        self._forking.reached = reached

    def end_fork(self) -> None:
        """Let the threads go on."""
        known = self._forking.__dict__
        known.pop("reached", None)
        held = known.get("held", [])
        try:
            _release(held)
        finally:  # the handler of a signal may have raised
            _release(held)

    # --- settings ----------------------------------------------------------------------------------------------------

    def _is_usable(self) -> bool:
        """Whether there is a sink to report to; says why not."""
        if not self._url:
            sentence = "Events are not reported: no event sink is named (EVENTSINK_URL and EVENTSINK_KEY)."
            self._tallies.say_now("off", sentence, logging.INFO)
            return False
        try:
            open_transport(self._url, self._key, self._timeout).close()
        except EventSinkError as error:
            self._tallies.say_now("off", f"Events are not reported: {error}")
            return False
        except Exception as error:  # noqa: BLE001 - as a library that is not there
            self._tallies.say_now("off", f"Events are not reported to {hide_in_address(self._url)}: {error}")
            return False
        return True

    def _say_bug(self, error: Exception) -> None:
        self._tallies.say("bug", f"The event sink's client failed: {type(error).__name__}: {error}.")


def _call(reference: "weakref.ref[SinkService]", name: str) -> None:
    service = reference()
    if service is not None:
        getattr(service, name)()


def _acquire(lock: threading.RLock, end: float, held: list[threading.RLock]) -> bool:
    """Have a lock by some time; gives whether so. It is noted before: in between the handler of a signal may raise."""
    held.append(lock)
    found = lock.acquire(timeout=max(end - clock.monotonic(), 0.0))
    if not found:
        held.pop()
    return found


def _release(held: list[threading.RLock]) -> None:
    while held:
        with contextlib.suppress(RuntimeError):  # it was noted, and not had yet
            held[-1].release()
        held.pop()


def _host() -> str:
    try:
        return socket.gethostname() or "python"
    except OSError:
        return "python"


def _default_folder(url: str, key: str | None) -> Path | None:
    """A folder for one sink and key: what waits for one sink never goes to another, nor under another key."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 - it never raises
    if not os.path.isabs(home):  # noqa: PTH117
        return None
    return (
        Path(home)
        / "eventsink"
        / "spool"
        / hashlib.sha256(f"{url}\n{key}".encode(errors="surrogateescape")).hexdigest()[:24]
    )


def _end_with_child(service: SinkService) -> None:
    """A child of multiprocessing ends without what is registered with atexit."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, service.close, exitpriority=100)
