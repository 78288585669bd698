"""Messages of Clowder 1.15.0 alone: no category, no time, and other names for the same things.

They are rewritten into the later dialect and read there. They carry no time, so an event has that of its arrival, and
its `dialect` says so.
"""

from typing import Any

from eventsink.dialects import clowder
from eventsink.event import Draft, content_id

NAME = "clowder-1.15.0"


_OLD_NAMES = frozenset(
    {
        "viewer_id",
        "viewer_name",
        "submitter_id",
        "submitter_name",
        "downloader_id",
        "downloader_name",
        "uploader_id",
        "uploader_name",
        "filename",
        "length",
        "files_length",
        "folder_length",
        "dataset_author_id",
        "dataset_author_name",
        "view",
    }
)


def recognises(item: dict[str, Any]) -> bool:
    """It names its actor as only this version does, or is a bare login or signup."""
    actors = ("viewer_id", "submitter_id", "downloader_id", "uploader_id")
    return any(name in item for name in actors) or (item.get("type") in ("login", "signup") and "user_id" in item)


def read(item: dict[str, Any]) -> Draft:
    """Read one message by way of the later dialect."""
    modern = _modern(item)
    draft = clowder.read({name: value for name, value in modern.items() if name not in _OLD_NAMES})
    draft.id = content_id(item, None)
    draft.dialect = NAME
    return draft


def _modern(item: dict[str, Any]) -> dict[str, Any]:
    if "viewer_id" in item:
        return _acted(item, "viewer", "view_resource")
    if "submitter_id" in item:
        return _acted(item, "submitter", "extraction")
    if "downloader_id" in item:
        return _acted(_download(item), "downloader", "download")
    if "uploader_id" in item:
        return _acted(_upload(item), "uploader", "upload")
    return {"category": "user_activity", **item}


def _acted(item: dict[str, Any], actor: str, category: str) -> dict[str, Any]:
    user = {"user_id": item.get(f"{actor}_id"), "user_name": item.get(f"{actor}_name")}
    if not user["user_id"]:  # an anonymous viewer has an empty id and the name "Anonymous"
        user = {}
    return {"category": category, **item, **user}


def _download(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type") == "file":  # it has no id of the file; its uploader is its author
        return {
            **item,
            "resource_name": item.get("filename"),
            "author_id": item.get("uploader_id"),
            "author_name": item.get("uploader_name"),
            "size": item.get("length"),
        }
    return {
        **item,
        "resource_id": item.get("dataset_id"),
        "resource_name": item.get("dataset_name"),
        "author_id": item.get("dataset_author_id"),
        "author_name": item.get("dataset_author_name"),
        "size": _sum(item.get("files_length"), item.get("folder_length")),
    }


def _upload(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "resource_name": item.get("filename"),
        "author_id": item.get("dataset_author_id"),
        "author_name": item.get("dataset_author_name"),
        "size": item.get("length"),
    }


def _sum(files: Any, folders: Any) -> Any:
    return files + folders if isinstance(files, int) and isinstance(folders, int) else None
