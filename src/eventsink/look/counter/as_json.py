"""The report as DataCite takes it: JSON of release rd1, all names in small letters with hyphens."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from eventsink.look.counter.about import About, Platform
from eventsink.look.counter.configuration import configuration
from eventsink.look.counter.dates import first_day
from eventsink.look.counter.exceptions import Note
from eventsink.look.counter.filters import Filters
from eventsink.look.counter.metrics import Metric
from eventsink.look.counter.report import DatasetRows, Report, compose
from eventsink.store.counter import DatasetUsage, Usage

__all__ = ["render_json"]


def render_json(
    usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters | None = None
) -> bytes:
    """The report as JSON, the same bytes for the same usage. DataCite wants one a month: see `monthly`.

    Args:
        created: the day on which it is made, in the zone of the usage.
    """
    report = compose(usage, platform, about, created=created, filters=filters or Filters())
    return msgspec.json.format(msgspec.json.encode(_report(report))) + b"\n"


def _report(report: Report) -> dict[str, Any]:
    return {
        "report-header": _header(report),
        "report-datasets": [_dataset(dataset, report) for dataset in report.datasets],
    }


def _header(report: Report) -> dict[str, Any]:
    attributes = [_named(name.lower().replace("_", "-"), value) for name, value in configuration(report.usage.rules)]
    return {
        "report-name": "dataset report",
        "report-id": "dsr",
        "release": "rd1",  # the hub refuses any other spelling
        "created": report.created.isoformat(),
        "created-by": report.platform.created_by,
        "reporting-period": _period(report.begin, report.end),
        "report-filters": list(_filters(report.filters)),
        "report-attributes": attributes,
        "exceptions": [_exception(note, report.platform.help_url) for note in report.exceptions],
    }


def _filters(filters: Filters) -> Iterator[dict[str, str]]:
    if len(shown := list(filters.shown)) < len(Filters().metrics):
        yield _named("metric-type", "|".join(metric.json_name for metric in shown))
    for name, values in filters.named():
        yield _named(name.lower().replace("_", "-"), "|".join(values).lower())


def _exception(note: Note, help_url: str) -> dict[str, Any]:
    found: dict[str, Any] = {"code": note.code, "severity": note.severity.lower(), "message": note.message}
    return found | _present({"help-url": help_url, "data": note.data})


def _dataset(dataset: DatasetRows, report: Report) -> dict[str, Any]:
    """A dataset. Required fields are there in any case; those without a value are empty, others are left out."""
    about, platform = dataset.about, report.platform
    own = {"type": "doi", "value": about.doi} if about.doi else {"type": "proprietary", "value": dataset.id}
    of_platform = platform.publisher_id and dataset.publisher == platform.publisher
    publisher = [{"type": platform.publisher_id_type, "value": platform.publisher_id}] if of_platform else []
    return {
        "dataset-title": dataset.title,
        "dataset-id": [own],
        **_present(
            {
                "dataset-contributors": [{"type": "name", "value": name} for name in about.creators],
                "dataset-dates": [{"type": "pub-date", "value": about.published}] if about.published else [],
            }
        ),
        "platform": platform.name,
        "publisher": dataset.publisher,
        "publisher-id": publisher,
        "data-type": "dataset",
        "yop": about.year_of_publication,
        **_present({"uri": dataset.uri}),
        "performance": [
            {
                "period": _period(first_day(month), report.end_of(month)),
                "instance": [instance for row in rows for instance in _instances(row, report)],
            }
            for month, rows in dataset.months.items()
        ],
    }


def _instances(row: DatasetUsage, report: Report) -> Iterator[dict[str, Any]]:
    """An instance for each metric that is not zero."""
    for metric in report.filters.shown:
        if count := metric.of(row.counts):
            found = {"access-method": row.method, "metric-type": metric.json_name, "count": count}
            found["country-counts"] = {
                country.lower(): number for country, counts in row.countries.items() if (number := metric.of(counts))
            }
            yield found | (_volume(row, metric) if report.platform.volume else {})


def _volume(row: DatasetUsage, metric: Metric) -> dict[str, Any]:
    """The extension of counter-processor: bytes, for requests (3)."""
    if not metric.volume:
        return {}
    countries = {
        country.lower(): size for country, counts in row.countries.items() if (size := metric.bytes_of(counts))
    }
    return {"volume": metric.bytes_of(row.counts), "country-volume": countries}


def _period(begin: date, end: date) -> dict[str, str]:
    return {"begin-date": begin.isoformat(), "end-date": end.isoformat()}


def _named(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
