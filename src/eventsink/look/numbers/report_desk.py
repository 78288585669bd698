"""Reports by what stands in an address: read, made and rendered."""

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from eventsink import __version__
from eventsink.errors import InvalidQuestion, SettingsError
from eventsink.look.numbers.as_report import ReportAnswer, render
from eventsink.look.numbers.asked import Asked, Named, Period, read_filters
from eventsink.look.numbers.clowder_names import ClowderNames
from eventsink.look.numbers.footnotes import about_beyond, about_period, counted, naive
from eventsink.look.numbers.known import Known
from eventsink.look.numbers.people import read_people
from eventsink.look.numbers.rendered import Rendered
from eventsink.look.numbers.report import Form, Report, Sources, Table, Wanted
from eventsink.look.numbers.report_period import ALL, read_report_period
from eventsink.look.numbers.reports import REPORTS
from eventsink.look.numbers.reports.uptime import uptime_table
from eventsink.store import Store
from eventsink.store.uptime import Uptime
from eventsink.store.zones import zone_of

__all__ = ["ReportDesk"]

ROWS = {"json": 100_000, "csv": 200_000, "html": 2_000}  # where nobody says how many
MOST_ROWS = 1_000_000
ELSEWHERE = ("counter",)  # made by look/counter, under an address of its own
_ABOUT = ("period", "since", "until", "zone", "by", "limit", "format")


