"""Views and downloads of Clowder's resources, as events of the catalogue, from the log in front of it.

For a Clowder that sends no events itself, also for years gone by. What counts:

* GET of a page of a dataset, file, collection or space, answered with 200 or 304: a view.
* GET of the content of a file or dataset, answered with 200 or 304, or with 206 if the log tells that the part begins
  at the first byte (`$http_range` or `$sent_http_content_range`): a download. What a program fetches in pieces counts
  once so; where the log does not tell, parts are left out and counted as such.
* Robots are no use, and left out, as COUNTER has it, or marked as what they are. What asks not to be counted
  (`tracking=false` of Clowder 1, `increment=false` of Clowder 2) is left out.

An id follows from the line without address, user and query, and from its number among equal ones of its moment. So the
same log gives the same ids when it is read again, renamed or compressed; and nobody can try out addresses on an id.
Only two equal lines of one second that rotation put into two files, and that are read by two commands, become one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from eventsink.browsers.robots import Kind, Robots
from eventsink.event import content_id
from eventsink.watch.nginx import people
from eventsink.watch.nginx.parser import Parsed
from eventsink.watch.nginx.people import People
from eventsink.watch.nginx.values import text, whole

__all__ = ["WANTED", "Views"]

WANTED = (
    "request", "request_method", "request_uri", "status", "body_bytes_sent", "bytes_sent", "http_user_agent",
    "http_range", "sent_http_content_range", *people.WANTED,
)  # fmt: skip
_ID = r"(?P<id>[0-9a-fA-F]{24}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
_PAGE = re.compile(rf"/(?P<kind>files|datasets|collections?|spaces)/{_ID}/?")
_CONTENT = re.compile(
    rf"""(?x)/(?:
      (?P<files>files)/{_ID}/(?:blob|download(?:/[^/]*)?)
    | (?P<datasets>datasets)/{_ID.replace("<id>", "<id2>")}/download
    | api/(?:v2/(?:public_)?)?(?P<api_files>files)/{_ID.replace("<id>", "<id3>")}(?:/blob|/(?P<link>url))?
    | api/(?:v2/(?:public_)?)?(?P<api_datasets>datasets)/{_ID.replace("<id>", "<id4>")}/download
    )/?"""
)
_KINDS = {
    "files": "file",
    "datasets": "dataset",
    "collection": "collection",
    "collections": "collection",
    "spaces": "space",
}
_DATASET = re.compile(rf"(?:^|&)dataset={_ID}(?:&|$)")  # from which a file was looked at
_NOT_COUNTED = re.compile(r"(?:^|&)(?:tracking|increment)=false(?:&|$)")
_BEGINS = re.compile(r"bytes[= ]0-")
MEMORY = 900  # seconds for which equal lines are known to be equal, by the clock of the log
MOST_EQUAL = 200_000


class Views:
    """Makes events of lines.

    Args:
        robots: tells robots by their user agents.
        people: tells who asked; None tells of nobody.
        with_robots: tell also of what robots did, marked as theirs: it is no use.
        prefix: path under which Clowder is, as `/clowder`.
        source: of the events; the sink gives one if it is empty.
        since: earlier lines are passed over, seconds since 1970; `until` likewise.
    """

    def __init__(  # noqa: PLR0913 - what a person can choose
        self, robots: Robots, people: People | None = None, *, with_robots: bool = False, prefix: str = "",
        source: str = "", since: float = 0.0, until: float = float("inf"),
    ) -> None:  # fmt: skip
        self.left_out: Counter[str] = Counter()
        """Requests for resources that are no events, by the reason."""
        self._robots, self._people, self._with_robots = robots, people, with_robots
        self._prefix, self._source = prefix.rstrip("/"), source
        self._since, self._until = since, until
        self._equal: Counter[tuple[Any, ...]] = Counter()
        self._equal_before: Counter[tuple[Any, ...]] = Counter()
        self._turned = 0.0

    def events(self, parsed: Parsed) -> Iterator[dict[str, Any]]:
        """The events of some lines, as the sink takes them."""
        columns, prefix = parsed.columns, self._prefix
        for place, request in enumerate(_requests(columns)):
            path, _, query = request.partition("?")
            if not path.startswith(prefix):
                continue
            found = _resource(path[len(prefix) :])
            if found is not None and self._since <= parsed.seconds[place] < self._until:
                line = {name: text(column[place]) for name, column in columns.items()}
                event = self._event(found, path, query, line, parsed.seconds[place])
                if event:
                    yield event

    def _event(
        self, found: tuple[str, str, str, bool], path: str, query: str, line: dict[str, str], seconds: float
    ) -> dict[str, Any] | None:
        event_type, kind, identifier, has_bytes = found
        status, agent = whole(line.get("status")), line.get("http_user_agent", "")
        method = self._robots[agent] if agent or "http_user_agent" in line else Kind.regular
        reason = _left_out(event_type, status, query, line)
        if method is Kind.robot and not self._with_robots:
            reason = reason or "of robots"
        if reason:
            self.left_out[reason] += 1
            return None
        sent = whole(line.get("body_bytes_sent") or line.get("bytes_sent"))
        data: dict[str, Any] = {"resource_type": kind, "resource_id": identifier, "http_status": status}
        if "http_user_agent" in line:
            data["access_method"] = "regular" if method is Kind.regular else "machine"
        if has_bytes and status != 304:
            data["bytes"] = sent
        if method is Kind.robot:
            data["robot"] = True
        if kind == "file" and (within := _DATASET.search(query)):
            data["dataset_id"] = within["id"].lower()
        time = datetime.fromtimestamp(seconds, UTC)
        if self._people:
            data |= self._people.of(line, time)
        content = (seconds, path, status, sent, agent)
        names = ("time", "path", "status", "bytes", "agent", "number")
        number = self._number(content, seconds)
        event = {
            "id": content_id(dict(zip(names, (*content, number), strict=True)), time),
            "type": event_type,
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "subject": f"{kind}s/{identifier}",
            "data": data,
        }
        return event | ({"source": self._source} if self._source else {})

    def _number(self, content: tuple[Any, ...], seconds: float) -> int:
        """How many equal lines there were before, of the last time."""
        if seconds > self._turned + MEMORY or len(self._equal) >= MOST_EQUAL:
            self._equal_before, self._equal, self._turned = self._equal, Counter(), seconds
        number = self._equal[content] or self._equal_before[content]
        self._equal[content] = number + 1
        return number


def _requests(columns: Any) -> Iterator[str]:
    """The address of each GET; an empty one of all other requests."""
    if "request_uri" in columns and "request_method" in columns:
        for method, address in zip(columns["request_method"], columns["request_uri"], strict=True):
            yield text(address) if method in ("GET", b"GET") else ""
        return
    for request in columns.get("request", ()):
        words = text(request).split(" ")
        yield words[1] if len(words) > 1 and words[0] == "GET" else ""


def _resource(path: str) -> tuple[str, str, str, bool] | None:
    """Type of the event, kind and id of the resource, and whether what is sent are its bytes; None for all else."""
    if page := _PAGE.fullmatch(path):
        return "traffic.resource_viewed", _KINDS[page["kind"]], page["id"].lower(), False
    content = _CONTENT.fullmatch(path)
    if content is None:
        return None
    identifier = content["id"] or content["id2"] or content["id3"] or content["id4"]
    is_file = bool(content["files"] or content["api_files"])
    kind = "file" if is_file else "dataset"
    return "traffic.resource_downloaded", kind, identifier.lower(), is_file and not content["link"]


def _left_out(event_type: str, status: int, query: str, line: dict[str, str]) -> str:
    """Why a request is no use of a resource; empty if it is."""
    if _NOT_COUNTED.search(query):
        return "that ask not to be counted"
    if status == 206 and event_type == "traffic.resource_downloaded":
        part = line.get("http_range", "") or line.get("sent_http_content_range", "")
        if _BEGINS.match(part):
            return ""
        return "for a later part of a file" if part.startswith("bytes") else "for a part of a file, unknown which"
    return "" if status in (200, 304) else "that were not answered with success"
