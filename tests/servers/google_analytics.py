"""Google Analytics 4 by its Measurement Protocol: says yes to everything, and has what Google would have.

Source: sections 4 and 5 of the contract. Its open questions (section 8) have the stricter answer here and in the rules;
a comment at each says so. Not judged: the numbers of events of an hour and of a day, and that a purchase counts once.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.servers.contract import Answer, Clock, ContractServer, Received, utc_now
from tests.servers.google_analytics_rules import (
    MOST_BYTES,
    Fault,
    Json,
    Unreadable,
    find_faults,
    micros,
    oldest,
    read,
)

__all__ = ["Flagged", "GoogleAnalytics", "Lost", "serve"]

ENFORCE = "ENFORCE_RECOMMENDATIONS"
OF_EVENTS = frozenset(("events", "validation_behavior", "timestamp_micros"))


@dataclass(frozen=True)
class Lost:
    """Something that Google would not have, though it said yes.

    Args:
        what: "event", "param" or "user_property"; "request" is one without events that could be read.
        item: the event, the value of the param or user property, or the body.
    """

    what: str
    code: str
    reason: str
    item: Any
    name: str = ""


@dataclass(frozen=True)
class Flagged:
    """Something that is not right and loses nothing: a time that is moved, personal data, no session."""

    code: str
    reason: str
    path: str


class GoogleAnalytics(ContractServer):
    """One web stream of a property.

    Args:
        measurement_id: of the stream.
        api_secret: one of the stream.
        now: its clock, by which ages are judged.
        long_pages: params of pages may be longer than others, as is documented for tags. Unconfirmed for this protocol;
            the contract asks for it, and a worker can be tried without.
    """

    def __init__(self, measurement_id: str, api_secret: str, *, now: Clock = utc_now, long_pages: bool = True) -> None:
        super().__init__(now)
        self.measurement_id = measurement_id
        self.api_secret = api_secret
        self.stored: list[Json] = []
        """The events that Google would have: name, params and time of each, with all that its request said of it."""
        self.dropped: list[Lost] = []
        self.flagged: list[Flagged] = []
        self._long_pages = long_pages

    @property
    def repeats(self) -> list[Json]:
        """Events that are there once more, as nothing is deduplicated: by `event_uid`, or by all that they say."""
        seen, again = set(), []
        for event in self.stored:
            key = event["params"].get("event_uid") or json.dumps(event, sort_keys=True)
            again += [event] if key in seen else []
            seen.add(key)
        return again

    def failure(self, status: int) -> Answer:
        """What Google's front end says with a status: a page. Unconfirmed: that there are others than 2xx at all."""
        page = f"<!DOCTYPE html><html lang=en><title>Error {status}</title><p><b>{status}.</b> That's an error.</html>"
        return Answer(status, page.encode(), {"content-type": "text/html; charset=UTF-8"})

    def judge(self, received: Received) -> Answer:
        """Say yes to all, and keep what is in order."""
        if received.path not in {"/mp/collect", "/debug/mp/collect"}:
            return self.failure(404)
        if received.method != "POST":
            return self.failure(405)  # unconfirmed
        now = self.now()
        if received.path == "/debug/mp/collect":
            return _validate(received, now, self._long_pages)
        self._collect(received, now)
        return Answer(204)

    def _collect(self, received: Received, now: datetime) -> None:
        faults, content = _faults(received, now, self._long_pages)
        faults = [*self._stream_faults(received), *faults]
        self.flagged += [Flagged(fault.code, fault.text, fault.path) for fault in faults if fault.loses == "nothing"]
        lost = [fault for fault in faults if fault.loses != "nothing"]
        # Unconfirmed: whether ENFORCE_RECOMMENDATIONS does anything here. Then whatever is wrong loses all.
        enforced = content.get("validation_behavior") == ENFORCE
        whole = [fault for fault in faults if fault.loses == "request" or (enforced and fault.code != "HOUSE")]
        if whole:
            self._drop(whole[0], content, received)
            return
        context = self._context(content, lost)
        for index, event in enumerate(content["events"]):
            self._store(event, context, [fault for fault in lost if fault.event == index], content, now)

    def _stream_faults(self, received: Received) -> Iterator[Fault]:
        """What is wrong with who asks: the validator does not look at that."""
        for name, right in (("measurement_id", self.measurement_id), ("api_secret", self.api_secret)):
            if received.query.get(name, right) != right:
                yield Fault("VALUE_INVALID", f"{name} is not that of the stream.", name)
        kind = received.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            # Documented is that it is application/json; that others are not taken is not.
            yield Fault("VALUE_INVALID", f"Content-Type is [{kind}] and not application/json.")

    def _drop(self, fault: Fault, content: Json, received: Received) -> None:
        events = content.get("events")
        if type(events) is not list or not events:
            self.dropped.append(Lost("request", fault.code, fault.text, received.body))
            return
        self.dropped += [Lost("event", fault.code, fault.text, event) for event in events]

    def _context(self, content: Json, lost: Sequence[Fault]) -> Json:
        """What goes for all events of a request, without what is lost or is not looked at."""
        context = {name: value for name, value in content.items() if name not in OF_EVENTS}
        if "device" in context:
            context.pop("user_agent", None)
        if "user_location" in context:
            context.pop("ip_override", None)
        if "user_properties" in context:
            context["user_properties"] = self._without(
                context["user_properties"], [fault for fault in lost if fault.loses == "user_property"]
            )
        return context

    def _store(self, event: Json, context: Json, lost: Sequence[Fault], content: Json, now: datetime) -> None:
        for fault in lost:
            if fault.loses == "event":
                self.dropped.append(Lost("event", fault.code, fault.text, event))
                return
        times = [each["timestamp_micros"] for each in (event, content) if "timestamp_micros" in each]
        time = max([*times, micros(now)][0], oldest(now))
        params = self._without(event.get("params", {}), lost)
        self.stored.append({**context, "name": event["name"], "params": params, "timestamp_micros": time})

    def _without(self, values: Json, lost: Sequence[Fault]) -> Json:
        """Some params or user properties without those that are lost, which are noted."""
        first = {fault.name: fault for fault in reversed(lost)}
        self.dropped += [
            Lost(fault.loses, fault.code, fault.text, values[name], name) for name, fault in sorted(first.items())
        ]
        return {name: value for name, value in values.items() if name not in first}


