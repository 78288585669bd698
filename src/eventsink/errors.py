"""Every error that the event sink raises on purpose. The text is for the person who has to act.

::

    EventSinkError
    ├── InvalidEvent          one event cannot be accepted; says where and what was expected
    │   └── EventTooLarge     it has more bytes than it may
    ├── MalformedBody         a whole body cannot be read as JSON; says at which byte
    │   ├── UnreadableBody    its media type or charset is not read here
    │   ├── BodyTooLarge      it inflates to more than it may
    │   └── TooManyEvents     it holds more events than are read at once
    ├── InvalidMessage        AMQP cannot hold a message; says what of it
    ├── InvalidJob            an extractor job cannot be sent; names the field
    ├── InvalidQuestion       what is asked for is nothing that there is; says what of it
    │   ├── InvalidPeriod     (store/counter) months that are none, or too many
    │   └── InvalidFilter     (look/counter) a filter or form that COUNTER's report has not
    ├── JobNotWaiting         an extractor job is not where it should be taken from
    ├── KeysNotRead           whether a key is good cannot be told yet
    ├── NotTrusted            (trust.py) another user can have put there what was found; says how to name it
    ├── SettingsError         a wrong setting; names it
    ├── PluginError           a worker cannot be found or loaded; says what to install or mend
    ├── DataDirectoryInUse    another process owns the data directory
    ├── WorkerInUse           the queue of a worker that runs, or is in the settings, cannot be taken away
    ├── TooMany               there are as many of something as there may be
    ├── ExchangeUnavailable   events cannot be stored now; try again
    │   ├── ExchangeFull      the size cap of the exchange is reached
    │   ├── NotKeptHere       accounts and dead letters are kept by another process
    │   ├── Unroutable        RabbitMQ has no queue that takes these messages
    │   └── BrokerUnavailable RabbitMQ does not answer now
    │       ├── Unconfirmed   it takes messages, and has not confirmed some in time
    │       └── BrokerRefuses RabbitMQ says no: a person must change something
    ├── StoreUnavailable      the store cannot be read or written now
    │   └── NotRead           (store/facts) numbers are not ready yet; says how much is to be read
    ├── TryLater              (raised by workers) the destination is away, or takes some not now: keep the events
    │   └── NoAnswer          it did not answer in time
    └── Refused               (raised by workers) the destination will never take these events
"""

from collections.abc import Callable, Sequence
from typing import Any


class EventSinkError(Exception):
    """The root: everything below is expected, explained, and never a bug by itself."""


class InvalidEvent(EventSinkError):
    """One event cannot be accepted.

    Args:
        message: a sentence for the sender.
        pointer: RFC 6901 JSON pointer into the event, "" for the whole of it.
        expected: what the catalogue wants there.
        got: what came, shortened.
        hint: a sentence on what may have been meant, which is looked for when somebody wants to know: likeness is dear.
    """

    def __init__(
        self, message: str, *, pointer: str = "", expected: str = "", got: str = "", hint: Callable[[], str] = str
    ) -> None:
        super().__init__(message)
        self.brief = message
        self.pointer = pointer
        self.expected = expected
        self.got = got
        self._hint = hint

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """The sentence, and the hint. Who has many of them tells the `brief` one of most."""
        hint = self._hint()
        return f"{self.brief} {hint}" if hint else self.brief


class EventTooLarge(InvalidEvent):
    """One event has more bytes than it may."""


class MalformedBody(EventSinkError):
    """A body is not JSON (or not the JSON that its content type promises)."""


class UnreadableBody(MalformedBody):
    """A body has a media type, encoding or charset that is not read here."""


class BodyTooLarge(MalformedBody):
    """A body inflates to more than it may have."""


class TooManyEvents(MalformedBody):
    """A body holds more events than are read at once, whatever they are."""


class InvalidMessage(EventSinkError):
    """AMQP cannot hold a message, as one with a name of more than 255 bytes.

    Args:
        reason: what is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"This message cannot be sent: {reason}.")
        self.reason = reason


class InvalidJob(EventSinkError):
    """An extractor job cannot be sent.

    Args:
        field: that is missing or wrong.
        problem: what is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"The job cannot be sent, for its {field}: {problem}.")
        self.field = field


class InvalidQuestion(EventSinkError):
    """What somebody asks for is nothing that there is; the message says what of it, and what to ask for instead."""


class JobNotWaiting(EventSinkError):
    """An extractor job is not in the queue that it should be taken from, or has none to be put into; it says which."""


class KeysNotRead(EventSinkError):
    """Nobody can be told yet whether a key is good: the file of keys was busy at every look since the start."""


class SettingsError(EventSinkError):
    """A setting is wrong; the message names the setting, its value and what is allowed."""


class PluginError(EventSinkError):
    """A worker is unknown, does not load, or lacks a library."""


class DataDirectoryInUse(EventSinkError):
    """Another event sink owns this data directory."""


class WorkerInUse(EventSinkError):
    """The queue of a worker cannot be taken away: its worker runs, or is in the settings."""


class ExchangeUnavailable(EventSinkError):
    """Events cannot be made durable right now. Nothing of the request was stored."""


class ExchangeFull(ExchangeUnavailable):
    """The size cap of the exchange is reached: a destination does not keep up or is away."""


class BrokerUnavailable(ExchangeUnavailable):
    """RabbitMQ cannot be reached, or does not answer in time. It is asked again by and by."""


class Unconfirmed(BrokerUnavailable):
    """The broker takes messages, and has not confirmed some in time: one of the queues they go to may be the reason."""


class BrokerRefuses(BrokerUnavailable):
    """RabbitMQ says no, and will until a person has changed something; the message says what.

    Args:
        code: the reply code of AMQP 0-9-1, as 404 or 406.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code

    @property
    def for_good(self) -> bool:
        """Whether it would refuse what comes later, too: it lacks a permission, or something is declared otherwise."""
        return self.code in (403, 406, 530)


class NotKeptHere(ExchangeUnavailable):
    """Accounts and dead letters are kept by another process of the installation."""


class Unroutable(ExchangeUnavailable):
    """No queue takes some messages.

    Args:
        returned: those, or what they were made of; the others were taken.
    """

    def __init__(self, message: str, *, returned: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.returned = tuple(returned)


class StoreUnavailable(EventSinkError):
    """The store cannot answer or append right now."""


class TooMany(EventSinkError):
    """There are as many of something as there may be."""


class TryLater(EventSinkError):
    """A worker says: the destination cannot take anything now. The events are kept and offered again.

    Args:
        reason: a sentence for the operator.
        after: seconds to wait at least, when the destination named a time.
        events: those that it does not take now, when it has all others of the batch: only these wait. Left out, none
            was taken, and the worker is not called until the time is over.
    """

    def __init__(self, reason: str, *, after: float | None = None, events: Sequence[Any] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.events = tuple(events)


class NoAnswer(TryLater):
    """The destination did not answer in time. What it was given may be why, if it answers otherwise."""


class Refused(EventSinkError):
    """A worker says: the destination will never take these events.

    Args:
        reason: a sentence for the operator, kept with the dead letter.
        events: the refused ones, when the destination names them; the rest of the batch is offered again.
            Left out, the batch is halved until the culprit stands alone.
    """

    def __init__(self, reason: str, *, events: Sequence[Any] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.events = tuple(events)


def json_kind(value: object) -> str:
    """What JSON calls a value, for the `got` of an error: `array`, `string`, `number` and so on."""
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
