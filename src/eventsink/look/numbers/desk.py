"""What the routes ask numbers of: reads what stands in an address, and gives what is sent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from eventsink.errors import InvalidQuestion, SettingsError
from eventsink.look.numbers.asked import Asked, Compare, Named, read_filters, read_period
from eventsink.look.numbers.dashboard import Dashboard
from eventsink.look.numbers.rendered import Rendered
from eventsink.look.numbers.report_desk import ReportDesk
from eventsink.store import Store
from eventsink.store.uptime import Uptime
from eventsink.store.zones import zone_of

__all__ = ["NumbersDesk", "Rendered"]

_ABOUT_TIME = ("period", "since", "until", "zone", "compare")


class NumbersDesk:
    """Pages, panels and reports by what stands in an address.

    Args:
        store: has the events.
        zone: of days and months where nobody names another.
        reports: those that can be asked for; by default all, of these events.
    """

    def __init__(self, store: Store, zone: str = "UTC", reports: ReportDesk | None = None) -> None:
        self._dashboard = Dashboard(store)
        self._reports = reports or ReportDesk(store, zone)
        self._zone = zone

    def pages(self) -> list[dict[str, Any]]:
        """All pages, with their panels."""
        return self._dashboard.index()

    async def page(self, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """All panels of a page.

        Raises:
            InvalidQuestion: something is asked for that there is not.
            StoreUnavailable: it cannot be answered now.
        """
        return _as_json(await self._dashboard.page(name, self.read(given)))

    async def panel(self, page: str, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """One panel as JSON with the query behind it, or as CSV.

        Raises:
            InvalidQuestion, StoreUnavailable: as `page`.
        """
        rest = dict(given)
        form = _one(rest.pop("format", []), "format") or "json"
        asked = self.read(rest)
        if form == "csv":
            body = await self._dashboard.panel_csv(page, name, asked)
            return Rendered(body, "text/csv; charset=utf-8", f"{page}-{name}.csv")
        if form != "json":
            raise InvalidQuestion(f"There is no format {form[:60]!r}: it may be json or csv.")
        return _as_json(await self._dashboard.panel(page, name, asked))

    def reports(self) -> list[dict[str, Any]]:
        """All reports: their names, what they say, and by what."""
        return self._reports.index()

    async def report(self, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """A report as JSON, CSV or HTML.

        Raises:
            InvalidQuestion, StoreUnavailable: as `page`.
        """
        return await self._reports.report(name, given)

    def uptime_span(self, given: Mapping[str, list[str]]) -> tuple[datetime, datetime]:
        """The period that the report of uptime is asked for.

        Raises:
            InvalidQuestion: there is no such period, group or filter.
        """
        return self._reports.uptime_span(given)

    async def uptime(self, found: Uptime, given: Mapping[str, list[str]]) -> Rendered:
        """What is known of checks as a report in one of its forms.

        Raises:
            InvalidQuestion: something is asked for that there is not.
        """
        return await self._reports.uptime(found, given)

    def read(self, given: Mapping[str, list[str]], default: str = "30d") -> Asked:
        """A period, a comparison and filters.

        Raises:
            InvalidQuestion: something of it is not there.
        """
        about = {name: _one(given.get(name, []), name) for name in _ABOUT_TIME}
        try:
            zone = zone_of(about["zone"] or self._zone)
        except SettingsError as error:
            raise InvalidQuestion(f"zone: {error}") from None
        compare: Any = about["compare"] or "before"
        if compare not in get_args(Compare):
            raise InvalidQuestion(f"compare may be {', '.join(get_args(Compare))}, not {compare[:60]!r}.")
        named = Named(about["period"], about["since"], about["until"])
        now = datetime.now(UTC)
        period = read_period(named, zone, now, default)
        return Asked(
            period=period,
            zone=zone.key,
            compared_with=period.before(compare, zone, now),
            filters=read_filters({name: values for name, values in given.items() if name not in _ABOUT_TIME}),
        )


def _one(values: list[str], name: str) -> str | None:
    if len(values) > 1:
        raise InvalidQuestion(f"{name} is given {len(values)} times: give it once.")
    return values[0] if values else None


def _as_json(value: object) -> Rendered:
    return Rendered(msgspec.json.encode(value))
