"""A method for each type of the catalogue: `sink.storage.file_uploaded(file_id=…, bytes=…)`.

Written by scripts/docs from the catalogue; `make check` says whether it is up to date.
"""

# ruff: noqa: A002, PLR0913 - a method has the names of its type, as many as there are, and its words

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

__all__ = ["Catalogued"]

Capture = Callable[[str, str | None, datetime | str | float | None, str | None, dict[str, Any]], None]


def _given(data: dict[str, Any]) -> dict[str, Any]:
    """What was given of data."""
    return {name: value for name, value in data.items() if value is not None}


class _Component:
    """The types of one component."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture


class Storage(_Component):
    """The types of `storage`."""

    def file_uploaded(
        self,
        *,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        file_id: str | None = None,
        file_name: str | None = None,
        mime_type: str | None = None,
        bytes: int | None = None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        space_id: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A file was uploaded.

        Args:
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            file_id: Id of the file.
            file_name: Name of the file.
            mime_type: Media type, as image/png.
            bytes: Size of the file, bytes.
            dataset_id: Id of the dataset that holds the file.
            dataset_name: Name of that dataset.
            space_id: Id of the space that holds the dataset.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "storage.file_uploaded",
            user,
            time,
            subject,
            _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "file_id": file_id,
                    "file_name": file_name,
                    "mime_type": mime_type,
                    "bytes": bytes,
                    "dataset_id": dataset_id,
                    "dataset_name": dataset_name,
                    "space_id": space_id,
                }
            ),
        )

    def file_deleted(
        self,
        *,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        file_id: str | None = None,
        file_name: str | None = None,
        mime_type: str | None = None,
        bytes: int | None = None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        space_id: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A file was deleted.

        Args:
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            file_id: Id of the file.
            file_name: Name of the file.
            mime_type: Media type, as image/png.
            bytes: Size of the file, bytes.
            dataset_id: Id of the dataset that holds the file.
            dataset_name: Name of that dataset.
            space_id: Id of the space that holds the dataset.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "storage.file_deleted",
            user,
            time,
            subject,
            _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "file_id": file_id,
                    "file_name": file_name,
                    "mime_type": mime_type,
                    "bytes": bytes,
                    "dataset_id": dataset_id,
                    "dataset_name": dataset_name,
                    "space_id": space_id,
                }
            ),
        )

    def resource_created(
        self,
        *,
        resource_type: Literal["collection", "dataset", "folder", "space"],
        resource_id: str,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        resource_name: str | None = None,
        dataset_id: str | None = None,
        collection_id: str | None = None,
        space_id: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A dataset, collection, space or folder was created.

        Args:
            resource_type: Kind of resource.
            resource_id: Id of the resource.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            resource_name: Name of the resource.
            dataset_id: Dataset above it, if any.
            collection_id: Collection above it, if any.
            space_id: Space above it, if any.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "storage.resource_created",
            user,
            time,
            subject,
            {"resource_type": resource_type, "resource_id": resource_id}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "resource_name": resource_name,
                    "dataset_id": dataset_id,
                    "collection_id": collection_id,
                    "space_id": space_id,
                }
            ),
        )

    def resource_deleted(
        self,
        *,
        resource_type: Literal["collection", "dataset", "folder", "space"],
        resource_id: str,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        resource_name: str | None = None,
        dataset_id: str | None = None,
        collection_id: str | None = None,
        space_id: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A dataset, collection, space or folder was deleted.

        Args:
            resource_type: Kind of resource.
            resource_id: Id of the resource.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            resource_name: Name of the resource.
            dataset_id: Dataset above it, if any.
            collection_id: Collection above it, if any.
            space_id: Space above it, if any.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "storage.resource_deleted",
            user,
            time,
            subject,
            {"resource_type": resource_type, "resource_id": resource_id}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "resource_name": resource_name,
                    "dataset_id": dataset_id,
                    "collection_id": collection_id,
                    "space_id": space_id,
                }
            ),
        )

    def resource_archived(
        self,
        *,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"],
        resource_id: str,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        resource_name: str | None = None,
        bytes: int | None = None,
        items: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A file or dataset was archived.

        Args:
            resource_type: Kind of resource.
            resource_id: Id of the resource.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            resource_name: Name of the resource.
            bytes: Size of a file, bytes. Absent for datasets.
            items: Files and top-level folders of a dataset. Absent for files.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "storage.resource_archived",
            user,
            time,
            subject,
            {"resource_type": resource_type, "resource_id": resource_id}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "resource_name": resource_name,
                    "bytes": bytes,
                    "items": items,
                }
            ),
        )

    def resource_unarchived(
        self,
        *,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"],
        resource_id: str,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        resource_name: str | None = None,
        bytes: int | None = None,
        items: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A file or dataset came back from the archive.

        Args:
            resource_type: Kind of resource.
            resource_id: Id of the resource.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            resource_name: Name of the resource.
            bytes: Size of a file, bytes. Absent for datasets.
            items: Files and top-level folders of a dataset. Absent for files.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "storage.resource_unarchived",
            user,
            time,
            subject,
            {"resource_type": resource_type, "resource_id": resource_id}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "resource_name": resource_name,
                    "bytes": bytes,
                    "items": items,
                }
            ),
        )


class Extractions(_Component):
    """The types of `extractions`."""

    def extraction_event(
        self,
        *,
        status: Literal["cancelled", "done", "failed", "queued", "retried", "skipped", "working"],
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        extractor: str | None = None,
        job_id: str | None = None,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"] | None = None,
        resource_id: str | None = None,
        resource_name: str | None = None,
        dataset_id: str | None = None,
        space_id: str | None = None,
        message: str | None = None,
        queue_ms: float | None = None,
        run_ms: float | None = None,
        bytes: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A job of an extractor reached a state.

        Args:
            status: State that the job has reached.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            extractor: Name of the extractor, which is its queue.
            job_id: Id of the job.
            resource_type: Kind of resource worked on.
            resource_id: Id of the resource worked on.
            resource_name: Name of the resource worked on.
            dataset_id: Dataset of that resource.
            space_id: Space of that dataset.
            message: What the extractor said; keys in it are redacted.
            queue_ms: Time between submission and start, milliseconds.
            run_ms: Time between start and end, milliseconds.
            bytes: Bytes downloaded to the extractor.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "extractions.extraction_event",
            user,
            time,
            subject,
            {"status": status}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "extractor": extractor,
                    "job_id": job_id,
                    "resource_type": resource_type,
                    "resource_id": resource_id,
                    "resource_name": resource_name,
                    "dataset_id": dataset_id,
                    "space_id": space_id,
                    "message": message,
                    "queue_ms": queue_ms,
                    "run_ms": run_ms,
                    "bytes": bytes,
                }
            ),
        )


class Traffic(_Component):
    """The types of `traffic`."""

    def page_view(
        self,
        *,
        url: str,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        language: str | None = None,
        session: str | None = None,
        visitor: str | None = None,
        country: str | None = None,
        browser: str | None = None,
        browser_version: str | None = None,
        os: str | None = None,
        os_version: str | None = None,
        device: Literal["desktop", "mobile", "robot", "tablet", "tool", "tv"] | None = None,
        robot: bool | None = None,
        referrer: str | None = None,
        title: str | None = None,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"] | None = None,
        resource_id: str | None = None,
        screen: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A browser showed a page.

        Args:
            url: Address of the page, without its query's secrets.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            language: Language of the browser, BCP 47.
            session: Random id of the visit.
            visitor: Who it was, for one day: a hash that nobody can trace when the day is over.
            country: Country of the address, ISO 3166-1 alpha-2.
            browser: Name of the browser, as Firefox.
            browser_version: Its version, as 143.0.
            os: Name of the operating system, as Windows.
            os_version: Its version, as 11.
            device: Kind of device.
            robot: Whether COUNTER's list knows it as a robot.
            referrer: Address of the page before.
            title: Title of the page.
            resource_type: Kind of resource shown, if any.
            resource_id: Id of the resource shown, if any.
            screen: Width and height of the screen, pixels, as 1920x1080.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.page_view",
            user,
            time,
            subject,
            {"url": url}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "language": language,
                    "session": session,
                    "visitor": visitor,
                    "country": country,
                    "browser": browser,
                    "browser_version": browser_version,
                    "os": os,
                    "os_version": os_version,
                    "device": device,
                    "robot": robot,
                    "referrer": referrer,
                    "title": title,
                    "resource_type": resource_type,
                    "resource_id": resource_id,
                    "screen": screen,
                }
            ),
        )

    def resource_viewed(
        self,
        *,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"],
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        language: str | None = None,
        session: str | None = None,
        visitor: str | None = None,
        country: str | None = None,
        browser: str | None = None,
        browser_version: str | None = None,
        os: str | None = None,
        os_version: str | None = None,
        device: Literal["desktop", "mobile", "robot", "tablet", "tool", "tv"] | None = None,
        robot: bool | None = None,
        resource_id: str | None = None,
        resource_name: str | None = None,
        dataset_id: str | None = None,
        space_id: str | None = None,
        bytes: int | None = None,
        http_status: int | None = None,
        access_method: Literal["machine", "regular"] | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Somebody looked at a resource.

        Args:
            resource_type: Kind of resource.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            language: Language of the browser, BCP 47.
            session: Random id of the visit.
            visitor: Who it was, for one day: a hash that nobody can trace when the day is over.
            country: Country of the address, ISO 3166-1 alpha-2.
            browser: Name of the browser, as Firefox.
            browser_version: Its version, as 143.0.
            os: Name of the operating system, as Windows.
            os_version: Its version, as 11.
            device: Kind of device.
            robot: Whether COUNTER's list knows it as a robot.
            resource_id: Id of the resource.
            resource_name: Name of the resource.
            dataset_id: Dataset of a file.
            space_id: Space of the resource.
            bytes: Size of a file, bytes.
            http_status: HTTP status of the answer.
            access_method: COUNTER access method: a person or a program.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.resource_viewed",
            user,
            time,
            subject,
            {"resource_type": resource_type}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "language": language,
                    "session": session,
                    "visitor": visitor,
                    "country": country,
                    "browser": browser,
                    "browser_version": browser_version,
                    "os": os,
                    "os_version": os_version,
                    "device": device,
                    "robot": robot,
                    "resource_id": resource_id,
                    "resource_name": resource_name,
                    "dataset_id": dataset_id,
                    "space_id": space_id,
                    "bytes": bytes,
                    "http_status": http_status,
                    "access_method": access_method,
                }
            ),
        )

    def resource_downloaded(
        self,
        *,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"],
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        language: str | None = None,
        session: str | None = None,
        visitor: str | None = None,
        country: str | None = None,
        browser: str | None = None,
        browser_version: str | None = None,
        os: str | None = None,
        os_version: str | None = None,
        device: Literal["desktop", "mobile", "robot", "tablet", "tool", "tv"] | None = None,
        robot: bool | None = None,
        resource_id: str | None = None,
        resource_name: str | None = None,
        dataset_id: str | None = None,
        space_id: str | None = None,
        bytes: int | None = None,
        http_status: int | None = None,
        access_method: Literal["machine", "regular"] | None = None,
        items: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Somebody fetched a file or dataset.

        Args:
            resource_type: Kind of resource.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            language: Language of the browser, BCP 47.
            session: Random id of the visit.
            visitor: Who it was, for one day: a hash that nobody can trace when the day is over.
            country: Country of the address, ISO 3166-1 alpha-2.
            browser: Name of the browser, as Firefox.
            browser_version: Its version, as 143.0.
            os: Name of the operating system, as Windows.
            os_version: Its version, as 11.
            device: Kind of device.
            robot: Whether COUNTER's list knows it as a robot.
            resource_id: Id of the resource.
            resource_name: Name of the resource.
            dataset_id: Dataset of a file.
            space_id: Space of the resource.
            bytes: Bytes of a file asked for. Absent for datasets.
            http_status: HTTP status of the answer.
            access_method: COUNTER access method: a person or a program.
            items: Files and top-level folders of a dataset. Absent for files.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.resource_downloaded",
            user,
            time,
            subject,
            {"resource_type": resource_type}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "language": language,
                    "session": session,
                    "visitor": visitor,
                    "country": country,
                    "browser": browser,
                    "browser_version": browser_version,
                    "os": os,
                    "os_version": os_version,
                    "device": device,
                    "robot": robot,
                    "resource_id": resource_id,
                    "resource_name": resource_name,
                    "dataset_id": dataset_id,
                    "space_id": space_id,
                    "bytes": bytes,
                    "http_status": http_status,
                    "access_method": access_method,
                    "items": items,
                }
            ),
        )

    def link_followed(
        self,
        *,
        url: str,
        link: str,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        language: str | None = None,
        session: str | None = None,
        visitor: str | None = None,
        country: str | None = None,
        browser: str | None = None,
        browser_version: str | None = None,
        os: str | None = None,
        os_version: str | None = None,
        device: Literal["desktop", "mobile", "robot", "tablet", "tool", "tv"] | None = None,
        robot: bool | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Somebody followed a link to another site.

        Args:
            url: Address of the page that has the link, without its query's secrets.
            link: Where it leads, without its query.
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            language: Language of the browser, BCP 47.
            session: Random id of the visit.
            visitor: Who it was, for one day: a hash that nobody can trace when the day is over.
            country: Country of the address, ISO 3166-1 alpha-2.
            browser: Name of the browser, as Firefox.
            browser_version: Its version, as 143.0.
            os: Name of the operating system, as Windows.
            os_version: Its version, as 11.
            device: Kind of device.
            robot: Whether COUNTER's list knows it as a robot.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.link_followed",
            user,
            time,
            subject,
            {"url": url, "link": link}
            | _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "language": language,
                    "session": session,
                    "visitor": visitor,
                    "country": country,
                    "browser": browser,
                    "browser_version": browser_version,
                    "os": os,
                    "os_version": os_version,
                    "device": device,
                    "robot": robot,
                }
            ),
        )

    def upload_finished(
        self,
        *,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        language: str | None = None,
        session: str | None = None,
        visitor: str | None = None,
        country: str | None = None,
        browser: str | None = None,
        browser_version: str | None = None,
        os: str | None = None,
        os_version: str | None = None,
        device: Literal["desktop", "mobile", "robot", "tablet", "tool", "tv"] | None = None,
        robot: bool | None = None,
        url: str | None = None,
        dataset_id: str | None = None,
        items: int | None = None,
        bytes: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A browser saw an upload succeed.

        Args:
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            language: Language of the browser, BCP 47.
            session: Random id of the visit.
            visitor: Who it was, for one day: a hash that nobody can trace when the day is over.
            country: Country of the address, ISO 3166-1 alpha-2.
            browser: Name of the browser, as Firefox.
            browser_version: Its version, as 143.0.
            os: Name of the operating system, as Windows.
            os_version: Its version, as 11.
            device: Kind of device.
            robot: Whether COUNTER's list knows it as a robot.
            url: Address of the page, without its query's secrets.
            dataset_id: Dataset that it went into.
            items: Files in it.
            bytes: Size of all its files, bytes.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.upload_finished",
            user,
            time,
            subject,
            _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "language": language,
                    "session": session,
                    "visitor": visitor,
                    "country": country,
                    "browser": browser,
                    "browser_version": browser_version,
                    "os": os,
                    "os_version": os_version,
                    "device": device,
                    "robot": robot,
                    "url": url,
                    "dataset_id": dataset_id,
                    "items": items,
                    "bytes": bytes,
                }
            ),
        )

    def extraction_submitted(
        self,
        *,
        user_name: str | None = None,
        author_id: str | None = None,
        author_name: str | None = None,
        language: str | None = None,
        session: str | None = None,
        visitor: str | None = None,
        country: str | None = None,
        browser: str | None = None,
        browser_version: str | None = None,
        os: str | None = None,
        os_version: str | None = None,
        device: Literal["desktop", "mobile", "robot", "tablet", "tool", "tv"] | None = None,
        robot: bool | None = None,
        url: str | None = None,
        extractor_name: str | None = None,
        resource_type: Literal["collection", "dataset", "file", "folder", "space"] | None = None,
        resource_id: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Somebody submitted a resource to an extractor in a browser.

        Args:
            user_name: Name of the acting user. Never sent to third parties.
            author_id: Id of the author of the resource.
            author_name: Name of the author of the resource. Never sent to third parties.
            language: Language of the browser, BCP 47.
            session: Random id of the visit.
            visitor: Who it was, for one day: a hash that nobody can trace when the day is over.
            country: Country of the address, ISO 3166-1 alpha-2.
            browser: Name of the browser, as Firefox.
            browser_version: Its version, as 143.0.
            os: Name of the operating system, as Windows.
            os_version: Its version, as 11.
            device: Kind of device.
            robot: Whether COUNTER's list knows it as a robot.
            url: Address of the page, without its query's secrets.
            extractor_name: Name of the extractor, as the page has it.
            resource_type: Kind of resource.
            resource_id: Id of the resource.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.extraction_submitted",
            user,
            time,
            subject,
            _given(
                {
                    "user_name": user_name,
                    "author_id": author_id,
                    "author_name": author_name,
                    "language": language,
                    "session": session,
                    "visitor": visitor,
                    "country": country,
                    "browser": browser,
                    "browser_version": browser_version,
                    "os": os,
                    "os_version": os_version,
                    "device": device,
                    "robot": robot,
                    "url": url,
                    "extractor_name": extractor_name,
                    "resource_type": resource_type,
                    "resource_id": resource_id,
                }
            ),
        )

    def api_request(
        self,
        *,
        method: str,
        route: str,
        status: int,
        duration_ms: float | None = None,
        bytes: int | None = None,
        identity: Literal["anonymous", "extractor", "key", "user"] | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """An API answered a request.

        Args:
            method: HTTP method.
            route: Template of the route, as /datasets/{id}; never the address itself.
            status: HTTP status of the answer.
            duration_ms: Time to answer, milliseconds.
            bytes: Bytes of the answer's body.
            identity: What identified the caller.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "traffic.api_request",
            user,
            time,
            subject,
            {"method": method, "route": route, "status": status}
            | _given({"duration_ms": duration_ms, "bytes": bytes, "identity": identity}),
        )


