"""Every number on the dashboard, against plain Python over the same events of a seeded year."""

import random
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from eventsink.event import Event
from eventsink.look.numbers.answers import OTHERS
from eventsink.look.numbers.asked import Asked, Named, Period, read_filters, read_period
from eventsink.look.numbers.dashboard import Dashboard
from eventsink.look.numbers.measures import DOWNLOADED
from eventsink.look.numbers.pages import PAGES
from eventsink.look.numbers.panel import Panel
from eventsink.store import Store
from tests.look.numbers.year import COUNTED, DISTINCT, END, NUMBER_OF, TAKEN_OFF, VALUE_OF, year

ASKED: dict[str, tuple[Named, str, dict[str, list[str]]]] = {
    "the whole year": (Named("365d"), "UTC", {}),
    "a month in Chicago with its change of clocks": (Named(since="2026-11"), "America/Chicago", {}),
    "a month that is not over": (Named(since="2026-11", until="2026-11"), "Europe/Berlin", {}),
    "a quarter in Berlin": (Named(since="2026-03-01", until="2026-05-31"), "Europe/Berlin", {}),
    "two days in Kolkata by the hour": (Named(since="2026-09-14", until="2026-09-15"), "Asia/Kolkata", {}),
    "half an hour less on Lord Howe Island": (Named(since="2026-10-03", until="2026-10-04"), "Australia/Lord_Howe", {}),
    "half an hour more on it": (Named(since="2026-04-04", until="2026-04-05"), "Australia/Lord_Howe", {}),
    "one country": (Named("365d"), "UTC", {"country": ["DE", "NL"]}),
    "one extractor": (Named("90d"), "UTC", {"extractor": ["ncsa.image.preview"]}),
    "nothing at all": (Named(since="1999-01", until="1999-02"), "UTC", {}),
    "what is to come": (Named(since="2031-01", until="2031-02"), "UTC", {}),
}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """All of them."""
    return year()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dashboard(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dashboard]:
    """Of a store that got them in no order."""
    store = await Store.open(tmp_path_factory.mktemp("year"))
    shuffled = random.Random(1).sample(events, len(events))
    for start in range(0, len(shuffled), 20_000):
        await store.append(shuffled[start : start + 20_000])
    yield Dashboard(store)
    await store.close()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ASKED)
@pytest.mark.asyncio(loop_scope="module")
async def test_every_number(dashboard: Dashboard, events: list[Event], page: str, name: str) -> None:
    named, zone, filters = ASKED[name]
    period = read_period(named, ZoneInfo(zone), END)
    compared = period.before("before", ZoneInfo(zone), END)
    asked = Asked(period=period, zone=zone, compared_with=compared, filters=read_filters(filters))
    chosen = [event for event in events if _passes(event, filters)]
    within = [event for event in chosen if period.since <= event.time < period.until]
    if name not in ("nothing at all", "what is to come"):
        assert len(within) > 100, "it must be about something"
    found = await dashboard.page(page, asked)
    panels = {panel.name: panel for panel in PAGES[page].panels}
    assert [panel["name"] for panel in found["panels"]] == list(panels)
    for shown in found["panels"]:
        _check(panels[shown["name"]], shown, within, asked)
        if shown["chart"] == "figures":
            assert shown["before"] == _before(panels[shown["name"]], chosen, period)


def _before(panel: Panel, events: Sequence[Event], period: Period) -> tuple[Any, ...] | None:
    """The numbers of as much of the time before as is over of a period, to the hour; END is the begin of one."""
    length = period.until - period.since
    over = min(period.until, END + timedelta(hours=1)) - period.since
    if over <= timedelta(hours=1):
        return None
    begin = period.since - length
    return _numbers(panel, [event for event in events if begin <= event.time < begin + over])


def _passes(event: Event, filters: dict[str, list[str]]) -> bool:
    return all(VALUE_OF[name](event) in values for name, values in filters.items())


def _check(panel: Panel, shown: dict[str, Any], within: Sequence[Event], asked: Asked) -> None:
    rows = [tuple(row) for row in shown["rows"]]
    if panel.chart == "figures":
        assert rows == [_numbers(panel, within)], panel.name
    elif panel.chart in ("ranking", "table"):
        _check_ranking(panel, rows, within)
    elif panel.by:
        _check_groups(panel, rows, within, asked)
    else:
        intervals = _intervals(within, asked)
        assert rows == [(begin, *_numbers(panel, part)) for begin, part in intervals.items()], panel.name


def _check_ranking(panel: Panel, rows: list[tuple[Any, ...]], within: Sequence[Event]) -> None:
    groups: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for event in within:
        if _concerns(panel, event):
            groups[tuple(VALUE_OF[name](event) for name in panel.by)].append(event)
    known = {group: _numbers(panel, part) for group, part in groups.items()}
    place = [measure.name for measure in panel.measures].index(panel.order)
    expected = sorted(known.items(), key=lambda item: [(value is None, value or "") for value in item[0]])
    expected.sort(key=lambda item: -item[1][place])
    assert rows == [(*group, *numbers) for group, numbers in expected[: panel.limit]], panel.name


