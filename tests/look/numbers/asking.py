"""Events, a store of them, and reports as they are asked for."""

import csv
import io
import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eventsink.event import Event, content_id
from eventsink.look.numbers.desk import NumbersDesk
from eventsink.look.numbers.report_desk import ReportDesk
from eventsink.store import Store

CLOWDER = "clowder.example.org"


def event(type: str, time: str, user: str | None = None, **data: Any) -> Event:  # noqa: A002
    """One event; what it is decides its id."""
    moment = datetime.fromisoformat(time).replace(tzinfo=UTC)
    source = data.pop("source", CLOWDER)
    event_id = content_id({"type": type, "user": user, "source": source, **data}, moment)
    return Event(
        id=event_id, source=source, type=type, time=moment, received=moment + timedelta(seconds=1), user=user, data=data
    )


def job(status: str, time: str, user: str | None = None, **data: Any) -> Event:
    """What happens to a job."""
    made_up = {"extractor": "ncsa.wordcount", "resource_type": "file", "resource_id": "f1"}
    return event("extractions.extraction_event", time, user, status=status, **(made_up | data))


def upload(time: str, user: str | None = "alice", **data: Any) -> Event:
    """A file that comes."""
    return event(
        "storage.file_uploaded", time, user, **({"file_id": "f1", "file_name": "plot.png", "bytes": 1000} | data)
    )


class Asked:
    """Reports of some events.

    Args:
        store: has them.
    """

    def __init__(self, store: Store, **more: Any) -> None:
        self.store = store
        self.desk = NumbersDesk(store, more.get("zone", "UTC"), ReportDesk(store, **more))

    async def body(self, name: str, **given: Any) -> bytes:
        """A report as it is sent."""
        asked = {key: value if isinstance(value, list) else [str(value)] for key, value in given.items()}
        return (await self.desk.report(name, asked)).body

    async def json(self, name: str, **given: Any) -> dict[str, Any]:
        """A report as JSON."""
        return dict(json.loads(await self.body(name, **given)))

    async def rows(self, name: str, **given: Any) -> list[dict[str, Any]]:
        """The rows of a report, by the names of its columns."""
        found = await self.json(name, **given)
        names = [column["name"] for column in found["columns"]]
        return [dict(zip(names, row, strict=True)) for row in found["rows"]]

    async def table(self, name: str, **given: Any) -> list[list[str]]:
        """A report as CSV, read by somebody else's reader."""
        text = (await self.body(name, format="csv", **given)).decode()
        return list(csv.reader(io.StringIO(text, newline="")))


async def opened(path: Path, events: Iterable[Event], *, shuffled: int | None = None, **more: Any) -> Asked:
    """A store of some events, that arrive in one order or another."""
    found = list(events)
    if shuffled is not None:
        random.Random(shuffled).shuffle(found)
    store = await Store.open(path)
    for start in range(0, len(found), 997):
        await store.append(found[start : start + 997])
    return Asked(store, **more)
