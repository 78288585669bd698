"""Writes each event as a point to InfluxDB 1, 2 or 3."""

import asyncio
import gzip
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog

from eventsink.deliver.http import PATIENCE, Answer, HttpDestination, shorten
from eventsink.deliver.worker import Worker
from eventsink.deliver.workers.influxdb.answers import is_missing, judge, reason_of
from eventsink.deliver.workers.influxdb.examination import examined
from eventsink.deliver.workers.influxdb.line_protocol import EventLines
from eventsink.deliver.workers.influxdb.upstream_points import UpstreamLines
from eventsink.deliver.workers.influxdb.versions import Version, influxdb_1, influxdb_2, influxdb_3, seconds_of
from eventsink.errors import NoAnswer, Refused, SettingsError, TryLater
from eventsink.event import Event
from eventsink.point import Point

REMEDY = "Give the worker a user (InfluxDB 1) or a token (InfluxDB 2 and 3) that may write there."
SHORTEST = 3600  # seconds of retention, as InfluxDB 1 has it
LARGEST = 10_000_000  # bytes of lines in one request: InfluxDB 1 takes 25 MB, InfluxDB 3 takes 10
WRITES = 3  # requests on their way: InfluxDB and we are at work at the same time
AT_ONCE = 2500  # events in one request
FEWEST = 50  # of a server that is too slow for more
NO_HEADERS: Mapping[str, str] = {}
_NAME = re.compile(r"[^\"'/\\\x00-\x1f]+")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Options:
    """Where InfluxDB is, how to get in, and what to write."""

    url: Annotated[str, "Its address."] = "http://localhost:8086"
    database: Annotated[str, "InfluxDB 1 and 3: the database; made if it is not there."] = "eventsink"
    username: Annotated[str, "InfluxDB 1: a user that may write; empty if it asks for none."] = ""
    password: Annotated[str, "InfluxDB 1: the password of that user."] = ""
    token: Annotated[str, "InfluxDB 2 and 3: a token that may write."] = ""
    org: Annotated[str, "InfluxDB 2: the organization."] = ""
    bucket: Annotated[str, "InfluxDB 2: the bucket; made if it is not there."] = ""
    retention: Annotated[str, "InfluxDB 1 and 2: how long what is made keeps points, as 90d; empty for ever."] = ""
    version: Annotated[int, "1, 2 or 3; 0 asks the server."] = 0
    schema: Annotated[
        Literal["events", "upstream"],
        "events: a measurement a component. upstream: the one that event-sink-consumers wrote.",
    ] = "events"
    gzip: Annotated[bool, "Compress what is sent."] = True
    timeout: Annotated[float, "Seconds in which InfluxDB must have answered."] = 15.0


