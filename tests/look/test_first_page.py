"""The page of the sink itself, and signing in, in a real browser on a real sink."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests import processes
from tests.look.conftest import NewPage
from tests.servers.process import eventually
from tests.sink_process import SinkProcess

PICKY = Path(__file__).parents[1] / "cli" / "picky_worker.py"
PAUSED = "paused since 2026-11-27 10:00 UTC: it answers 503."
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\u202eevil&amp;\u2066\u200b\U000e0041'
SHOWN = HOSTILE.replace("\u202e", r"\u202e").replace("\u2066\u200b\U000e0041", r"\u2066\u200b\udb40\udc41")


def event(
    kind: str, *, ago: timedelta = timedelta(), now: datetime | None = None, user: str | None = None, **data: Any
) -> dict[str, Any]:
    moment = (now or datetime.now(UTC)) - ago
    return {"type": kind, "time": moment.isoformat(), "user": user, "data": data}


def open_board(sink: SinkProcess, page: Page, now: datetime | None = None) -> Page:
    """The page of the sink itself, once its chart is there, with a clock that `later` puts forward."""
    page.clock.install(time=now)
    page.goto(f"{sink.url}/?page=sink#key={sink.key}")
    page.wait_for_selector(".js-plotly-plot")
    return page


def tell_time(page: Page, now: datetime) -> None:
    """Have the sink say that it is another time."""

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, headers={**found.headers, "date": format_datetime(now, usegmt=True)})

    page.route("**/v1/**", answer)


def later(page: Page, seconds: int) -> None:
    page.clock.fast_forward(seconds * 1000)


def until(page: Page, expression: str, seconds: float = 30.0) -> None:
    """Wait for a condition. Playwright's own way would need the page to allow eval."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"still not {expression}"
        page.wait_for_timeout(50)


def traces(page: Page) -> dict[str, list[int]]:
    """What the chart shows: the heights of the bars of each type."""
    bars = page.evaluate("document.querySelector('#plot').data.map((trace) => [trace.name, trace.y])")
    return {name: heights for name, heights in bars if name}


def choose(page: Page, span: str, bars: int) -> dict[str, list[int]]:
    page.locator("#range").get_by_text(span, exact=True).click()
    until(page, f"document.querySelector('#plot').data[0].y.length === {bars}")
    return traces(page)


def where_it_is_noon(now: datetime) -> str:
    """A time zone in which neither two hours ago nor in two hours is another day."""
    east = 12 - now.hour
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


def test_today_counts_robots_and_failures_and_says_so(sink: SinkProcess, new_page: NewPage) -> None:
    fetched = {"resource_type": "file", "resource_id": "64b1", "bytes": 1_000_000}
    sink.post([
        event("traffic.resource_downloaded", **fetched, **more) for more in ({}, {"robot": True}, {"http_status": 500})
    ])  # fmt: skip
    noon = where_it_is_noon(datetime.now(UTC))  # no day ends between what is sent and what is looked at
    page = open_board(sink, new_page(timezone_id=noon))
    expect(page.locator("[data-total=bytes_downloaded]")).to_have_text("3.00 MB")  # the page of traffic says 1.00 MB
    expect(page.get_by_text("Of all events, also those of robots and failed requests.")).to_be_visible()


