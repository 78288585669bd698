"""The routes of alerts: what is not well, who is told, who asked for silence, and what operators write of it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter
from msgspec import Meta

from eventsink.collect.alerting import Alerting
from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.times import read_time
from eventsink.errors import TooMany

__all__ = ["alert_routes"]

LONGEST = timedelta(days=366)  # of a silence

Words = Annotated[str, Meta(max_length=500)]
Text = Annotated[str, Meta(max_length=5000)]
Pattern = Annotated[str, Meta(min_length=1, max_length=600)]  # an alert is named after a check: by 500 letters


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is sent."""


class Acknowledgement(_Body, kw_only=True):
    """Which alerts somebody has taken in hand, by name or pattern, as `clowder` or `sink/*`."""

    alert: Pattern
    reason: Words = "acknowledged"


class Silence(_Body, kw_only=True):
    """Of which alerts nobody is told, and how long. Maintenance is announced on the status page."""

    alerts: Annotated[list[Pattern], Meta(min_length=1, max_length=100)]
    seconds: Annotated[float, Meta(ge=1, le=366 * 86_400)] | None = None
    begin: Annotated[str, Meta(max_length=50)] | None = None
    end: Annotated[str, Meta(max_length=50)] | None = None
    reason: Words = ""
    maintenance: bool = False


class Forgotten(_Body, kw_only=True):
    """A check or monitor that will not come again."""

    name: Pattern


class Test(_Body, kw_only=True):
    """To whom a test is sent; None: to all."""

    channel: Annotated[str, Meta(max_length=100)] | None = None


class NotTold(_Body, kw_only=True):
    """Of which channel what was given up is meant; None: of all."""

    channel: Annotated[str, Meta(max_length=100)] | None = None


