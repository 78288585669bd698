"""Who is told of what: which of the channels take a notice, at this hour."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventsink.errors import SettingsError
from eventsink.settings import Alerts, Route
from eventsink.watch.alerts.addresses import addresses, labels
from eventsink.watch.alerts.notice import SEVERITIES, Notice
from eventsink.watch.alerts.rule import matches

__all__ = ["Routes"]

_HOURS = re.compile(r"\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60  # minutes


class Routes:
    """Finds the channels of notices.

    Args:
        alerts: the settings, with `notify` and the routes.

    Raises:
        SettingsError: hours or a time zone are wrong.
    """

    def __init__(self, alerts: Alerts) -> None:
        known = labels(address for _, address in addresses(alerts))
        self._on = frozenset(alerts.on)
        self._rest = [known[address] for address in alerts.notify]
        self._routes = [
            (_Rule.of(route, f"alerts.routes.{name}"), [known[address] for address in route.notify])
            for name, route in alerts.routes.items()
        ]

    def channels_for(self, notice: Notice, now: datetime, told: Sequence[str] = ()) -> list[str]:
        """The labels of the channels that are to be told.

        Args:
            now: at which hour it is.
            told: who heard that it is not well when it fired: they hear that it is over, whatever the hour.
        """
        kind = "resolved" if notice.kind == "closed" else notice.kind
        if kind != "test" and kind not in self._on:
            return []
        if kind == "resolved" and (known := [label for label in told if label in self._all]):
            return list(dict.fromkeys(known))
        taken = [label for rule, channels in self._routes if rule.takes(notice, now) for label in channels]
        return list(dict.fromkeys(taken or self._rest))

    @property
    def _all(self) -> set[str]:
        return {*self._rest, *(label for _, channels in self._routes for label in channels)}


class _Rule(NamedTuple):
    """What a route takes.

    Args:
        begin: minutes after midnight, when its hours begin; `end` may be on the next day.
        days: on which its hours begin, by their numbers from Monday; none: on all.
    """

    checks: Sequence[str]
    severity: int
    begin: int
    end: int
    days: frozenset[int]
    zone: ZoneInfo

    @classmethod
    def of(cls, route: Route, setting: str) -> "_Rule":
        begin, end = _hours(route.hours, f"{setting}.hours")
        return cls(
            route.checks,
            SEVERITIES.index(route.severity),
            begin,
            end,
            frozenset(_DAYS.index(day) for day in route.days),
            _zone(route.timezone, f"{setting}.timezone"),
        )

    def takes(self, notice: Notice, now: datetime) -> bool:
        return (
            SEVERITIES.index(notice.severity) >= self.severity
            and matches(self.checks, notice.alert)
            and self._is_on(now.astimezone(self.zone))
        )

    def _is_on(self, local: datetime) -> bool:
        """Whether the clock on the wall is within the hours, which belong to the day on which they begin."""
        minute = local.hour * 60 + local.minute
        today = local.weekday()
        begun_today = self.begin <= minute < self.end
        begun_yesterday = minute < self.end - _DAY
        return (begun_today and self._has(today)) or (begun_yesterday and self._has((today - 1) % 7))

    def _has(self, day: int) -> bool:
        return not self.days or day in self.days


def _hours(text: str, setting: str) -> tuple[int, int]:
    if not text.strip():
        return 0, _DAY
    found = _HOURS.fullmatch(text)
    numbers = [int(number) for number in found.groups()] if found else [99] * 4
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if not found or numbers[1] > 59 or numbers[3] > 59 or begin >= _DAY or end > _DAY or begin == end:
        raise SettingsError(f"{setting} must be begin and end, as 08:00-18:00, or 22:00-06:00 over midnight.")
    return begin, end if end > begin else end + _DAY


def _zone(name: str, setting: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"{setting} is no time zone: give one as America/Chicago.") from None
