"""Sends what people do to Google Analytics 4 by its Measurement Protocol, under keyed hashes of who they are.

Google answers 2xx to whatever it gets, also to what it throws away, so nothing follows from its answer: all that it
wants is seen to here, before anything is sent. It keeps two of an event that comes twice; `event_uid` tells them.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog
from msgspec import Meta

from eventsink.deliver.analytics.actors import actor_of
from eventsink.deliver.analytics.times import told_time
from eventsink.deliver.analytics.worker import (
    AnalyticsOptions,
    AnalyticsWorker,
    check,
    common_rules,
    is_address,
    phrase,
)
from eventsink.deliver.http import Answer
from eventsink.deliver.workers.google_analytics.events import GoogleEvents
from eventsink.deliver.workers.google_analytics.grouping import Request, requests
from eventsink.deliver.workers.google_analytics.validation import bodies, complaint
from eventsink.errors import NoAnswer, Refused, TryLater
from eventsink.event import Event
from eventsink.point import Point

HOSTS = {"global": "https://www.google-analytics.com", "eu": "https://region1.google-analytics.com"}
COLLECT, VALIDATE = "/mp/collect", "/debug/mp/collect"
REMEDY = "Check workers.google_analytics.measurement_id and api_secret."
AT_ONCE = 8  # requests that are on their way at once
PATIENCE = 300.0  # seconds to wait, where a person has to change something
ON_THE_WAY = timedelta(minutes=5)  # that an event may take from here to Google
NOBODY = "of nobody who is known"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options(AnalyticsOptions):
    """Which stream, and what is sent."""

    measurement_id: Annotated[
        str,
        "Measurement id of the web stream, as G-XXXXXXXXXX.",
        Meta(pattern=r"^G-[A-Z0-9]+$", title="as G-XXXXXXXXXX, of a web stream"),
    ]
    api_secret: Annotated[str, "An API secret of that stream."]
    region: Annotated[Literal["global", "eu"], "Where it is collected: global or eu."] = "global"
    endpoint: Annotated[str, "Address in the place of the region's, as https://proxy.example.org/mp/collect."] = ""
    validate: Annotated[bool, "Have Google's validator look at an event of each type at the start."] = False
    max_age: Annotated[float, "Hours after which an event is not sent any more: 1 to 72.", Meta(ge=1, le=72)] = 72.0


class GoogleAnalytics(AnalyticsWorker[Options]):
    """Delivers by requests of events that share a context."""

    section = "google_analytics"
    secret_name = "api_secret"  # noqa: S105 - its name
    connections = AT_ONCE
    batch_size = 500
    batch_wait = 2.0
    keeps_repeats = True
    open_asks = False
    timeout = 120.0  # there may be as many requests as events

    def __init__(self, options: Options) -> None:
        check("google_analytics", list(rules(options)))
        super().__init__(options, options.api_secret, service="Google Analytics", remedy=REMEDY)
        self._url = address_of(options)
        self._query = {"measurement_id": options.measurement_id, "api_secret": options.api_secret}
        self._events = GoogleEvents(self._pseudonyms, options.properties)
        self._too_old = f"older than {options.max_age:g} hours"

    async def open(self) -> None:
        """Make a session, and have the validator look at what would be sent, if that is wanted."""
        await super().open()
        if self.options.validate:
            await self._validate()

    async def examine(self) -> Sequence[Point]:
        """What Google's validator says of one event; it keeps none, and knows neither the stream nor the secret."""
        await super().open()
        if not self._url.endswith(COLLECT):
            return [Point("validator", f"it is not asked, for the path of endpoint is not {COLLECT}")]
        kind, body = next(bodies(self._events, self.types, datetime.now(UTC)))
        answer = await self._post(self._url.removesuffix(COLLECT) + VALIDATE, body)
        self._http.check(answer, phrase(answer))
        if said := complaint(answer):
            return [Point("validator", f"it does not take {kind}: {said}", "Report it: see docs/google-analytics.md.")]
        if not (isinstance(answer.json, dict) and "validationMessages" in answer.json):
            remedy = "Check workers.google_analytics.endpoint, and what proxies there are."
            return [Point("validator", "what answers is not Google Analytics", remedy)]
        note = "it takes our events; whether the secret is right Google tells nobody: look at its Realtime report"
        return [Point("validator", note)]

    def _choose(
        self, events: Sequence[Event], people: frozenset[str], now: datetime, skipped: list[tuple[Event, str]]
    ) -> Sequence[Event]:
        """Those that are sent: of somebody, and young enough. Google would move what is older to another day."""
        oldest = now - timedelta(hours=self.options.max_age) + ON_THE_WAY
        sent = []
        for event in super()._choose(events, people, now, skipped):
            if told_time(event, now) < oldest:
                skipped.append((event, self._too_old))
            elif not actor_of(event).somebody:
                skipped.append((event, NOBODY))
            else:
                sent.append(event)
        return sent

    async def _send(self, events: Sequence[Event]) -> None:
        """Send events, some requests at once, and raise what became of those that Google does not have."""
        hits = await asyncio.to_thread(self._events.hits, events, datetime.now(UTC))
        left = deque(requests(hits))
        refused: list[Event] = []
        workers = [self._send_some(left, refused) for _ in range(min(AT_ONCE, len(left)))]
        outcomes = await asyncio.gather(*workers, return_exceptions=True)
        errors = [outcome for outcome in outcomes if outcome is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, NoAnswer)):
            raise error
        if refused:
            raise Refused("Google Analytics answers 413: this event alone is too large for it.", events=refused)

    async def _send_some(self, left: deque[Request], refused: list[Event]) -> None:
        """Send one request after the other until none is left, or one fails: then the others are not tried either."""
        while left:
            request = left.popleft()
            try:
                answer = await self._post(self._url, request.body)
                if answer.status == 413:
                    self._halve(request, left, refused)
                    continue
                self._judge(answer)
            except BaseException:
                left.clear()
                raise
            self._delivered.note([hit.event for hit in request.hits])

    @staticmethod
    def _halve(request: Request, left: deque[Request], refused: list[Event]) -> None:
        if len(request.hits) == 1:
            refused.append(request.hits[0].event)
        else:
            left.extend(request.halves())

    async def _post(self, url: str, body: bytes) -> Answer:
        headers = {"Content-Type": "application/json"}
        return await self._http.send("POST", url, query=self._query, headers=headers, body=body)

    def _judge(self, answer: Answer) -> None:
        """Raise what an answer means.

        Raises:
            TryLater: it is away, or the address or the secret is wrong.
            NoAnswer: the request is why, perhaps; Google says 2xx to all that can be read.
        """
        if answer.ok and _is_of_another(answer):
            raise TryLater(
                f"What answers {answer.status} is not Google Analytics, for it says something: check"
                " workers.google_analytics.endpoint and what proxies there are.",
                after=PATIENCE,
            )
        if answer.ok or answer.status < 400 or answer.status in (408, 425, 429) or answer.status >= 500:
            self._http.check(answer, phrase(answer))
            return
        if answer.status in (401, 403, 404, 405, 407):
            raise TryLater(
                f"Google Analytics answers {answer.status}. {REMEDY} And see that endpoint, if it is set, is right.",
                after=PATIENCE,
            )
        raise NoAnswer(f"Google Analytics answers {answer.status}, which it says to no event of ours. {REMEDY}")

    async def _validate(self) -> None:
        if not self._url.endswith(COLLECT):  # what else is there may take for an event what is not meant as one
            _log.warning("google_analytics.not_validated", reason=f"The path of endpoint is not {COLLECT}.")
            return
        url = self._url.removesuffix(COLLECT) + VALIDATE
        for kind, body in bodies(self._events, self.types, datetime.now(UTC)):
            try:
                answer = await self._post(url, body)
            except TryLater as error:  # without it nothing is known, which is no reason to send nothing
                _log.warning("google_analytics.not_validated", reason=error.reason)
                return
            if said := complaint(answer):
                raise TryLater(
                    f"Google's validator does not take {kind}: {said} Nothing is sent. Report it, and set"
                    " workers.google_analytics.validate to false to send all the same.",
                    after=PATIENCE,
                )

    def _show(self, event: Event) -> Mapping[str, Any]:
        fields = {**self._events.context(event).fields(), "events": [self._events.of(event, datetime.now(UTC))]}
        return {"address": self._url, "query": {**self._query, "api_secret": "…"}, "fields": fields}


# --- settings --------------------------------------------------------------------------------------------------------


def _is_of_another(answer: Answer) -> bool:
    """Whether an answer is a page, or says something in JSON: Google says nothing when it collects."""
    page = answer.headers.get("Content-Type", "").lower().startswith(("text/html", "application/xhtml"))
    return bool(answer.body) and (page or answer.body.lstrip()[:1] == b"<" or isinstance(answer.json, dict))


def address_of(options: Options) -> str:
    """Where events are sent to."""
    if not options.endpoint:
        return HOSTS[options.region] + COLLECT
    path = urlsplit(options.endpoint).path
    return options.endpoint if path.strip("/") else options.endpoint.rstrip("/") + COLLECT


def rules(options: Options) -> Iterator[tuple[object, str]]:
    """What must be so."""
    secret = options.api_secret
    yield secret and secret.isprintable() and " " not in secret, "api_secret must be given."
    yield not options.endpoint or is_address(options.endpoint), "endpoint must be as https://host/mp/collect."
    yield "/debug/" not in f"{options.endpoint}/", "endpoint must not be that of the validator, which keeps nothing."
    yield from common_rules(options, GoogleAnalytics.timeout)
