"""A worker that refuses events of one type, and fails by a bug on another."""

from collections.abc import Sequence
from dataclasses import dataclass

from eventsink.deliver.worker import Worker
from eventsink.errors import Refused
from eventsink.event import Event


@dataclass(frozen=True)
class Options:
    pass


class Picky(Worker[Options]):
    batch_wait = 0.02

    async def deliver(self, events: Sequence[Event]) -> None:
        refused = [event for event in events if event.type == "demo.refused"]
        if refused:
            raise Refused("Events of this kind are not wanted.", events=refused)
        for event in events:
            if event.type == "demo.bug":
                raise KeyError("colour")
