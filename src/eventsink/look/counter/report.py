"""A report before it has a form: its header, and its rows in their order."""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from eventsink.look.counter.about import About, DatasetAbout, Platform
from eventsink.look.counter.dates import first_day, last_day
from eventsink.look.counter.exceptions import Note, notes
from eventsink.look.counter.filters import Filters
from eventsink.store.counter import DatasetUsage, Period, Usage

__all__ = ["DatasetRows", "Report", "compose", "monthly"]


class DatasetRows(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset of a report.

    Args:
        title: empty where nobody knows it.
        months: the usage by month, as "2026-01", one entry an access method; months without usage are left out.
    """

    id: str
    title: str
    about: DatasetAbout
    publisher: str
    uri: str
    months: Mapping[str, list[DatasetUsage]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What every form of a report says.

    Args:
        created: day on which it is made.
        begin: first day of the period; `end` its last day, or an earlier one where the last month is not over.
        months: of the period, as "2026-01".
        datasets: in the order of their ids.
    """

    created: date
    begin: date
    end: date
    months: list[str]
    platform: Platform
    usage: Usage
    filters: Filters
    exceptions: list[Note]
    datasets: list[DatasetRows]

    def end_of(self, month: str) -> date:
        """The last day of a month that the report has."""
        return min(last_day(month), self.end)


def compose(usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters) -> Report:
    """Put a report together.

    Args:
        created: the day on which it is made, in the zone of the usage: what makes a month partial, and the only thing
            in a report that is not in its events and settings.
    """
    last = last_day(usage.period.last)
    datasets = list(_datasets(usage, platform, about, filters))
    begin = first_day(usage.period.first)
    return Report(
        created=created,
        begin=begin,
        end=min(last, created) if begin <= created else last,
        months=list(usage.period.months),
        platform=platform,
        usage=usage,
        filters=filters,
        exceptions=notes(usage, created, is_empty=not datasets, volume=platform.volume),
        datasets=datasets,
    )


def monthly(usage: Usage) -> Iterator[Usage]:
    """The usage of each month by itself: DataCite takes reports of one month alone."""
    for month in usage.months:
        yield msgspec.structs.replace(usage, period=Period(month.month, month.month), months=[month])


def _datasets(usage: Usage, platform: Platform, about: About, filters: Filters) -> Iterator[DatasetRows]:
    names = {dataset: name for month in usage.months for dataset, name in month.names.items()}  # the latest name
    found: dict[str, dict[str, list[DatasetUsage]]] = {}
    for month in usage.months:
        for row in month.datasets:
            if row.method in filters.methods and any(metric.of(row.counts) for metric in filters.shown):
                found.setdefault(row.dataset, {}).setdefault(month.month, []).append(row)
    for dataset, months in sorted(found.items()):
        known = about.of(dataset)
        if filters.has_year(known.year_of_publication):
            yield DatasetRows(
                id=dataset,
                title=known.title or names.get(dataset, ""),
                about=known,
                publisher=known.publisher or platform.publisher,
                uri=known.uri or (f"{platform.address.rstrip('/')}/datasets/{dataset}" if platform.address else ""),
                months=dict(sorted((month, sorted(rows, key=_regular_first)) for month, rows in months.items())),
            )


def _regular_first(row: DatasetUsage) -> bool:
    return row.method != "regular"
