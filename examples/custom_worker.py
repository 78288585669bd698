"""Appends uploads and downloads to a CSV file: a complete worker, to copy and to change.

Try it, then switch it on in eventsink.toml:

    eventsink try examples/custom_worker.py --options path=/tmp/traffic.csv
    [workers.traffic]
    use = "examples/custom_worker.py"
    types = ["storage.file_uploaded", "traffic.resource_downloaded"]
    path = "/srv/traffic.csv"
"""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from eventsink.deliver.worker import Worker
from eventsink.errors import TryLater
from eventsink.event import Event


@dataclass(frozen=True)
class Options:
    path: Annotated[str, "The file to append to."]


class Traffic(Worker[Options]):
    async def deliver(self, events: Sequence[Event]) -> None:
        rows = [(e.time, e.type, e.user, e.data.get("bytes"), e.id) for e in events]
        try:
            await asyncio.to_thread(self.append, rows)
        except OSError as error:  # the sink keeps the events and tries again
            raise TryLater(f"Cannot write to {self.options.path}: {error.strerror}.") from error

    def append(self, rows: list[tuple[object, ...]]) -> None:
        with Path(self.options.path).open("a", newline="") as file:
            csv.writer(file).writerows(rows)
