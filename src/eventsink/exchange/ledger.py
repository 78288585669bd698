"""What workers write down when they settle messages, so that every count is kept once, whoever is killed in between.

A worker settles in this order: the destination has the events; the record is durable in the ledger, a queue of the
broker; then the messages are acknowledged. Killed before the last step, the messages come again, are delivered again
(which the destination forgives) and recorded again, and the office knows them by their keys.
"""

from collections import deque
from datetime import datetime

import msgspec

from eventsink.amqp import Connection, Message, Publisher
from eventsink.errors import BrokerUnavailable

__all__ = ["LEDGER", "Ledger", "Letter", "Record", "Settlement"]

LEDGER = "events.ledger"
OWED = 10_000  # records that are kept back at most while the broker takes none


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A dead letter on its way: what could not be delivered, as it can be put into the queue again."""

    reason: str
    attempts: int
    first_seen: datetime
    last_seen: datetime
    traceback: str | None
    content_type: str | None
    body: bytes


class Settlement(msgspec.Struct, frozen=True, array_like=True):
    """What became of one message.

    Args:
        key: what it is known by when it comes again.
        kind: type of its events.
        alone: whether it was put into this worker's queue alone.
        events: how many it held, the broken ones included.
        letters: those that were not delivered.
    """

    key: str
    kind: str
    alone: bool
    events: int
    letters: list[Letter] = []


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What one worker has settled in one go; nothing, when it only says that its queue is there.

    Args:
        types: those that it wants, all if empty; None says nothing of that.
    """

    worker: str
    types: list[str] | None
    settled: list[Settlement] = []


_encoder = msgspec.msgpack.Encoder()


class Ledger:
    """Writes records.

    Args:
        publisher: of this process.
        connection: that the publisher uses.
    """

    def __init__(self, publisher: Publisher, connection: Connection) -> None:
        self._publisher = publisher
        self._connection = connection
        self._owed: deque[Record] = deque()

    async def write(self, record: Record) -> None:
        """Make a record durable.

        A broker short of memory or disk takes nothing that is published, and wants its queues emptied: then counts are
        owed for a while, and written with the next record. Dead letters are never owed.

        Raises:
            BrokerUnavailable: it may be in the ledger or not; write it again.
        """
        letters = any(settlement.letters for settlement in record.settled)
        if self._connection.blocked is not None and not letters and len(self._owed) < OWED:
            self._owed.append(record)
            return
        records = [*self._owed, record]
        try:
            await self._publisher.publish([_message(record) for record in records])
        except BrokerUnavailable:
            if self._connection.blocked is None or letters:
                raise
            self._owed.append(record)
            return
        self._owed.clear()

    async def settle_up(self) -> None:
        """Write what is owed.

        Raises:
            BrokerUnavailable: it is owed still.
        """
        if self._owed:
            await self._publisher.publish([_message(record) for record in self._owed])
            self._owed.clear()


def _message(record: Record) -> Message:
    return Message(body=_encoder.encode(record), routing_key=LEDGER, content_type="application/msgpack")
