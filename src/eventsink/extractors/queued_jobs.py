"""Jobs that wait in a queue: taken out of it one by one, or put back into it, with no harm to the others.

Clowder cancels by moving all other jobs to another queue and publishing them again to a topic exchange, on which
nothing is bound any more, without what they need to report their status: they are lost. Here all others stay where they
are: they are held unacknowledged while the one is looked for, and are in their places again when the channel closes.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from eventsink.amqp import Delivery, MessageService
from eventsink.errors import BrokerRefuses, Unroutable

__all__ = ["put_back", "withdraw"]

T = TypeVar("T")


class _Ids(msgspec.Struct):
    """What a job is known by: `jobid` of Clowder 1, `job_id` of Clowder 2, `msgid` of Clowder's record of it."""

    jobid: str | None = None
    job_id: str | None = None
    msgid: str | None = None


async def withdraw(service: MessageService, queue: str, job_id: str, note: Callable[[bytes], Awaitable[T]]) -> T | None:
    """Take a job out of a queue.

    Extractors find the queue empty while it is looked through: 2.4 seconds for ten thousand jobs on two cores.

    Args:
        note: told the body of the job before it is gone for good; while it raises, the job stays in its queue.

    Returns:
        what `note` gave; None when the job is not in the queue: an extractor has it, or it has ended.

    Raises:
        BrokerRefuses: there is no such queue (code 404).
        BrokerUnavailable: the broker does not answer; the job may be noted, and is in its queue still.
    """
    waiting = (await service.depth(queue)).ready
    async with service.hold() as held:
        for _ in range(waiting):
            delivery = await held.get(queue)
            if delivery is None:
                break
            if _is(delivery, job_id):
                noted = await note(delivery.body)
                await held.acknowledge(delivery)  # only now: killed in between, it is noted and in its queue
                return noted
    return None


async def put_back(
    service: MessageService,
    errors: str,
    queue: str,
    job_id: str | None,
    prepare: Callable[[str], Awaitable[Mapping[str, Any]]],
) -> list[str]:
    """Put jobs that pyClowder gave up back into the queue of their extractor, with every property that they have.

    Args:
        errors: queue of those given up.
        job_id: of the one to put back; None for all.
        prepare: told the id of each job before it is put back, for it may be worked off at once; gives the properties
            that pyClowder did not keep, for a job that lacks them.

    Returns:
        the ids of the jobs; empty for one that names none.

    Raises:
        BrokerRefuses: there is no such queue (code 404).
        BrokerUnavailable: the broker does not answer; some may have been put back.
        Unroutable: the extractor has no queue.
    """
    waiting = (await service.depth(errors)).ready
    await _check(service, queue)  # before anything is noted of a job that nobody takes
    back: list[str] = []
    async with service.hold() as held:
        for _ in range(waiting):
            delivery = await held.get(errors)
            if delivery is None:
                break
            if job_id is not None and not _is(delivery, job_id):
                continue
            ids = _ids(delivery)
            kept = await prepare(ids.jobid or ids.job_id or "")
            lacking = {name: value for name, value in kept.items() if not getattr(delivery.properties, name)}
            message = delivery.message(routing_key=queue, **lacking)
            await service.publish_all([msgspec.structs.replace(message, body=_afresh(delivery.body))])
            await held.acknowledge(delivery)  # only now: killed in between, it is in both queues
            back.append(ids.jobid or ids.job_id or "")
    return back


async def _check(service: MessageService, queue: str) -> None:
    try:
        await service.depth(queue)
    except BrokerRefuses as error:
        if error.code != 404:
            raise
        raise Unroutable(str(error)) from error


def _is(delivery: Delivery, job_id: str) -> bool:
    return job_id in msgspec.structs.astuple(_ids(delivery))


def _ids(delivery: Delivery) -> _Ids:
    try:
        return msgspec.json.decode(delivery.body, type=_Ids)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # no job, or one whose ids are no texts
        return _Ids()


def _afresh(body: bytes) -> bytes:
    """The job without the count of attempts that pyClowder keeps in it; all else as it is, to the byte if it can be."""
    try:
        job = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body
    if "retry_count" not in job:
        return body
    return msgspec.json.encode({name: value for name, value in job.items() if name != "retry_count"})
