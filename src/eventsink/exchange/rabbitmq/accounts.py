"""Keeps the accounts of all workers, wherever they run, and the dead letters of all of them.

One process of an installation does, the one that runs `eventsink serve`. It reads the queue in which front doors record
what they publish and workers what they settle, into a file, each message once.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from eventsink.amqp import Consumer, Delivery, MessageService
from eventsink.causes import remedy, why
from eventsink.errors import BrokerUnavailable, ExchangeUnavailable
from eventsink.exchange.contract import DeadLetter
from eventsink.exchange.rabbitmq import accounts_file
from eventsink.exchange.rabbitmq.accounts_file import Book, Stored
from eventsink.exchange.rabbitmq.dead_queue import as_record
from eventsink.exchange.rabbitmq.settlements import SETTLEMENTS, Entered, Record, Settlement
from eventsink.files import hold

__all__ = ["Keeper"]

DEAD = "events.dead"
PATIENCE = 1.0  # seconds between two attempts to read while the broker is away
FORGET_EVERY = 1000  # records
PROCESSES = 20  # of one worker, lately
UNACKNOWLEDGED = 10  # records of which the acknowledgement may be lost with the connection

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_records = msgspec.msgpack.Decoder(Record | Entered)


class Keeper:
    """Reads what is recorded as long as it is open. Make it with `open`.

    Args:
        service: to consume with.
        database: open, for the thread of this object alone.
        lock: descriptor of the locked file beside it.
        source: of events that name none.
    """

    def __init__(self, service: MessageService, database: sqlite3.Connection, lock: int, source: str) -> None:
        self._database = database
        self._lock = lock
        self._thread = ThreadPoolExecutor(1, "keeper")
        self._seen = accounts_file.seen(database)
        self._equal: dict[str, dict[str, None]] = {}  # by worker, keys that messages without an id have in common
        # By worker and process, keys of messages without an id, of its last records.
        self._last: dict[str, dict[str, tuple[set[str], ...]]] = {}
        self._filed = 0
        self._busy: set[str] = set()
        settlements, dead = service.consumer(SETTLEMENTS, 200), service.consumer(DEAD, 200)
        self._reading = [
            asyncio.create_task(self._read(settlements, _decode), name="keeper-settlements"),
            asyncio.create_task(self._read(dead, lambda delivery: as_record(delivery, source)), name="keeper-dead"),
        ]

    @classmethod
    async def open(cls, service: MessageService, path: Path, source: str) -> "Keeper":
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
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = hold(path.with_suffix(".lock"))
            return cls(service, accounts_file.connect(path), lock, source)
        except (OSError, sqlite3.Error) as error:
            if lock >= 0:
                os.close(lock)
            raise ExchangeUnavailable(
                f"The accounts cannot be opened at {path}: {why(error)}.{remedy(error)}"
            ) from error

    @property
    def busy(self) -> bool:
        """Whether records have come that are not filed yet."""
        return bool(self._busy)

    async def books(self) -> dict[str, Book]:
        """The account of every worker, all of one moment."""
        return await self._run(accounts_file.books)

    async def spools(self) -> list[tuple[str, int, datetime]]:
        """The spools of front doors in which events wait: name, how many, and when that was told."""
        return await self._run(accounts_file.spools)

    async def enter(self, entered: Entered) -> None:
        """Count what a front door has published."""
        await self._change(lambda c: accounts_file.enter(c, entered))

    async def begin(self, accounts: Mapping[str, Book]) -> None:
        """Begin the accounts of workers of which the queues were empty, unless they have changed since."""
        await self._change(lambda c: accounts_file.begin(c, accounts))

    async def note_missing(self, missing: Mapping[str, int]) -> None:
        """Note how many events of each worker are nowhere."""
        await self._change(lambda c: accounts_file.note_missing(c, missing))

    async def note_put(self, worker: str, events: int, *, replayed: bool) -> None:
        """Note what was put into a worker's queue alone."""
        await self._change(lambda c: accounts_file.note_put(c, worker, events, replayed=replayed))

    async def register(self, worker: str, types: Sequence[str], *, fresh: bool = False) -> None:
        """Know a worker before it has settled anything.

        Args:
            fresh: whether its queue was made just now.
        """
        await self._change(lambda c: accounts_file.enrol(c, worker, types, fresh=fresh))

    async def forget(self, worker: str) -> None:
        """Know nothing more of a worker."""
        await self._change(lambda c: accounts_file.forget_worker(c, worker))

    async def dead_letters(self, worker: str | None, after: int, limit: int) -> list[DeadLetter]:
        """Dead letters above a number, in order."""
        return [
            _dead_letter(row) for row in await self._run(lambda c: accounts_file.dead_letters(c, worker, after, limit))
        ]

    async def find(self, ids: Sequence[int]) -> list[Stored]:
        """The dead letters of these numbers, as they are kept."""
        return await self._run(lambda c: accounts_file.find(c, ids))

    async def remove(self, ids: Sequence[int], *, dropped: bool) -> int:
        """Remove dead letters. Returns how many there were."""
        return await self._change(lambda c: accounts_file.remove(c, ids, dropped=dropped))

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

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _read(self, consumer: Consumer, decode: Callable[[Delivery], Record | Entered | None]) -> None:
        try:
            while True:
                try:
                    await self._read_some(consumer, decode)
                except BrokerUnavailable:  # the exchange itself says so
                    await asyncio.sleep(PATIENCE)
                except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to count nothing any more
                    _log.exception("keeper.failed")
                    consumer.end()
                    await asyncio.sleep(PATIENCE)
        finally:
            consumer.end()

    async def _read_some(self, consumer: Consumer, decode: Callable[[Delivery], Record | Entered | None]) -> None:
        await consumer.begin()
        if not consumer.waiting:
            self._busy.discard(consumer.queue)
            await consumer.wait(60.0)
        if not consumer.waiting:
            return
        self._busy.add(consumer.queue)
        generation, deliveries = consumer.generation, [consumer.take() for _ in range(len(consumer.waiting))]
        records = [record for record in map(decode, deliveries) if record is not None]
        attempt = 0
        while not await self._filed_at(records, attempt):
            attempt += 1
            await asyncio.sleep(PATIENCE)
        consumer.acknowledge(deliveries[-1].tag, generation)

    async def _filed_at(self, records: Sequence[Record | Entered], attempt: int) -> bool:
        """File records. False: the disk takes none; they are held, for RabbitMQ 4 drops what is offered too often."""
        try:
            await self._file(records)
        except ExchangeUnavailable as error:
            if attempt % 60 == 0:
                _log.error("keeper.not_filed", reason=str(error))
            return False
        except Exception:  # noqa: BLE001 - a record of somebody else: said, and no reason to count nothing any more
            if len(records) > 1:
                return all([await self._filed_at([record], attempt) for record in records])
            _log.exception("keeper.record_dropped", worker=getattr(records[0], "worker", None))
        return True

    async def _file(self, records: Sequence[Record | Entered]) -> None:
        """Count what was not counted before, in one transaction."""
        last = {worker: dict(processes) for worker, processes in self._last.items()}
        entered = [record for record in records if isinstance(record, Entered)]
        recorded = [record for record in records if isinstance(record, Record)]
        new = [(record.worker, key) for record in recorded for key in self._not_seen(record)]
        fresh = [(record, self._unseen(record)) for record in recorded]

        def write(connection: sqlite3.Connection) -> None:
            for entry in entered:
                accounts_file.enter(connection, entry)
            for record, settlements in fresh:
                accounts_file.file(connection, record, settlements)
            self._filed += len(records)
            if self._filed >= FORGET_EVERY:
                self._filed = 0
                accounts_file.forget(connection)

        try:
            await self._change(write)
        except BaseException:
            self._last = last
            for worker, key in new:
                self._seen[worker].pop(key, None)
            raise

    def _not_seen(self, record: Record) -> list[str]:
        """The keys in a record that are not known, of itself and of messages."""
        seen = self._seen.get(record.worker, {})
        return [key for key in (record.id, *(settlement.key for settlement in record.settled)) if key not in seen]

    def _unseen(self, record: Record) -> list[Settlement]:
        """The settlements of messages that were not counted before, which are known from now on."""
        seen = self._seen.setdefault(record.worker, {})
        if record.id and record.id in seen:
            return []
        seen |= {record.id: None} if record.id else {}
        unacknowledged = {key for last in self._last.get(record.worker, {}).values() for keys in last for key in keys}
        unseen = []
        equal = self._equal.setdefault(record.worker, {})
        for settlement in record.settled:
            if settlement.key in seen and not settlement.surely:
                equal[settlement.key] = None
            before = unacknowledged if settlement.key in equal and not settlement.named else seen
            if settlement.key not in before or not settlement.surely:
                seen[settlement.key] = None
                unseen.append(settlement)
        self._remember_last(record)
        for keys in (seen, equal):
            while len(keys) > accounts_file.REMEMBERED:
                del keys[next(iter(keys))]
        return unseen

    def _remember_last(self, record: Record) -> None:
        """What a process has recorded last may come again, for its acknowledgement may not have reached the broker."""
        keys = {settlement.key for settlement in record.settled if not settlement.named}
        if keys:
            last = self._last.setdefault(record.worker, {})
            process = record.id.partition("-")[0]
            last[process] = (*last.pop(process, ()), keys)[-UNACKNOWLEDGED:]
            while len(last) > PROCESSES:
                del last[next(iter(last))]

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
        except (sqlite3.IntegrityError, sqlite3.DataError):  # of what was to be written: no waiting mends it
            raise
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The accounts cannot be read or written: {why(error)}.") from error


def _decode(delivery: Delivery) -> Record | Entered | None:
    try:
        record: Record | Entered = _records.decode(delivery.body)
    except msgspec.MsgspecError as error:
        _log.error("keeper.no_record", reason=str(error), bytes=len(delivery.body))
        return None
    return record


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
