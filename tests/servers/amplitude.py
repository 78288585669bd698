"""Amplitude's HTTP V2 and Batch APIs: takes what Amplitude takes, and has what Amplitude would have.

Source: sections 1 and 3 of the contract. Its open questions (section 8) have the stricter answer here; a comment at
each says so. Not judged: /identify and /groupidentify (other paths are refused), the plan's rate of a whole project,
the number of user property updates, and filters that an operator may set for bots.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import msgspec

from tests.servers.amplitude_rules import Faults, Json, find_faults, kept
from tests.servers.contract import Answer, Clock, ContractServer, Received, unpacked, utc_now

__all__ = ["Amplitude", "Rejected", "serve"]

IdField = Literal["user_id", "device_id"]
Ids = dict[IdField, set[str]]

WINDOW = 30  # seconds over which a rate is averaged
REMEMBERED = timedelta(days=7).total_seconds()
OVER_QUOTA = 500_200
TOP = frozenset(("api_key", "events", "options", "client_upload_time", "request_metadata"))
ERRORS = {
    403: "Forbidden",
    413: "Payload too large",
    429: "Too many requests for some devices and users",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True)
class Endpoint:
    """What one address takes."""

    # Unconfirmed: whether MB are 10^6 or 2^20 bytes, and whether the size is that before or after gunzip: the smaller
    # MB, and both.
    most_bytes: int
    most_events: int
    per_second: int  # events of one user or device
    names_all: bool  # events with a wrong field, and not the first one alone
    names_quotas: bool


ENDPOINTS = {
    # The documentation has had "fewer than 2000" and "up to 2,000" for this one.
    "/2/httpapi": Endpoint(1_000_000, 1999, 30, names_all=False, names_quotas=False),
    "/batch": Endpoint(20_000_000, 2000, 1000, names_all=True, names_quotas=True),
}


@dataclass(frozen=True)
class Rejected:
    """A request that was refused, with all its events."""

    received: Received
    status: int
    answer: Mapping[str, Any]
    events: Sequence[Any] = field(default_factory=tuple)


class _Refusal(Exception):
    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.answer = {"code": status, "error": error, **more}


class Amplitude(ContractServer):
    """One project at Amplitude.

    Args:
        api_key: of the project.
        now: its clock, by which ages, rates and repeats are judged.
        repeats_count: whether `events_ingested` counts events that were there already. Unconfirmed; without, a worker
            that takes the difference for a loss is found out.
    """

    def __init__(self, api_key: str, *, now: Clock = utc_now, repeats_count: bool = False) -> None:
        super().__init__(now)
        self.api_key = api_key
        self.stored: list[Json] = []
        """The events that Amplitude would have, in the order of their arrival, without repeats."""
        self.rejected: list[Rejected] = []
        self.repeats = 0
        """Events that came again and were ignored."""
        self._repeats_count = repeats_count
        self._seen: dict[tuple[str, str], float] = {}
        self._rates: dict[tuple[str, str], _Rate] = defaultdict(_Rate)
        self._throttled: Ids = defaultdict(set)
        self._over_quota: Ids = defaultdict(set)
        self._silenced: set[str] = set()

    def throttle(self, *, user_id: str | None = None, device_id: str | None = None) -> None:
        """Answer 429 to all that holds events of a user or device, until `clear`."""
        _note(self._throttled, user_id, device_id)

    def exceed_quota(self, *, user_id: str | None = None, device_id: str | None = None) -> None:
        """Have a user or device be over the quota of a day, until `clear`."""
        _note(self._over_quota, user_id, device_id)

    def silence(self, device_id: str) -> None:
        """Refuse all that holds events of a device, until `clear`."""
        self._silenced.add(device_id)

    def clear(self) -> None:
        """Behave well again."""
        super().clear()
        for ids in (self._throttled, self._over_quota, self._silenced):
            ids.clear()

    def failure(self, status: int) -> Answer:
        """What Amplitude says with a status: JSON, and for 429 one that names nobody."""
        answer = {"code": status, "error": ERRORS.get(status, "Error")}
        if status == 429:
            answer |= {"eps_threshold": 30, "throttled_devices": {}, "throttled_users": {}, "throttled_events": []}
        return Answer.of(status, answer)

    def judge(self, received: Received) -> Answer:
        """Take all events of a request, or refuse them all."""
        events: list[Any] = []
        try:
            endpoint = _endpoint(received)
            body = _body(received, endpoint.most_bytes)
            content = _content(body)
            events = _events(content, endpoint.most_events, self.api_key)
            self._check_events(events, endpoint, _min_id_length(content))
            self._check_silenced(events)
            self._check_rates(events, endpoint)
        except _Refusal as refusal:
            self.rejected.append(Rejected(received, refusal.status, refusal.answer, events))
            return Answer.of(refusal.status, refusal.answer)
        return self._take(events, received, len(body))

    def _check_events(self, events: Sequence[Any], endpoint: Endpoint, min_id_length: int) -> None:
        if not all(type(event) is dict for event in events):
            raise _Refusal(400, "Invalid event JSON")
        faults = find_faults(events, now=self._milliseconds(), min_id_length=min_id_length)
        if (answer := _complaint(faults, names_all=endpoint.names_all)) is not None:
            raise answer

    def _check_silenced(self, events: Sequence[Json]) -> None:
        indexes = [index for index, event in enumerate(events) if event.get("device_id") in self._silenced]
        if indexes:
            raise _Refusal(
                400,
                "Events silenced for device_id",
                eps_threshold=100,
                exceeded_daily_quota_devices={},
                silenced_devices=sorted({events[index]["device_id"] for index in indexes}),
                silenced_events=indexes,
                throttled_devices={},
                throttled_events=[],
            )

    def _check_rates(self, events: Sequence[Json], endpoint: Endpoint) -> None:
        now, fast, over = self.now().timestamp(), {}, {}
        for name in ("user_id", "device_id"):
            counts = Counter(event[name] for event in events if name in event)
            totals = {each: self._rates[name, each].with_more(count, now) for each, count in counts.items()}
            most = endpoint.per_second * WINDOW
            fast[name] = {each: -(-total // WINDOW) for each, total in totals.items() if total > most}
            fast[name] |= {each: endpoint.per_second + 1 for each in counts if each in self._throttled[name]}
            over[name] = {each: OVER_QUOTA for each in counts if each in self._over_quota[name]}
        if not any([*fast.values(), *over.values()]):
            return
        if not endpoint.names_quotas:  # documented for Batch alone: here who is over it is throttled like others
            fast = {name: dict.fromkeys(over[name], endpoint.per_second + 1) | fast[name] for name in fast}
        indexes = [
            index
            for index, event in enumerate(events)
            if any(event.get(name) in fast[name] or event.get(name) in over[name] for name in fast)
        ]
        quotas = {"exceeded_daily_quota_users": over["user_id"], "exceeded_daily_quota_devices": over["device_id"]}
        raise _Refusal(
            429,
            ERRORS[429],
            eps_threshold=endpoint.per_second,
            throttled_devices=fast["device_id"],
            throttled_users=fast["user_id"],
            **(quotas if endpoint.names_quotas else {}),
            throttled_events=indexes,
        )

    def _take(self, events: Sequence[Json], received: Received, size: int) -> Answer:
        now = self.now().timestamp()
        for name in ("user_id", "device_id"):
            for each, count in Counter(event[name] for event in events if name in event).items():
                self._rates[name, each].add(count, now)
        fresh = [
            event
            for event in (kept(event, now=self._milliseconds(), remote=received.remote) for event in events)
            if not self._is_repeat(event, now)
        ]
        self.stored += fresh
        self.repeats += len(events) - len(fresh)
        answer = {
            "code": 200,
            "events_ingested": len(events if self._repeats_count else fresh),
            "payload_size_bytes": size,
            "server_upload_time": self._milliseconds(),
        }
        return Answer.of(200, answer)

    def _is_repeat(self, event: Json, now: float) -> bool:
        """Whether an event was there in the last 7 days; if not, it is from now on."""
        if "insert_id" not in event or "device_id" not in event:
            # Unconfirmed: whether the hash of the user_id stands in for a device_id here. Without one, a repeat counts.
            return False
        key = event["device_id"], event["insert_id"]
        if now - self._seen.get(key, float("-inf")) < REMEMBERED:
            return True
        self._seen[key] = now
        return False

    def _milliseconds(self) -> int:
        return int(self.now().timestamp() * 1000)


class _Rate:
    """How many events of one user or device were taken lately."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, count: int, now: float) -> None:
        """Note events that were taken."""
        self._taken.append((now, count))
        self._total += count

    def with_more(self, count: int, now: float) -> int:
        """How many there were, with so many more."""
        while self._taken and self._taken[0][0] <= now - WINDOW:
            self._total -= self._taken.popleft()[1]
        return self._total + count


