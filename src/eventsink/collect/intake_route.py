"""The hot route, in raw ASGI: read, inflate, decode, check, stamp, publish in the shared group commit, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from eventsink.catalogue import CATALOGUE, nearest
from eventsink.collect.access import authorize
from eventsink.collect.desk import Desk
from eventsink.collect.ingest import Intake, as_problems, ingest, ingest_typed
from eventsink.collect.limits import Budget, RateLimit, Share, check_length, read_body
from eventsink.collect.methods import allowed, not_allowed
from eventsink.collect.problems import MEDIA_TYPE, SAFE, Problem, encode
from eventsink.collect.refusals import GONE, reason_of_request
from eventsink.dialects.admit import Admission
from eventsink.dialects.body import AT_ONCE
from eventsink.dialects.labels import inflated, is_compressed
from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event
from eventsink.keys import Key
from eventsink.traces import Accepting

__all__ = ["IntakeRoute"]

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

MOST_RATIO = 1032  # to which deflate compresses at most (zlib's technical details)

_JSON = [(b"content-type", b"application/json"), *SAFE]
_ONE = b'{"accepted":1,"rejected":[]}'
_ALLOW = allowed(["POST"])
_log = structlog.get_logger(__name__)


class IntakeRoute:
    """`POST /v1/events`, and all that is asked of `/v1/events/{component}/{type}`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._admission = Admission(
            strict=desk.settings.collect.strict,
            largest=desk.settings.collect.max_event,
            hide=desk.settings.collect.hide,
        )
        self._rate_limit = RateLimit(desk.settings.collect.rate)
        self._one_large = asyncio.Semaphore(1)
        self._budget = Budget(desk.settings.collect.memory)
        self._counts = desk.metrics.intake

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", _ALLOW.encode()), *SAFE]})
            await send({"type": "http.response.body", "body": b""})
            return
        span = self._desk.traces.accept(dict(scope["headers"])) if self._desk.traces else None
        try:
            answer = await self._take(scope, receive, span)
        except Problem as problem:
            await self._refuse(problem, send, span)
            return
        except asyncio.CancelledError:  # nothing is refused: it may be that all was made durable
            self._counts.answered(GONE)
            if span:
                span.end("gone", GONE)
            raise
        except Exception:  # noqa: BLE001 - a bug of ours: said in the log, and to the client without details
            _log.exception("collect.failed")
            await self._refuse(Problem(500, "The event sink failed; its log says why."), send, span)
            return
        self._counts.answered(202)
        if span:
            span.end("accepted", 202)
        await send({"type": "http.response.start", "status": 202, "headers": _JSON})
        await send({"type": "http.response.body", "body": answer})

    async def _take(self, scope: dict[str, Any], receive: Receive, span: Accepting | None) -> bytes:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if scope["method"] != "POST":
            raise not_allowed(scope["method"], _ALLOW)
        key = await authorize(headers, "ingest", self._desk.keys)
        event_type = _type_of(scope["path"])
        self._rate_limit.spend(key.id, key.rate, 0)
        with self._budget.share(key.id) as share:
            body = await self._body(receive, headers, share)
            if not share.bytes:
                return await self._accept(event_type, body, headers, key, span)
            async with self._one_large:  # what is made of it weighs many times as much
                return await self._accept(event_type, body, headers, key, span)

    async def _accept(
        self, event_type: str, body: bytes, headers: dict[bytes, bytes], key: Key, span: Accepting | None
    ) -> bytes:
        try:
            intake = await self._read(event_type, body, headers)
        except Problem:
            self._rate_limit.spend(key.id, key.rate, 1)  # what is wrong as a whole is not free either
            raise
        self._rate_limit.spend(key.id, key.rate, len(intake.events) + intake.refused)
        accepted = len(intake.events)
        if span:
            intake.events = span.mark(intake.events, len(body), intake.refused)
        if accepted:
            await self._publish(intake)
        if len(body) > AT_ONCE:
            await _let_go(intake.events)
        self._counts.refused(intake.reasons)
        return self._answer(intake, accepted)

    async def _body(self, receive: Receive, headers: dict[bytes, bytes], share: Share) -> bytes:
        limits = self._desk.settings.collect
        check_length(headers, limits.max_body)
        body = await read_body(receive, limits.max_body, headers.get(b"content-length", b""), share)
        encoding = headers.get(b"content-encoding", b"").strip().lower().decode("latin-1")
        most = min(limits.max_inflated, MOST_RATIO * len(body))
        with as_problems():
            if most <= AT_ONCE or not is_compressed(body, encoding):
                body = inflated(body, encoding, limits.max_inflated, strict=True)
            else:
                await share.take(most)
                body = await asyncio.to_thread(inflated, body, encoding, limits.max_inflated, strict=True)
        share.fit(len(body) if len(body) > AT_ONCE else 0)
        return body

    async def _read(self, event_type: str, body: bytes, headers: dict[bytes, bytes]) -> Intake:
        if not event_type:
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            return await ingest(body, content_type, headers, self._admission, self._desk.settings.collect.source)
        return await ingest_typed(body, event_type, headers, self._admission, self._desk.settings.collect.source)

    async def _publish(self, intake: Intake) -> None:
        try:
            await self._desk.exchange.publish(intake.events)
        except ExchangeUnavailable as error:
            raise Problem(503, f"{error} Nothing of this request was stored.", headers={"retry-after": "5"}) from error
        self._counts.accepted += len(intake.events)

    def _answer(self, intake: Intake, accepted: int) -> bytes:
        if not intake.refused and not intake.warnings:
            return _ONE if accepted == 1 else b'{"accepted":%d,"rejected":[]}' % accepted
        totals: dict[str, Any] = {"rejected_total": intake.refused} if intake.refused > len(intake.rejected) else {}
        if not accepted:
            first, rejected = intake.rejected[0], msgspec.to_builtins(intake.rejected)
            raise Problem(422, f"Nothing was accepted. {first.message}", accepted=0, rejected=rejected, **totals)
        answer: dict[str, Any] = {"accepted": accepted, "rejected": intake.rejected, **totals}
        if intake.warnings:
            answer["warnings"] = intake.warnings
        if intake.warned > len(intake.warnings):
            answer["warnings_total"] = intake.warned
        return msgspec.json.encode(answer)

    async def _refuse(self, problem: Problem, send: Send, span: Accepting | None) -> None:
        if span:
            span.end(reason_of_request(problem.status) or "data", problem.status)
        self._counts.answered(problem.status)
        self._counts.refused_whole(problem.status)
        headers = [(b"content-type", MEDIA_TYPE.encode()), *SAFE]
        headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": encode(problem)})


async def _let_go(events: list[Event]) -> None:
    """Forget events, some at a time: of millions of small values even that takes long."""
    while len(events) > 1:
        del events[-(len(events) // 8 + 1) :]
        await asyncio.sleep(0)


def _type_of(path: str) -> str:
    """The type that a path names; none for events that name their own.

    Raises:
        Problem: 404 for a type that the catalogue does not know, before its body is asked for.
    """
    event_type = path.rstrip("/").removeprefix("/v1/events").lstrip("/").replace("/", ".")
    if not event_type:
        return ""
    if event_type not in CATALOGUE:
        close = nearest(event_type, CATALOGUE)
        hint = (
            f" Did you mean /v1/events/{close.replace('.', '/')}?"
            if close
            else " /v1/types lists those that there are."
        )
        raise Problem(404, f"There is no event type {event_type[:80]!r} in the catalogue.{hint}")
    return event_type