def test_what_is_sent_appears_by_itself(sink: SinkProcess, new_page: NewPage) -> None:
    now = datetime.now(UTC)
    page = new_page(timezone_id=where_it_is_noon(now))
    page.clock.set_fixed_time(now)  # no hour ends between what is sent and what is looked at
    page.goto(f"{sink.url}/?page=sink#key={sink.key}")
    expect(page.get_by_text("No event yet.")).to_be_visible()
    expect(page.locator("#none-yet pre")).to_contain_text(f"curl {sink.url}/v1/events")
    expect(page.locator("#chart-caption")).to_have_text("No events in the last 24 hours.")
    page.evaluate("window.loadedOnce = true")

    day, hour = timedelta(days=1), timedelta(hours=1)
    sink.post(
        [
            event("users.login", now=now, ago=10 * day, user="dora", method="userpass"),
            event("users.login", now=now, ago=day, user="dora", method="userpass"),
            event("storage.file_uploaded", now=now, ago=2 * hour, user="alice", bytes=1_500_000, file_name="a.png"),
            event("storage.file_uploaded", now=now, user="bob", bytes=334_211, file_name="b.png"),
            event("traffic.resource_downloaded", now=now, user="bob", resource_type="file", bytes=2_500_000_000),
            event("lab.calibrated", now=now, drift=0.5),
        ]
    )
    rows = page.locator("#latest tr[data-seq]")
    expect(rows).to_have_count(6)
    expect(page.locator("[data-total]")).to_have_text(["4", "2", "1.83 MB", "2.50 GB"])
    assert page.evaluate("window.loadedOnce"), "without a reload"
    assert page.get_by_text("No event yet.").is_hidden()
    expect(page.locator("#day")).to_have_text(re.compile(r"^\w+, \w+ \d+, 20\d\d \(.+\)$"))
    expect(page.locator("[data-total=bytes_uploaded]")).to_have_attribute("title", "1,834,211 bytes")

    assert rows.locator(".type").all_inner_texts()[0] == "lab.calibrated"
    assert rows.nth(2).locator(".user").inner_text() == "bob"
    expect(rows.nth(2).locator(".data")).to_contain_text("bytes 334 kB file_name b.png")

    expect(page.locator("#legend button").first).to_have_text("file_uploaded 2")
    until(page, "document.querySelector('#plot').data.length === 3")
    hours = traces(page)
    assert all(len(heights) == 24 for heights in hours.values()), "empty intervals are there, as zero"
    assert hours["storage.file_uploaded"][-3:] == [1, 0, 1]
    days = choose(page, "30 days", 30)
    assert {sum(heights) for heights in days.values()} == {1, 2}
    assert days["users.login"][-11:] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    expect(page.locator("#chart-caption")).to_have_text("6 events in the last 30 days. A bar is a day.")
    assert sum(choose(page, "Hour", 60)["storage.file_uploaded"]) == 1


def test_workers_and_what_is_wrong_with_them(make_sink: Callable[..., SinkProcess], new_page: NewPage) -> None:
    sink = make_sink(environment={"EVENTSINK_WORKERS__CHAT__USE": str(PICKY)}).start()
    sink.post([event("demo.refused"), event("users.login", method="userpass"), event("demo.refused")])
    sink.settle()
    page = open_board(sink, new_page())
    rows = page.locator("#accounts tbody tr")
    expect(rows).to_have_count(2)
    figures = [rows.nth(place).locator("[data-figure]").all_inner_texts() for place in (0, 1)]
    assert [row[:4] for row in figures] == [["3", "1", "0", "2"], ["3", "3", "0", "0"]]
    expect(page.locator("#accounts th[scope=row]")).to_have_text(["chat", "store"])
    expect(page.locator("#books")).to_have_text("Accepted = delivered + waiting + dead + missing")
    notices = page.locator("#notices li")
    expect(notices).to_have_text("chat could not deliver 2 events: see eventsink dead list --worker chat")

    sink.request("POST", "/v1/dead/drop", {"all": True})
    later(page, 2)
    expect(notices).to_have_count(0)
    expect(page.locator("#facts")).not_to_contain_text("canary")

    sink.post([event("health.canary_update", by="doctor")])
    sink.settle()
    later(page, 2)
    arrived = re.compile(r"The last canary arrived: chat \d+\.\d\d s at .*\d, store \d+\.\d\d s at .*\d")
    expect(page.locator("#facts")).to_contain_text(arrived)

    broken = {"accepted": 9, "delivered": 3, "waiting": 5, "dead": 0, "dropped": 0, "missing": 7, "lag_seconds": 4000}
    status = sink.request("GET", "/v1/status")[1]
    status["workers"]["store"] = broken | {"state": "delivering", "missing_since": "2026-11-20T09:05:07Z"}
    status["workers"]["chat"] = broken | {"waiting": 6, "missing": 0, "state": PAUSED}
    status["spool"] = {"events": 1200, "bytes": 1}
    status["exchange"] = "away"
    page.route("**/v1/status*", lambda route: route.fulfill(json=status))
    later(page, 2)
    expect(notices).to_have_text(
        [
            "The exchange is away: 1,200 events wait in the spool for it.",
            f"chat is {PAUSED} Its events wait, and are delivered when that is mended.",
            "The account of store does not add up: this is a bug, please report it.",
            re.compile(
                r"store misses 7 events: accepted, and nowhere since .*\. Somebody purged or deleted its queue, or the"
                r" disk is damaged: see the log\. What the store has is delivered again by eventsink replay --to store"
            ),
            "store is 67 min behind: it does not keep up.",
        ]
    )
    expect(page.locator("#books")).to_have_text("")


