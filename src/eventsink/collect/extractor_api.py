"""The routes about extractors and their jobs."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from litestar import delete, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter
from msgspec import Meta

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.errors import InvalidJob, JobNotWaiting

if TYPE_CHECKING:
    from eventsink.extractors import Extractors, Job, KnownJob

__all__ = ["extractor_routes"]

Name = Annotated[str | None, Parameter(max_length=255)]
JobId = Annotated[str, Parameter(max_length=200)]
Limit = Annotated[int, Parameter(ge=1, le=10_000)]
Short = Annotated[str, Meta(max_length=500)]
Id = Annotated[str, Meta(max_length=200)]


class Submission(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A job to submit.

    Args:
        cause: `submitted` by somebody; or what Clowder itself starts jobs for: a file was `created`, `added` to its
            dataset or `removed` from it, several files were added (`files_added`), metadata was `added` or `removed`.
        id: of the file, the dataset, or the metadata.
        secret_key: API key of Clowder that the extractor uses. It goes into the job, and nowhere else.
        user: on whose behalf, for the events.
        files: names of the files that were added to a dataset.
        resource_type: what metadata hangs on, with `resource_id` and `content`.
    """

    kind: Literal["file", "dataset", "metadata"]
    extractor: Short
    id: Id
    host: Short
    secret_key: Short
    name: Short = ""
    dataset_id: Id = ""
    bytes: Annotated[int, Meta(ge=0, le=2**62)] = 0
    mime_type: Short | None = None
    files: Annotated[tuple[Short, ...], Meta(max_length=10_000)] = ()
    cause: Literal["submitted", "created", "added", "removed", "files_added"] | None = None
    parameters: dict[str, Any] | None = None
    notifies: Annotated[tuple[Short, ...], Meta(max_length=100)] = ()
    resource_type: Literal["file", "dataset"] = "file"
    resource_id: Id = ""
    content: Any = None
    job_id: Id | None = None
    user: Short | None = None
    dialect: Literal["v1", "v2"] = "v1"


class Again(msgspec.Struct, forbid_unknown_fields=True):
    """Which jobs that an extractor gave up are put back into its queue: one, or all."""

    job_id: Short | None = None
    all: bool = False


def extractor_routes(desk: Desk) -> list[BaseRouteHandler]:
    """All routes about extractors."""
    admin: dict[str, Any] = {"guards": [needs("admin", desk)], "security": security("admin"), "tags": ["extractors"]}
    return [*_about_extractors(desk, admin), *_about_jobs(desk, admin), *_about_queues(desk, admin)]


def _about_extractors(desk: Desk, admin: dict[str, Any]) -> list[BaseRouteHandler]:
    @get(
        "/v1/extractors",
        operation_id="getExtractors",
        summary="Extractors that are alive",
        responses=answers(404, 503),
        **admin,
    )
    async def get_extractors() -> dict[str, Any]:
        """Every extractor that was heard lately or that jobs wait for: its replicas, and the length of its queue."""
        extractors = _extractors(desk)
        found = await extractors.extractors()
        return {"extractors": msgspec.to_builtins(found), "spooled": extractors.spooled}

    @get(
        "/v1/extractors/unread",
        operation_id="getUnread",
        summary="What was no status",
        responses=answers(404, 503),
        **admin,
    )
    async def get_unread(limit: Limit = 100) -> dict[str, Any]:
        """Messages in the reply queue that could not be read, the latest first."""
        return {"unread": msgspec.to_builtins(await _extractors(desk).unread(limit))}

    return [get_extractors, get_unread]


def _about_jobs(desk: Desk, admin: dict[str, Any]) -> list[BaseRouteHandler]:
    @get("/v1/extractors/jobs", operation_id="getJobs", summary="Jobs", responses=answers(404, 503), **admin)
    async def get_jobs(extractor: Name = None, limit: Limit = 100) -> dict[str, Any]:
        """The jobs of which something was heard last, the latest first."""
        return {"jobs": [_view(job) for job in await _extractors(desk).jobs(extractor, limit)]}

    @get(
        "/v1/extractors/jobs/{job_id:str}",
        operation_id="getJob",
        summary="One job",
        responses=answers(404, 503),
        **admin,
    )
    async def get_job(job_id: JobId) -> dict[str, Any]:
        """What is known of one job."""
        job = await _extractors(desk).job(job_id)
        if job is None:
            raise Problem(404, f"Nothing is known of a job {job_id[:80]!r}.")
        return _view(job)

    @post(
        "/v1/extractors/jobs",
        operation_id="postJob",
        summary="Submit a job",
        status_code=202,
        responses=answers(404, 422, 503),
        **admin,
    )
    async def post_job(data: Submission) -> dict[str, Any]:
        """Send a job to its extractor; accepted means that it is durable in its queue, or in the spool."""
        extractors = _extractors(desk)
        try:
            return _view(await extractors.submit(_job(data), data.user))
        except InvalidJob as error:
            raise Problem(422, str(error), field=error.field) from None

    return [get_jobs, get_job, post_job]


