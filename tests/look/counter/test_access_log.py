"""From an access log to a report: its lines as events, in the store, counted. The numbers are counted by hand."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies
from eventsink.browsers.robots import Robots
from eventsink.browsers.visitors import Visitors
from eventsink.dialects import read
from eventsink.dialects.admit import Admission, Stamps
from eventsink.look.counter import CounterReports
from eventsink.settings import Counter
from eventsink.store import EventQuery, Store
from eventsink.watch.nginx.log_format import PRESETS
from eventsink.watch.nginx.parser import Parser
from eventsink.watch.nginx.people import People
from eventsink.watch.nginx.views import WANTED, Views
from tests.watch.nginx.lines import FIREFOX, combined

START = int(datetime(2026, 1, 15, 10, tzinfo=UTC).timestamp())
SOIL, CORES = "64c000000000000000000001", "64c000000000000000000002"
A, B, OTHER = "64b00000000000000000000a", "64b00000000000000000000b", "64b00000000000000000000c"
ANN, BOB = "8.8.8.8", "192.0.2.1"  # the one in the United States, the other nowhere
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "store")
    yield store
    await store.close()


def line(seconds: int, path: str, address: str = ANN, agent: str = FIREFOX, **more: Any) -> bytes:
    return combined(START + seconds, request=f"GET {path} HTTP/1.1", address=address, agent=agent, **more)


LOG = [
    # A double-click of Ann on the page, and Bob meanwhile: 2 investigations, 2 sessions.
    line(0, f"/datasets/{SOIL}"),
    line(10, f"/datasets/{SOIL}", BOB),
    line(30, f"/datasets/{SOIL}"),
    # Bob's other browser is somebody else: 1, 1.
    line(31, f"/datasets/{SOIL}", BOB, CHROME),
    # Ann looks at a file of it, and downloads two: 3 investigations and 2 requests of a session that is counted.
    line(60, f"/files/{A}?dataset={SOIL}"),
    line(61, f"/files/{A}/blob", size=1000),
    line(62, f"/files/{A}/blob", size=1000),
    line(70, f"/files/{B}/blob?dataset={SOIL}", size=500),
    # After 31 seconds it is another action: 1.
    line(101, f"/files/{B}/blob", size=500),
    # In the next hour it is another session: 1, 1.
    line(3600, f"/datasets/{SOIL}"),
    # A program, machine: 1, 1 and 1 request.
    line(4000, f"/api/datasets/{SOIL}/download", BOB, "python-requests/2.32"),
    # Not counted: errors, a robot, a file of which nobody knows the dataset, what asks not to be counted, a space.
    line(4100, f"/datasets/{CORES}", status=404),
    line(4101, f"/datasets/{CORES}", agent="Googlebot/2.1"),
    line(4102, f"/files/{OTHER}/blob"),
    line(4103, f"/api/files/{A}?tracking=false"),
    line(4104, f"/spaces/{CORES}"),
    line(4105, f"/datasets/{CORES}/edit"),
]


async def counted(store: Store, *, salts: Path | None, lines: list[bytes], robots: bool = False) -> dict[str, Any]:
    """What is stored of some lines, and the report that follows."""
    who = People(Visitors(salts), Countries(), Proxies([]))
    views = Views(Robots(), who, with_robots=robots, source="https://clowder.example.org")
    drafts = map(read, views.events(Parser(PRESETS["combined"], WANTED).parse(b"".join(lines))))
    stamps = Stamps(datetime.now(UTC), "clowder")
    events = [Admission().admit(draft, stamps)[0] for draft in drafts]
    assert "8.8.8.8" not in repr(events) and "192.0.2" not in repr(events)
    await store.append(events)
    reports = CounterReports(store, Counter(volume=True), now=lambda: datetime(2026, 2, 3, tzinfo=UTC))
    found: dict[str, Any] = json.loads((await reports.render(form="rows")).body)
    return found


def numbers(report: dict[str, Any]) -> dict[tuple[str, str], list[int]]:
    names = [column["name"] for column in report["columns"]]
    assert names[:4] == ["month", "dataset", "title", "access_method"]
    return {(row[1], row[3]): row[4:] for row in report["rows"]}


EXPECTED = {(SOIL, "regular"): [8, 4, 3, 1, 2000, 1500], (SOIL, "machine"): [1, 1, 1, 1, 0, 0]}


async def test_the_counts_are_those_of_the_code(store: Store, tmp_path: Path) -> None:
    report = await counted(store, salts=tmp_path, lines=LOG)
    assert numbers(report) == EXPECTED
    codes = {note["code"]: note["data"] for note in report["exceptions"] if note["code"]}
    assert codes == {102: "1 events", 103: "1 requests of unknown size"}, "and nobody is unknown"


async def test_robots_that_are_told_of_are_no_use(store: Store, tmp_path: Path) -> None:
    report = await counted(store, salts=tmp_path, lines=LOG, robots=True)
    assert numbers(report) == EXPECTED
    assert any("1 of robots" in note for note in report["footnotes"])


async def test_a_log_that_is_read_again_counts_once(store: Store, tmp_path: Path) -> None:
    await counted(store, salts=tmp_path, lines=LOG[:7])
    await counted(store, salts=tmp_path, lines=LOG)
    report = await counted(store, salts=tmp_path, lines=LOG)
    assert numbers(report) == EXPECTED
    stored = await store.count(EventQuery())
    await counted(store, salts=None, lines=LOG)  # on another day, or elsewhere
    assert await store.count(EventQuery()) == stored


async def test_a_log_in_two_pieces_on_two_days_costs_a_visitor_of_the_hour_in_which_it_was_cut(store: Store) -> None:
    await counted(store, salts=None, lines=LOG[:5])
    report = await counted(store, salts=None, lines=LOG)
    assert numbers(report)[SOIL, "regular"] == [8, 5, 3, 1, 2000, 1500]


async def test_without_address_and_browser_nobody_is_known(store: Store, tmp_path: Path) -> None:
    bare = [line(second, f"/datasets/{SOIL}", address="-", agent="-") for second in (0, 100, 200)]
    report = await counted(store, salts=tmp_path, lines=bare)
    assert numbers(report) == {(SOIL, "machine"): [3, 1, 0, 0, 0, 0]}
    assert [note["data"] for note in report["exceptions"] if note["code"] == 101] == ["3 of 3 events"]


async def test_countries(store: Store, tmp_path: Path) -> None:
    await counted(store, salts=tmp_path, lines=LOG)
    reports = CounterReports(store, Counter(), now=lambda: datetime(2026, 1, 31, tzinfo=UTC) + timedelta(days=3))
    report = json.loads((await reports.render(access_method="regular")).body)
    (performance,) = report["report-datasets"][0]["performance"]
    countries = {one["metric-type"]: one["country-counts"] for one in performance["instance"]}
    assert countries["total-dataset-investigations"] == {"us": 6}
    assert countries["unique-dataset-investigations"] == {"us": 2}
