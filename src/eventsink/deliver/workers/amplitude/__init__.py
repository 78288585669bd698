"""Sends what people do to Amplitude, under keyed hashes of who they are."""

import asyncio
import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import structlog

from eventsink.deliver.analytics.worker import (
    AnalyticsOptions,
    AnalyticsWorker,
    check,
    common_rules,
    is_address,
    phrase,
)
from eventsink.deliver.http import Answer
from eventsink.deliver.workers.amplitude.answers import is_stored, named, not_let_in, raise_for, throttle
from eventsink.deliver.workers.amplitude.events import AmplitudeEvents, Packed
from eventsink.deliver.workers.amplitude.throttles import Throttles
from eventsink.errors import NoAnswer, Refused, TryLater
from eventsink.event import Event
from eventsink.point import Point

ENDPOINTS = {"us": "https://api2.amplitude.com/batch", "eu": "https://api.eu.amplitude.com/batch"}
REMEDY = "Check workers.amplitude.api_key."
LANES = 4  # requests that are on their way at once; all events of one device take the same one, in their order
AT_ONCE = 500  # events of one request; it takes 2,000
_SHUT_OUT = (
    "Amplitude answers 403 to this event alone and takes others: something before it, as a firewall, does not like what"
    " is in it. See what that is, then retry with `eventsink dead retry`."
)
LARGEST = 900_000  # bytes of one request; /batch takes 20 MB, /2/httpapi 1 MB

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options(AnalyticsOptions):
    """Which project, and what is sent."""

    api_key: Annotated[str, "API key of the project."]
    region: Annotated[Literal["us", "eu"], "Where the project is: us or eu."] = "us"
    endpoint: Annotated[str, "Address in the place of the region's, as https://proxy.example.org/batch."] = ""
    gzip: Annotated[bool, "Compress what is sent."] = True


