"""A `SinkService` for tests: it sends nothing, and keeps what was captured."""

from datetime import datetime
from typing import Any

import msgspec

from eventsink.client.checking import flaw
from eventsink.client.service import SinkService

__all__ = ["RecordingSink"]


class RecordingSink(SinkService):
    """Keeps events in `events`, each as a dict as it would be sent.

    Args:
        strict: raise for an event that the sink would refuse, so that a test sees it.
    """

    def __init__(self, *, strict: bool = True, **options: Any) -> None:
        super().__init__("http://127.0.0.1:9", spool=None, **options)
        self._strict = strict
        self.events: list[dict[str, Any]] = []

    def _capture(
        self,
        kind: str,
        user: str | None,
        time: datetime | str | float | None,
        subject: str | None,
        data: dict[str, Any],
    ) -> None:
        if self._strict and (sentence := flaw(kind, data)):
            raise AssertionError(sentence)
        super()._capture(kind, user, time, subject, data)

    def _take(self, line: bytes) -> None:
        self.events.append(msgspec.json.decode(line))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]
