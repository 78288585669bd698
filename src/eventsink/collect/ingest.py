"""From a body to events: decode, read the dialect, check, stamp. What is bad is named, what is good goes on."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from eventsink import dialects
from eventsink.collect.problems import Problem
from eventsink.collect.refusals import Reason, reason_of
from eventsink.dialects.admit import Admission, Stamps
from eventsink.dialects.admit import Notice as NoticeOfOne
from eventsink.dialects.body import AT_ONCE, MOST_SENT, is_binary, read_all, read_binary, read_each, read_portions
from eventsink.dialects.labels import Text, text_of
from eventsink.errors import BodyTooLarge, EventTooLarge, InvalidEvent, MalformedBody, TooManyEvents, UnreadableBody
from eventsink.event import Event, Plain

__all__ = ["Intake", "Notice", "Rejection", "as_problems", "ingest", "ingest_typed"]

MOST_TOLD = 1000
MOST_HINTS = 100  # of them, for which it is looked what may have been meant
SMALL = 64 << 10  # bytes of a body that are read here whatever they are; of more, what is odd is read on another thread
FEW = 500  # events of it, or what may be some
TURN = 0.01  # seconds after which others have theirs


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
    """What became of the events of one request. Those that were refused are counted, and the first of them listed."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rejected: list[Rejection] = []
        self.warnings: list[Notice] = []
        self.refused = 0
        self.reasons: Counter[Reason] = Counter()  # of those that were refused
        self.warned = 0

    def reject(self, index: int, error: InvalidEvent) -> None:
        """Note one event that was not accepted."""
        self.refused += 1
        self.reasons[reason_of(error)] += 1
        if self.refused <= MOST_TOLD:
            message = error.message if self.refused <= MOST_HINTS else error.brief
            self.rejected.append(Rejection(index, error.pointer, error.expected, error.got, message))

    def warn(self, index: int, notices: Sequence[NoticeOfOne]) -> None:
        """Note what the sender of an accepted event should know."""
        self.warned += len(notices)
        if len(self.warnings) < MOST_TOLD:
            self.warnings += [Notice(index, notice.pointer, notice.message) for notice in notices]


async def ingest(
    body: bytes, content_type: str, headers: dict[bytes, bytes], admission: Admission, source: str
) -> Intake:
    """Read a body in any form that `POST /v1/events` takes.

    Raises:
        Problem: 400 when it is not JSON; 413 when it holds too many events; 415 when its content type or charset is not
            known.
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
        large = len(body) > AT_ONCE
        text = (
            await asyncio.to_thread(text_of, body, content_type, strict=True)
            if large
            else text_of(body, content_type, strict=True)
        )
        at_once = None if large else _read_at_once(text)
        if at_once is not None:  # nearly always
            await _admit(at_once, admission, stamps, intake)
            return intake
        index = 0
        async for drafts in _portions(text, max(MOST_SENT, 4 * admission.largest)):
            await _admit(drafts, admission, stamps, intake, index)
            index += len(drafts)
    return intake


async def ingest_typed(
    body: bytes, event_type: str, headers: dict[bytes, bytes], admission: Admission, source: str
) -> Intake:
    """Read the data of one event whose type the address names; its other attributes stand in `ce-` headers."""
    named = {**headers, b"ce-type": event_type.encode()}
    with as_problems():
        return await _one(body, named, admission, source)


def _read_at_once(text: Text) -> Sequence[Plain] | None:
    """The drafts of a body, if all of them are well-formed; else each by itself says what is wrong."""
    try:
        return read_all(text) if len(text.content) <= AT_ONCE else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


async def _portions(text: Text, most: int) -> AsyncIterator[Sequence[Plain | InvalidEvent]]:
    """The drafts of a body that is not to be read in one go, some at a time."""
    content = text.content
    if len(content) <= SMALL and content.count(b"\n") + content.count(b",") + content.count(b"\x1e") <= FEW:
        yield [found for _, found in read_each(text, most)]
        return
    portions = read_portions(text, most)
    while (drafts := await asyncio.to_thread(next, portions, None)) is not None:
        yield drafts


async def _one(body: bytes, headers: dict[bytes, bytes], admission: Admission, source: str) -> Intake:
    size = len(body) + sum(map(len, headers.values()))  # attributes stand there
    intake, stamps = Intake(), Stamps(datetime.now(UTC), source, size)
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    try:
        if len(body) > max(MOST_SENT, 4 * admission.largest):
            raise EventTooLarge("The event is too large.", expected=f"at most {admission.largest} bytes")
        item = read_binary(text_of(body, named.get("content-type", ""), strict=True), named)
        draft = dialects.read(item)
    except InvalidEvent as error:
        intake.reject(0, error)
        return intake
    await _admit([draft], admission, stamps, intake)
    return intake


async def _admit(
    drafts: Sequence[Plain | InvalidEvent], admission: Admission, stamps: Stamps, intake: Intake, first: int = 0
) -> None:
    admit, accept = admission.admit, intake.events.append
    large, turn = stamps.bytes > SMALL or len(drafts) > FEW, time.perf_counter() + TURN
    for index, draft in enumerate(drafts, first):
        if large and time.perf_counter() > turn:
            await asyncio.sleep(0)
            turn = time.perf_counter() + TURN
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
            intake.warn(index, notices)


@contextmanager
def as_problems() -> Iterator[None]:
    """What is wrong with a body as an answer: 413, 415 or 400."""
    try:
        yield
    except TooManyEvents as error:
        raise Problem(413, str(error)) from None
    except BodyTooLarge as error:
        raise Problem(413, f"{error} (collect.max_inflated)") from None
    except UnreadableBody as error:
        raise Problem(415, str(error)) from None
    except MalformedBody as error:
        raise Problem(400, str(error)) from None
