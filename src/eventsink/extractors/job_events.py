"""Events about jobs and queues."""

from datetime import datetime
from typing import Any

from eventsink.catalogue import CATALOGUE, validate
from eventsink.event import Event, new_ids
from eventsink.extractors.job_file import KnownJob
from eventsink.extractors.statuses import FINAL

__all__ = ["of_job", "of_queue"]


def of_job(job: KnownJob, state: str, message: str | None, now: datetime, source: str) -> Event:
    """The event that says that a job has reached a state.

    Its queue time is in it from the begin of the work on, its run time at the end. Both are differences between
    arrivals here, for what extractors say of the time is often wrong by hours.
    """
    data: dict[str, Any] = {
        "status": state,
        "extractor": job.extractor,
        "job_id": job.id,
        "resource_type": job.resource_type,
        "resource_id": job.resource_id,
        "resource_name": job.resource_name,
        "dataset_id": job.dataset_id,
        "message": message,
        "queue_ms": job.queue_ms,
        "run_ms": job.run_ms if state in FINAL else None,
    }
    data = {name: value for name, value in data.items() if value is not None}
    subject = f"{job.resource_type}s/{job.resource_id}" if job.resource_type and job.resource_id else None
    return _event("extractions.extraction_event", data, now, source, subject=subject, user=job.user)


def of_queue(queue: str, ready: int, consumers: int, unacknowledged: int | None, now: datetime, source: str) -> Event:  # noqa: PLR0913, PLR0917
    """The event that says how long a queue is."""
    data: dict[str, Any] = {"queue": queue, "ready": ready, "consumers": consumers}
    if unacknowledged is not None:
        data["unacknowledged"] = unacknowledged
    return _event("health.queue_update", data, now, source)


def _event(kind: str, data: dict[str, Any], now: datetime, source: str, **more: Any) -> Event:
    validate(CATALOGUE[kind], data)
    return Event(id=new_ids(1, now)[0], source=source, type=kind, time=now, received=now, data=data, **more)
