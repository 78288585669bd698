"""Run times of the jobs that Clowder itself submits, read from RabbitMQ's firehose, with nothing changed in Clowder.

    rabbitmqctl trace_on -p VHOST
    python examples/clowders_jobs.py amqp://user:password@host/VHOST | eventsink send -
    rabbitmqctl trace_off -p VHOST

Prints an event for each status of each job, one a line, until Ctrl-C. Nobody misses a message, for the firehose gives
copies. Times are those of arrival here. Jobs that were under way before it began have no queue time.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventsink.errors import InvalidEvent
from eventsink.extractors import Delivery, MessageService
from eventsink.extractors.statuses import FINAL, Status, read

FIREHOSE = "amq.rabbitmq.trace"
MOST_JOBS = 100_000  # under way at once; of more the oldest are forgotten
KEYS = ("publish.",)  # what is published to the default exchange: jobs and statuses, and all else that goes there


class Watch:
    """Knows when each job was submitted and begun.

    Args:
        replies: how the name of Clowder's reply queue begins.
    """

    def __init__(self, replies: str = "clowder.") -> None:
        self._replies = replies
        self._submitted: dict[str, datetime] = {}
        self._begun: dict[str, datetime] = {}

    def event(self, delivery: Delivery, now: datetime) -> dict[str, Any] | None:
        """The event that a message of the firehose makes; None for what is neither job nor status."""
        queue = ((delivery.properties.headers or {}).get("routing_keys") or [""])[0]
        if not isinstance(queue, str):
            return None
        if not queue.startswith(self._replies):
            return self._job(delivery.body, queue, now)
        try:
            return self._status(read(delivery.body), now)
        except InvalidEvent:  # Clowder cannot read it either
            return None

    def _job(self, body: bytes, queue: str, now: datetime) -> dict[str, Any] | None:
        try:
            job = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        job_id = job.get("jobid") or job.get("job_id")
        if not isinstance(job_id, str) or "secretKey" not in job or job.get("retry_count"):
            return None
        self._submitted[job_id] = now
        _forget_oldest(self._submitted)
        return _event(now, status="queued", extractor=queue, job_id=job_id, resource_id=job.get("id"))

    def _status(self, status: Status, now: datetime) -> dict[str, Any]:
        job_id = status.job_id or ""
        if status.begun:
            self._begun[job_id] = now
            _forget_oldest(self._begun)
        submitted, begun = self._submitted.get(job_id), self._begun.get(job_id)
        if status.state in FINAL:
            self._submitted.pop(job_id, None)
            self._begun.pop(job_id, None)
        return _event(
            now,
            status=status.state,
            extractor=status.extractor,
            job_id=status.job_id,
            resource_id=status.resource_id,
            message=status.message,
            queue_ms=_milliseconds(submitted, begun),
            run_ms=_milliseconds(begun, now) if status.state in FINAL else None,
        )


def _forget_oldest(times: dict[str, datetime]) -> None:
    if len(times) > MOST_JOBS:
        del times[next(iter(times))]


def _event(now: datetime, **data: Any) -> dict[str, Any]:
    data = {name: value for name, value in data.items() if value is not None}
    return {"type": "extractions.extraction_event", "time": now.isoformat(), "data": data}


def _milliseconds(begin: datetime | None, end: datetime | None) -> float | None:
    return (end - begin).total_seconds() * 1000 if begin and end else None


async def main(url: str) -> None:
    """Print events until it is ended."""
    watch = Watch()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        now = datetime.now(UTC)
        for delivery in deliveries:
            event = watch.event(delivery, now)
            if event is not None:
                sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()

    async with MessageService(url, name="firehose") as service:
        await service.consume("", handle, tap=FIREHOSE, keys=KEYS)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
