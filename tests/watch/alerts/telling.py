"""What tests of notices share: notices, channels and servers that do what a test says, and a sender at work."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eventsink.settings import Alerts
from eventsink.watch.alerts import outbox
from eventsink.watch.alerts.channel import Channel, Message
from eventsink.watch.alerts.channels import open_channels
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.notice import Notice
from eventsink.watch.alerts.patience import Patience
from eventsink.watch.alerts.sender import Sender
from eventsink.watch.alerts.text import Texts
from tests.servers import faults

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SOON = Patience(first=0.02, longest=0.05)


def notice(number: int = 1, kind: str = "firing", **more: Any) -> Notice:
    """One notice."""
    given = {
        "id": f"n{number}",
        "alert": f"check/site-{number}",
        "title": f"site-{number}",
        "kind": kind,
        "severity": "critical",
        "time": NOON,
        "since": NOON - timedelta(minutes=65),
        "reason": "timeout",
        "message": "It did not answer within 10 seconds.",
    }
    return Notice(**(given | more))


async def until(condition: Callable[[], Any], within: float = 30) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


class Scripted(Channel):
    """Does at each message what comes next: nothing, or it raises, or awaits; the last for ever."""

    def __init__(self, label: str = "scripted-0000", *script: Any, most: int = 500, longest: int = 8000) -> None:
        super().__init__(label)
        self.script = list(script) or [None]
        self.most = most
        self.longest = longest
        self.sent: list[Message] = []
        self.tries: list[Message] = []

    async def send(self, message: Message) -> None:
        """The next of the script."""
        self.tries.append(message)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            await step()
        self.sent.append(message)

    @property
    def ids(self) -> list[list[str]]:
        """Of what was taken, by message."""
        return [[told.notice.id for told in message.notices] for message in self.sent]


class Receiver:
    """A web server that keeps what is posted, a behaviour for `faults.serving`.

    Args:
        replies: the head of an answer each, as "500 Oops\\r\\nRetry-After: 3", or a behaviour; the last for ever.
    """

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies) or ["200 OK"]
        self.paths: list[str] = []
        self.heads: list[Mapping[str, str]] = []
        self.bodies: list[Any] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await faults.ask(reader)).decode().split("\r\n")
        head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(head.get("content-length", 0)))
        self.paths.append(lines[0].split(" ")[1])
        self.heads.append(head)
        self.bodies.append(json.loads(body) if "json" in head.get("content-type", "") else body)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if not isinstance(reply, str):
            await reply(reader, writer)
            return
        first, _, rest = reply.partition("\r\n\r\n")
        writer.write(f"HTTP/1.1 {first}\r\nContent-Length: {len(rest)}\r\nConnection: close\r\n\r\n{rest}".encode())

    @property
    def ids(self) -> list[list[str]]:
        """Of the notices, by request."""
        return [[told["id"] for told in body["notices"]] for body in self.bodies]


async def hush(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Says nothing any more."""
    await asyncio.sleep(3600)


async def put(file: AlertFile, notices: Sequence[Notice], channels: Sequence[str], **when: Any) -> None:
    """Put notices into the outbox."""
    now = when.get("now") or datetime.now(UTC)

    def work(connection: Any) -> None:
        for each in notices:
            outbox.put(connection, each, channels, now, when.get("due") or now)

    await file.run(work)


async def rows(file: AlertFile, what: str = "state, count(*)", rest: str = "GROUP BY state") -> list[tuple[Any, ...]]:
    """What is in the table."""
    return await file.run(lambda c: c.execute(f"SELECT {what} FROM notices {rest}").fetchall())


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[AlertFile]:
    """The file of alerts in a folder."""
    file = AlertFile(folder / "alerts.db", outbox.SCHEMA)
    try:
        yield file
    finally:
        await file.close()


@asynccontextmanager
async def sending(
    file: AlertFile, channels: Mapping[str, Channel] | Sequence[Channel] | None = None, **settings: Any
) -> AsyncIterator[Sender]:
    """A sender at work, on some channels or on those of `notify`."""
    patience = settings.pop("patience", SOON)
    alerts = Alerts(**settings)
    if channels is None:
        channels = open_channels(alerts)
    elif not isinstance(channels, Mapping):
        channels = {channel.label: channel for channel in channels}
    sender = Sender(file, channels, Texts(alerts, "https://sink.example.org"), alerts, patience)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
        assert not task.done(), "it never ends by itself"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
