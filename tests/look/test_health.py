"""The page of health in a real browser, on a real sink with checks that are up and down."""

import contextlib
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.look.conftest import NewPage
from tests.look.test_first_page import until
from tests.processes import run
from tests.sink_process import SinkProcess

SETTINGS = """
[alerts]
notify = ["json://127.0.0.1:1/hush"]
group = 0.2
failures = 1
successes = 1
ignore = ["sink/disk"]
[checks.down]
kind = "tcp"
host = "127.0.0.1"
port = 1
every = 5
severity = "critical"
[checks.well]
kind = "tcp"
host = "127.0.0.1"
port = {port}
every = 5
[alerts.maintenance.weekly]
checks = ["well"]
begin = "{begin}"
end = "{end}"
reason = "Backup"
"""
HOSTILE = '<img src=x onerror="alert(1)"> \'"&amp; \u05e9\u05dc\u05d5\u05dd \u202eevil'
SHOWN = HOSTILE.replace("\u202e", r"\u202e")
NAMES = [HOSTILE, "*[a]?", "n" * 500]


def result(
    check: str, ago: timedelta, *, up: bool = True, took: float = 20.0, region: str = "urbana"
) -> dict[str, Any]:
    data = {"target": "x", "check": check, "region": region, "up": up, "every_s": 3600, "elapsed_ms": took}
    if not up:
        data |= {"reason": "refused", "message": f"{HOSTILE} {'m' * 400}" if check == HOSTILE else "It refuses."}
    return {"type": "health.check_update", "time": (datetime.now(UTC) - ago).isoformat(), "data": data}


def _in_days(days: int) -> str:
    """A time to come, whenever the test runs."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink whose checks are up and down, with two days of other checks that somebody else runs."""
    folder = tmp_path_factory.mktemp("health")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Somebody takes the connections: else the check that is well is down once so many wait.
        threading.Thread(target=_welcome, args=(listener,), daemon=True).start()
        settings = folder / "eventsink.toml"
        settings.write_text(SETTINGS.format(port=listener.getsockname()[1], begin=_in_days(3), end=_in_days(4)))
        sink = SinkProcess(folder / "var", environment={"EVENTSINK_CONFIG": str(settings)})
        try:
            sink.start()
            assert sink.post(two_days())[0] == 202
            # Its own checks tell something each second: on a slow machine there is no moment in which nothing waits.
            wait_for_checks(sink)
            yield sink
        finally:
            sink.close()


def two_days() -> list[dict[str, Any]]:
    """What other checks have found: the newest of each at the end, so who has read that has read all."""
    chance = random.Random(7)
    events = []
    for number in range(9):
        for hours in range(47, -1, -1):
            took = 30 * (number + 1) * chance.uniform(0.7, 1.4)
            up = not (number == 4 and hours == 9)
            ago = timedelta(hours=hours, seconds=30)
            events.append(result(f"service-{number}", ago, up=up, took=took))
            events.append(result(f"service-{number}", ago, up=up, took=took, region="chicago"))
    return events + [result(name, timedelta(), up=False) for name in NAMES]


