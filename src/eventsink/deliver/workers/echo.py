"""Writes each event as one line of JSON to standard output or a file: to see what passes, and as an example."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from eventsink.deliver.worker import Worker
from eventsink.errors import TryLater
from eventsink.event import Event, encode


@dataclass(frozen=True)
class Options:
    """Where to write."""

    path: Annotated[str, "File to append to; empty writes to standard output."] = ""


class Echo(Worker[Options]):
    """Delivers by writing lines."""

    async def deliver(self, events: Sequence[Event]) -> None:
        """Write all events of the batch at once."""
        lines = b"".join(encode(event) + b"\n" for event in events)
        try:
            await asyncio.to_thread(self._write, lines)
        except OSError as error:
            raise TryLater(f"Cannot write to {self.options.path or 'standard output'}: {error.strerror}.") from error

    def _write(self, lines: bytes) -> None:
        if not self.options.path:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
            return
        with Path(self.options.path).open("ab") as file:
            file.write(lines)
