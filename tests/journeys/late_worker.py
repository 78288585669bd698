"""A worker that is away until it is told a file to write the ids of events into."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eventsink.deliver.worker import Worker
from eventsink.errors import TryLater
from eventsink.event import Event


@dataclass(frozen=True)
class Options:
    path: str = ""


class Late(Worker[Options]):
    async def deliver(self, events: Sequence[Event]) -> None:
        if not self.options.path:
            raise TryLater("It is not there yet.")
        with Path(self.options.path).open("a", encoding="utf-8") as file:
            file.writelines(f"{event.id}\n" for event in events)
