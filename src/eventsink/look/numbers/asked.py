"""What somebody asks of a page or report: a period, a comparison, filters. It is what stands in an address."""

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from eventsink.errors import InvalidQuestion
from eventsink.store.facts import Filter
from eventsink.store.facts.question import Every

__all__ = ["FILTERS", "PERIODS", "Asked", "Compare", "Named", "Period", "read_filters", "read_period"]

Compare = Literal["before", "year", "none"]

# Spans that end with the present moment, in days.
PERIODS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
FILTERS = (
    "space", "dataset", "collection", "resource", "resource_type", "user", "extractor", "source", "type", "country",
    "device", "browser", "status", "mime_type", "route", "method", "page", "referrer", "identity", "access_method",
)  # fmt: skip
MOST_VALUES = 50
LONGEST = timedelta(days=366 * 60)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH = re.compile(r"\d{4}-\d{2}")


class Period(msgspec.Struct, frozen=True):
    """A span of event time.

    Args:
        since: with its zone; `until` is excluded.
        every: the interval of charts.
    """

    since: datetime
    until: datetime
    every: Every

    def before(self, compare: Compare, zone: ZoneInfo, now: datetime) -> "Period | None":
        """What it is compared with: as long a time right before it, or the same time of the year before.

        Of a period that is not over, so much of that as is over of the period itself, in whole hours: half a month is
        not compared with a whole one, and what is to come with nothing.
        """
        if compare == "none" or self.since >= now:
            return None
        over = min(self.until, _whole_hour(now))
        if compare == "year":
            begin = self.since.astimezone(zone)
            within = _is_leap_day(begin)  # else the day after the 28th is the 1st of March: it ends no span before it
            return Period(_year_before(self.since, zone), _year_before(over, zone, after=not within), self.every)
        length = self.until - self.since
        try:
            return Period(self.since - length, over - length, self.every)
        except OverflowError:
            return None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A period, a comparison and filters.

    Args:
        zone: in which days, weeks and months are cut.
        compared_with: the period that it is compared with.
    """

    period: Period
    zone: str = "UTC"
    compared_with: Period | None = None
    filters: tuple[Filter, ...] = ()

    @property
    def previous(self) -> "Asked | None":
        """The same of the time that it is compared with."""
        if self.compared_with is None:
            return None
        return msgspec.structs.replace(self, period=self.compared_with, compared_with=None)


def read_filters(given: Mapping[str, list[str]], known: Sequence[str] = FILTERS) -> tuple[Filter, ...]:
    """Filters by column; several values of one are each wanted.

    Args:
        known: the columns that there are.

    Raises:
        InvalidQuestion: there is no such column, or too many values.
    """
    filters = []
    for name, values in given.items():
        if name not in known:
            near = difflib.get_close_matches(name[:60], known, 1)
            hint = f": did you mean {near[0]!r}?" if near else "."
            raise InvalidQuestion(f"There is no filter {name[:60]!r}{hint} There are {', '.join(known)}.")
        if len(values) > MOST_VALUES:
            raise InvalidQuestion(f"The filter {name!r} has {len(values)} values: give {MOST_VALUES} at most.")
        filters.append(Filter(name, tuple(values)))
    return tuple(filters)


class Named(msgspec.Struct, frozen=True):
    """A period as it stands in an address."""

    period: str | None = None
    since: str | None = None
    until: str | None = None


def read_period(named: Named, zone: ZoneInfo, now: datetime, default: str = "30d", *, whole: bool = False) -> Period:
    """A period by its name, or by its days, months or moments; `until` as a day or month is within it.

    Args:
        whole: it may be as long as it likes.

    Raises:
        InvalidQuestion: there is no such period, or it ends before it begins.
    """
    since, until = named.since, named.until
    if since is None and until is None:
        name = named.period or default
        if name not in PERIODS:
            near = difflib.get_close_matches(name[:60], PERIODS, 1)
            hint = f": did you mean {near[0]!r}?" if near else "."
            raise InvalidQuestion(f"There is no period {name[:60]!r}{hint} There are {', '.join(PERIODS)}.")
        return _last(PERIODS[name], zone, now)
    end = _moment(until, "until", zone, after=True) if until is not None else now
    begin = _moment(since, "since", zone, after=False) if since is not None else end - timedelta(days=30)
    if begin >= end:
        if until is None:
            raise InvalidQuestion(
                f"The period begins ({since or ''}) after now, and nothing says when it ends: give until."
            )
        said = since or _said(begin, zone)
        raise InvalidQuestion(f"The period ends ({until[:40]}) before it begins ({said[:40]}): exchange the two.")
    if end - begin > LONGEST and not whole:
        raise InvalidQuestion("The period has more than sixty years: ask for a shorter one.")
    return Period(begin, end, _every(end - begin))


# --- how -------------------------------------------------------------------------------------------------------------


def _last(days: int, zone: ZoneInfo, now: datetime) -> Period:
    """Whole hours of a day, whole days of more: the present one is the last, and not over."""
    if days == 1:
        end = _whole_hour(now)
        return Period(end - timedelta(hours=24), end, "hour")
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return Period(_midnight(tomorrow - timedelta(days=days), zone), _midnight(tomorrow, zone), _every(timedelta(days)))


def _whole_hour(now: datetime) -> datetime:
    """The end of the hour that it is in."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _every(length: timedelta) -> Every:
    if length <= timedelta(days=3):
        return "hour"
    if length <= timedelta(days=100):
        return "day"
    return "week" if length <= timedelta(days=366) else "month"


def _moment(text: str, name: str, zone: ZoneInfo, *, after: bool) -> datetime:
    """A moment; of a day or month its begin, or with `after` its end."""
    try:
        if _MONTH.fullmatch(text):
            year, month = int(text[:4]), int(text[5:])
            first = date(year + month // 12, month % 12 + 1, 1) if after else date(year, month, 1)
            return _midnight(first, zone)
        if _DAY.fullmatch(text):
            return _midnight(date.fromisoformat(text) + timedelta(days=after), zone)
        moment = datetime.fromisoformat(text)
        if not 1900 <= moment.year <= 9000:
            raise ValueError
    except (ValueError, OverflowError):
        raise InvalidQuestion(
            f"{name}: {text[:60]!r} is no time of the years 1900 to 9000: write 2026-01-31, 2026-01 or"
            " 2026-01-31T12:00:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    if not 1900 <= day.year <= 9000:
        raise ValueError
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _year_before(moment: datetime, zone: ZoneInfo, *, after: bool = False) -> datetime:
    """The same of the year before; of 29 February the day before it, or the one after."""
    local = moment.astimezone(zone)
    if _is_leap_day(local):
        local = local.replace(month=3, day=1) if after else local.replace(day=28)
    return local.replace(year=local.year - 1).astimezone(UTC)


def _is_leap_day(local: datetime) -> bool:
    return (local.month, local.day) == (2, 29)


def _said(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