def test_what_strangers_write_stays_text(shared: SinkProcess, new_page: NewPage) -> None:
    data = {HOSTILE: HOSTILE, "list": [HOSTILE], "__proto__": {"x": HOSTILE}, "exact": 2**63 - 1, "odd": "\u009b\n"}
    hostile = {"type": "constructor.__proto__", "user": HOSTILE, "subject": HOSTILE, "source": HOSTILE, "data": data}
    moment = datetime.now(UTC).replace(minute=1)  # the page stands in the midst of that hour, which does not end soon
    assert shared.post(hostile | {"time": moment.isoformat()})[0] == 202
    shared.settle()
    page = new_page()
    tell_time(page, moment + timedelta(minutes=9))
    open_board(shared, page, moment + timedelta(minutes=9))
    row = page.locator("#latest tr[data-seq]").first
    expect(row.locator(".user")).to_have_text(SHOWN)
    expect(row.locator(".subject")).to_have_text(SHOWN)
    expect(row.locator(".data")).to_contain_text(SHOWN)
    row.locator("button").press("Enter")
    expect(row.locator("button")).to_have_attribute("aria-expanded", "true")
    text = page.locator("#latest .whole pre").inner_text()
    assert json.loads(text)["data"] == data, "all of it, and no number rounded"
    assert all(letter.isprintable() or letter == "\n" for letter in text), "what cannot be seen is escaped"
    expect(page.locator("#legend")).to_contain_text("constructor")
    page.get_by_role("slider").press("End")
    expect(page.locator("#chart .tip")).to_contain_text("constructor.__proto__")
    assert page.locator("main img, main script, main [onerror]").count() == 0
    row.locator("button").press("Enter")
    expect(page.locator("#latest .whole")).to_have_count(0)


def test_an_open_event_stays_until_it_is_closed(shared: SinkProcess, new_page: NewPage) -> None:
    shared.post(event("users.login", user="first", method="userpass"))
    shared.settle()
    page = open_board(shared, new_page())
    page.get_by_text("first", exact=True).click()
    expect(page.locator("#latest .whole")).to_be_visible()
    shared.post([event("users.login", user=f"later-{number}", method="userpass") for number in range(25)])
    shared.settle()
    later(page, 2)
    expect(page.locator("#latest tr[data-seq]")).to_have_count(21)
    assert page.locator("#latest .user").all_inner_texts() == [*(f"later-{n}" for n in range(24, 4, -1)), "first"]
    expect(page.locator("#latest tr").last).to_have_class("whole")
    page.get_by_text("first", exact=True).click()
    later(page, 2)
    expect(page.locator("#latest tr[data-seq]")).to_have_count(20)