def _check_groups(panel: Panel, rows: list[tuple[Any, ...]], within: Sequence[Event], asked: Asked) -> None:
    (column,), (measure,) = panel.by, panel.measures
    intervals = _intervals([event for event in within if _concerns(panel, event)], asked)
    whole = {begin: _numbers(panel, part)[0] for begin, part in intervals.items()}
    sums: dict[str, int] = defaultdict(int)
    highest = {value for _, value, _ in rows} - {OTHERS}
    for begin, value, number in rows:
        sums[begin] += number
        if value != OTHERS:
            part = [event for event in intervals[begin] if VALUE_OF[column](event) == value]
            assert number == _numbers(panel, part)[0], (panel.name, begin, value)
    assert rows == [] or sums == whole
    values = {VALUE_OF[column](event) for event in within if COUNTED[measure.name](event)} - {None}
    assert len(highest) <= min(panel.limit + 1, len(values))


def _concerns(panel: Panel, event: Event) -> bool:
    """Whether an event is of a panel at all: a group is in it that has any of its events, counted or not."""
    kinds = {value for chosen in panel.where if chosen.column == "type" for value in chosen.values}
    human = not any(chosen.column == "robot" for chosen in panel.where) or COUNTED["users"](event)
    known = all(VALUE_OF[c.column](event) is not None for c in panel.where if not c.values)
    return (not kinds or event.type in kinds) and human and known


def _intervals(within: Sequence[Event], asked: Asked) -> dict[str, list[Event]]:
    """All intervals of a period, those without events too, in order."""
    zone, every = ZoneInfo(asked.zone), asked.period.every
    found: dict[str, list[Event]] = {}
    at = asked.period.since
    while at < asked.period.until:  # small steps, whatever the clocks do
        found.setdefault(_begin(at, every, zone), [])
        at += timedelta(minutes=30) if every == "hour" else timedelta(hours=6)
    for event in within:
        found[_begin(event.time, every, zone)].append(event)
    return found


def _begin(moment: datetime, every: str, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    if every == "hour":
        since = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return (moment.astimezone(UTC) - since).strftime("%Y-%m-%dT%H:%M:%SZ")
    day = local.date()
    if every == "week":
        day -= timedelta(days=day.weekday())
    return f"{day.replace(day=1) if every == 'month' else day}"


def _numbers(panel: Panel, part: Iterable[Event]) -> tuple[Any, ...]:
    of_panel = [event for event in part if _concerns(panel, event)]
    return tuple(_number(measure.name, of_panel) for measure in panel.measures)


def _number(name: str, part: Sequence[Event]) -> Any:
    counted = [event for event in part if COUNTED[name](event)]
    if name in DISTINCT:
        return len({DISTINCT[name](event) for event in counted} - {None})
    if name not in NUMBER_OF:
        return len(counted)
    numbers = [event.data[NUMBER_OF[name]] for event in counted if event.data.get(NUMBER_OF[name]) is not None]
    if name.endswith("median"):
        return round(statistics.median(numbers), 3) if numbers else None
    if name.endswith("p95"):
        return round(_quantile(numbers, 0.95), 3) if numbers else None
    return sum(numbers) - sum(event.data["bytes"] for event in part if name in TAKEN_OFF and TAKEN_OFF[name](event))


def _quantile(numbers: Sequence[float], share: float) -> float:
    """Between the two nearest, by their distance (type 7 of Hyndman and Fan)."""
    ordered = sorted(numbers)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def test_each_panel_with_bytes_of_downloads_says_of_which_there_are_none() -> None:
    panels = [panel for page in PAGES.values() for panel in page.panels if DOWNLOADED in panel.measures]
    assert len(panels) == 3
    assert [panel.name for panel in panels if "ownloads of whole datasets" not in panel.about] == []


@pytest.mark.parametrize(
    ("since", "until", "before"),
    [
        ("2028-02-28", "2028-02-28", ("2027-02-28", "2027-03-01")),
        ("2028-02-29", "2028-02-29", ("2027-02-28", "2027-03-01")),
        ("2028-02", "2028-02", ("2027-02-01", "2027-03-01")),
        ("2028-02-28T11:00", "2028-02-29T11:00", ("2027-02-28T11:00", "2027-03-01T11:00")),
        ("2028-02-29T11:00", "2028-02-29T12:00", ("2027-02-28T11:00", "2027-02-28T12:00")),
        ("2028-03", "2028-03", ("2027-03-01", "2027-04-01")),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
def test_around_a_leap_day_the_year_before_has_as_much_time(
    since: str, until: str, before: tuple[str, str], zone: str
) -> None:
    local = ZoneInfo(zone)
    period = read_period(Named(since=since, until=until), local, END)
    found = period.before("year", local, datetime(2028, 5, 1, tzinfo=UTC))
    assert found is not None
    assert (found.since, found.until) == tuple(datetime.fromisoformat(time).replace(tzinfo=local) for time in before)