def _welcome(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the tests are over
        while True:
            listener.accept()[0].close()


def wait_for_checks(sink: SinkProcess) -> None:
    """Until something is known of all that run here or were posted."""
    deadline = time.monotonic() + 60
    while True:
        assert sink.request("GET", "/v1/reports/uptime")[0] == 200  # by which results are read
        states = [check["state"] for check in sink.request("GET", "/v1/health")[1]["checks"]]
        if (states.count("down"), states.count("up")) == (4, 10):
            return
        assert time.monotonic() < deadline, states
        time.sleep(1)


def make_key(sink: SinkProcess, scope: str) -> str:
    words = [sys.executable, "-m", "eventsink", "keys", "create", "--scope", scope, "--format", "json"]
    made = run([*words, "--data", str(sink.data)], check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


def open_page(sink: SinkProcess, page: Page, key: str = "") -> Page:
    page.goto(f"{sink.url}/?page=health#key={key or sink.key}")
    expect(page.locator("#checks tbody tr").nth(5)).to_be_visible()
    expect(alert(page, "down")).to_be_visible()
    return page


def alert(page: Page, title: str) -> Locator:
    return page.locator("#alerts > li").filter(has=page.locator(".name").get_by_text(title, exact=True))


def row(page: Page, name: str) -> Locator:
    return page.locator("#checks tbody tr").filter(has=page.get_by_role("button", name=name, exact=True))


def test_what_fires_is_shown_with_its_cause(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page())
    down = alert(page, "down")
    expect(down.locator("h3")).to_contain_text("Firing down critical")
    expect(down.locator(".cause")).to_contain_text("127.0.0.1 port 1: nothing listens there.")
    expect(down.locator(".facts")).to_contain_text("since ")
    expect(page.locator("#health-said")).to_contain_text("down")
    expect(page.locator("#untold li")).to_contain_text("does not take notices")
    assert "hush" not in page.locator("#untold").inner_text()
    expect(page.locator("#quiet li").first).to_contain_text("Maintenance of well, from ")
    assert page.locator("#quiet button:visible").count() == 0, "those of the settings end with them"


def test_checks_are_a_table_and_lines(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page())
    expect(page.locator("#health-sum")).to_contain_text("4 down, 10 up")
    expect(row(page, "down").locator(".state")).to_contain_text("Down")
    expect(row(page, "well").locator(".state")).to_contain_text("Up")
    service = row(page, "service-4")
    expect(service.locator(".regions")).to_contain_text("urbana up")
    expect(service.locator(".regions")).to_contain_text("chicago up")
    percents = service.locator(".figure").all_inner_texts()
    assert all(text.endswith(" %") and text < "99" for text in percents), percents
    until(page, "document.querySelector('#took').data?.length === 8")
    lines = "document.querySelector('#took').data.map((line) => line.y.filter((y) => y !== null).length)"
    assert max(page.evaluate(lines)) >= 47
    names = page.locator("#took-list bdi")
    expect(names).to_have_text([f"service-{number}" for number in range(8, 0, -1)])
    first = page.get_by_role("button", name="service-8")
    expect(first).to_have_attribute("aria-pressed", "true")
    first.press("Space")
    expect(names).to_have_count(7)
    expect(first).to_be_focused()
    row(page, "service-0").locator(".state").click()
    expect(page.get_by_role("button", name="service-0")).to_have_attribute("aria-pressed", "true")
    expect(names.first).to_have_text("service-0")
    page.get_by_role("slider", name="Hour of the chart").press("End")
    expect(page.locator("#took ~ .tip")).to_contain_text("ms")
    page.wait_for_timeout(5500)
    expect(names).to_have_count(8)


def test_who_may_takes_in_hand_and_silences(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page(tolerated="400"), make_key(watched, "admin"))
    down = alert(page, "down")
    down.get_by_role("button", name="Take in hand").click()
    field = down.get_by_label("Who looks at it, or what is being done")
    expect(field).to_be_focused()
    field.press_sequentially("Alice ")
    page.wait_for_timeout(4500)  # the page looks twice meanwhile
    expect(field).to_be_focused()
    field.press_sequentially("looks <b>")
    expect(field).to_have_value("Alice looks <b>")
    field.press("Enter")
    expect(down.locator(".facts")).to_contain_text("in hand: Alice looks <b>")
    expect(down.get_by_role("status")).to_contain_text("no more reminders")
    expect(down.get_by_role("button", name="Take in hand")).to_be_hidden()

    down.get_by_role("button", name="Silence").click()
    down.get_by_label("Why").press("Escape")
    expect(down.get_by_role("button", name="Silence")).to_be_focused()
    down.get_by_role("button", name="Silence").press("Enter")
    down.get_by_text("4 hours").click()
    down.get_by_label("Why").fill("New\u202edisks")
    down.get_by_role("button", name="Silence", exact=True).click()
    expect(down.get_by_role("alert")).to_have_text("There are letters in it that cannot be seen.")
    down.get_by_label("Why").fill("New disks")
    down.get_by_role("button", name="Silence", exact=True).click()
    silence = page.locator("#quiet li").filter(has_text="New disks")
    expect(silence).to_contain_text("of check/down, until ")
    silence.get_by_role("button", name="End").click()
    expect(silence).to_have_count(0)


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_of_any_name_is_taken_in_hand_alone(watched: SinkProcess, new_page: NewPage, name: str) -> None:
    page = open_page(watched, new_page())
    shown = name.replace("\u202e", r"\u202e")
    one = alert(page, shown if len(shown) < 160 else shown[:159] + "…")
    one.get_by_role("button", name="Take in hand").click()
    one.get_by_role("textbox").fill("Bob")
    one.get_by_role("button", name="Take in hand", exact=True).click()
    expect(one.locator(".facts")).to_contain_text("in hand: Bob")
    _, answer = watched.request("GET", "/v1/alerts")
    assert f"check/{name}" in {alert["name"] for alert in answer["alerts"] if alert["acknowledged"] == "Bob"}


def test_a_key_that_reads_is_offered_nothing(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page(), make_key(watched, "read"))
    page.wait_for_timeout(2500)
    assert page.locator("#alerts button:visible, #quiet button:visible").count() == 0


def test_narrow_dark_and_hostile(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page(viewport={"width": 375, "height": 800}, color_scheme="dark"))
    until(page, "document.querySelector('#took').data?.length > 0")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    expect(alert(page, SHOWN).locator(".cause")).to_contain_text(SHOWN)
    page.get_by_role("button", name="Silence").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.locator("main img, main script, main [onerror]").count() == 0
    page.get_by_role("button", name="Cancel").click()
    page.set_viewport_size({"width": 1300, "height": 900})
    until(page, "document.querySelector('#took .main-svg').clientWidth > 800")


def test_what_is_well_again_while_somebody_writes_stays(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page())
    down = alert(page, "down")
    down.get_by_role("button", name="Silence").click()
    down.get_by_label("Why").fill("half a sen")
    page.route("**/v1/alerts?", without_alerts)
    expect(down.locator(".phase")).to_have_text("Well again")
    expect(down.get_by_label("Why")).to_have_value("half a sen")
    down.get_by_role("button", name="Cancel").click()
    expect(page.locator("#alerts > li")).to_have_count(0)


def without_alerts(route: Route) -> None:
    route.fulfill(json=route.fetch().json() | {"alerts": []})


def test_what_cannot_be_told_of_checks_leaves_the_rest_as_it_is(watched: SinkProcess, new_page: NewPage) -> None:
    page = open_page(watched, new_page(tolerated="503"))
    problem = {"detail": "The file of uptime cannot be used."}
    page.route("**/v1/health?", lambda route: route.fulfill(status=503, json=problem))
    expect(page.locator("#health-troubles li")).to_contain_text("The file of uptime cannot be used.")
    expect(page.locator("#state")).to_have_text("Live")
    expect(page.locator("#checks tbody tr").first).to_be_visible()


def test_without_checks_it_says_how_to_get_some(sink: SinkProcess, new_page: NewPage) -> None:
    page = new_page()
    with page.expect_response("**/v1/health?"):
        page.goto(f"{sink.url}/?page=health#key={sink.key}")
    expect(page.locator("#unchecked")).to_contain_text("eventsink init-checks URL")
    expect(page.locator("#health")).to_be_hidden()
