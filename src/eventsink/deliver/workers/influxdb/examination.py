"""What a person is told of an InfluxDB: its version, and whether we may write there. Nothing is written for it.

In: a version, and what sends requests. Out: points. Called by `eventsink doctor` through the worker.
"""

from collections.abc import Sequence

from eventsink.deliver.http import HttpDestination, shorten
from eventsink.deliver.workers.influxdb.answers import is_missing, reason_of
from eventsink.deliver.workers.influxdb.versions import Send, Version
from eventsink.point import Point

__all__ = ["examined"]

# A comment of line protocol: who may not write is refused, who may has written nothing. (Seen with InfluxDB 1.6.)
_NOTHING = b"# eventsink doctor\n"
_PRODUCTS = {"OSS": "InfluxDB", "ENT": "InfluxDB Enterprise", "Core": "InfluxDB 3 Core"}


async def examined(version: Version, send: Send, http: HttpDestination) -> Sequence[Point]:
    """Its points.

    Raises:
        TryLater: it does not answer.
    """
    ping = await send("GET", "/ping")
    said = ping.headers.get("X-Influxdb-Version", "of a version that it does not say")
    product = _PRODUCTS.get(ping.headers.get("X-Influxdb-Build", ""), "InfluxDB")
    return [Point("version", f"{product} {said}"), await _may_write(version, send, http)]


async def _may_write(version: Version, send: Send, http: HttpDestination) -> Point:
    answer = await send(
        "POST",
        version.path,
        query=version.query,
        headers={"Content-Type": "text/plain; charset=utf-8"},
        body=_NOTHING,
    )
    if is_missing(answer):
        reason = await version.may_create(send)
        if reason:
            remedy = f"Let an administrator run: {version.by_hand}"
            return Point("database", f"it is not there, and we may not make it: {shorten(reason)}", remedy)
        return Point("database", "it is not there yet; the first event makes it")
    if answer.status in (401, 403):
        remedy = "Give the worker a user (InfluxDB 1) or a token (InfluxDB 2 and 3) that may write there."
        return Point("permission", f"we may not write: {shorten(reason_of(answer))}", remedy)
    if answer.status >= 404 and answer.status != 422:  # of what was sent, 400 and 422 say that there is no line in it
        http.check(answer, reason_of(answer))
    return Point("permission", "we may write")
