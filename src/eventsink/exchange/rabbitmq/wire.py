"""Events as AMQP messages and back: alone or in batches of one type, and every dialect that others publish."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from eventsink.amqp import Delivery, Message
from eventsink.dialects import read
from eventsink.dialects.admit import Admission, Stamps
from eventsink.dialects.body import is_binary, read_binary, read_each
from eventsink.dialects.labels import COMPRESSED, inflated, is_compressed, text_of
from eventsink.errors import BodyTooLarge, InvalidEvent, MalformedBody
from eventsink.event import EPOCH, Event, decode_lines, encode

__all__ = ["APP", "Broken", "Parcel", "is_little_work", "key_of", "pack", "unpack"]

APP = "eventsink"  # app_id of our own messages: what is in them was checked and stamped before
SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
MOST_EVENTS = 500  # of one message: a worker holds whole messages
MOST_BYTES = 256 << 10
MOST_INFLATED = 4 << 20
MOST_HINTS = 100  # of what is broken in one message, for which it is looked what may have been meant
FEW = 500  # marks between events, or what looks like that, in such a one
LITTLE = 64 << 10  # bytes of a message of others that are read where it comes in; ours are small
OURS = {"content_type": SINGLE, "app_id": APP}  # properties of one event that was checked before
_ATTRIBUTE = ("ce-", "ce_", "cloudevents:", "cloudevents_")  # prefixes of CloudEvents' binary mode in headers

LATEST = datetime(2262, 1, 1, tzinfo=UTC)  # until then 64 bits hold the nanoseconds, as destinations write times

_BETWEEN = (b"\n", b",", b"\x1e")
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_log = structlog.get_logger(__name__)


class Broken(msgspec.Struct, frozen=True):
    """What cannot be read of a message, so that it can be sent again: the whole of it, or one piece of an array.

    Args:
        reason: a sentence for the operator.
        properties: of AMQP, those without which the body means something else.
    """

    reason: str
    body: bytes
    properties: dict[str, Any]


class Parcel(msgspec.Struct, frozen=True):
    """What one message holds.

    Args:
        events: those that can be delivered, in order.
        broken: what cannot be read of it, and why.
        notices: what its sender would be told, did anybody answer him.
    """

    events: Sequence[Event]
    broken: Sequence[Broken] = ()
    notices: Sequence[str] = ()


def pack(events: Sequence[Event], exchange: str, *, single: bool = False) -> list[tuple[Message, list[Event]]]:
    """Messages for events, each with those that it holds: of one type, which is its routing key.

    Args:
        exchange: to publish to.
        single: one message an event, for other programs that read from the exchange and know no batches.
    """
    packed: list[tuple[Message, list[Event]]] = []
    numbers: Counter[str] = Counter()  # somebody may send one event twice in one request
    for kind, same in _by_type(events).items():
        for part, lines in _parts(same, 1 if single else MOST_EVENTS):
            alone, message_id = len(part) == 1, _message_id(part)
            numbers[message_id] += 1
            if numbers[message_id] > 1:
                message_id += f"-{numbers[message_id]}"
            message = Message(
                body=lines[0] if alone else b"[" + b",".join(lines) + b"]",
                exchange=exchange,
                routing_key=kind[:255],
                content_type=SINGLE if alone else BATCH,
                message_id=message_id,
                app_id=APP,
            )
            packed.append((message, part))
    return packed


def key_of(delivery: Delivery) -> str:
    """What a message is known by when it comes again: our id, or a hash of what makes it another one.

    Others may number their messages anew at each start, and an event in binary mode may be all headers.
    """
    properties = delivery.properties
    message_id = _text(properties.message_id)
    if message_id and properties.app_id == APP:
        return message_id
    digest = hashlib.blake2b(delivery.body, digest_size=16)
    digest.update(repr((message_id, sorted(_attributes(properties).items()))).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def is_little_work(delivery: Delivery) -> bool:
    """Whether `unpack` takes no longer than others may wait."""
    properties = delivery.properties
    if len(delivery.body) > LITTLE or sum(map(delivery.body.count, _BETWEEN)) > FEW:
        return properties.app_id == APP and len(delivery.body) <= 4 * MOST_BYTES
    return not is_compressed(delivery.body, _text(properties.content_encoding).strip().lower())


def unpack(delivery: Delivery, source: str) -> Parcel:
    """The events of a message, whoever sent it, in whatever dialect and charset. It never raises.

    Args:
        source: of events that name none.
    """
    properties = delivery.properties
    if properties.app_id == APP and properties.content_type in (SINGLE, BATCH):
        body = delivery.body
        try:
            events = decode_lines(_raws.decode(body) if properties.content_type == BATCH else [body])
        except (MalformedBody, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # not ours, or a later form
            events = []
        if 0 < len(events) <= MOST_EVENTS and all(map(_was_stamped, events)):
            return Parcel(events)
    try:
        return _read(delivery, source)
    except MalformedBody as error:
        reason = str(error)
    except Exception:  # noqa: BLE001 - a bug of ours: one message must not stop a queue
        _log.exception("wire.not_read", bytes=len(delivery.body))
        reason = "It could not be read, by a fault of the event sink; its log says where."
    return Parcel((), [Broken(reason, delivery.body, _kept(properties))])


def _was_stamped(event: Event) -> bool:
    """Whether its times are such as we give; whoever may publish may also use our name."""
    return event.time.tzinfo is event.received.tzinfo is UTC and EPOCH <= event.time < LATEST > event.received >= EPOCH


def _read(delivery: Delivery, source: str) -> Parcel:
    """Read what others sent.

    Raises:
        MalformedBody: nothing of it can be read.
    """
    events: list[Event] = []
    broken: list[Broken] = []
    notices: list[str] = []
    admission, stamps = Admission(largest=MOST_INFLATED), Stamps(datetime.now(UTC), source, len(delivery.body))
    for piece, found in _drafts(delivery):
        try:
            if isinstance(found, InvalidEvent):
                raise found
            event, noticed = admission.admit(found, stamps)
            events.append(event)
            notices += [notice.message for notice in noticed]
        except InvalidEvent as error:
            message = error.message if len(broken) < MOST_HINTS else error.brief
            reason = _text(f"{message} ({error.pointer})" if error.pointer else message)
            whole = piece is delivery.body
            broken.append(Broken(reason, piece, _kept(delivery.properties) if whole else {}))
    return Parcel(events, broken, notices)


def _drafts(delivery: Delivery) -> Iterator[tuple[bytes, Any]]:
    """Each draft, or why there is none, with what it was read from: the body as it came, where that is but one."""
    properties = delivery.properties
    encoding, content_type = _text(properties.content_encoding).strip().lower(), _text(properties.content_type)
    body = inflated(delivery.body, encoding, MOST_INFLATED)
    if len(body) > MOST_INFLATED:
        raise BodyTooLarge(f"The message has more than {MOST_INFLATED} bytes: publish its events in several.")
    text = text_of(body, content_type, charset="" if encoding in COMPRESSED else encoding)  # some clients put it there
    attributes = _attributes(properties)
    if is_binary(content_type, attributes):
        found: Any
        try:
            found = read(read_binary(text, attributes))
        except InvalidEvent as error:
            found = error
        yield delivery.body, found
        return
    drafts = read_each(text)
    some = list(itertools.islice(drafts, 2))
    for piece, found in itertools.chain(some, drafts):
        yield delivery.body if len(some) == 1 else piece, found


def _attributes(properties: Any) -> dict[str, str]:
    """The attributes of a CloudEvent in binary mode, by the names and in the form that they have in HTTP."""
    return {
        f"ce-{name[len(prefix) :]}": quote(_text(value), safe="")
        for name, value in _headers(properties)
        for prefix in _ATTRIBUTE
        if name.startswith(prefix)
    }


def _headers(properties: Any) -> Iterator[tuple[str, Any]]:
    for name, value in (properties.headers or {}).items():
        yield _text(name).lower(), value


def _kept(properties: Any) -> dict[str, Any]:
    """What must be kept of the properties with a body that is not read."""
    found = {"content_type": _text(properties.content_type), "content_encoding": _text(properties.content_encoding)}
    headers = {name: _text(value) for name, value in _headers(properties) if name.startswith(_ATTRIBUTE)}
    return {name: value for name, value in (found | {"headers": headers}).items() if value}


def _text(value: object) -> str:
    """A value of AMQP as text that every encoding can hold; bytes are what is not UTF-8."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat()
    if isinstance(value, bool):
        return str(value).lower()  # as CloudEvents writes it
    text = value.decode("latin-1") if isinstance(value, bytes) else "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode()


def _by_type(events: Sequence[Event]) -> dict[str, list[Event]]:
    kinds: dict[str, list[Event]] = {}
    for event in events:
        kinds.setdefault(event.type, []).append(event)
    return kinds


def _parts(events: Sequence[Event], most: int) -> Iterator[tuple[list[Event], list[bytes]]]:
    """Portions that make bearable messages, with the line of each event."""
    part: list[Event] = []
    lines: list[bytes] = []
    size = 0
    for event in events:
        line = encode(event)
        if part and (len(part) == most or size + len(line) > MOST_BYTES):
            yield part, lines
            part, lines, size = [], [], 0
        part.append(event)
        lines.append(line)
        size += len(line)
    if part:
        yield part, lines


def _message_id(events: Sequence[Event]) -> str:
    """The same when the same is published again, as out of a spool, and another when a sender sends it once more."""
    accepted = msgspec.json.encode([(*event.identity, event.received) for event in events])
    return hashlib.blake2b(accepted, digest_size=16).hexdigest()
