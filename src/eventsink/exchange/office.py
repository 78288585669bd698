"""The office: keeps the books of all workers, wherever they run, and the dead letters of all of them.

One process of an installation has it, the one that runs `eventsink serve`. It reads the ledger, in which workers record
what they settle, into a file, each message once. What waits it asks the broker.
"""

import asyncio
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from eventsink.amqp import Consumer, Delivery, MessageService
from eventsink.causes import why
from eventsink.durable import hold
from eventsink.errors import BrokerUnavailable, ExchangeUnavailable
from eventsink.exchange import office_file
from eventsink.exchange.contract import DeadLetter
from eventsink.exchange.dead_queue import as_record
from eventsink.exchange.ledger import LEDGER, Record, Settlement
from eventsink.exchange.office_file import Books, Stored

__all__ = ["Office"]

DEAD = "events.dead"
PATIENCE = 1.0  # seconds between two attempts to read the ledger while the broker is away
FOLLOW_WITHIN = 5.0  # seconds
FORGET_EVERY = 1000  # records

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_records = msgspec.msgpack.Decoder(Record)


class Office:
    """Reads the ledger as long as it is open. Make it with `open`.

    Args:
        service: to consume with.
        database: open, for the thread of this object alone.
        lock: descriptor of the locked file beside it.
        source: of events that name none.
    """

    def __init__(self, service: MessageService, database: sqlite3.Connection, lock: int, source: str) -> None:
        self._database = database
        self._lock = lock
        self._thread = ThreadPoolExecutor(1, "office")
        self._seen = office_file.seen(database)
        messages, events = office_file.ever(database)
        # Messages and events of the last records; at first, what all of them held on the average.
        self._recent: deque[tuple[int, float]] = deque([(1, events / messages)] if messages else (), maxlen=50)
        self._filed = 0
        self._busy: set[str] = set()
        self._ledger = service.consumer(LEDGER, 200)
        dead = service.consumer(DEAD, 200)
        self._reading = [
            asyncio.create_task(self._read(self._ledger, _decode), name="office-ledger"),
            asyncio.create_task(self._read(dead, lambda delivery: as_record(delivery, source)), name="office-dead"),
        ]

    @classmethod
    async def open(cls, service: MessageService, path: Path, source: str) -> "Office":
        """Open the file, or make it, and begin to read.

        Args:
            service: to consume with.
            path: of the file.
            source: of events that name none.

        Raises:
            DataDirectoryInUse: another process has it.
            ExchangeUnavailable: it cannot be opened.
        """
        lock = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = hold(path.with_suffix(".lock"))
            return cls(service, office_file.connect(path), lock, source)
        except (OSError, sqlite3.Error) as error:
            if lock >= 0:
                os.close(lock)
            raise ExchangeUnavailable(f"The accounts cannot be opened at {path}: {why(error)}.") from error

    @property
    def busy(self) -> bool:
        """Whether records have come that are not filed yet."""
        return bool(self._busy)

    @property
    def events_per_message(self) -> float:
        """How many events a message held lately."""
        messages = sum(count for count, _ in self._recent)
        return sum(events for _, events in self._recent) / messages if messages else 1.0

    def note_published(self, messages: int, events: int) -> None:
        """Note what messages hold before anybody has settled them."""
        self._recent.append((messages, events))

    async def books(self) -> dict[str, Books]:
        """The counts of every worker, of one moment."""
        return await self._run(office_file.books)

    async def set_even(self, zeros: Mapping[str, int]) -> None:
        """Note which workers wait for nothing, and what their surplus lacks."""
        if zeros:
            await self._change(lambda c: office_file.set_even(c, zeros))

    async def note_put(self, worker: str, messages: int, events: int) -> None:
        """Note what was put into a worker's queue alone."""
        await self._change(lambda c: office_file.note_put(c, worker, messages, events))

    async def register(self, worker: str, types: Sequence[str]) -> None:
        """Know a worker before it has settled anything."""
        await self._change(lambda c: office_file.file(c, Record(worker, list(types)), ()))

    async def forget(self, worker: str) -> None:
        """Know nothing more of a worker."""
        await self._change(lambda c: office_file.forget_worker(c, worker))

    async def dead_letters(self, worker: str | None, after: int, limit: int) -> list[DeadLetter]:
        """Dead letters above a number, in order."""
        return [
            _dead_letter(row) for row in await self._run(lambda c: office_file.dead_letters(c, worker, after, limit))
        ]

    async def find(self, ids: Sequence[int]) -> list[Stored]:
        """The dead letters of these numbers, as they are kept."""
        return await self._run(lambda c: office_file.find(c, ids))

    async def remove(self, ids: Sequence[int], *, dropped: bool) -> int:
        """Remove dead letters. Returns how many there were."""
        return await self._change(lambda c: office_file.remove(c, ids, dropped=dropped))

    async def close(self) -> None:
        """Stop reading and close the file. Safe to call twice."""
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        self._reading = []
        await asyncio.to_thread(self._thread.shutdown)
        self._database.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    # --- reading the ledger ------------------------------------------------------------------------------------------

    async def _read(self, consumer: Consumer, decode: Callable[[Delivery], Record | None]) -> None:
        try:
            while True:
                try:
                    await self._read_some(consumer, decode)
                except BrokerUnavailable:  # the exchange itself says so
                    await asyncio.sleep(PATIENCE)
                except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to count nothing any more
                    _log.exception("office.failed")
                    consumer.end()
                    await asyncio.sleep(PATIENCE)
        finally:
            consumer.end()

    async def _read_some(self, consumer: Consumer, decode: Callable[[Delivery], Record | None]) -> None:
        await consumer.begin()
        if not consumer.waiting:
            self._busy.discard(consumer.queue)
            await consumer.wait(60.0)
        if not consumer.waiting:
            return
        self._busy.add(consumer.queue)
        generation, deliveries = consumer.generation, [consumer.take() for _ in range(len(consumer.waiting))]
        records = [record for record in map(decode, deliveries) if record is not None]
        if consumer is not self._ledger:
            await self._follow_ledger()
        attempt = 0
        while not await self._filed_at(records, attempt):
            attempt += 1
            await asyncio.sleep(PATIENCE)
        consumer.acknowledge(deliveries[-1].tag, generation)

    async def _follow_ledger(self) -> None:
        """Wait until the ledger is read: a worker that was there before a letter is to be known before it.

        Not for ever, for under load the ledger is written all the time.
        """
        deadline = time.monotonic() + FOLLOW_WITHIN
        idle = 0
        while idle < 2 and time.monotonic() < deadline:
            ledger = self._ledger
            idle = idle + 1 if ledger.open and not ledger.waiting and ledger.queue not in self._busy else 0
            await asyncio.sleep(0.05)  # what is on its way from the broker arrives meanwhile

    async def _filed_at(self, records: Sequence[Record], attempt: int) -> bool:
        """File records. False: the disk is full; they are held, for RabbitMQ 4 drops what is offered too often."""
        try:
            await self._file(records)
        except ExchangeUnavailable as error:
            if attempt % 60 == 0:
                _log.error("office.not_filed", reason=str(error))
            return False
        return True

    async def _file(self, records: Sequence[Record]) -> None:
        """Count what was not counted before, in one transaction."""
        fresh = [(record, self._unseen(record)) for record in records]

        def write(connection: sqlite3.Connection) -> None:
            for record, settlements in fresh:
                office_file.file(connection, record, settlements)
            self._filed += len(records)
            if self._filed >= FORGET_EVERY:
                self._filed = 0
                office_file.forget(connection)

        try:
            await self._change(write)
        except ExchangeUnavailable:
            for record, settlements in fresh:
                for key in (record.id, *(settlement.key for settlement in settlements)):
                    self._seen[record.worker].pop(key, None)
            raise
        for _, settlements in fresh:
            if settlements:
                self._recent.append((len(settlements), sum(settlement.events for settlement in settlements)))

    def _unseen(self, record: Record) -> list[Settlement]:
        """The settlements of messages that were not counted before, which are known from now on."""
        seen = self._seen.setdefault(record.worker, {})
        if record.id and record.id in seen:
            return []
        seen |= {record.id: None} if record.id else {}
        unseen = []
        for settlement in record.settled:
            if settlement.key not in seen or not settlement.surely:
                seen[settlement.key] = None
                unseen.append(settlement)
        while len(seen) > office_file.REMEMBERED:
            del seen[next(iter(seen))]
        return unseen

    # --- on the thread -----------------------------------------------------------------------------------------------

    async def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        def in_one_transaction(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcome = change(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.rollback()
                raise
            return outcome

        return await self._run(in_one_transaction)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._database)
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The accounts cannot be read or written: {why(error)}.") from error


def _decode(delivery: Delivery) -> Record | None:
    try:
        return _records.decode(delivery.body)
    except msgspec.MsgspecError as error:
        _log.error("office.no_record", reason=str(error), bytes=len(delivery.body))
        return None


def _dead_letter(row: Stored) -> DeadLetter:
    number, worker, reason, attempts, first_seen, last_seen, traceback, _, body = row
    return DeadLetter(
        id=number,
        worker=worker,
        reason=reason,
        attempts=attempts,
        first_seen=datetime.fromisoformat(first_seen),
        last_seen=datetime.fromisoformat(last_seen),
        traceback=traceback,
        body=_readable(body),
    )


def _readable(body: bytes) -> dict[str, object]:
    """The event as an object; what is no JSON object stands as text under `raw`."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = body.decode("utf-8", "replace")
    return found if isinstance(found, dict) else {"raw": found}
