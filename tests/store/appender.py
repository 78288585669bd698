"""Appends to a store until it is killed: prints the ids of each batch when it is committed."""

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eventsink.event import Event
from eventsink.store import Store, writer
from tests.store.events import some_events


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main() -> None:
    writer.CHECKPOINT_ROWS = 300  # kills are to hit checkpoints too
    chance = random.Random(sys.argv[2])
    store = await Store.open(Path(sys.argv[1]))
    assert not store.set_aside, store.set_aside
    _say("open")
    again: list[Event] = []
    while True:
        start = datetime(2026, chance.choice([1, 2, 2, 2, 3]), chance.randrange(1, 28), tzinfo=UTC)
        batch = [*some_events(chance.choice([1, 10, 200]), start + timedelta(seconds=chance.random())), *again]
        chance.shuffle(batch)
        _say("sent", *(event.id for event in batch))
        await store.append(batch)
        _say("kept", *(event.id for event in batch))
        again = chance.sample(batch, min(len(batch), 5))


asyncio.run(main())
