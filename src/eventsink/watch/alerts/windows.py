"""Times in which nobody is told: silences, which an operator asks for, and maintenance, which users are told of.

Those of the settings come once or by a rule of cron; those of commands are kept in the file of alerts.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from eventsink.errors import InvalidEvent, SettingsError
from eventsink.event import parse_time
from eventsink.settings import Window

__all__ = ["Quiet", "Rota", "upcoming"]

AHEAD = timedelta(days=14)  # that maintenance is announced before
MOST_AHEAD = 2  # of one rule: that which is on, and the next


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """One time in which nobody is told.

    Args:
        id: of the file, or `maintenance.NAME` of the settings.
        alerts: patterns of their names.
        begin, end: seconds since 1970.
        reason: for people; that of maintenance stands on the status page.
    """

    id: str
    kind: Literal["silence", "maintenance"]
    alerts: list[str]
    begin: float
    end: float
    reason: str = ""

    def is_at(self, now: float) -> bool:
        """Whether it is that time."""
        return self.begin <= now < self.end


class Rota:
    """The windows of maintenance of the settings.

    Args:
        windows: `[alerts.maintenance]`.

    Raises:
        SettingsError: one of them cannot be understood.
    """

    def __init__(self, windows: Mapping[str, Window]) -> None:
        self._windows = windows
        self._zones = {name: _zone(name, window) for name, window in windows.items()}
        for name, window in windows.items():
            _check(name, window, self._zones[name])

    def at(self, now: float) -> list[Quiet]:
        """Those that are on."""
        moment = datetime.fromtimestamp(now, UTC)
        return [quiet for quiet in self._between(moment, moment + timedelta(seconds=1)) if quiet.is_at(now)]

    def ahead(self, now: float) -> list[Quiet]:
        """Those that are on, and those to come within two weeks."""
        moment = datetime.fromtimestamp(now, UTC)
        return list(self._between(moment, moment + AHEAD))

    def _between(self, since: datetime, until: datetime) -> Iterator[Quiet]:
        """Those that touch a span."""
        for name, window in self._windows.items():
            zone = self._zones[name]
            for begin, end in _spans(window, zone, since, until):
                if begin < until and end > since:
                    yield Quiet(
                        id=f"maintenance.{name}",
                        kind="maintenance",
                        alerts=window.checks,
                        begin=begin.timestamp(),
                        end=end.timestamp(),
                        reason=window.reason,
                    )


def upcoming(found: Sequence[Quiet], now: float) -> list[Quiet]:
    """Maintenance that is on or to come, in order."""
    return sorted(
        (quiet for quiet in found if quiet.kind == "maintenance" and quiet.end > now), key=lambda quiet: quiet.begin
    )


def _spans(window: Window, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    if not window.cron:
        yield _moment(window.begin, zone), _moment(window.end, zone)
        return
    length = timedelta(minutes=window.minutes)
    for count, begin in enumerate(CronSim(window.cron, (since - length - timedelta(minutes=1)).astimezone(zone))):
        if begin >= until or count >= MOST_AHEAD:
            return
        yield begin.astimezone(UTC), begin.astimezone(UTC) + length


def _zone(name: str, window: Window) -> ZoneInfo:
    try:
        return ZoneInfo(window.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"alerts.maintenance.{name}.timezone is no time zone: give one as America/Chicago."
        ) from None


def _check(name: str, window: Window, zone: ZoneInfo) -> None:
    where = f"alerts.maintenance.{name}"
    if window.cron:
        if window.begin or window.end or not window.minutes:
            raise SettingsError(f"{where}: with cron give minutes, and neither begin nor end.")
        try:
            CronSim(window.cron, datetime.now(zone))
        except (CronSimError, ValueError):
            raise SettingsError(f"{where}.cron is no rule of cron: `0 3 * * SUN` is one.") from None
        return
    if not (window.begin and window.end):
        raise SettingsError(f"{where}: give begin and end, or cron and minutes.")
    for key, text in (("begin", window.begin), ("end", window.end)):
        try:
            _moment(text, zone)
        except (InvalidEvent, ValueError, OverflowError):
            raise SettingsError(f"{where}.{key} is no time: give it as 2026-12-01T02:00.") from None
    if _moment(window.begin, zone) >= _moment(window.end, zone):
        raise SettingsError(f"{where}: it ends before it begins.")


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """A time of the settings: in the time zone, if it names none itself."""
    plain = datetime.fromisoformat(text)
    return plain.replace(tzinfo=zone).astimezone(UTC) if plain.tzinfo is None else parse_time(text)