def _faults(received: Received, now: datetime, long_pages: bool) -> tuple[list[Fault], Json]:
    """All that is wrong with a request whoever asks, and what it says as far as that can be read."""
    faults = [
        Fault("VALUE_REQUIRED", f"Unable to find non-empty parameter [{name}] value in request.")
        for name in ("measurement_id", "api_secret")
        if not received.query.get(name)
    ]
    if len(received.body) > MOST_BYTES:
        # Unconfirmed: what becomes of it, and what the validator says.
        faults.append(Fault("VALUE_OUT_OF_BOUNDS", f"The request has {len(received.body)} bytes."))
    try:
        # No Content-Encoding is documented: a body that is compressed is no JSON.
        content = read(received.body)
    except Unreadable as unreadable:
        return [*faults, unreadable.fault], {}
    return [*faults, *find_faults(content, now=now, long_pages=long_pages)], content


def _validate(received: Received, now: datetime, long_pages: bool) -> Answer:
    """What the validator answers: the first fault alone, as was seen. It keeps nothing."""
    faults, content = _faults(received, now, long_pages)
    enforced = content.get("validation_behavior") == ENFORCE
    told = [fault for fault in faults if fault.code != "HOUSE" and (enforced or fault.relaxed)]
    messages = [
        {**({"fieldPath": fault.path} if fault.path else {}), "description": fault.text, "validationCode": fault.code}
        for fault in told[:1]
    ]
    return Answer.of(200, {"validationMessages": messages})


@contextmanager
def serve(
    measurement_id: str, api_secret: str, *, now: Clock = utc_now, long_pages: bool = True
) -> Iterator[GoogleAnalytics]:
    """A web stream while in the context."""
    with GoogleAnalytics(measurement_id, api_secret, now=now, long_pages=long_pages).listening() as server:
        yield server
