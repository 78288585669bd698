"""Which monitors report to this front door: each says so, and one that has ended, or two of one name, are seen.

What they measure comes as events, and may wait on their disks; this is about the monitors themselves, and of now.
"""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

__all__ = ["Monitors", "Report"]

MOST = 1000  # monitors that are remembered
SILENT_AFTER = 180.0  # seconds
FORGOTTEN_AFTER = 7 * 86_400.0  # seconds
RIVALS_FOR = 120.0  # seconds after which two that shared a name are one again

Short = Annotated[str, Meta(max_length=100)]


class Report(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a monitor says of itself.

    Args:
        instance: of this process; no other has it.
        checks: that it runs.
        waiting: results that wait on its disk.
    """

    instance: Short
    region: Short = ""
    checks: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    waiting: Annotated[int, Meta(ge=0, le=2**53)] = 0


class _Known(msgspec.Struct):
    report: Report
    at: float
    told: datetime
    before: str = ""  # the process that was heard of before this one
    rival_at: float | None = None


class Monitors:
    """Those that have said something since this process began."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def note(self, name: str, report: Report) -> bool:
        """Note what a monitor says; gives whether another process of that name does, too.

        One that takes the place of another is none; one that comes back after another is.
        """
        now = time.monotonic()
        known = self._known.pop(name, None)
        rival_at, before = (known.rival_at, known.before) if known else (None, "")
        if known and known.report.instance != report.instance:
            rival_at = now if report.instance == before else rival_at
            before = known.report.instance
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[name] = _Known(report, now, datetime.now(UTC), before, rival_at)
        return rival_at is not None and now - rival_at < RIVALS_FOR

    def forget(self, name: str, instance: str = "") -> bool:
        """One has ended; False: it is not known, or another process has its name now.

        Args:
            instance: of the process that says so; empty for whichever has the name.
        """
        known = self._known.get(name)
        if known is None or instance not in {"", known.report.instance}:
            return False
        del self._known[name]
        return True

    def listed(self) -> list[dict[str, Any]]:
        """All of them, as they were last heard of."""
        return [
            {
                "name": name,
                "region": known.report.region,
                "checks": known.report.checks,
                "waiting": known.report.waiting,
                "last_heard": known.told,
            }
            for name, known in sorted(self._known.items())
        ]

    def concerns(self) -> list[str]:
        """What a person should do about them."""
        now = time.monotonic()
        found = []
        for name, known in sorted(self._known.items()):
            where = f"{name} in {known.report.region}" if known.report.region else name
            if known.rival_at is not None and now - known.rival_at < RIVALS_FOR:
                found.append(f"Two monitors are called {name}: give one of them another monitor.name.")
            elif SILENT_AFTER < now - known.at < FORGOTTEN_AFTER:
                found.append(
                    f"The monitor {where} was last heard of at {known.told:%Y-%m-%d %H:%M:%S} UTC: see whether it runs,"
                    " and reaches this sink."
                )
        return found
