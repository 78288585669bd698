"""Requests that a program answers, as events: `traffic.api_request`, and what a route means in the catalogue.

What the two middlewares (`asgi`, `wsgi`) see of a request comes here when it is over.
"""

import logging
import random
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, NamedTuple, Protocol

from eventsink.client.identity_of import ANONYMOUS, KINDS, Identity, identity_of

__all__ = ["SKIPPED", "Capturing", "Meaning", "Request", "Tracking"]

SKIPPED = ("/healthz", "/readyz", "/livez", "/health", "/metrics", "/favicon.ico", "/static/*")
"""Paths that are no use of a program, but a look at whether it is well, or what its pages are made of."""

_log = logging.getLogger("eventsink")

LONGEST_USER = 200  # letters
MOST_MET = 1_000  # routes of which it is remembered what they mean


class Capturing(Protocol):
    """What takes events: a `SinkService`."""

    def capture(self, type: str, /, *, user: str | None = None, **data: Any) -> None:  # noqa: A002
        """Take one."""


class Request(NamedTuple):
    """A request that is over.

    Args:
        method: of HTTP; WEBSOCKET for one.
        path: as it came; it goes into no event.
        route: its template, as /datasets/{id}; empty if the program has none for it.
        parameters: of the route.
        status: of the answer; 499 where the client went away before there was one.
        seconds: it took.
        bytes: of the answer's body that were sent.
        received: bytes of the request's body.
        headers: of the request, by their names in small letters.
    """

    method: str
    path: str
    route: str
    parameters: Mapping[str, Any]
    status: int
    seconds: float
    bytes: int
    received: int
    headers: Mapping[str, str]


class Meaning(NamedTuple):
    """What a request means in the catalogue, if it went well.

    Args:
        method: of HTTP.
        route: the template, as the program has it; of a parameter only that there is one counts.
        type: of the event.
        data: of the event: fixed values, and parameters of the route as `{name}`.
        sized: the field that has the bytes that were sent; empty: none.
        received: the field that has the bytes that were received; of a file in a form a little more than it has.
    """

    method: str
    route: str
    type: str
    data: Mapping[str, Any]
    sized: str = ""
    received: str = ""


class Tracking:
    """Makes events of requests.

    Args:
        sink: takes them.
        skip: patterns of paths and routes that are left out.
        sample: share of the requests that become a `traffic.api_request`; what has a meaning is always told.
        identify: who asks, by the headers of a request.
        meanings: what routes mean.
        prefix: of all routes, that is not in `meanings`.
    """

    def __init__(  # noqa: PLR0913
        self,
        sink: Capturing,
        *,
        skip: Sequence[str] = SKIPPED,
        sample: float = 1.0,
        identify: Callable[[Mapping[str, str]], Identity] = identity_of,
        meanings: Sequence[Meaning] = (),
        prefix: str = "",
    ) -> None:
        self._sink = sink
        self._skip = re.compile("|".join(map(translate, skip)) or r"(?!)").match
        self._sample = sample
        self._said = False
        self._draw = random.Random().random  # noqa: S311 - not the one of the program, which may have been seeded
        self._identify = identify
        self._meanings = {(one.method.upper(), _shape(prefix + one.route)): one for one in meanings}
        self._met: dict[tuple[str, str], Meaning | None] = {}

    def note(self, request: Request) -> None:
        """Tell of a request. It never raises: the program has answered, and must not notice."""
        try:
            if self._skip(request.path) or (request.route and self._skip(request.route)):
                return
        except Exception as error:  # noqa: BLE001 - a server that gives no text for a path
            self.say_failed(error)
            return
        who = ANONYMOUS if request.status in {401, 403} else self._who(request.headers)
        for tell in (self._tell, self._tell_meaning):
            try:
                tell(request, who)
            except Exception as error:  # noqa: BLE001 - as a `RecordingSink` raises
                self.say_failed(error)

    def say_failed(self, error: Exception) -> None:
        """Say once in the log that requests could not be told."""
        if not self._said:
            self._said = True
            _log.warning("A request could not be told to the event sink: %s: %s.", type(error).__name__, error)

    def _tell(self, request: Request, who: Identity) -> None:
        if self._sample >= 1.0 or self._draw() < self._sample:
            self._sink.capture(
                "traffic.api_request",
                user=who.user,
                method=request.method[:20],
                route=request.route,
                status=request.status,
                duration_ms=round(1000 * request.seconds, 3),
                bytes=request.bytes,
                identity=who.kind,
            )

    def _tell_meaning(self, request: Request, who: Identity) -> None:
        meaning = self._meaning(request.method, request.route) if self._meanings and request.route else None
        if meaning and 200 <= request.status < 300:
            data: dict[str, Any] = {"user": who.user}
            data |= {name: _filled(value, request) for name, value in meaning.data.items()}
            if meaning.sized:
                data[meaning.sized] = request.bytes
            if meaning.received:
                data[meaning.received] = request.received
            self._sink.capture(meaning.type, **{name: value for name, value in data.items() if value is not None})

    def _who(self, headers: Mapping[str, str]) -> Identity:
        try:
            user, kind = self._identify(headers)
            user = "" if user is None else str(user)
        except Exception:  # noqa: BLE001 - as of somebody's own `identify`, or of what a stranger sends
            return ANONYMOUS
        fits = 0 < len(user) <= LONGEST_USER and user.isprintable()
        return Identity(user, kind if kind in KINDS else "user") if fits else ANONYMOUS

    def _meaning(self, method: str, route: str) -> Meaning | None:
        try:
            return self._met[method, route]
        except KeyError:
            if len(self._met) >= MOST_MET:  # a program whose routes are no templates
                self._met.clear()
            meaning = self._met[method, route] = self._meanings.get((method, _shape(route)))
            return meaning


def _filled(value: Any, request: Request) -> Any:
    if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
        found = request.parameters.get(value[1:-1])
        return None if found is None else str(found)
    return value


def _shape(route: str) -> str:
    """A template without the names and types of its parameters: frameworks write them in many ways."""
    return re.sub(r"\{[^}]*\}|<[^>]*>", "{}", route).rstrip("/")
