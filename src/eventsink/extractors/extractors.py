"""Extractors: jobs for them, what becomes of the jobs, and who of them is alive."""

import asyncio
import hashlib
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from eventsink.amqp import Delivery, Depth, Message, MessageService, Queue
from eventsink.errors import (
    BrokerRefuses,
    BrokerUnavailable,
    EventSinkError,
    ExchangeUnavailable,
    InvalidEvent,
    InvalidJob,
    InvalidMessage,
    JobNotWaiting,
    Unroutable,
)
from eventsink.event import Event
from eventsink.extractors import heartbeats, job_events, job_file
from eventsink.extractors.heartbeats import EXTRACTORS, GONE
from eventsink.extractors.job_book import JobBook
from eventsink.extractors.job_file import Alive, KnownJob, Unread
from eventsink.extractors.jobs import LONGEST_ID, Job
from eventsink.extractors.queued_jobs import put_back, withdraw
from eventsink.extractors.statuses import Status
from eventsink.extractors.statuses import read as read_status
from eventsink.redact import hide_secrets

__all__ = ["Extractor", "ExtractorOptions", "Extractors"]

PATIENCE = 1.0  # seconds before something that failed is tried again
AT_ONCE = 500  # events of the outbox that are published together

_log = structlog.get_logger(__name__)


class ExtractorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to deal with extractors.

    Args:
        replies: our own reply queue. Never Clowder's: who else reads that takes statuses away from it.
        forward_to: Clowder's reply queue, to which every status is copied; empty for none.
        every: seconds between two looks at the lengths of queues.
        source: of the events.
    """

    replies: str = "eventsink.replies"
    forward_to: str = ""
    every: float = 60.0
    source: str = "clowder"


class Extractor(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an extractor.

    Args:
        replicas: processes that were heard lately; none for one that jobs wait for, and that nobody runs.
        waiting: messages ready in its queue; None where it has none, or the broker does not answer.
        working: messages that it has and has not settled; None where the management API does not say.
        failed: messages in its error queue.
    """

    name: str
    version: str
    queue: str
    replicas: int
    description: str = ""
    last_seen: datetime | None = None
    waiting: int | None = None
    working: int | None = None
    consumers: int | None = None
    failed: int | None = None