class Users(_Component):
    """The types of `users`."""

    def signup(
        self,
        *,
        method: str | None = None,
        user_name: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Somebody created an account.

        Args:
            method: Identity provider, as userpass or cilogon.
            user_name: Name of the user. Never sent to third parties.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture("users.signup", user, time, subject, _given({"method": method, "user_name": user_name}))

    def login(
        self,
        *,
        method: str | None = None,
        user_name: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Somebody signed in.

        Args:
            method: Identity provider, as userpass or cilogon.
            user_name: Name of the user. Never sent to third parties.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture("users.login", user, time, subject, _given({"method": method, "user_name": user_name}))


class Health(_Component):
    """The types of `health`."""

    def ping_update(
        self,
        *,
        target: str,
        up: bool | None,
        region: str | None = None,
        monitor: str | None = None,
        check: str | None = None,
        kind: str | None = None,
        every_s: float | None = None,
        missed: int | None = None,
        reason: str | None = None,
        message: str | None = None,
        elapsed_ms: float | None = None,
        method: Literal["icmp", "icmp_raw", "tcp"] | None = None,
        sent: int | None = None,
        received: int | None = None,
        loss_percent: float | None = None,
        min_ms: float | None = None,
        avg_ms: float | None = None,
        median_ms: float | None = None,
        max_ms: float | None = None,
        stddev_ms: float | None = None,
        queue_length: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A host was pinged.

        Args:
            target: What was checked: a host, host:port or name of a service.
            up: Whether it was well; null where the monitor could not tell.
            region: Where the monitor stands.
            monitor: Name of the monitor.
            check: Name of the check.
            kind: Kind of check, as tcp.
            every_s: From one check to the next, seconds.
            missed: Checks that were left out before this one.
            reason: Class of the failure in one word, as timeout.
            message: What was found, for a person.
            elapsed_ms: Duration of the whole check, milliseconds.
            method: How: by a datagram socket, by a raw one, or as the time to connect by TCP.
            sent: Packets sent.
            received: Packets that came back.
            loss_percent: Packets lost, percent.
            min_ms: Shortest round trip, milliseconds.
            avg_ms: Mean round trip, milliseconds.
            median_ms: Median round trip, milliseconds.
            max_ms: Longest round trip, milliseconds.
            stddev_ms: Standard deviation of the round trips, milliseconds.
            queue_length: Messages waiting in the queue asked about.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.ping_update",
            user,
            time,
            subject,
            {"target": target, "up": up}
            | _given(
                {
                    "region": region,
                    "monitor": monitor,
                    "check": check,
                    "kind": kind,
                    "every_s": every_s,
                    "missed": missed,
                    "reason": reason,
                    "message": message,
                    "elapsed_ms": elapsed_ms,
                    "method": method,
                    "sent": sent,
                    "received": received,
                    "loss_percent": loss_percent,
                    "min_ms": min_ms,
                    "avg_ms": avg_ms,
                    "median_ms": median_ms,
                    "max_ms": max_ms,
                    "stddev_ms": stddev_ms,
                    "queue_length": queue_length,
                }
            ),
        )

    def download_update(
        self,
        *,
        up: bool | None,
        url: str,
        target: str | None = None,
        region: str | None = None,
        monitor: str | None = None,
        check: str | None = None,
        kind: str | None = None,
        every_s: float | None = None,
        missed: int | None = None,
        reason: str | None = None,
        message: str | None = None,
        elapsed_ms: float | None = None,
        status: int | None = None,
        redirects: int | None = None,
        dns_ms: float | None = None,
        connect_ms: float | None = None,
        tls_ms: float | None = None,
        first_byte_ms: float | None = None,
        transfer_ms: float | None = None,
        bytes: int | None = None,
        bytes_per_second: float | None = None,
        certificate_days: float | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A page or file was fetched to see how long it takes.

        Args:
            up: Whether it was well; null where the monitor could not tell.
            url: Address fetched, without credentials or query.
            target: What was checked: a host, host:port or name of a service.
            region: Where the monitor stands.
            monitor: Name of the monitor.
            check: Name of the check.
            kind: Kind of check, as tcp.
            every_s: From one check to the next, seconds.
            missed: Checks that were left out before this one.
            reason: Class of the failure in one word, as timeout.
            message: What was found, for a person.
            elapsed_ms: Duration of the whole check, milliseconds.
            status: HTTP status of the answer.
            redirects: Redirects that were followed.
            dns_ms: Name look-up, milliseconds.
            connect_ms: TCP connect, milliseconds.
            tls_ms: TLS handshake, milliseconds.
            first_byte_ms: Request sent to first byte, milliseconds.
            transfer_ms: First to last byte, milliseconds.
            bytes: Bytes of the body.
            bytes_per_second: Rate of the transfer, bytes per second.
            certificate_days: Days until the certificate ends; negative: past.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.download_update",
            user,
            time,
            subject,
            {"up": up, "url": url}
            | _given(
                {
                    "target": target,
                    "region": region,
                    "monitor": monitor,
                    "check": check,
                    "kind": kind,
                    "every_s": every_s,
                    "missed": missed,
                    "reason": reason,
                    "message": message,
                    "elapsed_ms": elapsed_ms,
                    "status": status,
                    "redirects": redirects,
                    "dns_ms": dns_ms,
                    "connect_ms": connect_ms,
                    "tls_ms": tls_ms,
                    "first_byte_ms": first_byte_ms,
                    "transfer_ms": transfer_ms,
                    "bytes": bytes,
                    "bytes_per_second": bytes_per_second,
                    "certificate_days": certificate_days,
                }
            ),
        )

    def connection_update(
        self,
        *,
        target: str | None = None,
        up: bool | None = None,
        region: str | None = None,
        monitor: str | None = None,
        check: str | None = None,
        kind: str | None = None,
        every_s: float | None = None,
        missed: int | None = None,
        reason: str | None = None,
        message: str | None = None,
        elapsed_ms: float | None = None,
        interval_s: float | None = None,
        requests: int | None = None,
        robots: int | None = None,
        clients: int | None = None,
        connections: int | None = None,
        bytes: int | None = None,
        status_1xx: int | None = None,
        status_2xx: int | None = None,
        status_3xx: int | None = None,
        status_4xx: int | None = None,
        status_5xx: int | None = None,
        p50_ms: float | None = None,
        p95_ms: float | None = None,
        p99_ms: float | None = None,
        unreadable: int | None = None,
        active: int | None = None,
        reading: int | None = None,
        writing: int | None = None,
        waiting: int | None = None,
        accepted: int | None = None,
        dropped: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """What NGINX served in an interval.

        Args:
            target: What was checked: a host, host:port or name of a service.
            up: Whether it was well; null where the monitor could not tell.
            region: Where the monitor stands.
            monitor: Name of the monitor.
            check: Name of the check.
            kind: Kind of check, as tcp.
            every_s: From one check to the next, seconds.
            missed: Checks that were left out before this one.
            reason: Class of the failure in one word, as timeout.
            message: What was found, for a person.
            elapsed_ms: Duration of the whole check, milliseconds.
            interval_s: Length of the interval, seconds.
            requests: Requests in the interval, those of robots included.
            robots: Requests of robots among them.
            clients: Distinct clients in the interval.
            connections: Distinct connections in the interval.
            bytes: Bytes sent in the interval.
            status_1xx: Requests answered with a status from 100 to 199.
            status_2xx: Requests answered with a status from 200 to 299.
            status_3xx: Requests answered with a status from 300 to 399.
            status_4xx: Requests answered with a status from 400 to 499.
            status_5xx: Requests answered with a status from 500 to 599.
            p50_ms: Median time to answer, milliseconds.
            p95_ms: 95 % were answered faster, milliseconds.
            p99_ms: 99 % were answered faster, milliseconds.
            unreadable: Lines that do not fit the format of the log.
            active: Connections open at its end.
            reading: Open connections of which the request is read.
            writing: Open connections to which an answer is written.
            waiting: Open connections that are idle.
            accepted: Connections accepted in the interval.
            dropped: Connections accepted and not handled in the interval.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.connection_update",
            user,
            time,
            subject,
            _given(
                {
                    "target": target,
                    "up": up,
                    "region": region,
                    "monitor": monitor,
                    "check": check,
                    "kind": kind,
                    "every_s": every_s,
                    "missed": missed,
                    "reason": reason,
                    "message": message,
                    "elapsed_ms": elapsed_ms,
                    "interval_s": interval_s,
                    "requests": requests,
                    "robots": robots,
                    "clients": clients,
                    "connections": connections,
                    "bytes": bytes,
                    "status_1xx": status_1xx,
                    "status_2xx": status_2xx,
                    "status_3xx": status_3xx,
                    "status_4xx": status_4xx,
                    "status_5xx": status_5xx,
                    "p50_ms": p50_ms,
                    "p95_ms": p95_ms,
                    "p99_ms": p99_ms,
                    "unreadable": unreadable,
                    "active": active,
                    "reading": reading,
                    "writing": writing,
                    "waiting": waiting,
                    "accepted": accepted,
                    "dropped": dropped,
                }
            ),
        )

    def queue_update(
        self,
        *,
        queue: str,
        target: str | None = None,
        up: bool | None = None,
        region: str | None = None,
        monitor: str | None = None,
        check: str | None = None,
        kind: str | None = None,
        every_s: float | None = None,
        missed: int | None = None,
        reason: str | None = None,
        message: str | None = None,
        elapsed_ms: float | None = None,
        ready: int | None = None,
        unacknowledged: int | None = None,
        consumers: int | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """The length of a queue.

        Args:
            queue: Name of the queue.
            target: What was checked: a host, host:port or name of a service.
            up: Whether it was well; null where the monitor could not tell.
            region: Where the monitor stands.
            monitor: Name of the monitor.
            check: Name of the check.
            kind: Kind of check, as tcp.
            every_s: From one check to the next, seconds.
            missed: Checks that were left out before this one.
            reason: Class of the failure in one word, as timeout.
            message: What was found, for a person.
            elapsed_ms: Duration of the whole check, milliseconds.
            ready: Messages ready for a consumer.
            unacknowledged: Messages delivered and not acknowledged yet.
            consumers: Consumers of the queue.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.queue_update",
            user,
            time,
            subject,
            {"queue": queue}
            | _given(
                {
                    "target": target,
                    "up": up,
                    "region": region,
                    "monitor": monitor,
                    "check": check,
                    "kind": kind,
                    "every_s": every_s,
                    "missed": missed,
                    "reason": reason,
                    "message": message,
                    "elapsed_ms": elapsed_ms,
                    "ready": ready,
                    "unacknowledged": unacknowledged,
                    "consumers": consumers,
                }
            ),
        )

    def check_update(
        self,
        *,
        target: str,
        up: bool | None,
        region: str | None = None,
        monitor: str | None = None,
        check: str | None = None,
        kind: str | None = None,
        every_s: float | None = None,
        missed: int | None = None,
        reason: str | None = None,
        message: str | None = None,
        elapsed_ms: float | None = None,
        value: float | None = None,
        dns_ms: float | None = None,
        connect_ms: float | None = None,
        tls_ms: float | None = None,
        write_ms: float | None = None,
        fsync_ms: float | None = None,
        free_bytes: int | None = None,
        addresses: int | None = None,
        certificate_days: float | None = None,
        age_s: float | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """Any other check was made.

        Args:
            target: What was checked: a host, host:port or name of a service.
            up: Whether it was well; null where the monitor could not tell.
            region: Where the monitor stands.
            monitor: Name of the monitor.
            check: Name of the check.
            kind: Kind of check, as tcp.
            every_s: From one check to the next, seconds.
            missed: Checks that were left out before this one.
            reason: Class of the failure in one word, as timeout.
            message: What was found, for a person.
            elapsed_ms: Duration of the whole check, milliseconds.
            value: What was measured, in the unit of the check.
            dns_ms: Name look-up, milliseconds.
            connect_ms: TCP connect, milliseconds.
            tls_ms: TLS handshake, milliseconds.
            write_ms: Time to write, milliseconds.
            fsync_ms: Time until it was on the disk, milliseconds.
            free_bytes: Bytes that are free.
            addresses: Addresses that a name has.
            certificate_days: Days until the certificate ends; negative: past.
            age_s: Since the last heartbeat, seconds.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.check_update",
            user,
            time,
            subject,
            {"target": target, "up": up}
            | _given(
                {
                    "region": region,
                    "monitor": monitor,
                    "check": check,
                    "kind": kind,
                    "every_s": every_s,
                    "missed": missed,
                    "reason": reason,
                    "message": message,
                    "elapsed_ms": elapsed_ms,
                    "value": value,
                    "dns_ms": dns_ms,
                    "connect_ms": connect_ms,
                    "tls_ms": tls_ms,
                    "write_ms": write_ms,
                    "fsync_ms": fsync_ms,
                    "free_bytes": free_bytes,
                    "addresses": addresses,
                    "certificate_days": certificate_days,
                    "age_s": age_s,
                }
            ),
        )

    def heartbeat(
        self,
        *,
        name: str,
        ok: bool | None = None,
        duration_ms: float | None = None,
        message: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A job or program reported in.

        Args:
            name: Of what reports in, as nightly-backup.
            ok: Whether its work was done well.
            duration_ms: How long that took, milliseconds.
            message: What it says, for a person.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.heartbeat",
            user,
            time,
            subject,
            {"name": name} | _given({"ok": ok, "duration_ms": duration_ms, "message": message}),
        )

    def status_changed(
        self,
        *,
        target: str,
        up: bool | None,
        region: str | None = None,
        monitor: str | None = None,
        check: str | None = None,
        kind: str | None = None,
        every_s: float | None = None,
        missed: int | None = None,
        reason: str | None = None,
        message: str | None = None,
        elapsed_ms: float | None = None,
        since: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """A check went up or down.

        Args:
            target: What was checked: a host, host:port or name of a service.
            up: Whether it was well; null where the monitor could not tell.
            region: Where the monitor stands.
            monitor: Name of the monitor.
            check: Name of the check.
            kind: Kind of check, as tcp.
            every_s: From one check to the next, seconds.
            missed: Checks that were left out before this one.
            reason: Class of the failure in one word, as timeout.
            message: What was found, for a person.
            elapsed_ms: Duration of the whole check, milliseconds.
            since: When the state before began, RFC 3339.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.status_changed",
            user,
            time,
            subject,
            {"target": target, "up": up}
            | _given(
                {
                    "region": region,
                    "monitor": monitor,
                    "check": check,
                    "kind": kind,
                    "every_s": every_s,
                    "missed": missed,
                    "reason": reason,
                    "message": message,
                    "elapsed_ms": elapsed_ms,
                    "since": since,
                }
            ),
        )

    def sink_update(
        self,
        *,
        worker: str,
        accepted: int | None = None,
        delivered: int | None = None,
        waiting: int | None = None,
        dead: int | None = None,
        dropped: int | None = None,
        missing: int | None = None,
        lag_s: float | None = None,
        canary_s: float | None = None,
        spool_events: int | None = None,
        spool_bytes: int | None = None,
        unready: str | None = None,
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """The event sink says how one of its workers is.

        Args:
            worker: Name of the worker.
            accepted: Events that were accepted for it, ever.
            delivered: Events that its destination has, ever.
            waiting: Events that wait for it.
            dead: Events that it could not deliver, ever.
            dropped: Dead events that a person has thrown away, ever.
            missing: Events that are nowhere any more, ever.
            lag_s: Age of the oldest event that waits, seconds.
            canary_s: How long the last canary took to be delivered, seconds.
            spool_events: Events in the spool of the front door.
            spool_bytes: Size of that spool, bytes.
            unready: Why events would be refused; empty while they are not.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture(
            "health.sink_update",
            user,
            time,
            subject,
            {"worker": worker}
            | _given(
                {
                    "accepted": accepted,
                    "delivered": delivered,
                    "waiting": waiting,
                    "dead": dead,
                    "dropped": dropped,
                    "missing": missing,
                    "lag_s": lag_s,
                    "canary_s": canary_s,
                    "spool_events": spool_events,
                    "spool_bytes": spool_bytes,
                    "unready": unready,
                }
            ),
        )

    def canary_update(
        self,
        *,
        by: Literal["doctor", "schedule"],
        user: str | None = None,
        time: datetime | str | float | None = None,
        subject: str | None = None,
    ) -> None:
        """An event that is there to be seen arriving.

        Args:
            by: Who has sent it.
            user: who did it.
            time: when it happened; by default now.
            subject: what it is about.
        """
        self._capture("health.canary_update", user, time, subject, {"by": by})


class Catalogued:
    """The components of the catalogue; what reports events is one of these."""

    @property
    def storage(self) -> Storage:
        """The types of `storage`."""
        return Storage(self._capture)

    @property
    def extractions(self) -> Extractions:
        """The types of `extractions`."""
        return Extractions(self._capture)

    @property
    def traffic(self) -> Traffic:
        """The types of `traffic`."""
        return Traffic(self._capture)

    @property
    def users(self) -> Users:
        """The types of `users`."""
        return Users(self._capture)

    @property
    def health(self) -> Health:
        """The types of `health`."""
        return Health(self._capture)

    def _capture(
        self,
        kind: str,
        user: str | None,
        time: datetime | str | float | None,
        subject: str | None,
        data: dict[str, Any],
    ) -> None:
        raise NotImplementedError
