"""The thread that writes an SQLite file: what arrives while one commit is on its way shares the next.

That is what makes a durable answer cheap: one fsync and one wake-up of a thread serve all requests that wait for it.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

__all__ = ["GroupCommit"]

LARGEST_ROW = 1 << 20  # bytes; a row is closed beyond this, for a reader holds whole rows

Change = Callable[[sqlite3.Connection], Any]
Append = Callable[[sqlite3.Connection, int, int, bytes], None]


class _Group:
    """What goes into one transaction."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.counts: list[int] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.calls: list[tuple[Change, asyncio.Future[Any]]] = []


class GroupCommit:
    """Owns the writing connection. The methods without an underscore are called on the event loop.

    Args:
        connection: used by the thread of this object alone.
        head: number of the next event.
        append: adds one row of events, where there is a log: its first number, how many, and their lines.
        committed: called on the event loop after each commit that added events.
        after: called on the thread after each commit, before anybody hears of it; it raises nothing.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        head: int = 1,
        append: Append | None = None,
        committed: Callable[[], None] = lambda: None,
        after: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> None:
        self.head = head
        self._connection = connection
        self._append = append
        self._committed = committed
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._next: _Group | None = None
        self._busy = False
        self._closed = False
        self._work: SimpleQueue[_Group | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    def append(self, lines: bytes, count: int) -> "asyncio.Future[None]":
        """Add events; the future is done when they are durable. After closing it fails at once, as that of `call`."""
        if self._closed:
            return self._refuse()
        group = self._join()
        group.lines.append(lines)
        group.counts.append(count)
        durable: asyncio.Future[None] = self._loop.create_future()
        group.waiters.append(durable)
        return durable

    def call(self, change: Change) -> "asyncio.Future[Any]":
        """Make any other change; the future has its result when it is durable."""
        return self._refuse() if self._closed else self._call(change)

    async def close(self) -> None:
        """Finish what was asked for, and close the connection."""
        self._closed = True
        if self._busy:
            await self._call(lambda _: None)  # a last group, after all that was asked for before
        if self._thread.is_alive():
            self._work.put(None)
            await asyncio.to_thread(self._thread.join)

    # --- on the event loop -------------------------------------------------------------------------------------------

    def _refuse(self) -> "asyncio.Future[Any]":
        """What a closed connection says: no thread is there that would ever answer."""
        refused: asyncio.Future[Any] = self._loop.create_future()
        refused.set_exception(sqlite3.ProgrammingError("it is closed"))
        return refused

    def _call(self, change: Change) -> "asyncio.Future[Any]":
        done: asyncio.Future[Any] = self._loop.create_future()
        self._join().calls.append((change, done))
        return done

    def _join(self) -> _Group:
        if self._next is None:
            self._next = _Group()
            if not self._busy:
                self._busy = True
                self._loop.call_soon(self._hand_over)  # after all requests of this turn of the loop have joined
        return self._next

    def _hand_over(self) -> None:
        group, self._next = self._next, None
        if group is None:
            self._busy = False
        else:
            self._work.put(group)

    def _resolve(self, group: _Group, failed: Exception | None, outcomes: list[Any]) -> None:
        for (_, done), outcome in zip(group.calls, outcomes, strict=True):
            _settle(done, outcome)
        for durable in group.waiters:
            _settle(durable, failed)
        if group.lines and failed is None:
            self._committed()
        self._hand_over()

    # --- on the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (group := self._work.get()) is not None:
            failed, outcomes = self._commit(group)
            self._after(self._connection)
            self._loop.call_soon_threadsafe(self._resolve, group, failed, outcomes)
        self._connection.close()

    def _commit(self, group: _Group) -> tuple[Exception | None, list[Any]]:
        """Write a group; should that fail, its events alone and each change alone: one must not fail the others."""
        changes = [change for change, _ in group.calls]
        try:
            return None, self._write(group, changes)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who asked
            self._undo()
            failed = error if group.lines else None
            if not group.calls:
                return error, []
        if group.lines:
            failed = self._alone(lambda: self._write(group, []) and None)
        nothing = _Group()
        return failed, [self._alone(lambda change=change: self._write(nothing, [change])[0]) for change in changes]  # type: ignore[misc]

    def _alone(self, write: Callable[[], Any]) -> Any:
        try:
            outcome = write()
        except Exception as error:  # noqa: BLE001 - belongs to the one who asked
            self._undo()
            return error
        return outcome

    def _write(self, group: _Group, changes: list[Change]) -> list[Any]:
        rows = _rows(group)
        if len(rows) == 1 and not changes:  # the common case: one statement that commits itself
            count, lines = rows[0]
            self._append_row(self.head, count, lines)
            self.head += count
            return []
        self._connection.execute("BEGIN IMMEDIATE")
        head = self.head
        for count, lines in rows:
            self._append_row(head, count, lines)
            head += count
        outcomes = [change(self._connection) for change in changes]
        self._connection.execute("COMMIT")
        self.head = head
        return outcomes

    def _append_row(self, first: int, count: int, lines: bytes) -> None:
        if self._append is None:
            raise TypeError("this file has no log that events could be added to")
        self._append(self._connection, first, count, lines)

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()


def _rows(group: _Group) -> list[tuple[int, bytes]]:
    """The events of a group as rows of bearable size: count and lines of each."""
    rows, lines, count, size = [], [], 0, 0
    for part, events in zip(group.lines, group.counts, strict=True):
        lines.append(part)
        count += events
        size += len(part)
        if size > LARGEST_ROW:
            rows.append((count, b"\n".join(lines)))
            lines, count, size = [], 0, 0
    if lines:
        rows.append((count, b"\n".join(lines)))
    return rows


def _settle(done: "asyncio.Future[Any]", outcome: Any) -> None:
    if done.done():  # whoever asked has gone away; what was written stands
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
