"""What happens on a full disk, in the folder given, which is on a disk of a few megabytes. Prints JSON."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from eventsink.errors import StoreUnavailable
from eventsink.store import EventQuery, Store
from tests.store.events import NOVEMBER, an_event, some_events

ALL = EventQuery(order="asc", limit=None)


def _fill(file: Path) -> None:
    with file.open("ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(os.urandom(4096))
        except OSError:
            return


async def main() -> dict[str, Any]:
    folder = Path(sys.argv[1])
    ballast = folder / "ballast"
    store = await Store.open(folder / "store")
    kept = some_events(2000)
    await store.append(kept)

    _fill(ballast)
    refused: list[str] = []
    large = [an_event(data={"text": os.urandom(500).hex()}) for _ in range(3000)]
    for events in (large, large, [an_event(time=NOVEMBER.replace(year=2027))], large):
        try:
            await store.append(events)
        except StoreUnavailable as error:
            refused.append(str(error))
    store._writer.checkpoint()  # fails: DuckDB then wants the file to be opened anew
    held_when_full: Any
    try:
        held_when_full = await store.count(EventQuery())
    except StoreUnavailable:
        held_when_full = "unavailable"
    try:
        await store.append(large)
    except StoreUnavailable as error:
        refused.append(str(error))

    ballast.unlink()
    new = await store.append([*large, *kept[:10]])
    store._writer.checkpoint()
    held = [event.id for event in await store.events(ALL)]
    await store.close()
    again = await Store.open(folder / "store")
    held_again = [event.id for event in await again.events(ALL)]
    aside = [*store.set_aside, *again.set_aside]
    await again.close()
    expected = sorted(event.id for event in kept + large)
    return {
        "refused": refused,
        "held_when_full": held_when_full,
        "new": new,
        "complete": sorted(held) == expected and sorted(held_again) == expected,
        "aside": aside,
    }


sys.stdout.write(json.dumps(asyncio.run(main())))
