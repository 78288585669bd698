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
        strict: raise AssertionError for an event that the sink would refuse or remark on, so that a test sees it.
    """

    def __init__(self, *, strict: bool = True, **options: Any) -> None:
        super().__init__("http://127.0.0.1:9", spool=None, **options)
        self._strict = strict
        self._flaw = ""
        self.events: list[dict[str, Any]] = []

    def _capture(
        self,
        kind: str,
        user: str | None,
        time: datetime | str | float | None,
        subject: str | None,
        data: dict[str, Any],
    ) -> None:
        super()._capture(kind, user, time, subject, data)
        sentence, self._flaw = self._flaw, ""
        if sentence:  # raised here: nothing that is raised within ever comes out
            raise AssertionError(sentence)

    def _note(self, kind: str, data: dict[str, Any], line: bytes) -> None:
        self._flaw = flaw(line) if self._strict else ""

    def _take(self, line: bytes) -> None:
        if not self._flaw:
            self.events.append(msgspec.json.decode(line))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]