class ReportDesk:
    """Answers for reports.

    Args:
        store: has the events.
        zone: of months where nobody names another.
        people: file of what is known of users; empty for none.
        clowder: is asked for names that no event says; None: nobody is asked.
    """

    def __init__(self, store: Store, zone: str = "UTC", people: str = "", clowder: ClowderNames | None = None) -> None:
        self._store = store
        self._clowder = clowder
        self._zone = zone
        self._people = people
        self._runs = asyncio.Lock()

    def index(self) -> list[dict[str, Any]]:
        """All reports: their names, what they say, and by what."""
        return [report.described() for report in REPORTS.values()]

    async def report(self, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """A report in one of its forms.

        Raises:
            InvalidQuestion: something is asked for that there is not.
            StoreUnavailable: it cannot be answered now.
        """
        report = _report(name)
        form = _form(given)
        wanted = self.read(report, given, form)
        committed = self._store.committed
        people = await asyncio.to_thread(read_people, self._people)
        extent = await self._extent(wanted.asked.period, committed)
        wanted = _clipped(wanted, extent)
        known = Known(self._store, people, self._clowder)
        first, newest = (extent.begin, extent.last) if wanted.whole else (extent.first, extent.newest)
        sources = Sources(self._store, committed, known, first, newest, self._runs)
        table = await report.make(sources, wanted)
        about = await about_period(sources, wanted, extent.first)
        if wanted.whole and not table.timeless:
            about += about_beyond(extent.before, extent.first, extent.after, extent.newest)
        notes = (*about, *table.footnotes, *known.notes)
        return await self._rendered(report, msgspec.structs.replace(table, footnotes=notes), wanted, extent, form)

    def uptime_span(self, given: Mapping[str, list[str]]) -> tuple[datetime, datetime]:
        """The period that the report of uptime is asked for.

        Raises:
            InvalidQuestion: there is no such period, group or filter.
        """
        period = self.read(REPORTS["uptime"], given, _form(given)).asked.period
        return period.since, period.until

    async def uptime(self, found: Uptime, given: Mapping[str, list[str]]) -> Rendered:
        """The answer about checks as a report.

        Raises:
            InvalidQuestion: something is asked for that there is not.
        """
        report, form = REPORTS["uptime"], _form(given)
        by = _one(given, "by") or "check"
        table = uptime_table(found, by)
        # In the zone of its period, though its rows are those of UTC: by that its begin is the first of a month.
        period = Period(found.since, found.until, "day")
        asked = msgspec.structs.replace(self.read(report, given, form).asked, period=period)
        wanted = Wanted(asked=asked, by=(by,), limit=_limit(given, form))
        return await self._rendered(report, _cut(table, wanted.limit), wanted, _Extent(), form)

    def read(self, report: Report, given: Mapping[str, list[str]], form: Form) -> Wanted:
        """What is asked of a report.

        Raises:
            InvalidQuestion: something of it is not there.
        """
        zone_name = _one(given, "zone") or self._zone
        try:
            zone = zone_of(zone_name)
        except SettingsError as error:
            raise InvalidQuestion(f"zone: {error}") from None
        by = _by(report, _one(given, "by"))
        named = Named(_one(given, "period"), _one(given, "since"), _one(given, "until"))
        default = ALL if "file" in by else report.period  # files are what there is, not what happened
        period = read_report_period(named, zone, datetime.now(UTC), default)
        whole = named.since is None and named.until is None and (named.period or default) == ALL
        filters = {name: values for name, values in given.items() if name not in _ABOUT}
        return Wanted(
            asked=Asked(period=period, zone=zone.key, filters=read_filters(filters, report.filters)),
            by=by,
            limit=_limit(given, form),
            whole=whole,
        )

    async def _extent(self, period: Period, committed: int) -> "_Extent":
        values = {"since": naive(period.since), "until": naive(period.until), "committed": committed}
        ((first, newest, before, events, after, begin, last),) = await self._store.rows("report_extent", values)
        return _Extent(_aware(first), _aware(newest), before, events, after, _aware(begin), _aware(last))

    async def _rendered(self, report: Report, table: Table, wanted: Wanted, extent: "_Extent", form: Form) -> Rendered:
        asked = wanted.asked
        answer = ReportAnswer(
            name=report.name,
            title=report.title,
            about=report.about,
            since=None if wanted.whole and extent.last is None else asked.period.since,
            until=None if wanted.whole and extent.last is None else asked.period.until,
            whole=wanted.whole,
            zone=asked.zone,
            by=wanted.by,
            filters={chosen.column: chosen.values for chosen in asked.filters},
            table=table,
            events=extent.events,
            newest=extent.last,
            version=__version__,
        )
        return await asyncio.to_thread(render, answer, form)


class _Extent(msgspec.Struct, frozen=True):
    """The first and the newest event of all; how many lie before, in and after a period; those in it likewise."""

    first: datetime | None = None
    newest: datetime | None = None
    before: int = 0
    events: int | None = None
    after: int = 0
    begin: datetime | None = None
    last: datetime | None = None


def _clipped(wanted: Wanted, extent: _Extent) -> Wanted:
    """All time is from the first event in it to the newest: to the second after it. No clock of ours ends it."""
    if not wanted.whole:
        return wanted
    first, newest = extent.begin or wanted.asked.period.since, extent.last or wanted.asked.period.since
    period = Period(first.replace(microsecond=0), newest.replace(microsecond=0) + timedelta(seconds=1), "month")
    return msgspec.structs.replace(wanted, asked=msgspec.structs.replace(wanted.asked, period=period))


def _cut(table: Table, limit: int) -> Table:
    """The first rows of a table, and a note where there are more."""
    if len(table.rows) <= limit:
        return table
    note = f"These are the first {counted(limit)} rows of {counted(len(table.rows))}."
    return msgspec.structs.replace(table, rows=table.rows[:limit], footnotes=(*table.footnotes, note))


# --- reading ---------------------------------------------------------------------------------------------------------


def _report(name: str) -> Report:
    if name not in REPORTS:
        raise InvalidQuestion(_unknown("report", name, (*REPORTS, *ELSEWHERE)))
    return REPORTS[name]


def _by(report: Report, text: str | None) -> tuple[str, ...]:
    if text is None or not text.strip():
        return report.default_by
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if not report.by:
            raise InvalidQuestion(f"The report {report.name} has a row for each of what it lists: leave by out.")
        if name not in report.by:
            raise InvalidQuestion(_unknown(f"group of {report.name}", name, report.by))
    if len(names) > 1 and not report.combined:
        raise InvalidQuestion(f"The report {report.name} is by one of {', '.join(report.by)}.")
    return names


def _form(given: Mapping[str, list[str]]) -> Form:
    form: Any = _one(given, "format") or "json"
    form = "json" if form == "rows" else form  # which the report of uptime calls so: its JSON is another
    if form not in get_args(Form):
        raise InvalidQuestion(_unknown("format", form, get_args(Form)))
    return form  # type: ignore[no-any-return]


def _limit(given: Mapping[str, list[str]], form: Form) -> int:
    text = _one(given, "limit")
    if text is None:
        return ROWS[form]
    if not (text.isascii() and text.isdigit() and len(text) < 20) or not 1 <= int(text) <= MOST_ROWS:
        raise InvalidQuestion(f"limit may be 1 to {MOST_ROWS:,} rows, not {text[:60]!r}.")
    return int(text)


def _one(given: Mapping[str, list[str]], name: str) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        raise InvalidQuestion(f"{name} is given {len(values)} times: give it once.")
    return values[0] if values else None


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:60], known, 1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    return f"There is no {what} {name[:60]!r}{hint} There are {', '.join(known)}."


def _aware(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
