"""The report as the Code's table: ten rows of header, a blank one, headings, and a row a metric."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date

from eventsink.look.counter.about import About, Platform
from eventsink.look.counter.configuration import configuration
from eventsink.look.counter.dates import heading
from eventsink.look.counter.exceptions import Note
from eventsink.look.counter.filters import Filters
from eventsink.look.counter.metrics import Metric
from eventsink.look.counter.report import DatasetRows, Report, compose
from eventsink.look.numbers.as_csv import defused
from eventsink.store.counter import Counts, DatasetUsage, Usage

__all__ = ["render_csv", "render_table", "render_tsv"]

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")

Table = list[list[str]]


def render_tsv(
    usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters | None = None
) -> bytes:
    """The table as tab-separated UTF-8, the same bytes for the same usage. Nothing is escaped: the Code has it so.

    Args:
        created: the day on which it is made, in the zone of the usage.
    """
    table = render_table(usage, platform, about, created=created, filters=filters)
    return "".join("\t".join(row) + "\n" for row in table).encode()


def render_csv(
    usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters | None = None
) -> bytes:
    """The table for spreadsheets: the same rows, with commas and quotes (RFC 4180). Not of the Code.

    Args:
        created: the day on which it is made, in the zone of the usage.
    """
    table = render_table(usage, platform, about, created=created, filters=filters)
    written = io.StringIO()
    # Titles are anybody's, and what spreadsheets reckon with may stand behind a blank.
    csv.writer(written).writerows([defused(cell) for cell in row] for row in table)
    return written.getvalue().encode()


def render_table(
    usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters | None = None
) -> Table:
    """The rows of the table, header first, without tabs and line breaks in them. Unknown values are blank."""
    report = compose(usage, platform, about, created=created, filters=filters or Filters())
    rows = [*_header(report), [], _headings(report), *_body(report)]
    return [[_BREAKS.sub(" ", cell) for cell in row] for row in rows]


def _header(report: Report) -> Table:
    filters = report.filters
    attributes = list(configuration(report.usage.rules))
    if filters.columns:
        attributes.insert(0, ("Attributes_To_Show", "|".join(filters.columns)))
    if not filters.monthly:
        attributes.append(("Exclude_Monthly_Details", "True"))
    return [
        ["Report_Name", "Dataset Master Report"],
        ["Report_ID", "DSR"],
        ["Release", "RD1"],
        ["Metric_Types", "; ".join(metric.name for metric in filters.shown)],
        ["Report_Filters", "; ".join(f"{name}={'|'.join(values)}" for name, values in filters.named())],
        ["Report_Attributes", "; ".join(f"{name}={value}" for name, value in attributes)],
        ["Exceptions", "; ".join(map(_exception, report.exceptions))],
        ["Reporting_Period", f"begin_date={report.begin.isoformat()}; end_date={report.end.isoformat()}"],
        ["Created", report.created.isoformat()],
        ["Created_By", report.platform.created_by],
    ]


def _exception(note: Note) -> str:
    return f"{note.code}: {note.message}" + (f" ({note.data})" if note.data else "")


def _headings(report: Report) -> list[str]:
    def wanted(*names: str) -> list[str]:
        return [name for name in names if name in report.filters.columns]

    return [
        *("Dataset_Title", "Publisher", "Publisher_ID"),
        *wanted("Creators", "Publication_Date", "Dataset_Version"),
        *("DOI", "Other_ID", "URI"),
        *wanted("YOP", "Access_Method"),
        *("Metric_Type", "Reporting_Period_Total"),
        *(map(heading, report.months) if report.filters.monthly else ()),
        *(["Reporting_Period_Volume"] if report.platform.volume else ()),
    ]


def _body(report: Report) -> Iterator[list[str]]:
    """A row a dataset, access method and metric of which there is any; a month without it has 0."""
    headings = _headings(report)
    for dataset in report.datasets:
        for method, months in _by_method(dataset, report):
            for metric in report.filters.shown:
                counts = [metric.of(months.get(month, Counts())) for month in report.months]
                if total := sum(counts):
                    cells = _cells(dataset, report) | {"Access_Method": method, "Metric_Type": metric.name}
                    cells["Reporting_Period_Total"] = str(total)
                    cells |= {heading(month): str(n) for month, n in zip(report.months, counts, strict=True)}
                    cells["Reporting_Period_Volume"] = _volume(metric, months)
                    yield [cells[name] for name in headings]


def _by_method(dataset: DatasetRows, report: Report) -> Iterator[tuple[str, dict[str, Counts]]]:
    """The counts by month of each access method; of both together where the column is not shown."""
    found: dict[str, dict[str, Counts]] = {}
    for month, rows in dataset.months.items():
        for row in rows:
            months = found.setdefault(_method(row, report), {})
            months[month] = months.get(month, Counts()) + row.counts
    yield from sorted(found.items(), reverse=True)  # Regular first


def _method(row: DatasetUsage, report: Report) -> str:
    return row.method.capitalize() if "Access_Method" in report.filters.columns else ""


def _cells(dataset: DatasetRows, report: Report) -> dict[str, str]:
    about = dataset.about
    return {
        "Dataset_Title": dataset.title,
        "Publisher": dataset.publisher,
        "Publisher_ID": _publisher_id(report.platform) if dataset.publisher == report.platform.publisher else "",
        "Creators": "; ".join(about.creators),
        "Publication_Date": about.published,
        "Dataset_Version": about.version,
        "DOI": about.doi,
        "Other_ID": f"proprietary:{dataset.id}",
        "URI": dataset.uri,
        "YOP": about.year_of_publication,
    }


def _publisher_id(platform: Platform) -> str:
    """As `isni:…`; a GRID id names its kind itself."""
    kind, value = platform.publisher_id_type, platform.publisher_id
    return value if not value or value.startswith(f"{kind}.") else f"{kind}:{value}"


def _volume(metric: Metric, months: dict[str, Counts]) -> str:
    """Bytes; blank for investigations, which have none."""
    return str(sum(map(metric.bytes_of, months.values()))) if metric.volume else ""