class Amplitude(AnalyticsWorker[Options]):
    """Delivers by batch uploads. By its insert_id Amplitude keeps one of an event that comes again within 7 days."""

    section = "amplitude"
    secret_name = "api_key"  # noqa: S105 - its name
    connections = LANES
    batch_size = LANES * AT_ONCE
    batch_wait = 1.0
    open_asks = False

    def __init__(self, options: Options) -> None:
        check("amplitude", rules(options))
        super().__init__(options, options.api_key, service="Amplitude", remedy=REMEDY)
        self._url = address_of(options)
        self._events = AmplitudeEvents(self._pseudonyms, options.properties)
        self._throttles = Throttles()
        self._unlike = 0  # events that Amplitude did not count
        head = msgspec.json.encode(options.api_key)
        self._head = b'{"api_key":' + head + b',"events":['

    async def examine(self) -> Sequence[Point]:
        """Whether it answers, and knows the key. What is sent lacks all that an event must have, so none is counted."""
        await self.open()
        body = self._head + b'{"insert_id":"eventsink doctor"}]}'
        answer = await self._http.send("POST", self._url, headers={"Content-Type": "application/json"}, body=body)
        if is_stored(answer):  # of another, or one that takes anything
            return [
                Point("key", "what answers takes events without a type", "See workers.amplitude.endpoint.", minor=True)
            ]
        if named(answer, 1) is None:
            try:
                raise_for(answer)
            except Refused:  # it says that something is missing, but not of which event
                return [Point("key", "it answers; whether it knows the key shows the first event")]
            self._http.check(answer, phrase(answer))
        return [Point("key", "it answers, and knows the key")]

    async def _send(self, events: Sequence[Event]) -> None:
        """Send events over some lanes at once, and raise what became of those that Amplitude does not have."""
        packed = await asyncio.to_thread(self._events.pack, events, datetime.now(UTC))
        lanes: dict[int, _Lane] = {}
        for each in packed:
            lanes.setdefault(zlib.crc32(each.device.encode()) % LANES, _Lane()).left.append(each)
        outcomes = await asyncio.gather(*map(self._run, lanes.values()), return_exceptions=True)
        _raise_worst([outcome for outcome in outcomes if outcome is not None])
        for lane in lanes.values():
            if lane.shut_out:
                await self._sift(lane, next((each.probe for each in lanes.values() if each.probe), None))
        refused = [(each.event, reason) for lane in lanes.values() for each, reason in lane.refused]
        if refused:  # one reason at a time: the others are offered again
            reason = refused[0][1]
            raise Refused(reason, events=[event for event, why in refused if why == reason])
        waiting = [each for lane in lanes.values() for each in lane.waiting]
        raise_waiting(self._throttles.groups(waiting, _now()))

    async def _run(self, lane: "_Lane") -> None:
        """Send the events of a lane, one request after the other."""
        while lane.left:
            part, lane.left = _first(lane.left, lane.most)
            free, held = self._throttles.split(part, _now())
            lane.waiting += held
            if free:
                await self._send_part(lane, free)

    async def _send_part(self, lane: "_Lane", part: Sequence[Packed]) -> None:
        """Send one request. What comes of it that is no failure of the whole is noted in the lane."""
        answer = await self._post(part)
        if is_stored(answer):
            self._delivered.note([each.event for each in part])
            lane.probe = part[0]
            self._look_at_count(answer, len(part))
        elif answer.status == 413:
            self._halve(lane, part)
        elif answer.status == 403:
            lane.shut_out, lane.left = [*part, *lane.left], []
        elif found := named(answer, len(part)):
            lane.refused += [(part[index], found.reason) for index in sorted(found.indexes)]
            lane.left = [each for index, each in enumerate(part) if index not in found.indexes] + lane.left
        elif who := throttle(answer, len(part)):
            now = _now()
            self._throttles.note(who, part, now)
            free, held = self._throttles.split(part, now)
            if not held:  # it names others
                self._http.check(answer, phrase(answer))
            lane.waiting += held
            lane.left = free + lane.left
        else:
            raise_for(answer)
            self._http.check(answer, phrase(answer))

    async def _sift(self, lane: "_Lane", probe: Packed | None) -> None:
        """Find the events for which alone Amplitude answers 403, or what stands before it, when it takes others.

        Args:
            probe: an event that it has taken a moment ago; by its insert_id it keeps one of it.

        Raises:
            TryLater: it takes nothing at all.
        """
        left, aside, alone = [lane.shut_out], list[Packed](), list[Packed]()
        while left:
            part = left.pop()
            if len(part) == 1:
                alone += part
                continue
            shut = []
            for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                trial = _Lane()
                await self._send_part(trial, half)
                lane.refused += trial.refused
                lane.waiting += trial.waiting
                aside += trial.left
                probe = trial.probe or probe
                shut += [trial.shut_out] if trial.shut_out else []
            if probe is None:  # as long as nothing is taken one way down is enough
                aside += [each for half in shut[1:] for each in half]
            left += shut if probe else shut[:1]
        if probe is None or (alone and not is_stored(await self._post([probe]))):
            raise not_let_in()
        lane.refused += [(each, _SHUT_OUT) for each in alone]
        lane.shut_out = []
        lane.left = aside
        if aside:
            await self._run(lane)
            if lane.shut_out:
                await self._sift(lane, probe)

    @staticmethod
    def _halve(lane: "_Lane", part: Sequence[Packed]) -> None:
        """Have a request that is too large sent as two."""
        if len(part) == 1:
            lane.refused.append((part[0], "Amplitude answers 413: this event alone is too large for it."))
            return
        lane.most = max(len(part) // 2, 1)
        lane.left = [*part, *lane.left]

    async def _post(self, part: Sequence[Packed]) -> Answer:
        body = self._head + b",".join([each.line for each in part]) + b"]}"
        headers = {"Content-Type": "application/json"}
        if self.options.gzip:
            headers["Content-Encoding"] = "gzip"
            body = await asyncio.to_thread(gzip.compress, body, 1, mtime=0)
        return await self._http.send("POST", self._url, headers=headers, body=body)

    def _look_at_count(self, answer: Answer, sent: int) -> None:
        """Say it when Amplitude counts fewer than were sent: repeats, which is well, or what it does not keep."""
        counted = answer.json.get("events_ingested")
        if type(counted) is not int or counted >= sent:
            return
        before, self._unlike = self._unlike, self._unlike + sent - counted
        if len(str(self._unlike)) > (len(str(before)) if before else 0):
            note = "Those that came again after a failure are among them, and are no loss."
            _log.warning("amplitude.counted_fewer", events_so_far=self._unlike, note=note)

    def _show(self, event: Event) -> Mapping[str, Any]:
        return {"address": self._url, "fields": self._events.of(event, datetime.now(UTC))}


class _Lane:
    """Events of some devices on their way: those that are left, those that wait, and those that are refused."""

    def __init__(self) -> None:
        self.left: list[Packed] = []
        self.waiting: list[Packed] = []
        self.refused: list[tuple[Packed, str]] = []
        self.shut_out: list[Packed] = []  # 403 came to them
        self.probe: Packed | None = None  # one that was taken
        self.most = AT_ONCE


def raise_waiting(waiting: Sequence[tuple[float, str, Sequence[Packed]]]) -> None:
    """Raise which events wait, each for its time; nothing if none does.

    Raises:
        TryLater: of those that wait longest, from those that wait less long.
    """
    last: TryLater | None = None
    for after, why, part in waiting:
        error = TryLater(why, after=after, events=[each.event for each in part])
        error.__cause__ = last
        last = error
    if last is not None:
        raise last


def _first(left: list[Packed], most: int) -> tuple[list[Packed], list[Packed]]:
    """The events of the next request, and the rest."""
    size = 0
    for number, each in enumerate(left[:most]):
        size += len(each.line) + 1
        if size > LARGEST and number:
            return left[:number], left[number:]
    return left[:most], left[most:]


def _raise_worst(errors: Sequence[BaseException]) -> None:
    """Raise of what happened in several lanes what keeps most: a bug, then what is said of Amplitude as a whole."""
    for error in sorted(errors, key=_rank):
        raise error


def _rank(error: BaseException) -> int:
    if isinstance(error, NoAnswer):
        return 2
    return 1 if isinstance(error, TryLater) else 3 if isinstance(error, Refused) else 0


def _now() -> float:
    return asyncio.get_running_loop().time()


# --- settings --------------------------------------------------------------------------------------------------------


def address_of(options: Options) -> str:
    """Where events are sent to."""
    if not options.endpoint:
        return ENDPOINTS[options.region]
    path = urlsplit(options.endpoint).path
    return options.endpoint if path.strip("/") else f"{options.endpoint.rstrip('/')}/batch"


def rules(options: Options) -> list[tuple[object, str]]:
    """What must be so."""
    return [
        (options.api_key and options.api_key.isprintable() and " " not in options.api_key, "api_key must be given."),
        (not options.endpoint or is_address(options.endpoint), "endpoint must be as https://api2.amplitude.com/batch."),
        *common_rules(options, Amplitude.timeout),
    ]