def _about_queues(desk: Desk, admin: dict[str, Any]) -> list[BaseRouteHandler]:
    @delete(
        "/v1/extractors/jobs/{job_id:str}",
        operation_id="deleteJob",
        summary="Cancel a job",
        status_code=200,
        responses=answers(404, 409, 503),
        **admin,
    )
    async def delete_job(job_id: JobId, extractor: Name = None) -> dict[str, Any]:
        """Take a job out of its queue before an extractor has it; all other jobs stay where they are."""
        try:
            return _view(await _extractors(desk).cancel(job_id, extractor))
        except JobNotWaiting as error:
            raise Problem(409, str(error)) from None

    @post(
        "/v1/extractors/{extractor:str}/resubmit",
        operation_id="postResubmit",
        summary="Submit failed jobs again",
        status_code=200,
        responses=answers(404, 409, 503),
        **admin,
    )
    async def post_resubmit(extractor: Annotated[str, Parameter(max_length=255)], data: Again) -> dict[str, Any]:
        """Put jobs that an extractor gave up back into its queue, with every property that they have."""
        if not (data.job_id or data.all):
            raise Problem(400, "Say which jobs: a `job_id`, or `all`: true.")
        try:
            return {"resubmitted": await _extractors(desk).resubmit(extractor, data.job_id)}
        except JobNotWaiting as error:
            raise Problem(409, str(error)) from None

    return [delete_job, post_resubmit]


def _extractors(desk: Desk) -> "Extractors":
    if desk.extractors is None:
        raise Problem(
            404,
            "This sink does not look after extractors: give its settings a section [extractors] (docs/extractors.md),"
            " and ask the process that runs `eventsink serve` or `eventsink up`.",
        )
    return desk.extractors


def _view(job: "KnownJob") -> dict[str, Any]:
    """A job for others: what is known, and the times."""
    shown = {name: value for name, value in msgspec.to_builtins(job).items() if name not in ("told", "correlation")}
    return shown | {"queue_ms": job.queue_ms, "run_ms": job.run_ms}


def _job(data: Submission) -> "Job":
    # Imported where it is needed: most processes have nothing to do with RabbitMQ.
    from eventsink.extractors import Access, Dataset, File, Metadata, dataset_job, file_job, metadata_job  # noqa: PLC0415

    access = Access(host=data.host, secret_key=data.secret_key, notifies=data.notifies)
    if data.kind == "metadata":
        if data.cause not in (None, "added", "removed") or data.dialect != "v1":
            raise InvalidJob("cause", "metadata is added or removed, and Clowder 2 has no such jobs")
        metadata = Metadata(
            id=data.id, resource_type=data.resource_type, resource_id=data.resource_id, content=data.content
        )
        cause = data.cause or "added"
        return metadata_job(
            data.extractor, metadata, access, cause=cause, dataset_id=data.dataset_id, job_id=data.job_id
        )
    more: dict[str, Any] = {"parameters": data.parameters, "job_id": data.job_id, "dialect": data.dialect}
    if data.kind == "dataset":
        if data.cause not in (None, "submitted", "files_added"):
            raise InvalidJob("cause", "a job on a dataset is submitted, or files were added (files_added)")
        dataset = Dataset(id=data.id, name=data.name, files=data.files, bytes=data.bytes)
        return dataset_job(data.extractor, dataset, access, cause=data.cause or "submitted", **more)
    if data.cause == "files_added":
        raise InvalidJob("cause", "a job on a file is submitted, or the file was created, added or removed")
    file = File(id=data.id, name=data.name, bytes=data.bytes, mime_type=data.mime_type, dataset_id=data.dataset_id)
    return file_job(data.extractor, file, access, cause=data.cause or "submitted", **more)
