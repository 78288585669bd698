"""Events as AMQP messages and back: alone or in batches of one type, and every dialect that others publish."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventsink.amqp import Delivery, Message
from eventsink.dialects import read
from eventsink.dialects.admit import Admission, Stamps
from eventsink.dialects.body import read_binary, read_each, to_utf8
from eventsink.errors import InvalidEvent, MalformedBody, UnreadableBody
from eventsink.event import Event, decode_lines, encode

__all__ = ["Parcel", "key_of", "pack", "unpack"]

APP = "eventsink"  # app_id of our own messages: what is in them was checked and stamped before
SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
MOST_EVENTS = 500  # of one message: a worker holds whole messages
MOST_BYTES = 256 << 10
MOST_INFLATED = 64 << 20
_ATTRIBUTE = ("ce-", "ce_", "cloudEvents:", "cloudEvents_")  # prefixes of CloudEvents' binary mode in headers

_raws = msgspec.json.Decoder(list[msgspec.Raw])
_NOTHING: Mapping[str, Any] = {}


class Parcel(msgspec.Struct, frozen=True):
    """What one message holds.

    Args:
        events: those that can be delivered, in order.
        broken: what cannot be read of it, and why.
    """

    events: Sequence[Event]
    broken: Sequence[InvalidEvent] = ()


def pack(events: Sequence[Event], exchange: str, *, single: bool = False) -> list[tuple[Message, list[Event]]]:
    """Messages for events, each with those that it holds: of one type, which is its routing key.

    Args:
        exchange: to publish to.
        single: one message an event, for other programs that read from the exchange and know no batches.
    """
    packed = []
    for kind, same in _by_type(events).items():
        for part, lines in _parts(same, 1 if single else MOST_EVENTS):
            alone = len(part) == 1
            message = Message(
                body=lines[0] if alone else b"[" + b",".join(lines) + b"]",
                exchange=exchange,
                routing_key=kind[:255],
                content_type=SINGLE if alone else BATCH,
                message_id=part[0].id if alone else _id_of([event.id for event in part]),
                app_id=APP,
            )
            packed.append((message, part))
    return packed


def key_of(delivery: Delivery) -> str:
    """What a message is known by when it comes again: its id, or for one without, a hash of what is in it."""
    message_id = delivery.properties.message_id
    if message_id:
        return str(message_id)[:200]
    return hashlib.blake2b(delivery.body, digest_size=16).hexdigest()


def unpack(delivery: Delivery, source: str) -> Parcel:
    """The events of a message, whoever sent it, in whatever dialect and charset.

    Args:
        source: of events that name none.
    """
    properties = delivery.properties
    if properties.app_id == APP and properties.content_type in (SINGLE, BATCH):
        body = delivery.body
        try:
            return Parcel(decode_lines(_raws.decode(body) if properties.content_type == BATCH else [body]))
        except (MalformedBody, msgspec.MsgspecError, UnicodeDecodeError):  # not ours after all, or of a later version
            pass
    events: list[Event] = []
    broken: list[InvalidEvent] = []
    admission, stamps = Admission(largest=MOST_INFLATED), Stamps(datetime.now(UTC), source, len(delivery.body))
    try:
        for found in _drafts(delivery):
            if isinstance(found, InvalidEvent):
                broken.append(found)
                continue
            try:
                events.append(admission.admit(found, stamps)[0])
            except InvalidEvent as error:
                broken.append(error)
    except MalformedBody as error:
        broken.append(InvalidEvent(str(error)))
    return Parcel(events, broken)


def _drafts(delivery: Delivery) -> Iterator[Any]:
    properties = delivery.properties
    body = _decompressed(delivery.body, properties.content_encoding)
    content_type = _content_type(properties)
    attributes = _attributes(properties.headers or _NOTHING)
    if "ce-type" in attributes:
        try:
            yield read(read_binary(body, attributes | {"content-type": content_type}))
        except InvalidEvent as error:
            yield error
        return
    media, body = to_utf8(content_type, body)
    for _, found in read_each(body, media):
        yield found


def _content_type(properties: Any) -> str:
    """The media type with the charset, which some clients put into the content encoding."""
    media, encoding = properties.content_type or "", (properties.content_encoding or "").strip().lower()
    if encoding in ("", "identity", "gzip", "x-gzip", "deflate") or "charset" in media:
        return str(media)
    return f"{media or 'application/json'}; charset={encoding}"


def _decompressed(body: bytes, encoding: str | None) -> bytes:
    if (encoding or "").strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, as its first bytes say
        inflated = inflater.decompress(body, MOST_INFLATED)
    except zlib.error as error:
        raise UnreadableBody(f"The body is not {encoding}: {error}.") from None
    if inflater.unconsumed_tail:
        raise UnreadableBody(f"The body inflates to more than {MOST_INFLATED} bytes.")
    if not inflater.eof:
        raise UnreadableBody(f"The {encoding} body ends too early.")
    return inflated


def _attributes(headers: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of a CloudEvent in binary mode, by the names that they have in HTTP."""
    return {
        f"ce-{name[len(prefix) :].lower()}": str(value)
        for name, value in headers.items()
        for prefix in _ATTRIBUTE
        if name.startswith(prefix)
    }


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


def _id_of(ids: Sequence[str]) -> str:
    """The same for the same events: a batch that is published again is known to be the same."""
    return hashlib.blake2b("\n".join(ids).encode(), digest_size=16).hexdigest()
