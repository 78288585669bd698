"""The typed routes: questions about events, workers and dead letters, and what mends them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta

import eventsink
from eventsink.catalogue import CATALOGUE, matches, schemas
from eventsink.collect.alert_api import alert_routes
from eventsink.collect.backup_api import backup_routes
from eventsink.collect.counter_api import counter_routes
from eventsink.collect.dashboard_api import dashboard_routes
from eventsink.collect.desk import Desk
from eventsink.collect.extractor_api import extractor_routes
from eventsink.collect.health_api import health_routes
from eventsink.collect.heartbeats import heartbeat_routes
from eventsink.collect.metrics import MEDIA_TYPE
from eventsink.collect.monitor_api import monitor_routes
from eventsink.collect.outlook import Seen
from eventsink.collect.problems import Problem
from eventsink.collect.readiness import is_ready, parts_of_door, readiness
from eventsink.collect.reports import report_routes
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.sending import store_of
from eventsink.collect.sql_api import sql_routes
from eventsink.collect.times import read_time
from eventsink.collect.tracker_files import tracker_routes
from eventsink.errors import StoreUnavailable, WorkerInUse
from eventsink.exchange.canary import CANARY
from eventsink.exchange.contract import DeadLetter
from eventsink.store import EventQuery, encode_list
from eventsink.worker_state import NOT_RUNNING

__all__ = ["routes"]

Limit = Annotated[int, Parameter(ge=1, le=10_000)]
Seq = Annotated[int | None, Parameter(ge=0, le=2**62)]
Name = Annotated[str | None, Parameter(max_length=500)]
Ids = Annotated[list[Annotated[int, Meta(ge=0, le=2**62)]], Meta(max_length=100_000)]


AT_ONCE = 200  # dead letters that are mended at once, of any size
LISTED = 50  # dead letters that are listed at once
MOST_BYTES = 4 << 20  # of a page, but for its last ones


class Selection(msgspec.Struct, forbid_unknown_fields=True):
    """Which dead letters: by number, all of a worker, or all."""

    ids: Ids = []
    worker: str | None = None
    all: bool = False


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """Which stored events go to which worker again. One call puts back one page; `next` of its answer is the next."""

    to: str
    since: str | None = None
    until: str | None = None
    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    dry_run: bool = False


def routes(desk: Desk) -> list[BaseRouteHandler]:
    """All typed routes of one front door."""
    return [
        _stored_events(desk),
        *_about_events(desk),
        *_about_workers(desk),
        *_about_dead_letters(desk),
        *extractor_routes(desk),
        *heartbeat_routes(desk),
        *monitor_routes(desk),
        *report_routes(desk),
        *counter_routes(desk),
        *sql_routes(desk),
        *backup_routes(desk),
        *health_routes(desk),
        *dashboard_routes(desk),
        *alert_routes(desk),
        *tracker_routes(),
        *_for_machines(desk),
    ]


def _reading(desk: Desk) -> dict[str, Any]:
    return {"guards": [needs("read", desk)], "security": security("read"), "tags": ["look"]}


def _stored_events(desk: Desk) -> BaseRouteHandler:
    found_events = ResponseSpec(
        dict[str, Any], generate_examples=False, description="Events, and where the next page is."
    )

    @get(
        "/v1/events",
        operation_id="getEvents",
        summary="Stored events",
        responses={200: found_events, **answers(503)},
        **_reading(desk),
    )
    async def get_events(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        limit: Limit = 100,
        order: Literal["asc", "desc"] = "desc",
        since: Name = None,
        until: Name = None,
        type: Name = None,  # noqa: A002 - the name of the attribute
        user: Name = None,
        source: Name = None,
        subject: Name = None,
        id: Name = None,  # noqa: A002
        before: Seq = None,
        after: Seq = None,
    ) -> Response[bytes]:
        """Events, newest first; `next` is the `before` (or, ascending, the `after`) of the page that follows.

        A page ends after some megabytes, also where that is before `limit`.
        """
        query = EventQuery(
            since=read_time(since, "since"),
            until=read_time(until, "until"),
            type=type,
            user=user,
            source=source,
            subject=subject,
            id=id,
            before_seq=before,
            after_seq=after,
            order=order,
            limit=limit,
        )
        page = await store_of(desk).page(query)
        following = b"null" if page.next is None else b"%d" % page.next
        content = b'{"events":%b,"next":%b}' % (encode_list(page.events), following)
        return Response(content, media_type="application/json")

    return get_events


def _about_events(desk: Desk) -> list[BaseRouteHandler]:
    read = _reading(desk)

    @get("/v1/summary", operation_id="getSummary", summary="Totals and series", responses=answers(503), **read)
    async def get_summary(
        since: Name = None,
        until: Name = None,
        interval: Literal["minute", "hour", "day", "week", "month"] = "hour",
    ) -> dict[str, Any]:
        """Totals between two times, and counts by type over time."""
        summary = await store_of(desk).summary(read_time(since, "since"), read_time(until, "until"), interval)
        return dict(msgspec.to_builtins(summary))

    @get("/v1/types", operation_id="getTypes", summary="The catalogue", responses=answers(), **read)
    async def get_types() -> dict[str, Any]:
        """Every known event type, with the JSON Schema of its data."""
        described = schemas()
        entries = CATALOGUE.values()
        return {"types": [{"type": e.name, "summary": e.summary, "schema": described[e.name]} for e in entries]}

    return [get_summary, get_types]


def _about_workers(desk: Desk) -> list[BaseRouteHandler]:
    @get(
        "/v1/status",
        operation_id="getStatus",
        summary="The accounts of each worker",
        responses=answers(503),
        **_reading(desk),
    )
    async def get_status() -> dict[str, Any]:
        """Accepted = delivered + waiting + dead + missing, for each worker; the spool; the store.

        Of a worker also the `types` that it is given (none: all), and the last `canary` that it has delivered.
        """
        seen, states, canaries = await desk.outlook.look(), desk.states(), desk.canaries()
        if seen.unread:
            raise Problem(503, seen.unread, headers={"retry-after": "5"})
        workers = {
            name: msgspec.to_builtins(account)
            | {
                "state": states.get(name, NOT_RUNNING),
                "configured": name == "store" or name in desk.settings.workers or name in states,
                "types": [*desk.given.get(name, ())],
                "canary": canaries.get(name),
            }
            for name, account in seen.accounts.items()
        }
        store = msgspec.to_builtins(await desk.store.stats()) if desk.store else None
        return {
            "version": eventsink.__version__,
            "started": desk.started,
            "workers": workers,
            "refuses": seen.unready,
            "concerns": [*desk.concerns(), *desk.monitors.concerns(), *_about_uptime(desk), *_about_alerts(desk)],
            "monitors": desk.monitors.listed(),
            "checks": await _checks(desk),
            "alerts": desk.alerts.counts() if desk.alerts else None,
            **_exchange(seen),
            "store": store,
        }

    @post(
        "/v1/replay",
        operation_id="postReplay",
        summary="Deliver stored events again",
        guards=[needs("admin", desk)],
        security=security("admin"),
        tags=["mend"],
        status_code=200,
        responses=answers(404, 503),
    )
    async def post_replay(data: Replay) -> dict[str, Any]:
        """Put a page of stored events into the queue of one worker."""
        if data.to not in await desk.exchange.accounts():
            raise Problem(404, f"There is no worker {data.to[:80]!r}: `eventsink workers list` shows all.")
        query = EventQuery(
            since=read_time(data.since, "since"), until=read_time(data.until, "until"), order="asc", limit=1
        )
        total = await store_of(desk).count(query)
        if data.dry_run:
            return {"replayed": 0, "next": None, "total": total}
        page = await store_of(desk).page(msgspec.structs.replace(query, after_seq=data.after, limit=data.limit))
        await desk.exchange.put_back(data.to, [stored.event() for stored in page.events])
        return {"replayed": len(page.events), "next": page.next, "total": total}

    @delete(
        "/v1/workers/{worker:str}",
        operation_id="forgetWorker",
        summary="Forget a worker",
        guards=[needs("admin", desk)],
        security=security("admin"),
        tags=["mend"],
        status_code=200,
        responses=answers(404, 409, 503),
    )
    async def forget_worker(worker: str) -> dict[str, Any]:
        """Take away the queue of a worker that is not in the settings any more, with what waits in it."""
        if worker == "store" or worker in desk.settings.workers:
            raise Problem(
                409, f"{worker} is in the settings of this process: take [workers.{worker}] out of them first."
            )
        try:
            return {"forgotten": worker, "waited": await desk.exchange.forget(worker)}
        except KeyError:
            raise Problem(404, f"There is no worker {worker[:80]!r}: `eventsink workers list` shows all.") from None
        except WorkerInUse as error:
            raise Problem(409, str(error)) from None

    return [get_status, post_replay, forget_worker]


def _about_dead_letters(desk: Desk) -> list[BaseRouteHandler]:
    admin: dict[str, Any] = {"guards": [needs("admin", desk)], "security": security("admin"), "tags": ["mend"]}

    @get("/v1/dead", operation_id="getDead", summary="Dead letters", responses=answers(503), **admin)
    async def get_dead(worker: Name = None, after: Seq = None, limit: Limit = 100) -> dict[str, Any]:
        """Dead letters in order, up to some megabytes; `next` is the `after` of the page that follows."""
        found: list[msgspec.Raw] = []
        last, size = after or 0, 0
        while len(found) < limit and size < MOST_BYTES:
            wanted = min(limit - len(found), LISTED)
            letters = await desk.exchange.dead_letters(worker=worker, after=last, limit=wanted)
            found += [msgspec.Raw(msgspec.json.encode(letter)) for letter in letters]
            size += sum(len(bytes(letter)) for letter in found[len(found) - len(letters) :])
            if len(letters) < wanted:
                return {"dead": found, "next": None}
            last = letters[-1].id
        return {"dead": found, "next": last}

    @get(
        "/v1/dead/{number:int}",
        operation_id="getDeadLetter",
        summary="One dead letter",
        responses=answers(404),
        **admin,
    )
    async def get_letter(number: Annotated[int, Parameter(ge=0, le=2**62)]) -> DeadLetter:
        """One dead letter, with the traceback if its worker failed by a bug."""
        letters = await desk.exchange.dead_letters(after=number - 1, limit=1)
        if not letters or letters[0].id != number:
            raise Problem(404, f"There is no dead letter {number}.")
        return letters[0]

    @post(
        "/v1/dead/retry",
        operation_id="retryDead",
        summary="Try again",
        status_code=200,
        responses=answers(503),
        **admin,
    )
    async def retry(data: Selection) -> dict[str, int]:
        """Put dead letters back into their queues."""
        return {"retried": await _mend(desk, data, desk.exchange.retry)}

    @post(
        "/v1/dead/drop", operation_id="dropDead", summary="Throw away", status_code=200, responses=answers(503), **admin
    )
    async def drop(data: Selection) -> dict[str, int]:
        """Throw dead letters away, for good."""
        return {"dropped": await _mend(desk, data, desk.exchange.drop)}

    return [get_dead, get_letter, retry, drop]


async def _mend(desk: Desk, selection: Selection, mend: Callable[[list[int]], Any]) -> int:
    if not (selection.ids or selection.worker or selection.all):
        raise Problem(400, "Say which dead letters: `ids`, a `worker`, or `all`: true.")
    found = [*selection.ids]
    if not found:
        letters: Sequence[DeadLetter] = ()
        while letters := await desk.exchange.dead_letters(
            worker=selection.worker, after=letters[-1].id if letters else 0, limit=AT_ONCE
        ):
            found += [letter.id for letter in letters]
    mended = 0  # from here on: one that fails again at once would be found again for ever
    for start in range(0, len(found), AT_ONCE):
        mended += await mend(found[start : start + AT_ONCE])
    return mended


def _for_machines(desk: Desk) -> list[BaseRouteHandler]:
    @get("/healthz", operation_id="getHealthz", summary="Alive", tags=["machines"])
    async def get_healthz() -> dict[str, str]:
        """This process answers."""
        return {"status": "ok"}

    @get("/readyz", operation_id="getReadyz", summary="Ready", tags=["machines"], responses=answers(503, scope=False))
    async def get_readyz() -> dict[str, Any]:
        """Events can be made durable; 503 when a POST would be refused, with the same reason.

        Either way `parts` says of each part whether it is ready, and what is wrong with it.
        """
        seen, states = await desk.outlook.look(), desk.states()
        workers = {name: states.get(name, NOT_RUNNING) for name in seen.accounts}
        return readiness(await parts_of_door(desk, seen), workers=workers, **_exchange(seen))

    @get(
        "/metrics",
        media_type="text/plain",
        operation_id="getMetrics",
        summary="Prometheus metrics",
        tags=["machines"],
    )
    async def get_metrics() -> Response[bytes]:
        """Counters of the sink itself."""
        seen, states = await desk.outlook.look(), desk.states()
        desk.metrics.note_workers(states, desk.canaries(), _awaited(desk, seen.accounts, states))
        desk.metrics.note_accounts(seen)
        ready = is_ready(await parts_of_door(desk, seen))
        return Response(desk.metrics.render(ready=ready), media_type=MEDIA_TYPE)

    return [get_healthz, get_readyz, get_metrics]


def _awaited(desk: Desk, names: Iterable[str], states: Mapping[str, str]) -> list[str]:
    """Who is sent canaries and should deliver them: not a worker that is in no settings and that nobody runs."""
    if not desk.settings.telemetry.every:
        return []
    ours = [name for name in names if name in desk.given or name in states]
    return [name for name in ours if matches(CANARY, desk.given.get(name, ()))]


def _about_uptime(desk: Desk) -> list[str]:
    return [desk.uptime.trouble] if desk.uptime and desk.uptime.trouble else []


def _about_alerts(desk: Desk) -> list[str]:
    return desk.alerts.concerns() if desk.alerts else []


async def _checks(desk: Desk) -> dict[str, Any] | None:
    """How many checks are up, down and unknown, and which are down; None where nobody knows."""
    if desk.uptime is None:
        return None
    try:
        return dict(msgspec.to_builtins(await desk.uptime.now()))
    except StoreUnavailable:  # who asks for uptime is told why
        return None


def _exchange(seen: Seen) -> dict[str, Any]:
    return {
        "exchange": "away" if seen.spool.away else "ready",
        "spool": {"events": seen.spool.events, "bytes": seen.spool.bytes},
        "age_seconds": round(seen.age, 3),
    }
