"""What workers record when they settle messages, so that each is counted once, whoever is killed in between.

A worker settles in this order: the destination has the events; the record is durable in a queue of the broker; then the
messages are acknowledged. Killed before the last step, the messages come again, are delivered again (the destination
deduplicates) and recorded again, and who keeps the accounts knows them by their keys.
"""

import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eventsink.amqp import Message, MessageService
from eventsink.errors import BrokerUnavailable, Unroutable

__all__ = ["SETTLEMENTS", "Letter", "Record", "Settlement", "Settlements"]

SETTLEMENTS = "events.settlements"
Count = Annotated[int, Meta(ge=0, le=2**53)]  # which the file holds, and whoever may publish may claim
OWED = 10_000  # records that are kept back at most while the broker takes none


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A dead letter on its way: what could not be delivered, as it can be put into the queue again.

    Args:
        properties: of AMQP that it had, and needs to be understood.
    """

    reason: str
    attempts: Count
    first_seen: datetime
    last_seen: datetime
    traceback: str | None
    properties: dict[str, Any]
    body: bytes


class Settlement(msgspec.Struct, frozen=True, array_like=True):
    """What became of one message.

    Args:
        key: what it is known by when it comes again.
        kind: its routing key, which is the type of its events where it is ours: what decides who gets it.
        alone: whether it was put into this worker's queue alone.
        foreign: whether somebody else published it, so that nobody has counted it at its entry.
        events: how many it held, the broken ones included.
        letters: those that were not delivered.
        surely: whether the same key means the same message: it brings an id, or the broker has delivered it before. Two
            messages of others may be equal to the last byte, and are two.
        named: whether it brings an id. Of those that do not, and are equal to others, one that comes again is the same
            as one of the last few records alone: all before were acknowledged, unless the broker has forgotten it.
    """

    key: str
    kind: str
    alone: bool
    events: Count
    letters: list[Letter] = []
    surely: bool = True
    foreign: bool = False
    named: bool = True


class Record(msgspec.Struct, frozen=True, array_like=True, tag="settled"):
    """What one worker has settled in one go; nothing, when it only says that its queue is there.

    Args:
        types: those that it wants, all if empty; None says nothing of that.
        id: the same when it is written again.
    """

    worker: str
    types: list[str] | None
    settled: list[Settlement] = []
    id: str = ""


class Entered(msgspec.Struct, frozen=True, array_like=True, tag="entered"):
    """What one front door has published, ever since it began.

    Args:
        door: a name that no other process has.
        events: by type, how many it told of before, and how many there are now; where they differ.
        spool: a name of its spool that stays the same when it is started again.
        spooled: events in it.
    """

    door: str
    events: dict[str, tuple[Count, Count]]
    spool: str = ""
    spooled: Count = 0


_encoder = msgspec.msgpack.Encoder()


class Settlements:
    """Writes records.

    Args:
        service: to publish with.
        declare: makes their queue, should somebody have deleted it.
    """

    def __init__(self, service: MessageService, declare: Callable[[], Awaitable[object]]) -> None:
        self._service = service
        self._declare = declare
        self._owed: deque[Record] = deque()
        self._under_way: list[deque[Record]] = []  # being written, which may fail

    async def write(self, record: Record) -> None:
        """Make a record durable.

        A broker short of memory or disk takes nothing that is published, and wants its queues emptied: then counts are
        owed for a while, and written with the next record. Dead letters are never owed.

        Raises:
            BrokerUnavailable: it may be in their queue or not; write it again.
        """
        try:
            if not self._may_owe(record):
                await self._publish([record])
                return
        except BrokerUnavailable:
            if not self._may_owe(record):
                raise
        self._owed.append(record)

    def owed(self, worker: str) -> int:
        """Messages that a worker has settled, and of which the records are owed."""
        owed = itertools.chain(self._owed, *self._under_way)
        return sum(len(record.settled) for record in owed if record.worker == worker)

    async def enter(self, entered: Entered) -> None:
        """Make durable what a front door has published.

        Raises:
            BrokerUnavailable: it may be in their queue or not; write it again.
        """
        await self._publish_all([_message(entered)])

    async def settle_up(self) -> None:
        """Write what is owed, unless the broker says that it takes nothing.

        Raises:
            BrokerUnavailable: it is owed still.
        """
        if self._owed and self._service.blocked is None:
            await self._publish([])

    def _may_owe(self, record: Record) -> bool:
        blocked = self._service.blocked is not None and len(self._owed) < OWED
        return blocked and not any(settlement.letters for settlement in record.settled)

    async def _publish(self, records: Sequence[Record]) -> None:
        owed, self._owed = self._owed, deque()  # what others come to owe meanwhile is not written with it
        self._under_way.append(owed)
        messages = [_message(record) for record in (*owed, *records)]
        try:
            await self._publish_all(messages)
        except BaseException:
            self._owed.extendleft(reversed(owed))
            raise
        finally:
            self._under_way = [records for records in self._under_way if records is not owed]

    async def _publish_all(self, messages: Sequence[Message]) -> None:
        try:
            await self._service.publish_all(messages)
        except Unroutable:
            await self._declare()
            await self._service.publish_all(messages)


def _message(record: Record | Entered) -> Message:
    return Message(body=_encoder.encode(record), routing_key=SETTLEMENTS, content_type="application/msgpack")
