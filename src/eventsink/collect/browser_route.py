"""`POST /v1/browser`: what trackers report. A public key, its sites, types for browsers alone, and no address kept.

Requests are simple ones in the sense of CORS: trackers send text/plain, so that no browser asks before it sends.
"""

import asyncio
import time
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from eventsink.browsers import pages
from eventsink.browsers.agents import Agent, Agents
from eventsink.browsers.countries import Countries, is_country
from eventsink.browsers.peers import Proxies
from eventsink.browsers.visitors import Visitors
from eventsink.browsers.visits import Visits
from eventsink.collect.browser_reading import Sent, Stamp, drafts, offset, read
from eventsink.collect.browser_words import CUSTOM
from eventsink.collect.desk import Desk
from eventsink.collect.ingest import Intake
from eventsink.collect.limits import Budget, RateLimit, check_length, read_body
from eventsink.collect.methods import allowed, not_allowed
from eventsink.collect.problems import MEDIA_TYPE, SAFE, Problem, encode
from eventsink.collect.refusals import GONE, reason_of_request
from eventsink.collect.snippet import vendor_tags
from eventsink.dialects.admit import Admission, Stamps
from eventsink.errors import EventSinkError, ExchangeUnavailable, InvalidEvent, KeysNotRead
from eventsink.keys import PUBLIC, Key
from eventsink.settings import Browser
from eventsink.traces import Accepting

__all__ = ["BrowserRoute"]

MOST_BODY = 64 << 10  # bytes, which is what sendBeacon sends at most (Fetch, §2.8: keepalive)
BURST = 60.0  # seconds' worth of its rate that one address may send at once
CHARGED = 2 << 10  # bytes of a body that cost as much as an event
MOST_TYPES = 200  # of a page's own, of one key
MOST_FOREIGN = 100  # sites that are said in the log
AGAIN = 30.0  # seconds after which it is looked again for what is not installed
TURN = 0.01  # seconds after which others have theirs
MOST_PLACES = 50_000  # addresses whose rate is remembered
ALLOW = allowed(["POST"])

_log = structlog.get_logger(__name__)


_NOTHING = b'{"accepted":0,"rejected":[]}'


class _Asking(NamedTuple):
    """Who asks, and when."""

    address: str
    headers: dict[bytes, bytes]
    now: datetime
    through_proxy: bool


class Finder:
    """What is found out about a browser. Making one reads rules and lists, which takes a while.

    Args:
        countries: of a file that an operator has; None for the lists.

    Raises:
        EventSinkError: something that it needs is not installed, or cannot be read.
    """

    def __init__(self, settings: Browser, countries: Countries | None) -> None:
        self._agents = Agents()
        self._countries = countries or Countries()
        self._header = settings.country_header.strip().lower().encode()

    def agent(self, headers: dict[bytes, bytes]) -> Agent:
        """The browser, by its user agent."""
        return self._agents.describe(_text(headers, b"user-agent"))

    def country(self, asking: _Asking) -> str:
        """The country, as a proxy says it, else by the address."""
        said = _text(asking.headers, self._header).strip().upper() if self._header and asking.through_proxy else ""
        return said if is_country(said) else self._countries.of(asking.address)


