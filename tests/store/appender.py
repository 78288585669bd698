"""Appends to a store until it is killed: prints the ids of each batch when it is committed.

Arguments: the folder, what chance begins with, and over how many months the events lie.
"""

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eventsink.event import Event
from eventsink.store import Store, writer
from eventsink.store.month_names import month_before
from tests.store.events import some_events


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def _a_time(chance: random.Random, months: int) -> datetime:
    month = month_before("2026-03", chance.choice([1, chance.randrange(months)]))
    day = datetime(int(month[:4]), int(month[5:]), chance.randrange(1, 28), tzinfo=UTC)
    return day + timedelta(seconds=chance.random())


async def main() -> None:
    writer.CHECKPOINT_ROWS = 300  # kills are to hit checkpoints too
    chance, months = random.Random(sys.argv[2]), int(sys.argv[3])
    store = await Store.open(Path(sys.argv[1]))
    assert not store.set_aside, store.set_aside
    _say("open")
    again: list[Event] = []
    while True:
        batch = [*some_events(chance.choice([1, 10, 200]), _a_time(chance, months)), *again]
        chance.shuffle(batch)
        _say("sent", *(event.id for event in batch))
        await store.append(batch)
        _say("kept", *(event.id for event in batch))
        again = chance.sample(batch, min(len(batch), 5))


asyncio.run(main())
