"""A running sink with public checks and a history of them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.sink_process import SinkProcess

__all__ = ["PRIVATE", "PUBLIC", "new_public_sink", "post_history", "result", "wait_for_page"]

PUBLIC = ("Clowder", "homepage", "a/b <i>", "never")
PRIVATE = "db-7.internal"


def new_public_sink(folder: Path, *, port: int = 0) -> SinkProcess:
    """One that keeps what checks say and runs none; not started yet."""
    settings = folder / "eventsink.toml"
    sections = [f'[checks."{name}"]\npublic = true\n' for name in PUBLIC]
    settings.write_text(f'[status_page]\ntitle = "Clowder & friends"\n[checks."{PRIVATE}"]\n{"".join(sections)}')
    return SinkProcess(folder / "var", command="serve", port=port, environment={"EVENTSINK_CONFIG": str(settings)})


def result(
    check: str, at: datetime, *, up: bool | None = True, region: str = "urbana", every: float = 600
) -> dict[str, Any]:
    """What a monitor posts."""
    data = {"target": "10.0.0.7", "check": check, "region": region, "up": up, "every_s": every, "elapsed_ms": 12.5}
    if up is False:
        data |= {"reason": "refused", "message": "10.0.0.7 refuses"}
    if up is None:
        data |= {"reason": "maintenance"}
    return {"type": "health.check_update", "time": at.isoformat(), "data": data}


def post_history(sink: SinkProcess) -> None:
    """Months of results: an outage of Clowder that lasts, one of some days ago, and one of a check that is private."""
    now = datetime.now(UTC)
    events = []
    for hours in range(80 * 24, 0, -6):
        at = now - timedelta(hours=hours)
        for name, region in (
            ("Clowder", "urbana"),
            ("Clowder", "chicago"),
            ("homepage", "urbana"),
            (PRIVATE, "urbana"),
        ):
            up = not (name == "homepage" and 235 < hours < 247) and name != PRIVATE
            events.append(result(name, at, up=up, region=region, every=21_600) | {"id": f"{name} {region} {hours}"})
    for minute in range(30, 0, -1):
        at = now - timedelta(minutes=minute)
        every = 60 if minute > 1 else 7200  # what was said last holds while tests look at it
        events += [result("Clowder", at, up=False, region=region, every=every) for region in ("urbana", "chicago")]
        events.append(result("homepage", at, every=every))
        events.append(result("a/b <i>", at, up=None, region="maintenance", every=every))
        events.append(result("a/b <i>", at, every=every))
    status, answer = sink.post(events)
    assert status == 202, answer
    sink.settle()


def wait_for_page(sink: SinkProcess, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The page as JSON, once something is so."""
    assert sink.request("GET", "/v1/reports/uptime")[0] == 200  # by which new results are read
    page: dict[str, Any] = {}
    for _ in range(600):
        status, page = sink.request("GET", "/status.json", key="")
        if status == 200 and true(page):
            return dict(page)
        time.sleep(0.1)
    raise AssertionError(page)