class BrowserRoute:
    """Answers all that is asked of `/v1/browser`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.settings.browser
        self._admission = Admission(largest=MOST_BODY, hide=desk.settings.collect.hide)
        self._rate = RateLimit(self._settings.rate)
        self._places = _Places(self._settings.visitor_rate / 60)
        self._proxies = Proxies(self._settings.proxies)
        self._visitors = Visitors(desk.settings.directory)
        self._visits = Visits()
        self._budget = Budget(64 * MOST_BODY)
        # Read at the start, which a wrong setting is to stop.
        self._countries = Countries(Path(self._settings.geoip)) if self._settings.geoip else None
        vendor_tags(self._settings)
        self._types: dict[str, set[str]] = {}
        self._foreign: set[str] = set()
        self._find_again = 0.0
        self._finder: Finder | None = None
        self._finding = asyncio.Lock()
        self._counts = desk.metrics.browser

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        span = self._desk.traces.accept(headers) if self._desk.traces else None
        try:
            status, answer, more = await self._answer(scope, receive, headers, span)
        except asyncio.CancelledError:
            self._desk.metrics.intake.answered(GONE)
            if span:
                span.end("gone", GONE)
            raise
        if span:
            span.end("accepted" if status < 400 else reason_of_request(status) or "data", status)
        self._desk.metrics.intake.answered(status)
        if status >= 400:
            self._desk.metrics.intake.refused_whole(status)
        media = MEDIA_TYPE if status >= 400 else "application/json"
        about = [(b"content-type", media.encode()), *SAFE, *more, *_cors(headers, scope["method"])]
        await send({"type": "http.response.start", "status": status, "headers": about})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(
        self, scope: dict[str, Any], receive: Any, headers: dict[bytes, bytes], span: Accepting | None
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        if scope["method"] == "OPTIONS":
            return 204, b"", [(b"allow", ALLOW.encode())]
        try:
            if scope["method"] != "POST":
                raise not_allowed(scope["method"], ALLOW)
            return 202, await self._take(scope, receive, headers, span), []
        except Problem as problem:
            more = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
            return problem.status, encode(problem), more
        except Exception:  # noqa: BLE001 - a bug of ours: said in the log, and to the client without details
            _log.exception("collect.failed")
            return 500, encode(Problem(500, "The event sink failed; its log says why.")), []

    async def _take(
        self, scope: dict[str, Any], receive: Any, headers: dict[bytes, bytes], span: Accepting | None
    ) -> bytes:
        peer = (scope.get("client") or ("",))[0]
        address = self._proxies.client(peer, _text(headers, b"x-forwarded-for"))
        self._places.check(self._visitors.place(address))
        check_length(headers, MOST_BODY)
        with self._budget.share(address) as share:
            body = await read_body(receive, MOST_BODY, headers.get(b"content-length", b""), share)
        asking = _Asking(address, headers, datetime.now(UTC), through_proxy=self._proxies.trusts(peer))
        sent = _read(body)
        key, origin = await self._authorize(sent, headers)
        cost = max(len(sent.events), len(body) // CHARGED + 1)
        self._places.spend(self._visitors.place(address), cost)
        if self._settings.honour_opt_out and _opts_out(headers):
            self._counts.opted_out += len(sent.events)
            return _NOTHING
        self._rate.spend(key.id, key.rate, cost)
        if not sent.events:
            return _NOTHING
        stamp = await self._stamp(asking, origin, sent)
        if stamp.found.get("robot") and self._settings.robots == "drop":
            self._counts.robots += len(sent.events)
            return _NOTHING
        return await self._accept(key, sent, stamp, len(body), span)

    async def _authorize(self, sent: Sent, headers: dict[bytes, bytes]) -> tuple[Key, str]:
        """The key of a request, and the site that it came from."""
        try:
            key = await self._desk.keys.check(sent.key)
        except KeysNotRead as error:
            raise Problem(503, str(error), headers={"retry-after": "1"}) from None
        if key is None:
            raise Problem(
                401, "This write key is unknown, revoked or expired: `eventsink snippet` shows the right one."
            )
        if not key.may(PUBLIC):
            raise Problem(
                403, f"Key {key.id} must not stand in a page: take it out, revoke it, see `eventsink snippet`."
            )
        origin = _text(headers, b"origin").strip()
        if origin not in key.origins:
            self._counts.foreign += 1
            named = pages.origin(origin) or "no site"
            self._say_foreign(key, named)
            raise Problem(403, f"This write key is not for pages of {named}: it is for others.")
        return key, origin

    def _say_foreign(self, key: Key, origin: str) -> None:
        """Say once of a site that its pages use a key that is not for them: somebody may have mistaken its name."""
        if origin not in self._foreign and len(self._foreign) < MOST_FOREIGN:
            self._foreign.add(origin)
            _log.warning("browser.foreign_site", key=key.id, site=origin, sites_of_the_key=list(key.origins))

    async def _stamp(self, asking: _Asking, origin: str, sent: Sent) -> Stamp:
        finder, now = await self._found(), asking.now
        agent = finder.agent(asking.headers)
        visitor = self._visitors.id(origin, asking.address, _text(asking.headers, b"user-agent"), now)
        found = {
            "visitor": visitor,
            "session": self._visits.id(visitor, now.timestamp()),
            "country": finder.country(asking),
            "browser": agent.browser,
            "browser_version": agent.browser_version,
            "os": agent.os,
            "os_version": agent.os_version,
            "device": agent.device,
        }
        known: dict[str, Any] = {name: value for name, value in found.items() if value}
        return Stamp(origin, known | ({"robot": True} if agent.is_robot else {}), now, offset(sent.sent, now))

    async def _found(self) -> Finder:
        async with self._finding:
            if self._finder is None and time.monotonic() >= self._find_again:
                try:
                    self._finder = await asyncio.to_thread(Finder, self._settings, self._countries)
                except EventSinkError as error:
                    self._find_again = time.monotonic() + AGAIN
                    _log.error("browser.not_ready", reason=str(error))
            if self._finder is None:
                sentence = "Browsers cannot be told apart here; the log of the event sink says why."
                raise Problem(503, sentence, headers={"retry-after": str(int(AGAIN))})
            return self._finder

    async def _accept(self, key: Key, sent: Sent, stamp: Stamp, size: int, span: Accepting | None) -> bytes:
        intake, stamps = Intake(), Stamps(stamp.now, stamp.origin, size)
        turn = time.perf_counter() + TURN
        for index, raw in enumerate(sent.events):
            if time.perf_counter() > turn:  # others have theirs
                await asyncio.sleep(0)
                turn = time.perf_counter() + TURN
            try:
                event, _ = self._admission.admit(drafts(raw, stamp), stamps)
                self._check_type(key, event.type)
            except InvalidEvent as error:
                intake.reject(index, error)
            else:
                intake.events.append(event)
        self._desk.metrics.intake.refused(intake.reasons)
        if span:
            intake.events = span.mark(intake.events, size, intake.refused)
        if intake.events:
            try:
                await self._desk.exchange.publish(intake.events)
            except ExchangeUnavailable as error:
                raise Problem(503, f"{error} Nothing was stored.", headers={"retry-after": "5"}) from error
            self._desk.metrics.intake.accepted += len(intake.events)
        if intake.refused and not intake.events:
            rejected = msgspec.to_builtins(intake.rejected)
            raise Problem(422, f"Nothing was accepted. {intake.rejected[0].message}", accepted=0, rejected=rejected)
        return msgspec.json.encode({"accepted": len(intake.events), "rejected": intake.rejected})

    def _check_type(self, key: Key, kind: str) -> None:
        """Refuse more types of a page's own than a site can have: destinations keep each for ever.

        Raises:
            InvalidEvent: there are too many.
        """
        if not kind.startswith(CUSTOM):
            return
        known = self._types.setdefault(key.id, set())
        if kind not in known and len(known) >= MOST_TYPES:
            raise InvalidEvent(
                f"Pages of this key have reported {MOST_TYPES} types of their own since the start.",
                pointer="/type",
                got=kind[:60],
            )
        known.add(kind)


class _Places:
    """The rate of each address that has spent something. Of too many, the one that was silent longest is forgotten."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._limit = RateLimit(rate, burst=BURST, who="One address may send")
        self._seen: OrderedDict[str, None] = OrderedDict()

    def check(self, place: str) -> None:
        """Refuse an address while something is to be paid off.

        Raises:
            Problem: 429.
        """
        if place in self._seen:
            self._limit.spend(place, self._rate, 0)

    def spend(self, place: str, events: int) -> None:
        """Count some events.

        Raises:
            Problem: 429.
        """
        self._seen[place] = None
        self._seen.move_to_end(place)
        if len(self._seen) > MOST_PLACES:
            self._limit.forget(self._seen.popitem(last=False)[0])
        self._limit.spend(place, self._rate, events)


def _read(body: bytes) -> Sent:
    try:
        return read(body)
    except InvalidEvent as error:
        raise Problem(400, error.message) from None


def _opts_out(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"sec-gpc", b"").strip() == b"1" or headers.get(b"dnt", b"").strip() == b"1"


def _cors(headers: dict[bytes, bytes], method: str) -> list[tuple[bytes, bytes]]:
    """What lets a page read the answer, which holds nothing that is not its own; no cookies go with it."""
    origin = _text(headers, b"origin").strip()
    if not origin or pages.origin(origin) != origin:
        return []
    told = [(b"access-control-allow-origin", origin.encode()), (b"vary", b"origin")]
    if method == "OPTIONS":
        told += [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", b"86400"),
        ]
    return [*told, (b"access-control-expose-headers", b"retry-after")]


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
