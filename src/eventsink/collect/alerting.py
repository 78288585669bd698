"""What the routes of alerts ask for: the alerts themselves live in another room, and are handed in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

__all__ = ["Alerting"]


class Alerting(Protocol):
    """The alerts of the process that has the store. All values are ready to be shown."""

    def concerns(self) -> list[str]:
        """What a person should do about them: what could not be sent, why they are not evaluated."""

    def counts(self) -> dict[str, int]:
        """How many alerts are `firing`, `recovering` and `pending`, and how many silences are on (`silences`)."""

    async def listed(self, *, every: bool = False) -> dict[str, Any]:
        """Alerts, silences, and what waits to be sent."""

    async def acknowledge(self, pattern: str, reason: str) -> list[str]:
        """Send no reminders; gives the names of the alerts."""

    async def silence(
        self, patterns: Sequence[str], begin: datetime, end: datetime, reason: str, *, maintenance: bool = False
    ) -> dict[str, Any]:
        """Tell nobody for a time."""

    async def lift(self, number: str) -> bool:
        """End a silence; False: there is none of this number."""

    async def forget(self, name: str) -> int:
        """Forget a check or monitor; gives how many checks and regions that were."""

    async def test(self, channel: str | None) -> list[dict[str, Any]]:
        """Send a test to one channel or all; gives what came of it."""

    async def retry(self, channel: str | None) -> int:
        """Send again what was given up; gives how many notices."""

    async def drop(self, channel: str | None) -> int:
        """Throw away what was given up; gives how many notices."""

    async def incidents(self) -> list[dict[str, Any]]:
        """What operators wrote of incidents, the newest first."""

    async def open_incident(self, title: str, checks: Sequence[str], message: str) -> dict[str, Any]:
        """Open an incident."""

    async def write_incident(self, number: int, message: str, *, closes: bool) -> dict[str, Any] | None:
        """Write what is new, and perhaps that it is over; None: there is none of this number that is open."""
