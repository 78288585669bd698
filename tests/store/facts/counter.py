"""Appends and counts until it is killed: counter.py FOLDER."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from eventsink.store import Store
from tests.store.events import NOVEMBER, some_events
from tests.store.facts.asking import count_of


async def main() -> None:
    """Say of each round how many the facts have."""
    store = await Store.open(Path(sys.argv[1]))
    _say("open")
    number = 0
    while True:
        number += 1
        await store.append(some_events(300, NOVEMBER - timedelta(days=15 * (number % 4))))
        _say(await count_of(store))


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
