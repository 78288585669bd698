"""The tag of `eventsink snippet` in pages of another site, in front of a real sink: each event is stored once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from eventsink.cli import app
from tests.sink_process import SinkProcess
from tests.tracker.site import Answer, Site

DATASET = "64c000000000000000000002"


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    sink = SinkProcess(tmp_path_factory.mktemp("tracked") / "var")
    try:
        yield sink.start()
    finally:
        sink.close()


def tag(sink: SinkProcess, site: Site) -> str:
    result = CliRunner().invoke(app, ["snippet", site.address, "--data", str(sink.data)])
    assert result.exit_code == 0, result.output
    return result.stdout


def stored(sink: SinkProcess, source: str, least: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while True:
        _, answer = sink.request("GET", f"/v1/events?source={source}&order=asc&limit=1000")
        if len(answer["events"]) >= least:
            return list(answer["events"])
        assert time.monotonic() < deadline, answer["events"]
        time.sleep(0.05)


def test_pages_of_another_site_report_to_a_real_sink(sink: SinkProcess, site: Site, browser: Browser) -> None:
    snippet = tag(sink, site)
    assert sink.url in snippet and 'integrity="sha384-' in snippet
    body = "<a id=more href='/about'>more</a><a id=blob href='/files/64b000000000000000000001/blob'>get</a>"
    dataset = f"/datasets/{DATASET}"
    for path in (dataset, "/about"):
        site.pages[path] = Answer(200, f"<!doctype html><title>Soil</title>{snippet}<body>{body}")
    context = browser.new_context(accept_downloads=False)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(f"{site.address}{dataset}?key=hush-hush")
    page.evaluate("eventsink('liked', {stars: 5})")
    page.click("#more")
    page.wait_for_url("**/about")
    page.click("#blob")
    events = stored(sink, site.address, 5)
    time.sleep(0.3)
    events = stored(sink, site.address, 5)
    context.close()
    kinds = sorted(event["type"] for event in events)
    assert kinds == [
        "browser.liked",
        "traffic.page_view",
        "traffic.page_view",
        "traffic.resource_downloaded",
        "traffic.resource_viewed",
    ]
    assert problems == [] and "hush" not in json.dumps(events)
    (first,) = [event for event in events if event["data"].get("resource_id") == DATASET and "url" in event["data"]]
    assert first["data"]["url"] == site.address + dataset and first["data"]["title"] == "Soil"
    assert {event["data"]["visitor"] for event in events} == {first["data"]["visitor"]}
    assert {event["data"]["session"] for event in events} == {first["data"]["session"]}
    assert first["data"]["os"] == "Linux" and first["data"]["browser"] in (
        "Chrome",
        "HeadlessChrome",
        "Chrome Headless",
    )


def test_what_was_seen_while_the_sink_was_away_arrives_once(tmp_path: Path, site: Site, browser: Browser) -> None:
    sink = SinkProcess(tmp_path / "var").start()
    port = int(sink.url.rpartition(":")[2])
    try:
        snippet = tag(sink, site)
        for number in range(4):
            site.pages[f"/{number}"] = Answer(200, f"<!doctype html><title>{number}</title>{snippet}<body>")
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{site.address}/0")  # which loads the script, for an hour and more
        stored(sink, site.address, 1)
        sink.kill()
        for number in (1, 2, 3):
            page.goto(f"{site.address}/{number}")
            page.wait_for_timeout(300)
        again = SinkProcess(tmp_path / "var", port=port).start()
        try:
            page.goto(f"{site.address}/0")
            events = stored(again, site.address, 5)
            time.sleep(0.5)
            events = stored(again, site.address, 5)
            titles = sorted(event["data"]["title"] for event in events)
            assert titles == ["0", "0", "1", "2", "3"] and len({event["id"] for event in events}) == 5
        finally:
            context.close()
            again.close()
    finally:
        sink.close()
