"""Every number that Grafana shows of activity, against our own dashboard and plain Python, over the same events."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from eventsink.event import Event
from eventsink.look.grafana.from_panel import is_asked_for
from eventsink.look.numbers.answers import OTHERS
from eventsink.look.numbers.asked import Asked, Named, read_filters, read_period
from eventsink.look.numbers.dashboard import Dashboard
from eventsink.look.numbers.pages import PAGES
from eventsink.look.numbers.panel import Panel
from tests.look.grafana.asking import Board, load
from tests.look.grafana.conftest import DATABASE, Export
from tests.look.numbers.year import COUNTED, END, NUMBER_OF, VALUE_OF
from tests.servers.influxdb import InfluxDB

pytestmark = pytest.mark.asyncio(loop_scope="package")

ASKED: dict[str, tuple[Named, str, dict[str, list[str]]]] = {
    "a month": (Named("30d"), "UTC", {}),
    "a month in Chicago with its change of clocks": (Named(since="2026-11"), "America/Chicago", {}),
    "two days in Kolkata by the hour": (Named(since="2026-09-14", until="2026-09-15"), "Asia/Kolkata", {}),
    "two spaces": (Named("30d"), "UTC", {"space": []}),
    "one extractor": (Named("30d"), "UTC", {"extractor": ["ncsa.image.preview"]}),
    "nothing at all": (Named(since="1999-01", until="1999-01"), "UTC", {}),
}
LENGTH = {"hour": "1h", "day": "1d"}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ASKED)
async def test_every_number(
    dashboard: Dashboard, events: list[Event], filled: InfluxDB, export: Export, page: str, name: str
) -> None:
    named, zone, filters = ASKED[name]
    if "space" in filters:
        filters = {"space": _spaces(events)}
    period = read_period(named, ZoneInfo(zone), END)
    asked = Asked(period=period, zone=zone, filters=read_filters(filters))
    folder = export(f'[workers.influxdb]\ndatabase = "{DATABASE}"\n[reports]\nzone = "{zone}"\n')
    every = LENGTH[period.every]
    board = Board(load(folder, page), filled, DATABASE, period.since, period.until, filters, every)
    if filters.keys() - {variable["name"] for variable in board.dashboard["templating"]["list"]}:
        return  # this page is not narrowed by it
    shown = {panel["name"]: panel for panel in (await dashboard.page(page, asked))["panels"]}
    within = [event for event in events if period.since <= event.time < period.until and _passes(event, filters)]
    compared = 0
    for panel in PAGES[page].panels:
        if is_asked_for(panel):
            _compare(panel, [tuple(row) for row in shown[panel.name]["rows"]], board, within)
            compared += 1
    assert compared


async def test_every_target_and_variable_has_data(filled: InfluxDB, export: Export) -> None:
    folder = export(f'[workers.influxdb]\ndatabase = "{DATABASE}"\n')
    for page in PAGES:
        board = Board(load(folder, page), filled, DATABASE, END - timedelta(days=30), END)
        targets = [target for panel in board.dashboard["panels"] for target in panel.get("targets", ())]
        assert targets
        for target in targets:
            assert board.ask(target), (page, target["query"])
        for variable in board.dashboard["templating"]["list"]:
            if variable["type"] == "query":
                assert len(filled.query(DATABASE, board.query(variable["query"]))) > 2, variable["name"]


def _spaces(events: Sequence[Event]) -> list[str]:
    """One with a name like that of others, and one with odd characters."""
    known = sorted({event.data["space_id"] for event in events if event.data.get("space_id")})
    return [known[-1], next(space for space in known if "'" in space)]


def _passes(event: Event, filters: Mapping[str, list[str]]) -> bool:
    return all(event.data.get({"space": "space_id"}.get(name, name)) in values for name, values in filters.items())


def _compare(panel: Panel, rows: list[tuple[Any, ...]], board: Board, within: Sequence[Event]) -> None:
    titles = [panel.titles.get(measure.name, measure.name) for measure in panel.measures]
    if panel.chart == "figures":
        found = board.figures(panel.title) | _alone(panel, titles, board)
        for measure, title, number in zip(panel.measures, titles, rows[0], strict=True):
            _same(found[title], number, measure.name, within, (panel.name, title))
    elif panel.over_time:
        _compare_over_time(panel, titles, rows, board, within)
    else:
        table = board.table(panel.title)
        for row in rows:
            group = tuple(_tag(value) for value in row[: len(panel.by)])
            values = dict(zip(panel.by, row, strict=False))
            part = [event for event in within if all(VALUE_OF[name](event) == value for name, value in values.items())]
            for measure, title, number in zip(panel.measures, titles, row[len(panel.by) :], strict=True):
                _same(table[group].get(title), number, measure.name, part, (panel.name, group, title))
        assert len(rows) == min(panel.limit, len(table))


def _alone(panel: Panel, titles: Sequence[str], board: Board) -> dict[str, Any]:
    """What stands in a panel of its own beside the others."""
    own = [
        title
        for title in titles
        if title in {shown["title"] for shown in board.dashboard["panels"] if shown["type"] == "stat"}
    ]
    return {name: number for title in own for name, number in board.figures(title).items()}


def _compare_over_time(
    panel: Panel, titles: Sequence[str], rows: list[tuple[Any, ...]], board: Board, within: Sequence[Event]
) -> None:
    found = board.over_time(panel.title)
    zone = ZoneInfo(board.dashboard["timezone"].replace("utc", "UTC"))
    named = {
        title: {(_begin(group[0], zone, board.every), *group[1:]): number for group, number in numbers.items()}
        for title, numbers in found.items()
    }
    for row in rows:
        group = tuple(_tag(value) for value in row[1 : 1 + len(panel.by)])
        if OTHERS in group:
            continue
        part = [event for event in within if _begin_of(event, zone, board.every) == row[0]]
        for measure, title, number in zip(panel.measures, titles, row[1 + len(panel.by) :], strict=True):
            _same(named[title].get((row[0], *group)), number, measure.name, part, (panel.name, row[0], group, title))


def _same(shown: Any, own: Any, measure: str, part: Sequence[Event], where: Any) -> None:
    """A number of Grafana's is ours; of what nothing is counted Grafana says nothing."""
    if measure.endswith("p95"):
        numbers = sorted(
            event.data[NUMBER_OF[measure]]
            for event in part
            if COUNTED[measure](event) and event.data.get(NUMBER_OF[measure]) is not None
        )
        own = (
            numbers[math.floor(len(numbers) * 0.95 + 0.5) - 1] if numbers else None
        )  # InfluxDB takes one that is there
    assert (shown or 0) == pytest.approx(own or 0, abs=0.001), where


def _tag(value: Any) -> str:
    """A value as it stands in a tag."""
    return "" if value is None else str(value).replace("\n", " ").strip()


def _begin(nanoseconds: int, zone: ZoneInfo, every: str) -> str:
    return _said(datetime.fromtimestamp(nanoseconds / 1e9, UTC), zone, every)


def _begin_of(event: Event, zone: ZoneInfo, every: str) -> str:
    if every == "1h":
        local = event.time.astimezone(zone)
        return _said(local.replace(minute=0, second=0, microsecond=0), zone, every)
    return _said(event.time, zone, every)


def _said(moment: datetime, zone: ZoneInfo, every: str) -> str:
    if every == "1h":
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(moment.astimezone(zone).date())
