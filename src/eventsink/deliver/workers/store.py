"""Appends each event to our own store, the source of dashboard, reports and status page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from eventsink.deliver.worker import Worker
from eventsink.errors import StoreUnavailable, TryLater
from eventsink.event import Event
from eventsink.store import Store


@dataclass(frozen=True)
class Options:
    """Where the store is."""

    path: Annotated[str, "Folder of the store."]
    memory: Annotated[str, "Memory that queries may use."] = "64MB"
    keep_months: Annotated[int, "Months of events to keep, 0 for all."] = 0
    threads: Annotated[int, "Threads that it may use."] = 1


class StoreWorker(Worker[Options]):
    """Delivers by appending. The store keeps one of each event, however often it comes."""

    batch_size = 5000
    batch_wait = 0.2

    store: Store | None = None
    stuck = False  # whether a query did not end when it was closed

    async def open(self) -> None:
        """Open the store, unless it is open."""
        if self.store is None:
            try:
                await self.open_store()
            except StoreUnavailable as error:
                raise TryLater(str(error)) from error

    async def open_store(self) -> None:
        """Open the store as the options say.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        given = self.options
        self.store = await Store.open(
            Path(given.path), memory=given.memory, keep_months=given.keep_months, threads=given.threads
        )

    async def deliver(self, events: Sequence[Event]) -> None:
        """Append all events in one go."""
        if self.store is None:
            raise TryLater("The store is not open.")
        try:
            await self.store.append(events)
        except StoreUnavailable as error:
            raise TryLater(str(error)) from error

    async def close(self) -> None:
        """Close the store, so that another process may open it."""
        if self.store is not None:
            await self.store.close()
            self.stuck = self.store.stuck
            self.store = None
