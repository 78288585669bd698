"""How the API is used, and how fast it answers: by route."""

from eventsink.look.numbers.footnotes import counted
from eventsink.look.numbers.measures import API_REQUESTS
from eventsink.look.numbers.panel import of, of_type
from eventsink.look.numbers.report import Column, Plot, Report, Sources, Table, Wanted
from eventsink.look.numbers.sums import by_groups
from eventsink.store.facts import Measure

__all__ = ["API"]

_API = of_type("traffic.api_request")
_COLUMNS = (
    (API_REQUESTS, Column("requests", "Requests", "count")),
    (
        Measure("refused", where=(*_API, *of("status_class", 4))),
        Column("refused", "Refused (4xx)", "count"),
    ),
    (Measure("errors", where=(*_API, *of("status_class", 5))), Column("errors", "Errors (5xx)", "count")),
    (Measure("sent", "sum", "bytes", where=_API), Column("bytes_sent", "Bytes sent", "bytes")),
    (Measure("median", "median", "duration_ms", where=_API), Column("median_ms", "Median", "ms")),
    (Measure("p95", "p95", "duration_ms", where=_API), Column("p95_ms", "95 %", "ms")),
)


async def _make(sources: Sources, wanted: Wanted) -> Table:
    sums = await by_groups(sources, wanted, _COLUMNS, where=_API)
    cut = (f"These are the first {counted(wanted.limit)} rows; there are more. The total has all.",) if sums.cut else ()
    label = wanted.by[-1]
    return Table(
        columns=sums.columns,
        rows=[tuple(round(value, 3) if isinstance(value, float) else value for value in row) for row in sums.rows],
        totals=tuple(round(value, 3) if isinstance(value, float) else value for value in sums.totals),
        footnotes=cut,
        plots=(Plot("Requests", label, "requests"), Plot("Median time to answer", label, "median_ms", adds=False)),
    )


API = Report(
    name="api",
    title="API",
    about=(
        "Requests that programs reported, as the middleware does, those of robots included. A route is its template;"
        " the median and the value that 95 % were faster than are of those that say how long they took."
    ),
    make=_make,
    by=("month", "method", "route", "http_status", "identity", "user", "source"),
    default_by=("method", "route"),
    combined=True,
    period="30d",
    filters=("source", "user", "method", "route", "identity"),
    columns=(Column("method", "Method"), Column("route", "Route"), *(column for _, column in _COLUMNS)),
)
