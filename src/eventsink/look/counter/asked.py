"""What a person asks of a report, as text: its months, and what of them is shown."""

import re
from datetime import date

from eventsink.look.counter.dates import last_day
from eventsink.look.counter.filters import Filters
from eventsink.look.counter.metrics import METRICS
from eventsink.store.counter import InvalidPeriod, Method, Period
from eventsink.store.month_names import month_before

__all__ = ["filters_of", "period_of"]

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_METHODS: dict[str, Method] = {"regular": "regular", "machine": "machine"}


def period_of(first: str | None, last: str | None, today: date) -> Period:
    """The months that are asked for, both included.

    Without any it is the latest that is over; without a last one, all from the first to the latest that is over, and
    the first at least; without a first one the last alone. Days may stand for months where it is plain which: see
    `_first_month` and `_last_month`.

    Args:
        today: in the zone of the report.

    Raises:
        InvalidPeriod: one is no month, the last comes before the first, or they are more than ten years.
    """
    latest = Period.latest(today)
    if first is None:
        return latest if last is None else _alone(_last_month(last))
    begin = _first_month(first)
    return Period(begin, max(begin, latest.last) if last is None else _last_month(last))


def filters_of(metrics: str | None, methods: str | None, years: str | None) -> Filters:
    """The filters of a report; several values of one have `|` between them, as in COUNTER.

    Args:
        metrics: in the spelling of the table or of DataCite.

    Raises:
        InvalidFilter: there is no such metric, access method or year.
    """
    named = {metric.name.lower(): metric.name for metric in METRICS}
    found = [named.get(text.lower().replace("-", "_"), text) for text in _listed(metrics)]
    chosen = [_METHODS.get(text.lower(), text) for text in _listed(methods)]
    standing = Filters()
    return Filters(
        metrics=tuple(found) or standing.metrics,  # type: ignore[arg-type] # what is none of them it refuses
        methods=tuple(chosen) or standing.methods,  # type: ignore[arg-type]
        years=(years or "").strip(),
    )


def _alone(month: str) -> Period:
    return Period(month, month)


def _first_month(text: str) -> str:
    """A month, also by its first day.

    Raises:
        InvalidPeriod: it is another day: the report would hold days that nobody asked for.
    """
    day = _day(text)
    if day is None:
        return text.strip()
    if day.day != 1:
        raise InvalidPeriod(f"A report is of whole months, and {day} begins none: write it as {_month(day)}.")
    return _month(day)


def _last_month(text: str) -> str:
    """A month, also by its last day, or by the day after, which is left out as in every other question.

    Raises:
        InvalidPeriod: it is another day.
    """
    day = _day(text)
    if day is None:
        return text.strip()
    month = _month(day)
    if day.day == 1:
        return month_before(month)
    if day != last_day(month):
        raise InvalidPeriod(f"A report is of whole months, and {day} ends none: write it as {month}.")
    return month


def _day(text: str) -> date | None:
    text = text.strip()
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidPeriod(f"{text} is no day: write a month as 2026-01.") from None


def _month(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split("|") if part.strip()]
