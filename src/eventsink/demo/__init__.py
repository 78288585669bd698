"""A believable month of Clowder life, and a trickle to go on with: for a first look, and for tests of scale.

In: a seed and a time. Out: events, the same for the same seed. Each day of the calendar is made on its own, so that two
months that overlap share their events, ids included, and playing them both doubles nothing. An example of what a
program may send: nothing but `up --demo` needs it.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from eventsink.demo.cast import DAYS, Scene
from eventsink.demo.life import Life
from eventsink.event import Event, new_ids

__all__ = ["live", "month"]

BATCH = 500


def month(seed: int, end: datetime) -> Iterator[list[Event]]:
    """The events of the 30 days before `end`, in the order of time, in batches.

    Args:
        seed: of all chance in it.
        end: the time of playing; no event is later, and all say that they were received then.
    """
    life = Life(seed)
    end = end.astimezone(UTC)
    start = end - timedelta(days=DAYS)
    events = (event for event in life.events(start.date(), end) if start <= event.time <= end)
    while batch := list(islice(events, BATCH)):
        yield batch


def live(seed: int) -> Iterator[Event]:
    """Events that happen now, without end. Between two of them the caller waits for as long as he likes."""
    life = Life(seed)
    chance = random.Random(f"{seed}/live")  # noqa: S311 - a play, not a secret
    acts: list[Iterator[Scene]] = []
    while True:
        now = datetime.now(UTC)
        while len(acts) < 4:
            acts.append(life.act(now, chance))
        act = chance.choice(acts)
        scene = next(act, None)
        if scene is None:
            acts.remove(act)
        else:
            yield scene.event(new_ids(1, now)[0], now, now)
