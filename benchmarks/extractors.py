"""Jobs to extractors, and their statuses."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from benchmarks.results import Result
from eventsink.amqp import Message, MessageService, Queue
from eventsink.event import Event
from eventsink.extractors import Access, ExtractorOptions, Extractors, File, Job, file_job
from tests.servers.rabbitmq import RabbitMQ

__all__ = ["BENCHMARKS"]

JOBS, AT_ONCE = 5_000, 64
ACCESS = Access(host="http://clowder:9000", secret_key="key")


def extractors() -> list[Result]:
    """Jobs submitted, and statuses made into events, on a real broker."""
    with tempfile.TemporaryDirectory() as folder, RabbitMQ(Path(folder) / "r").running() as broker:
        return asyncio.run(_measure(broker.vhost("bench"), Path(folder)))


async def _measure(url: str, folder: Path) -> list[Result]:
    jobs = [file_job("x", File(id=f"f{number}", name="notes.txt"), ACCESS) for number in range(JOBS)]
    taken: list[int] = []

    async def publish(events: Sequence[Event]) -> None:
        taken.append(len(events))

    async with MessageService(url) as service:
        await service.declare(queues=[Queue("x"), Queue("bare"), Queue("eventsink.replies")])
        bare = await _rate(JOBS, [_send(service, jobs[start::AT_ONCE]) for start in range(AT_ONCE)])
        statuses = [_status(job.id, kind) for job in jobs for kind in ("start", "processing", "processing", "done")]
        opened = await Extractors.open(service, folder / "jobs.db", publish, ExtractorOptions())
        submitted = await _rate(JOBS, [_submit(opened, jobs[start::AT_ONCE]) for start in range(AT_ONCE)])
        await opened.close()
        for start in range(0, len(statuses), 1000):
            await service.publish_all(statuses[start : start + 1000])
        taken.clear()
        opened = await Extractors.open(service, folder / "jobs.db", publish, ExtractorOptions())
        begun = time.monotonic()
        while sum(taken) < len(statuses):  # noqa: ASYNC110 - what is measured is not to know of this
            await asyncio.sleep(0.002)
        read = len(statuses) / (time.monotonic() - begun)
        await opened.close()
    return [
        Result(
            name="extractor jobs submitted, 64 at once",
            value=submitted,
            unit="jobs/s",
            baseline=bare,
            ratio=submitted / bare,
            limit="Two commits to the file of jobs, which many share, beside the confirm, which is the baseline.",
        ),
        Result(
            name="statuses made into events",
            value=read,
            unit="statuses/s",
            limit="One interpreter: some statements of SQLite for each status.",
        ),
    ]


async def _rate(count: int, work: Sequence[Coroutine[object, object, None]]) -> float:
    begun = time.monotonic()
    await asyncio.gather(*work)
    return count / (time.monotonic() - begun)


async def _send(service: MessageService, jobs: Sequence[Job]) -> None:
    for job in jobs:
        await service.publish(job.encode(), routing_key="bare")


async def _submit(opened: Extractors, jobs: Sequence[Job]) -> None:
    for job in jobs:
        await opened.submit(job)


def _status(job: str, kind: str) -> Message:
    said = {"file_id": "f", "extractor_id": "x", "job_id": job, "status": f"StatusMessage.{kind}: text of it"}
    return Message(body=json.dumps(said).encode(), routing_key="eventsink.replies")


BENCHMARKS: list[Callable[[], list[Result]]] = [extractors]
