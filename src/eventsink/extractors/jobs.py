"""Extractor jobs, with exactly the keys and types that Clowder sends, so that any extractor works them off.

A job is checked before it is sent: pyClowder never answers one without host or key, and hangs on it for ever.
"""

import os
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from eventsink.errors import InvalidJob

__all__ = ["Access", "Dataset", "File", "Job", "Metadata", "dataset_job", "file_job", "metadata_job", "object_id"]

LONGEST_ID, LONGEST_NAME = 200, 10_000  # characters that the events about the job may have

Dialect = Literal["v1", "v2"]
FileCause = Literal["submitted", "created", "added", "removed"]
DatasetCause = Literal["submitted", "files_added"]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How an extractor reaches Clowder.

    Args:
        host: address of Clowder, as http://clowder:9000.
        secret_key: API key that the extractor uses.
        notifies: e-mail addresses to tell when the job is done.
    """

    host: str
    secret_key: str
    notifies: tuple[str, ...] = ()


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file to work on. Clowder starts nothing by itself for one that is in no dataset."""

    id: str
    name: str = ""
    bytes: int = 0
    mime_type: str | None = None
    dataset_id: str = ""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset to work on.

    Args:
        files: names of the files that were added, where that is the cause.
        bytes: of these files.
    """

    id: str
    name: str = ""
    files: tuple[str, ...] = ()
    bytes: int = 0


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata that came to a file or dataset, or went.

    Args:
        content: any JSON; None when it went.
    """

    id: str
    resource_type: str
    resource_id: str
    content: Any = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is sent.

    Args:
        extractor: its name, which is its queue.
        id: repeated by every status.
        body: as the extractor reads it.
        dialect: "v1" or "v2": whose Clowder it is like.
    """

    extractor: str
    id: str
    resource_type: str
    resource_id: str
    body: Mapping[str, Any]
    resource_name: str = ""
    dataset_id: str = ""
    dialect: Dialect = "v1"

    def encode(self) -> bytes:
        """The body as JSON, in Clowder's order of keys."""
        return msgspec.json.encode(self.body)


def object_id() -> str:
    """A new id like those of Clowder's database: 24 hexadecimal digits, the time of its making in front."""
    return f"{int(time.time()):08x}{os.urandom(8).hex()}"


def file_job(  # noqa: PLR0913 - what a job may say
    extractor: str,
    file: File,
    access: Access,
    *,
    cause: FileCause = "submitted",
    parameters: Mapping[str, Any] | None = None,
    job_id: str | None = None,
    message_id: str | None = None,
    exchange: str = "clowder",
    dialect: Dialect = "v1",
) -> Job:
    """A job on a file.

    Args:
        cause: somebody submitted it, or the file was uploaded, added to its dataset or removed from it.
        message_id: of Clowder's record of the submission.
        exchange: Clowder's own, the first part of its routing keys.

    Raises:
        InvalidJob: a field is missing or wrong; it is named.
    """
    _check(extractor, access, "file", file.id, parameters)
    if cause in ("added", "removed") and not file.dataset_id:
        raise InvalidJob("dataset_id", "a file that came to a dataset, or went, names the dataset")
    job_id = job_id or object_id()
    about = _About("file", file.id, file.name, file.dataset_id)
    if dialect == "v2":
        own = {"filename": file.name, "fileSize": file.bytes}
        return _job(extractor, job_id, about, _v2(access, job_id, about, own, parameters), dialect)
    routing_key = {
        "submitted": f"extractors.{extractor}",
        "created": f"{exchange}.file.{_topic_of(file.mime_type)}",
        "added": f"{exchange}.dataset.file.added",
        "removed": f"{exchange}.dataset.file.removed",
    }[cause]
    body = _v1(
        access,
        ids=(message_id, job_id, file.id, file.dataset_id),
        size=file.bytes,
        routing_key=routing_key,
        activity=cause,
        source=_resource("file", file.id, {"filename": file.name}, file.mime_type),
        target=_resource("dataset", file.dataset_id, {}) if cause in ("added", "removed") else None,
    )
    if cause in ("submitted", "created"):
        body["filename"] = file.name
    if cause == "submitted":
        body |= {"parameters": dict(parameters or {}), "action": "manual-submission"}
    return _job(extractor, job_id, about, body, dialect)


def dataset_job(  # noqa: PLR0913 - what a job may say
    extractor: str,
    dataset: Dataset,
    access: Access,
    *,
    cause: DatasetCause = "submitted",
    parameters: Mapping[str, Any] | None = None,
    job_id: str | None = None,
    message_id: str | None = None,
    exchange: str = "clowder",
    dialect: Dialect = "v1",
) -> Job:
    """A job on a dataset: somebody submitted it, or several files were added at once.

    Raises:
        InvalidJob: a field is missing or wrong; it is named.
    """
    _check(extractor, access, "dataset", dataset.id, parameters)
    job_id = job_id or object_id()
    about = _About("dataset", dataset.id, dataset.name, dataset.id)
    if dialect == "v2":
        body = _v2(access, job_id, about, {"datasetName": dataset.name}, parameters)
        return _job(extractor, job_id, about, body, dialect)
    added = cause == "files_added"
    body = _v1(
        access,
        ids=(message_id, job_id, dataset.id, dataset.id),
        size=dataset.bytes,
        routing_key=f"{exchange}.dataset.files.added" if added else f"extractors.{extractor}",
        activity="added" if added else "submitted",
        source=_resource("dataset", dataset.id, {"filenames": list(dataset.files)} if added else {}),
        target=None,
    )
    if added:
        body["filenames"] = f"List({', '.join(dataset.files)})"  # as Scala prints a list
    else:
        compact = msgspec.json.encode(dict(parameters or {})).decode()  # of a dataset they are text
        body |= {"datasetname": dataset.name, "parameters": compact, "action": "manual-submission"}
    return _job(extractor, job_id, about, body, dialect)


