"""From a body to events: decode, read the dialect, check, stamp. What is bad is named, what is good goes on."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from eventsink import dialects
from eventsink.collect.problems import Problem
from eventsink.dialects.admit import Admission, Stamps
from eventsink.dialects.body import is_binary, read_all, read_binary, read_each
from eventsink.dialects.labels import text_of
from eventsink.errors import BodyTooLarge, InvalidEvent, MalformedBody, UnreadableBody
from eventsink.event import Event, Plain

__all__ = ["Intake", "Notice", "Rejection", "as_problems", "ingest", "ingest_typed"]

MOST_TOLD = 1000
AT_ONCE = 2000  # events between two chances for other requests


class Rejection(msgspec.Struct, frozen=True):
    """An event of the request that was not accepted: which, where in it, and why."""

    index: int
    pointer: str
    expected: str
    got: str
    message: str


class Notice(msgspec.Struct, frozen=True):
    """Something about an accepted event that its sender should know."""

    index: int
    pointer: str
    message: str


class Intake:
    """What became of the events of one request."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rejected: list[Rejection] = []
        self.warnings: list[Notice] = []
        self.malformed: str = ""

    def reject(self, index: int, error: InvalidEvent) -> None:
        """Note one event that was not accepted."""
        self.rejected.append(Rejection(index, error.pointer, error.expected, error.got, error.message))


async def ingest(
    body: bytes, content_type: str, headers: dict[bytes, bytes], admission: Admission, source: str
) -> Intake:
    """Read a body in any form that `POST /v1/events` takes.

    Raises:
        Problem: 400 when it is not JSON; 415 when its content type or charset is not known.
    """
    if b"ce-type" in headers and is_binary(content_type, ("ce-type",)):
        try:
            return await _one(body, headers, admission, source)
        except MalformedBody as error:  # CloudEvents lets data be anything
            intake = Intake()
            intake.reject(0, InvalidEvent(f"The data is no JSON object. {error}", pointer="/data", expected="object"))
            return intake
    intake, stamps = Intake(), Stamps(datetime.now(UTC), source, len(body))
    with as_problems():
        text = text_of(body, content_type, strict=True)
        try:
            plain = read_all(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # each by itself says what is wrong
            await _admit((found for _, found in read_each(text)), admission, stamps, intake)
        else:
            await _admit(plain, admission, stamps, intake)
    return intake


async def ingest_typed(
    body: bytes, event_type: str, headers: dict[bytes, bytes], admission: Admission, source: str
) -> Intake:
    """Read the data of one event whose type the address names; its other attributes stand in `ce-` headers."""
    named = {**headers, b"ce-type": event_type.encode()}
    with as_problems():
        return await _one(body, named, admission, source)


async def _one(body: bytes, headers: dict[bytes, bytes], admission: Admission, source: str) -> Intake:
    size = len(body) + sum(map(len, headers.values()))  # attributes stand there
    intake, stamps = Intake(), Stamps(datetime.now(UTC), source, size)
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    try:
        item = read_binary(text_of(body, named.get("content-type", ""), strict=True), named)
        draft = dialects.read(item)
    except InvalidEvent as error:
        intake.reject(0, error)
        return intake
    await _admit([draft], admission, stamps, intake)
    return intake


async def _admit(drafts: Iterable[Plain | InvalidEvent], admission: Admission, stamps: Stamps, intake: Intake) -> None:
    admit, accept = admission.admit, intake.events.append
    for index, draft in enumerate(drafts):
        if index % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        if isinstance(draft, InvalidEvent):  # it could not even be read
            intake.reject(index, draft)
            continue
        try:
            event, notices = admit(draft, stamps)
        except InvalidEvent as error:
            intake.reject(index, error)
            continue
        accept(event)
        if notices:
            intake.warnings += [Notice(index, notice.pointer, notice.message) for notice in notices]


@contextmanager
def as_problems() -> Iterator[None]:
    """What is wrong with a body as an answer: 413, 415 or 400."""
    try:
        yield
    except BodyTooLarge as error:
        raise Problem(413, f"{error} (collect.max_inflated)") from None
    except UnreadableBody as error:
        raise Problem(415, str(error)) from None
    except MalformedBody as error:
        raise Problem(400, str(error)) from None