def test_the_key_leaves_the_address_and_stays_in_the_tab(shared: SinkProcess, new_page: NewPage) -> None:
    page = open_board(shared, new_page())
    assert page.url == f"{shared.url}/?page=sink"
    assert page.evaluate("[sessionStorage.getItem('eventsink.key'), localStorage.length]") == [shared.key, 0]
    page.reload()
    expect(page.locator("#state")).to_have_text("Live")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#sign-in")).to_be_visible()
    expect(page.locator("#board")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0
    page.evaluate("(key) => { location.hash = `key=${key}` }", shared.key)
    expect(page.locator("#board")).to_be_visible()
    assert page.url == f"{shared.url}/?page=sink"


def new_key(sink: SinkProcess, scope: str) -> str:
    """A key that survives a restart."""
    command = ["keys", "create", "--data", str(sink.data), "--scope", scope, "--format", "json"]
    made = processes.run([sys.executable, "-m", "eventsink", *command], capture_output=True, check=True)
    key = str(json.loads(made.stdout)["key"])
    # It looks for new keys every second; just after its start it is at the file itself.
    eventually(lambda: sink.request("GET", "/v1/status", key=key)[0] not in (401, 503), "the key is known")
    return key


def test_a_key_that_is_not_good_enough(shared: SinkProcess, new_page: NewPage) -> None:
    page = new_page(tolerated="40[13]")
    page.goto(shared.url)
    expect(page.locator("#sign-in")).to_contain_text("eventsink keys create --scope read")
    expect(page.locator("#board")).to_be_hidden()
    refusals = {"clw_0_wrong": "does not know this key", "ключ": "does not know", new_key(shared, "ingest"): "'read'"}
    for key, sentence in refusals.items():
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        assert page.evaluate("sessionStorage.length") == 0
    page.get_by_label("API key").fill(f" {shared.key} ")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#board")).to_be_visible()
    expect(page.locator("#sign-in")).to_be_hidden()


@pytest.fixture
def start_again() -> Iterator[Callable[[SinkProcess], None]]:
    """Starts a sink that was stopped, where it was before."""
    started: list[processes.Popen[bytes]] = []

    def start(sink: SinkProcess) -> None:
        port = sink.url.rpartition(":")[2]
        command = [sys.executable, "-m", "eventsink", "up", "--data", str(sink.data), "--port", port]
        started.append(processes.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    yield start
    for process in started:
        process.terminate()
        processes.end(process)


def test_it_says_when_the_sink_is_away_and_recovers(
    sink: SinkProcess, new_page: NewPage, start_again: Callable[[SinkProcess], None]
) -> None:
    sink.key = new_key(sink, "read")
    page = open_board(sink, new_page(tolerated="ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE"))
    expect(page.locator("#state")).to_have_text("Live")
    sink.stop()
    later(page, 5)
    expect(page.get_by_role("alert")).to_contain_text("The event sink does not answer. Its last answer came at")
    expect(page.locator("#state")).to_have_text("Away")
    expect(page.locator("#accounts")).to_contain_text("store")
    start_again(sink)
    expect(page.locator("#state")).to_have_text("Live")
    expect(page.locator("#away")).to_be_hidden()


def test_an_error_of_the_sink_is_told_in_its_words(shared: SinkProcess, new_page: NewPage) -> None:
    page = open_board(shared, new_page(tolerated="503"))
    expect(page.locator("#state")).to_have_text("Live")
    problem = {"status": 503, "title": "Service Unavailable", "detail": "The store is being mended."}
    page.route("**/v1/summary*", lambda route: route.fulfill(status=503, json=problem))
    later(page, 5)
    expect(page.locator("#away")).to_contain_text("cannot answer: The store is being mended.")
    later(page, 2)  # the rest of the page is well, which must not hide it
    page.wait_for_timeout(100)
    expect(page.locator("#away")).to_be_visible()
    page.unroute("**/v1/summary*")
    later(page, 1)
    expect(page.locator("#away")).to_be_hidden()


def test_it_rests_while_nobody_looks(shared: SinkProcess, new_page: NewPage) -> None:
    page = open_board(shared, new_page())
    asked: list[str] = []
    under_way: set[Request] = set()
    page.on("request", lambda request: asked.append(request.url))
    page.on("request", lambda request: under_way.add(request))  # noqa: PLW0108 - it wants a function
    page.on("requestfinished", lambda request: under_way.discard(request))  # noqa: PLW0108
    page.on("requestfailed", lambda request: under_way.discard(request))  # noqa: PLW0108

    def rest() -> None:
        for _ in range(60):  # what was under way comes to its end
            asked.clear()
            page.wait_for_timeout(500)
            if not asked and not under_way:
                break
        for _ in range(4):
            later(page, 5)
            page.wait_for_timeout(50)
        assert asked == []

    def goes_on() -> None:
        deadline = time.monotonic() + 30
        while not any("/v1/events" in url for url in asked):
            assert time.monotonic() < deadline
            page.wait_for_timeout(50)

    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    rest()
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    goes_on()

    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("Paused")
    rest()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("Live")
    goes_on()


def test_a_browser_whose_clock_is_wrong_shows_the_day_of_the_sink(shared: SinkProcess, new_page: NewPage) -> None:
    now = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
    page = new_page(timezone_id="UTC")
    tell_time(page, now)
    answer_series(page, [{"time": now.isoformat(), "type": "users.login", "count": 1}])
    open_board(shared, page, now + timedelta(days=1))
    expect(page.locator("#chart-caption")).to_have_text("One event in the last 24 hours. A bar is an hour.")
    expect(page.locator("#day")).to_have_text("Sunday, November 29, 2026 (UTC)")


def test_types_can_be_hidden_and_intervals_walked_through(shared: SinkProcess, new_page: NewPage) -> None:
    now = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)  # no hour ends soon
    points = [
        {"time": now.isoformat(), "type": "users.login", "count": 1},
        {"time": now.isoformat(), "type": "health.queue_update", "count": 2},
    ]
    page = new_page()
    tell_time(page, now)
    answer_series(page, points)
    open_board(shared, page, now)
    legend = page.locator("#legend button")
    expect(legend).to_have_text(["login 1", "queue_update 2"])
    plot = page.get_by_role("slider", name="Interval of the chart")
    plot.press("End")
    assert str(plot.get_attribute("aria-valuetext")).endswith(": health.queue_update 2, users.login 1")
    legend.first.press("Space")
    expect(legend.first).to_have_attribute("aria-pressed", "false")
    until(page, "document.querySelector('#plot').data[0].visible === false")
    plot.press("End")
    assert str(plot.get_attribute("aria-valuetext")).endswith(": health.queue_update 2")
    plot.press("ArrowLeft")
    expect(page.locator("#chart .tip")).to_contain_text("No events")
    plot.press("Escape")
    expect(page.locator("#chart .tip")).to_be_hidden()
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 50)
    expect(page.locator("#chart .tip p")).to_have_text("health.queue_update2")