class Extractors:
    """Submits jobs, reads what extractors say of them, and listens who is alive. Make it with `open`.

    Args:
        service: with a spool, so that jobs are accepted while the broker is away.
        book: what is known of jobs and extractors.
        publish: makes events durable.
    """

    def __init__(
        self,
        service: MessageService,
        book: JobBook,
        publish: Callable[[Sequence[Event]], Awaitable[None]],
        options: ExtractorOptions,
    ) -> None:
        self._service = service
        self._book = book
        self._publish = publish
        self._options = options
        self._cleaned = datetime.now(UTC).date()
        self._posted: list[int] = []  # events of the outbox that are published and still in it
        self._outbox = asyncio.Event()
        self._outbox.set()  # what was noted before the last end of this process
        self._tasks = [
            asyncio.create_task(self._persist(work), name=name)
            for name, work in {
                "extractor-outbox": self._post,
                "extractor-replies": self._read_replies,
                "extractor-heartbeats": self._listen,
                "extractor-queues": self._look,
            }.items()
        ]

    @classmethod
    async def open(
        cls,
        service: MessageService,
        path: Path,
        publish: Callable[[Sequence[Event]], Awaitable[None]],
        options: ExtractorOptions,
    ) -> "Extractors":
        """Open the job file at a path, and begin to listen. A broker that is away is waited for.

        Raises:
            DataDirectoryInUse: another process has the file.
            ExchangeUnavailable: the file cannot be made or opened.
        """
        book = JobBook(path)
        now = datetime.now(UTC)
        await book.run(lambda c: job_file.clean(c, now))
        return cls(service, book, publish, options)

    @property
    def spooled(self) -> int:
        """Jobs that wait for RabbitMQ in the spool."""
        return self._service.spooled

    # --- jobs --------------------------------------------------------------------------------------------------------

    async def submit(self, job: Job, user: str | None = None) -> KnownJob:
        """Send a job to its extractor. When this returns the job is durable, in its queue or in the spool.

        Args:
            user: on whose behalf; the events of the job carry it.

        Raises:
            InvalidJob: the extractor has no queue, or there is a job of this id.
            ExchangeUnavailable: nothing can be made durable; submit it again.
        """
        now, correlation = datetime.now(UTC), str(uuid.uuid4())
        await self._book.run(lambda c: job_file.add(c, job, user, correlation, now))
        try:
            await self._service.publish_all([_message(job, self._options.replies, correlation)])
        except Unroutable as error:
            await self._book.run(lambda c: job_file.forget(c, job.id))
            raise InvalidJob(
                "extractor", f"RabbitMQ has no queue {job.extractor!r}: no extractor of this name has run there"
            ) from error
        except EventSinkError as error:
            await self._book.run(lambda c: job_file.forget(c, job.id))
            if isinstance(error, InvalidMessage):
                raise InvalidJob("message", error.reason) from error
            raise
        known = await self._book.run(lambda c: self._tell(c, job.id))
        self._outbox.set()
        return known

    async def cancel(self, job_id: str, queue: str | None = None) -> KnownJob:
        """Take a job out of its queue before an extractor has it. All other jobs stay as they are.

        Args:
            queue: where it waits; not needed for jobs that were submitted here.

        Raises:
            JobNotWaiting: it is not in the queue: an extractor works on it, it has ended, or there is no such job.
            ExchangeUnavailable: it cannot be noted, and waits still.
            BrokerUnavailable: RabbitMQ does not answer. The job may wait still, and be told as cancelled: cancel it
                again.
        """
        if len(job_id) > LONGEST_ID:
            raise JobNotWaiting(f"No job has an id of {len(job_id)} characters.")
        known = await self.job(job_id)
        queue = queue or (known.extractor if known else None)
        if queue is None:
            raise JobNotWaiting(f"Nothing is known of a job {job_id[:80]!r}: name its extractor, should it wait there.")
        try:
            ended = await withdraw(self._service, queue, job_id, partial(self._note_cancelled, job_id, queue))
        except BrokerRefuses as error:
            if error.code != 404:
                raise
            raise JobNotWaiting(f"There is no extractor {queue[:80]!r}: RabbitMQ has no queue of this name.") from error
        if ended is None:
            raise JobNotWaiting(
                f"Job {job_id[:80]} does not wait in queue {queue!r}: an extractor works on it, or it has ended."
            )
        return ended

    async def resubmit(self, queue: str, job_id: str | None = None) -> list[str]:
        """Put jobs that an extractor gave up back into its queue, with all their properties.

        Args:
            job_id: of one; None for all in its error queue.

        Returns:
            their ids.

        Raises:
            JobNotWaiting: the extractor has no error queue, or the job is not in it; or it has no queue any more.
            BrokerUnavailable: RabbitMQ does not answer.
        """

        async def prepare(one: str) -> dict[str, Any]:
            now = datetime.now(UTC)
            correlation = await self._book.run(lambda c: self._note_resubmitted(c, one, now))
            return {"content_type": "application/json", "correlation_id": correlation}

        try:
            back = await put_back(self._service, f"error.{queue}", queue, job_id, prepare)
        except BrokerRefuses as error:
            if error.code != 404:
                raise
            raise JobNotWaiting(f"There is no queue 'error.{queue[:80]}' with jobs that were given up.") from error
        except Unroutable as error:
            raise JobNotWaiting(
                f"Extractor {queue[:80]!r} has no queue any more, and its jobs stay in 'error.{queue[:80]}':"
                " start the extractor, which makes its queue, and submit them again."
            ) from error
        if job_id and not back:
            raise JobNotWaiting(f"Job {job_id[:80]} is not in queue 'error.{queue[:80]}'.")
        self._outbox.set()
        return back

    async def jobs(self, extractor: str | None = None, limit: int = 100) -> list[KnownJob]:
        """The jobs of which something was heard last, the latest first."""
        return await self._book.run(lambda c: job_file.recent(c, extractor, limit))

    async def unread(self, limit: int = 100) -> list[Unread]:
        """What came to the reply queue and was no status, the latest first."""
        return await self._book.run(lambda c: job_file.unread(c, limit))

    async def job(self, job_id: str) -> KnownJob | None:
        """A job by its id."""
        return await self._book.run(lambda c: job_file.find(c, job_id))

    # --- extractors --------------------------------------------------------------------------------------------------

    async def extractors(self) -> list[Extractor]:
        """Who is alive, and who is not though jobs wait for it; with the lengths of their queues."""
        now = datetime.now(UTC)
        alive = await self._book.run(lambda c: job_file.heard(c, now - GONE))
        open_jobs = await self._book.run(job_file.awaited)
        found = _grouped(alive)
        queues = {extractor.queue for extractor in found}
        found += [Extractor(name=name, version="", queue=name, replicas=0) for name in open_jobs if name not in queues]
        return [await self._measured(extractor) for extractor in found]

    async def close(self) -> None:
        """Stop listening, and close the file. Safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._book.close()

    # --- what extractors say -----------------------------------------------------------------------------------------

    async def _persist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work for ever, whatever happens to it."""
        said = ""
        while True:
            try:
                await work()
            except ExchangeUnavailable as error:  # RabbitMQ is away or says no, a disk is full
                if str(error) != said:
                    _log.warning("extractors.waiting", reason=str(error))
                said = str(error)
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to hear nothing any more
                _log.exception("extractors.failed")
            await asyncio.sleep(PATIENCE)

    async def _read_replies(self) -> None:
        replies = Queue(self._options.replies)
        await self._service.consume(
            replies.name, self._file_replies, prefetch=1000, prepare=lambda: self._service.declare(queues=[replies])
        )

    async def _file_replies(self, deliveries: Sequence[Delivery]) -> None:
        """Note statuses and their events in one go: then they are durable. Killed just then, they come again, known."""
        now = datetime.now(UTC)
        await self._book.run(lambda c: self._file_all(c, deliveries, now))
        self._outbox.set()
        if self._options.forward_to:
            await self._forward(deliveries)  # those that come again, too: Clowder bears one that is there twice

    def _file_all(self, connection: sqlite3.Connection, deliveries: Sequence[Delivery], now: datetime) -> None:
        for delivery in deliveries:
            self._file(connection, delivery, now)

    def _file(self, connection: sqlite3.Connection, delivery: Delivery, now: datetime) -> None:
        """Note one message, unless it was noted before."""
        correlation = delivery.properties.correlation_id
        digest = hashlib.sha256(f"{correlation}\n".encode() + delivery.body).hexdigest()
        # Two equal messages are two, unless RabbitMQ says that it has delivered this one before.
        if delivery.redelivered and job_file.heard_before(connection, digest):
            return
        connection.execute("SAVEPOINT message")
        try:
            self._note(connection, read_status(delivery.body), digest, now, correlation)
        except sqlite3.Error:  # the disk: nothing of these messages is noted, and they come again
            raise
        except Exception as error:  # noqa: BLE001 - one message, whatever is in it, stops no other
            connection.execute("ROLLBACK TO message")
            if isinstance(error, InvalidEvent):
                reason = error.message
                _log.warning("extractors.no_status", reason=hide_secrets(reason), bytes=len(delivery.body))
            else:
                reason = "It could not be noted, by a fault of the event sink; its log says where."
                _log.exception("extractors.no_status", bytes=len(delivery.body))
            job_file.bury(connection, delivery.body, reason, now)
        connection.execute("RELEASE message")

    def _note(
        self, connection: sqlite3.Connection, status: Status, digest: str, now: datetime, correlation: str | None
    ) -> None:
        job = job_file.note(connection, status, digest, now, correlation)
        if job.submitted:  # should this process have ended between sending the job and saying so
            self._tell(connection, job.id)
        job_file.post(connection, self._event(job, status, now))

    def _event(self, job: KnownJob, status: Status, now: datetime) -> Event:
        return job_events.of_job(job, status.state, status.message, now, self._options.source)

    def _tell(self, connection: sqlite3.Connection, job_id: str) -> KnownJob:
        """Say that a job was submitted, unless its first status was quicker and has said so."""
        job = job_file.find(connection, job_id)
        if job is None or job.submitted is None:
            raise LookupError(f"job {job_id} was not submitted here")
        if job.told:
            return job
        job_file.tell(connection, job_id)
        begin = msgspec.structs.replace(job, begun=None, ended=None)
        job_file.post(connection, job_events.of_job(begin, "queued", None, job.submitted, self._options.source))
        return job

    async def _note_cancelled(self, job_id: str, queue: str, body: bytes) -> KnownJob:
        """Note that a job is about to be taken out of its queue, and say so."""
        now = datetime.now(UTC)
        foreign = _foreign(body, job_id, queue, now)

        def end(connection: sqlite3.Connection) -> KnownJob:
            job = job_file.find(connection, job_id) or foreign  # a status may have come meanwhile
            ended = job_file.end(connection, job, "cancelled", now)
            job_file.post(connection, job_events.of_job(ended, "cancelled", None, now, self._options.source))
            return ended

        ended = await self._book.run(end)
        self._outbox.set()
        return ended

    def _note_resubmitted(self, connection: sqlite3.Connection, job_id: str, now: datetime) -> str | None:
        """Note that a job waits again; gives the correlation id that it was submitted with."""
        known = job_file.find(connection, job_id)
        if known is None:
            return None
        job = job_file.begin_again(connection, known, now)
        job_file.post(connection, job_events.of_job(job, "queued", None, now, self._options.source))
        return job.correlation

    async def _forward(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            try:
                await self._service.publish_all([delivery.message(routing_key=self._options.forward_to)])
            except (Unroutable, InvalidMessage) as error:
                _log.warning("extractors.not_forwarded", queue=self._options.forward_to, reason=str(error))

    # --- the outbox --------------------------------------------------------------------------------------------------

    async def _post(self) -> None:
        """Publish what is in the outbox, whenever something is."""
        while True:
            await self._outbox.wait()
            self._outbox.clear()
            try:
                await self._take_out()  # what is published, should the disk not have taken that
                while posted := await self._book.run(lambda c: job_file.posted(c, AT_ONCE)):
                    await self._publish([event for _, event in posted])
                    self._posted = [number for number, _ in posted]
                    await self._take_out()
            except BaseException:
                self._outbox.set()
                raise

    async def _take_out(self) -> None:
        numbers = self._posted
        if numbers:
            await self._book.run(lambda c: job_file.sent(c, numbers))
        self._posted = []

    # --- who is alive ------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        await self._service.consume(
            "",
            self._hear,
            tap=EXTRACTORS.name,
            prepare=lambda: self._service.declare(exchanges=[EXTRACTORS]),
        )

    async def _hear(self, deliveries: Sequence[Delivery]) -> None:
        now = datetime.now(UTC)
        heard: list[Alive] = []
        for delivery in deliveries:
            try:
                heard.append(heartbeats.read(delivery.body, now))
            except InvalidEvent as error:
                _log.info("extractors.no_heartbeat", reason=error.message)
        await self._book.run(lambda c: job_file.hear(c, heard))

    async def _look(self) -> None:
        """Say in events how long the queues of extractors are."""
        while True:
            await asyncio.sleep(self._options.every)
            now = datetime.now(UTC)
            if now.date() > self._cleaned:
                self._cleaned = now.date()
                await self._book.run(lambda c, now=now: job_file.clean(c, now))  # type: ignore[misc]
            events = [
                event
                for extractor in await self.extractors()
                for event in _lengths(extractor, now, self._options.source)
            ]
            if events:
                await self._publish(events)

    async def _measured(self, extractor: Extractor) -> Extractor:
        depth, failed = await self._depth(extractor.queue), await self._depth(f"error.{extractor.queue}")
        return msgspec.structs.replace(
            extractor,
            waiting=depth.ready if depth else None,
            consumers=depth.consumers if depth else None,
            working=await self._working(extractor.queue) if depth else None,
            failed=failed.ready if failed else None,
        )

    async def _depth(self, queue: str) -> Depth | None:
        try:
            return await self._service.depth(queue)
        except BrokerUnavailable:  # there is no such queue, or nobody can say: the list is no worse without
            return None

    async def _working(self, queue: str) -> int | None:
        try:
            found = await asyncio.to_thread(self._service.management.queue, queue)
        except BrokerUnavailable:  # many brokers have no management API
            return None
        unacknowledged = (found or {}).get("messages_unacknowledged")
        return unacknowledged if isinstance(unacknowledged, int) else None


