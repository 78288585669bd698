"""A report as JSON, CSV and HTML: the same events give the same bytes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from eventsink.look.numbers.as_csv import stamped, to_csv
from eventsink.look.numbers.as_report_html import report_html
from eventsink.look.numbers.rendered import Rendered
from eventsink.look.numbers.report import Form
from eventsink.look.numbers.report_answer import ReportAnswer

__all__ = ["ReportAnswer", "render"]


def render(answer: ReportAnswer, form: Form) -> Rendered:
    """One form of a report. It takes a while where there are many rows."""
    table = answer.table
    if form == "csv":
        body = to_csv([column.name for column in table.columns], table.rows, quoted=table.quoted)
        return Rendered(body, "text/csv; charset=utf-8", f"{answer.name}{_span(answer)}.csv", table.footnotes)
    if form == "html":
        return Rendered(report_html(answer).encode("utf-8", "replace"), "text/html; charset=utf-8")
    return Rendered(msgspec.json.encode(_plain(answer)))


def _plain(answer: ReportAnswer) -> dict[str, Any]:
    table = answer.table
    return {
        "name": answer.name,
        "title": answer.title,
        "about": answer.about,
        "since": _moment(answer.since),
        "until": _moment(answer.until),
        "zone": answer.zone,
        "by": answer.by,
        "filters": answer.filters,
        "columns": table.columns,
        "rows": [[_value(value) for value in row] for row in table.rows],
        "totals": [_value(value) for value in table.totals] if table.totals is not None else None,
        "footnotes": table.footnotes,
        "events": answer.events,
        "newest": _moment(answer.newest),
        "version": answer.version,
    }


def _value(value: Any) -> Any:
    return stamped(value) if isinstance(value, datetime) else value


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _span(answer: ReportAnswer) -> str:
    """The period in the name of a file: a month, or its first and last day."""
    if answer.whole or answer.since is None or answer.until is None:
        return ""
    zone = ZoneInfo(answer.zone)
    begin, end = answer.since.astimezone(zone), (answer.until - timedelta(microseconds=1)).astimezone(zone)
    after = answer.until.astimezone(zone)
    if begin.day == 1 and after.day == 1 and (begin.year, begin.month) == (end.year, end.month):
        return f"-{begin:%Y-%m}"
    return f"-{begin:%Y-%m-%d}-{end:%Y-%m-%d}"