def answer_series(page: Page, points: list[dict[str, Any]]) -> None:
    totals = {"events": 1, "users": 1, "bytes_uploaded": 2**60, "bytes_downloaded": 0, "by_type": []}
    page.route("**/v1/summary*", lambda route: route.fulfill(json=totals | {"series": points}))


def test_a_flood_of_types_does_not_bury_the_chart(shared: SinkProcess, new_page: NewPage) -> None:
    page = new_page()
    now = datetime.now(UTC).isoformat()
    made_up = [{"time": now, "type": f"made.up_{number}", "count": 1} for number in range(50)]
    answer_series(page, [*made_up, {"time": now, "type": "users.login", "count": 3}])
    open_board(shared, page)
    expect(page.locator("#legend button")).to_have_count(30)
    expect(page.locator("#legend")).to_contain_text("22 other types 22")
    expect(page.locator("#legend")).to_contain_text("login 3")
    expect(page.locator("[data-total=bytes_uploaded]")).to_have_text("1.15 EB")


def test_narrow_and_dark(shared: SinkProcess, new_page: NewPage) -> None:
    long = event("storage.file_uploaded", user="u" * 90, bytes=5, file_name="f" * 500)
    shared.post([long, event("a." + "b" * 190)])
    shared.settle()
    page = open_board(shared, new_page(viewport={"width": 400, "height": 800}, color_scheme="dark"))
    page.locator("#latest td.type").first.click()
    page.get_by_role("slider").press("End")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    expect(page.locator("body")).to_have_css("background-color", "rgb(14, 20, 27)")
    colour = "document.querySelector('#plot').data[0].marker.color"
    dark = page.evaluate(colour)
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(244, 246, 248)")
    until(page, f"{colour} !== {dark!r}")
    page.set_viewport_size({"width": 1000, "height": 800})
    until(page, "document.querySelector('#plot .main-svg').clientWidth > 800")