def _message(job: Job, replies: str, correlation: str) -> Message:
    """A job with the properties that Clowder gives it; that of Clowder 2 is durable here, unlike there."""
    return Message(
        body=job.encode(),
        routing_key=job.extractor,
        content_type="application/json",
        correlation_id=correlation if job.dialect == "v1" else None,
        reply_to=replies,
    )


def _foreign(body: bytes, job_id: str, queue: str, now: datetime) -> KnownJob:
    """What a job that others submitted says of itself."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = {}
    texts = {
        name: value[:200].encode("utf-8", "replace").decode() for name, value in said.items() if isinstance(value, str)
    }
    resource = texts.get("id") or None
    kind = None if resource is None else "dataset" if texts.get("datasetId") == resource else "file"
    return KnownJob(
        id=job_id,
        extractor=queue,
        resource_type=kind,
        resource_id=resource,
        resource_name=texts.get("filename") or texts.get("datasetname"),
        seen=now,
    )


def _grouped(alive: Sequence[Alive]) -> list[Extractor]:
    groups: dict[tuple[str, str, str], list[Alive]] = {}
    for process in alive:
        groups.setdefault((process.name, process.version, process.queue), []).append(process)
    return [
        Extractor(
            name=name,
            version=version,
            queue=queue,
            replicas=len(processes),
            description=processes[-1].description,
            last_seen=max(process.last_seen for process in processes),
        )
        for (name, version, queue), processes in groups.items()
    ]


def _lengths(extractor: Extractor, now: datetime, source: str) -> list[Event]:
    events = []
    if extractor.waiting is not None:
        waiting, consumers = extractor.waiting, extractor.consumers or 0
        events.append(job_events.of_queue(extractor.queue, waiting, consumers, extractor.working, now, source))
    if extractor.failed is not None:
        events.append(job_events.of_queue(f"error.{extractor.queue}", extractor.failed, 0, None, now, source))
    return events