class Incident(_Body, kw_only=True):
    """What users are told of an incident, on the status page."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    checks: Annotated[list[Pattern], Meta(max_length=100)] = []
    message: Text = ""


class IncidentUpdate(_Body, kw_only=True):
    """What is new of it, and whether it is over."""

    message: Text = ""
    close: bool = False


def alert_routes(desk: Desk) -> list[BaseRouteHandler]:
    """All of them."""
    return [*_about_alerts(desk), *_about_silences(desk), *_about_notices(desk), *_about_incidents(desk)]


def _reading(desk: Desk) -> dict[str, Any]:
    return {"guards": [needs("read", desk)], "security": security("read"), "tags": ["alerts"]}


def _changing(desk: Desk, *more: int) -> dict[str, Any]:
    return {
        "guards": [needs("admin", desk)],
        "security": security("admin"),
        "tags": ["mend"],
        "status_code": 200,
        "responses": answers(*more, 503),
    }


def _about_alerts(desk: Desk) -> list[BaseRouteHandler]:
    @get("/v1/alerts", operation_id="getAlerts", summary="Alerts", responses=answers(503), **_reading(desk))
    async def get_alerts(
        all: bool = False,  # noqa: A002, FBT001, FBT002 - a parameter of the query
    ) -> dict[str, Any]:
        """What is not well; silences and maintenance; what waits to be sent. With `all`, what is well, too."""
        return await _alerts(desk).listed(every=all)

    @post("/v1/alerts/acknowledge", operation_id="acknowledgeAlert", summary="Take in hand", **_changing(desk))
    async def acknowledge(data: Acknowledgement) -> dict[str, Any]:
        """Send no more reminders of what fires; that it is well again is told."""
        _check_words(data.reason)
        return {"acknowledged": await _alerts(desk).acknowledge(data.alert, data.reason or "acknowledged")}

    @post("/v1/alerts/forget", operation_id="forgetCheck", summary="Forget a check", **_changing(desk))
    async def forget(data: Forgotten) -> dict[str, int]:
        """Forget a check or monitor that will not come again. If it does, it is known anew."""
        monitor = desk.monitors.forget(data.name.removeprefix("monitor/"))
        return {"forgotten": max(await _alerts(desk).forget(data.name), int(monitor))}

    return [get_alerts, acknowledge, forget]


def _about_silences(desk: Desk) -> list[BaseRouteHandler]:
    @post("/v1/alerts/silences", operation_id="silenceAlerts", summary="Silence alerts", **_changing(desk))
    async def post_silence(data: Silence) -> dict[str, Any]:
        """Tell nobody for a time; what is not well after it is told then."""
        _check_words(data.reason, *data.alerts)
        begin, end = _span(data)
        try:
            return await _alerts(desk).silence(data.alerts, begin, end, data.reason, maintenance=data.maintenance)
        except TooMany as error:
            raise Problem(409, str(error)) from None

    @delete(
        "/v1/alerts/silences/{number:int}",
        operation_id="deleteSilence",
        summary="End a silence",
        **_changing(desk, 404),
    )
    async def delete_silence(number: Annotated[int, Parameter(ge=0, le=2**62)]) -> dict[str, int]:
        """End a silence or maintenance before its time. Those of the settings end with them."""
        if not await _alerts(desk).lift(str(number)):
            raise Problem(404, f"There is no silence {number} that a command has made.")
        return {"ended": number}

    return [post_silence, delete_silence]


def _about_notices(desk: Desk) -> list[BaseRouteHandler]:
    @post("/v1/alerts/test", operation_id="testAlerts", summary="Send a test", **_changing(desk, 404))
    async def post_test(data: Test) -> dict[str, Any]:
        """Send a test to one channel, or to all; says what came of it."""
        found = await _alerts(desk).test(data.channel)
        if not found and data.channel:
            raise Problem(404, f"There is no channel {data.channel[:80]!r}: `eventsink alerts test` names all.")
        return {"channels": found}

    @post("/v1/alerts/retry", operation_id="retryNotices", summary="Send again", **_changing(desk))
    async def retry(data: NotTold) -> dict[str, int]:
        """Send again what was given up."""
        return {"retried": await _alerts(desk).retry(data.channel)}

    @post("/v1/alerts/drop", operation_id="dropNotices", summary="Throw away", **_changing(desk))
    async def drop(data: NotTold) -> dict[str, int]:
        """Throw away what was given up."""
        return {"dropped": await _alerts(desk).drop(data.channel)}

    return [post_test, retry, drop]


def _about_incidents(desk: Desk) -> list[BaseRouteHandler]:
    @get("/v1/incidents", operation_id="getIncidents", summary="Incidents", responses=answers(503), **_reading(desk))
    async def get_incidents() -> dict[str, Any]:
        """What operators wrote of incidents, of 90 days and of all that are open."""
        return {"incidents": await _alerts(desk).incidents()}

    @post("/v1/incidents", operation_id="openIncident", summary="Open an incident", **_changing(desk))
    async def post_incident(data: Incident) -> dict[str, Any]:
        """Tell users of an incident, on the status page."""
        _check_words(data.title, *data.checks)
        if not data.title.strip():
            raise Problem(400, "An incident needs a title.")
        try:
            return await _alerts(desk).open_incident(data.title.strip(), data.checks, data.message)
        except TooMany as error:
            raise Problem(409, str(error)) from None

    @post("/v1/incidents/{number:int}", operation_id="updateIncident", summary="Go on", **_changing(desk, 404))
    async def update_incident(
        number: Annotated[int, Parameter(ge=0, le=2**62)], data: IncidentUpdate
    ) -> dict[str, Any]:
        """Write what is new of an incident, or that it is over."""
        if not (data.message or data.close):
            raise Problem(400, "Say what is new (`message`), or that it is over (`close`: true).")
        found = await _alerts(desk).write_incident(number, data.message, closes=data.close)
        if found is None:
            raise Problem(404, f"There is no incident {number} that is open.")
        return found

    return [get_incidents, post_incident, update_incident]


def _span(silence: Silence) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    begin = read_time(silence.begin, "begin") or now
    end = read_time(silence.end, "end")
    if (end is None) == (silence.seconds is None):
        raise Problem(400, "Say how long: either `seconds` or `end`.")
    if begin > now + 10 * LONGEST:
        raise Problem(400, "It must begin within ten years.")
    if end is None:
        end = begin + timedelta(seconds=silence.seconds or 0)
    if not begin < end <= begin + LONGEST or end <= now:
        raise Problem(400, "It must end after it begins, after now, and within a year.")
    return begin, end


def _check_words(*words: str) -> None:
    if not all(word.isprintable() for word in words):
        raise Problem(400, "There are letters in it that cannot be seen.")


def _alerts(desk: Desk) -> Alerting:
    if desk.alerts is None:
        raise Problem(503, "This process has no alerts: ask the one that runs `eventsink serve` or `eventsink up`.")
    return desk.alerts