def test_the_totals_do_not_wait_for_plotly(shared: SinkProcess, new_page: NewPage) -> None:
    page = new_page(tolerated="404")
    held: list[Route] = []
    page.route("**/static/plotly.js", lambda route: held.append(route))  # noqa: PLW0108 - it wants a function
    page.goto(f"{shared.url}/?page=sink#key={shared.key}", wait_until="commit")  # all is loaded when the chart is
    expect(page.locator("[data-total=events]")).to_have_text(re.compile(r"\d+"))
    expect(page.locator("#plot")).to_have_text("Loading the chart …")
    while not held:
        page.wait_for_timeout(50)
    held.pop().fulfill(status=404)
    expect(page.locator("#plot")).to_have_text("The chart could not be loaded.")
    expect(page.locator("#state")).to_have_text("Live")


SPANS = """async ([range, now, points]) => {
  const { fill, intervals, inUtc, today } = await import("/static/spans.js");
  const spans = intervals(range, new Date(now));
  const { since, until } = today(new Date(now));
  return {
    hours: [...new Set(spans.map(({ begin, end }) => (end - begin) / 3600000))].sort(),
    names: new Set(spans.map(({ name }) => name)).size,
    first: spans[0].begin.toISOString().slice(0, 16),
    last: spans.at(-1).end.toISOString().slice(0, 16),
    utc: inUtc(range, new Date(now)),
    filled: [...fill(points, spans)].map(([type, numbers]) => [type, numbers.at(-1)]),
    today: [since.toISOString().slice(0, 16), until.toISOString().slice(0, 16)],
  };
}"""


@pytest.mark.parametrize(
    ("zone", "cases"),
    [
        (
            "America/Chicago",
            [
                ("month", "2026-11-10T03:00:00Z", {"hours": [24, 25], "first": "2026-10-11T05:00", "utc": False}),
                ("month", "2026-03-20T18:00:00Z", {"hours": [23, 24], "last": "2026-03-21T05:00"}),
                ("day", "2026-11-01T12:30:00Z", {"hours": [1], "names": 24, "last": "2026-11-01T13:00"}),
                ("hour", "2026-11-01T12:30:00Z", {"names": 60, "last": "2026-11-01T12:31"}),
                ("day", "2026-11-01T12:30:00Z", {"today": ["2026-11-01T05:00", "2026-11-02T06:00"]}),
            ],
        ),
        (
            "Asia/Kolkata",
            [
                ("month", "2026-11-10T20:00:00Z", {"utc": True, "last": "2026-11-11T00:00"}),
                ("day", "2026-11-10T20:10:00Z", {"hours": [1], "last": "2026-11-10T21:00"}),
                ("day", "2026-11-10T20:00:00Z", {"today": ["2026-11-10T18:30", "2026-11-11T18:30"]}),
            ],
        ),
    ],
)
def test_days_and_hours_elsewhere(
    shared: SinkProcess, new_page: NewPage, zone: str, cases: list[tuple[str, str, dict[str, Any]]]
) -> None:
    page = new_page(timezone_id=zone, tolerated="404")  # it asks for an icon
    page.goto(f"{shared.url}/static/page.css")  # nothing that runs, and scripts of ours are allowed
    for span, now, expected in cases:
        times = {"2000-01-01T00:00:00Z": "too.early", now: "just.now", "2099-01-01T00:00:00Z": "too.late"}
        points = [{"time": time, "type": kind, "count": 2} for time, kind in times.items()]
        found = page.evaluate(SPANS, [span, now, points])
        assert {name: found[name] for name in expected} == expected
        assert found["filled"] == [["just.now", 2]]