def _endpoint(received: Received) -> Endpoint:
    endpoint = ENDPOINTS.get(received.path)
    if endpoint is None:
        raise _Refusal(400, "Invalid request path")
    if received.method != "POST":
        raise _Refusal(405, "Method Not Allowed")  # unconfirmed
    kind = received.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _Refusal(400, "Invalid JSON request body")  # unconfirmed: the error, and that it is refused
    return endpoint


def _body(received: Received, most: int) -> bytes:
    body = received.body
    if len(body) > most:
        raise _Refusal(413, ERRORS[413])
    encoding = received.headers.get("content-encoding", "identity")
    if encoding == "gzip":
        try:
            body = unpacked(body, most)
        except ValueError as error:
            raise _Refusal(400, "Invalid JSON request body") from error
    elif encoding != "identity":
        raise _Refusal(400, "Invalid JSON request body")
    if len(body) > most:
        raise _Refusal(413, ERRORS[413])
    if not body:
        raise _Refusal(400, "Missing request body")
    return body


def _content(body: bytes) -> Json:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refusal(400, "Invalid JSON request body") from error
    if type(content) is not dict:
        raise _Refusal(400, "Invalid JSON request body")
    return content


def _events(content: Json, most: int, api_key: str) -> list[Any]:
    events = content.get("events")
    if type(events) is list and len(events) > most:
        raise _Refusal(413, ERRORS[413])
    if content.get("api_key") is None:
        raise _missing_from_request("api_key")
    if type(events) is not list or not events:  # unconfirmed: what is said of an empty list, or of something else
        raise _missing_from_request("events")
    if content["api_key"] != api_key:
        raise _Refusal(400, f"Invalid API key: {content['api_key']}")
    return events