def metadata_job(  # noqa: PLR0913 - what a job may say
    extractor: str,
    metadata: Metadata,
    access: Access,
    *,
    cause: Literal["added", "removed"] = "added",
    dataset_id: str = "",
    job_id: str | None = None,
    message_id: str | None = None,
    exchange: str = "clowder",
) -> Job:
    """A job about metadata that was added to a file or dataset, or removed from it.

    Raises:
        InvalidJob: a field is missing or wrong; it is named.
    """
    kind, resource = metadata.resource_type, metadata.resource_id
    _check(extractor, access, kind, resource, None)
    if not metadata.id:
        raise InvalidJob("id", "the metadata has none")
    if cause == "added" and metadata.content is None:
        raise InvalidJob("content", "metadata that was added has content; without it the extractor hangs")
    job_id = job_id or object_id()
    about = _About(kind, resource, "", resource if kind == "dataset" else dataset_id)
    body = _v1(
        access,
        ids=(message_id, job_id, resource, about.dataset_id),
        size=0,
        routing_key=f"{exchange}.metadata.{cause}.{kind}",
        activity=cause,
        source=_resource("metadata", metadata.id, {}),
        target=_resource(kind, resource, {}),
    )
    if cause == "added":
        body["metadata"] = metadata.content
    body |= {"resourceType": kind, "resourceId": resource}
    return _job(extractor, job_id, about, body, "v1")


# --- checks ----------------------------------------------------------------------------------------------------------


def _check(extractor: str, access: Access, kind: str, resource: str, parameters: object) -> None:
    if not extractor or len(extractor.encode()) > 255:
        raise InvalidJob("extractor", "the name of an extractor, which is its queue, has 1 to 255 bytes")
    if kind not in ("file", "dataset"):
        raise InvalidJob("resource_type", f"an extractor works on a file or a dataset, not on {kind[:40]!r}")
    if not resource:
        raise InvalidJob("id", f"the {kind} has none")
    parts = urlsplit(access.host)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidJob("host", "give the address of Clowder, as http://clowder:9000; without it the extractor hangs")
    if not access.secret_key:
        raise InvalidJob("secret_key", "give an API key of Clowder; without it the extractor hangs")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise InvalidJob("parameters", f"an object is needed, not {type(parameters).__name__}")
    other = "dataset" if kind == "file" else "file"
    if f".{other}." in f"{extractor}." and f".{kind}." not in f"{extractor}.":
        raise InvalidJob(
            "extractor", f"pyClowder takes every job of {extractor!r} for one on a {other}, because its name says so"
        )


# --- bodies ----------------------------------------------------------------------------------------------------------


class _About(msgspec.Struct, frozen=True):
    kind: str
    id: str
    name: str
    dataset_id: str


def _job(extractor: str, job_id: str, about: _About, body: Mapping[str, Any], dialect: Dialect) -> Job:
    for field, value in (("id", about.id), ("dataset_id", about.dataset_id), ("job_id", job_id)):
        if len(value) > LONGEST_ID:
            raise InvalidJob(field, f"an id has at most {LONGEST_ID} characters, and this has {len(value)}")
    if len(about.name) > LONGEST_NAME:
        raise InvalidJob("name", f"a name has at most {LONGEST_NAME} characters, and this has {len(about.name)}")
    return Job(
        extractor=extractor,
        id=job_id,
        resource_type=about.kind,
        resource_id=about.id,
        resource_name=about.name,
        dataset_id=about.dataset_id,
        body=body,
        dialect=dialect,
    )


def _v1(  # noqa: PLR0913 - what every job says
    access: Access,
    *,
    ids: tuple[str | None, str, str, str],
    size: int,
    routing_key: str,
    activity: str,
    source: Mapping[str, Any],
    target: Mapping[str, Any] | None,
) -> dict[str, Any]:
    message_id, job_id, resource, dataset = ids
    return {
        "notifies": list(access.notifies),
        "msgid": message_id or object_id(),
        "id": resource,
        "jobid": job_id,
        "intermediateId": resource,
        "fileSize": str(size),
        "host": access.host,
        "datasetId": dataset,
        "flags": "",
        "secretKey": access.secret_key,
        "routing_key": routing_key,
        "source": source,
        "activity": activity,
        "target": target or "{}",  # the text of two braces, not an object
    }


def _v2(
    access: Access, job_id: str, about: _About, own: Mapping[str, Any], parameters: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "host": access.host,
        "secretKey": access.secret_key,
        "retry_count": 0,
        "resource_type": about.kind,
        "flags": "",
        **own,
        "id": about.id,
        "datasetId": about.dataset_id,
        "job_id": job_id,
        "parameters": None if parameters is None else dict(parameters),
    }


def _resource(kind: str, resource: str, extra: Mapping[str, Any], mime_type: str | None = None) -> dict[str, Any]:
    mime = {"mimeType": mime_type} if mime_type else {}
    return {"id": {"resourceType": f"'{kind}", "id": resource}, **mime, "extra": extra}  # a printed Scala symbol


def _topic_of(mime_type: str | None) -> str:
    """A media type as the end of a routing key: `image/png` is `image.png`, dots within become `_`."""
    return (mime_type or "application/octet-stream").replace(".", "_").replace("/", ".")