class InfluxDB(Worker[Options]):
    """Delivers by one write request; an event that comes again writes its own point again."""

    batch_size = 10_000
    batch_wait = 0.5

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        check(options, options.version)
        self._http = HttpDestination("InfluxDB", remedy=REMEDY, timeout=options.timeout, connections=WRITES)
        self._lines = UpstreamLines() if options.schema == "upstream" else EventLines()
        self._version = version_of(options, options.version) if options.version else None
        self._at_once = AT_ONCE

    async def open(self) -> None:
        """Make a session, and ask which version it is unless the settings say so."""
        await self._http.open()
        if self._version is None:
            self._version = await self._ask_version()

    async def examine(self) -> Sequence[Point]:
        """Its version, and whether it lets us write and make what is written into."""
        await self.open()
        assert self._version is not None  # noqa: S101 - open has found it
        return await examined(self._version, self._send, self._http)

    async def deliver(self, events: Sequence[Event]) -> None:
        """Write the events of the batch in a few requests; the next is encoded while InfluxDB works on the last.

        Requests that are not answered in time are made smaller, and larger again when they are.
        """
        if self._version is None:
            raise TryLater("The worker of InfluxDB is not open.")
        size = self._at_once
        try:
            await self._deliver_by(size, self._version, events)
        except NoAnswer:
            self._at_once = max(size // 4, FEWEST)
            raise
        self._at_once = min(size * 2, AT_ONCE)

    async def _deliver_by(self, size: int, version: Version, events: Sequence[Event]) -> None:
        writing: deque[asyncio.Task[None]] = deque()
        try:
            for start in range(0, len(events), size):
                part = events[start : start + size]
                body = await asyncio.to_thread(self._pack, part)
                if len(writing) == WRITES:
                    await writing.popleft()
                writing.append(asyncio.create_task(self._deliver_part(version, part, body)))
            while writing:
                await writing.popleft()
        finally:
            for task in writing:
                task.cancel()

    async def _deliver_part(self, version: Version, events: Sequence[Event], body: bytes) -> None:
        """Write some events, into a database that is made if it is not there."""
        answer = await self._write(version, body)
        if is_missing(answer):
            await self._create(version)
            answer = await self._write(version, body)
        judge(answer, events)
        self._http.check(answer, reason_of(answer))

    async def close(self) -> None:
        """Close the session."""
        await self._http.close()

    def _pack(self, events: Sequence[Event]) -> bytes:
        lines = self._lines.encode(events)
        if len(lines) > LARGEST and len(events) > 1:
            raise Refused(f"InfluxDB does not take {len(lines)} bytes at once.")  # the runner halves the batch
        return gzip.compress(lines, compresslevel=1, mtime=0) if self.options.gzip else lines

    async def _write(self, version: Version, body: bytes) -> Answer:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self.options.gzip:
            headers["Content-Encoding"] = "gzip"
        return await self._send("POST", version.path, query=version.query, headers=headers, body=body)

    async def _create(self, version: Version) -> None:
        reason = await version.create(self._send)
        if reason:
            said = f"There is no such database, and InfluxDB does not let us make it: {shorten(reason)}"
            raise TryLater(f"{said} Run: {version.by_hand}", after=PATIENCE)
        _log.info("influxdb.created", database=self.options.bucket or self.options.database)

    async def _ask_version(self) -> Version:
        answer = await self._send("GET", "/ping")
        self._http.check(answer)
        found = re.match(r"v?([123])\.", answer.headers.get("X-Influxdb-Version", ""))
        if found is None:
            raise TryLater(f"{self.options.url} does not say which InfluxDB it is: set version.", after=PATIENCE)
        try:
            check(self.options, int(found[1]))
        except SettingsError as error:
            raise TryLater(f"{self.options.url} is InfluxDB {found[1]}. {error}", after=PATIENCE) from None
        return version_of(self.options, int(found[1]))

    async def _send(self, method: str, path: str, *, headers: Mapping[str, str] = NO_HEADERS, **more: Any) -> Answer:
        version = self._version or version_of(self.options, 1 if self.options.username else 3)
        url = self.options.url.rstrip("/") + path
        return await self._http.send(method, url, headers={**version.authorization, **headers}, **more)


def version_of(options: Options, version: int) -> Version:
    """A version of InfluxDB with its settings."""
    if version == 1:
        user = {"username": options.username, "password": options.password}
        return influxdb_1(database=options.database, retention=options.retention, **user)
    if version == 2:
        place = {"org": options.org, "bucket": options.bucket}
        return influxdb_2(token=options.token, retention=options.retention, **place)
    return influxdb_3(token=options.token, database=options.database)


# --- settings --------------------------------------------------------------------------------------------------------


def check(options: Options, version: int) -> None:
    """Refuse settings that do not go together.

    Args:
        options: the settings.
        version: of InfluxDB, 0 as long as it is not known.

    Raises:
        SettingsError: saying which.
    """
    secrets = options.token + options.username + options.password
    user, bucket = bool(options.username or options.password), bool(options.org or options.bucket)
    rules = (
        (_is_address(options.url), "url must be as http://host:8086, without a user, a password or a query in it."),
        (version in range(4), "version must be 1, 2 or 3; 0 asks the server."),
        (_NAME.fullmatch(options.database), "database must be a name without quotes, slashes and backslashes."),
        (not options.retention or seconds_of(options.retention) >= SHORTEST, "retention must be as 90d, 12h or 4w."),
        (not user or (options.username and options.password), "username and password go together."),
        (not user or not options.token, "give username and password (InfluxDB 1), or a token (InfluxDB 2 and 3)."),
        (version != 1 or not (options.token or bucket), "InfluxDB 1 has no token, org or bucket: give a database."),
        (
            not (bucket or version == 2) or (options.token and options.org and options.bucket),
            "InfluxDB 2 needs token, org and bucket.",
        ),
        (version != 2 or not user, "InfluxDB 2 has no username: give a token."),
        (
            version != 3 or not (user or bucket),
            "InfluxDB 3 has no username, org or bucket: give a database and a token.",
        ),
        (version != 3 or not options.retention, "InfluxDB 3 is told about retention elsewhere: leave it out."),
        (secrets.isprintable(), "token, username and password must be text of one line."),
        (options.timeout > 0, "timeout must be more than 0 seconds."),
    )
    for right, sentence in rules:
        if not right:
            raise SettingsError(f"workers.influxdb: {sentence}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in url and not parts.query
    except ValueError:  # a bracket too many, a port that is none
        return False