def _missing_from_request(name: str) -> _Refusal:
    return _Refusal(
        400,
        "Request missing required field",
        missing_field=name,
        events_with_invalid_fields={},
        events_with_missing_fields={},
    )


def _min_id_length(content: Json) -> int:
    """How long an id must be; an integer, which the documentation says and who sends a text does not read."""
    options = content.get("options", {})
    shortest = options.get("min_id_length", 5) if type(options) is dict else None
    if type(shortest) is not int or shortest < 0 or options.keys() - {"min_id_length"} or content.keys() - TOP:
        # Unconfirmed: Amplitude may ignore what it does not know.
        raise _Refusal(400, "Invalid JSON request body")
    return shortest


def _complaint(faults: Faults, *, names_all: bool) -> _Refusal | None:
    def told(found: Mapping[str, list[int]]) -> dict[str, list[int]]:
        return {name: indexes if names_all else indexes[:1] for name, indexes in found.items()}

    if faults.missing or faults.invalid:
        error = "Request missing required field" if faults.missing else "Invalid field values on some events"
        maps = {
            "events_with_invalid_fields": told(faults.invalid),
            "events_with_missing_fields": told(faults.missing),
        }
        return _Refusal(400, error, **maps)
    if faults.short:
        # Seen and not documented.
        error = "Invalid id length for user_id or device_id"
        return _Refusal(400, error, events_with_invalid_id_lengths=told(faults.short))
    return None


def _note(ids: Ids, user_id: str | None, device_id: str | None) -> None:
    if user_id is not None:
        ids["user_id"].add(user_id)
    if device_id is not None:
        ids["device_id"].add(device_id)


@contextmanager
def serve(api_key: str, *, now: Clock = utc_now, repeats_count: bool = False) -> Iterator[Amplitude]:
    """A project at Amplitude while in the context."""
    with Amplitude(api_key, now=now, repeats_count=repeats_count).listening() as server:
        yield server
