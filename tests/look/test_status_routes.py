"""The status page of a running sink, as anybody sees it."""

import asyncio
import gzip
import http.client
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from eventsink.errors import StoreUnavailable
from eventsink.look.status.badge import file_name
from eventsink.look.status.contract import Said
from eventsink.look.status.editions import JSON, PAGE, Editions
from eventsink.store.uptime import CheckView, Overview
from tests.look.conftest import NewPage
from tests.look.public_sink import PRIVATE, PUBLIC, new_public_sink, post_history, wait_for_page
from tests.sink_process import SinkProcess

FORMS = ["/status", "/status.json", "/status/feed.atom", "/status/badge/Clowder.svg"]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink with a history of checks, some of which are public."""
    sink = new_public_sink(tmp_path_factory.mktemp("public")).start()
    post_history(sink)
    wait_for_page(sink, lambda page: page["state"] == "down")
    yield sink
    sink.close()


def get(sink: SinkProcess, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = sink.connect()
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize("path", FORMS)
def test_every_form_is_there_without_a_key(public: SinkProcess, path: str) -> None:
    answer, plain = get(public, path)
    assert answer.status == 200 and plain
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache" and answer.headers["vary"] == "accept-encoding"
    assert PRIVATE.encode() not in plain and b"10.0.0.7" not in plain

    packed, body = get(public, path, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(body)
    head, nothing = get(public, path, method="HEAD")
    assert (head.status, nothing) == (200, b"") and "etag" in head.headers


def test_a_browser_that_has_it_gets_nothing_anew(public: SinkProcess) -> None:
    answer, _ = get(public, "/status/badge/never.svg")  # of which nothing changes
    again, body = get(public, "/status/badge/never.svg", if_none_match=answer.headers["etag"])
    assert (again.status, body, again.headers["etag"]) == (304, b"", answer.headers["etag"])


def test_media_types(public: SinkProcess) -> None:
    types = [get(public, path)[0].headers["content-type"].partition(";")[0] for path in FORMS]
    assert types == ["text/html", "application/json", "application/atom+xml", "image/svg+xml"]


def test_what_is_private_is_as_if_it_were_not(public: SinkProcess) -> None:
    hidden, said = get(public, f"/status/badge/{PRIVATE}.svg")
    unknown, same = get(public, "/status/badge/nothing.svg")
    assert hidden.status == unknown.status == 404 and said == same
    assert b"There is no public check of this name" in said
    dated = {"date"}
    assert {n: v for n, v in hidden.headers.items() if n not in dated} == {
        n: v for n, v in unknown.headers.items() if n not in dated
    }


@pytest.mark.parametrize("name", ["x" * 3000, "..%2f..%2fetc", "%00", "Clowder", "Clowder.svg.svg", ".svg"])
def test_odd_names_of_badges(public: SinkProcess, name: str) -> None:
    assert get(public, f"/status/badge/{name}")[0].status == 404


def test_what_is_told(public: SinkProcess) -> None:
    status, page = public.request("GET", "/status.json", key="")
    assert status == 200
    assert (page["title"], page["state"], page["headline"]) == ("Clowder & friends", "down", "1 of 4 is down.")
    views = {view["name"]: view for view in page["checks"]}
    assert [*views] == [*PUBLIC]
    assert {name: view["state"] for name, view in views.items()} == {
        "Clowder": "down",
        "homepage": "up",
        "a/b <i>": "maintenance",
        "never": "unknown",
    }
    assert [region["name"] for region in views["a/b <i>"]["regions"]] == ["urbana"]
    assert 99 < views["homepage"]["uptime"]["90d"] < 100 and views["never"]["uptime"]["90d"] is None
    assert [outage["check"] for outage in page["incidents"]] == ["Clowder", "homepage"]
    assert not any("message" in outage for outage in page["incidents"])
    feed = ET.fromstring(get(public, "/status/feed.atom")[1])
    assert len(feed.findall("{http://www.w3.org/2005/Atom}entry")) == 2
    for view in PUBLIC:
        assert get(public, f"/status/badge/{file_name(view)}.svg")[0].status == 200


def test_a_slash_at_its_end_leads_to_it(public: SinkProcess) -> None:
    answer, _ = get(public, "/status/")
    assert (answer.status, answer.headers["location"]) == (308, "../status")


# --- in a browser ----------------------------------------------------------------------------------------------------


def open_page(sink: SinkProcess, page: Page) -> Page:
    page.goto(f"{sink.url}/status")
    expect(page.locator("h1")).to_have_text("Clowder & friends")
    return page


def test_without_scripts_and_with_links_that_lead_somewhere(public: SinkProcess, new_page: NewPage) -> None:
    page = open_page(public, new_page(java_script_enabled=False))
    expect(page.locator(".top h2")).to_contain_text("1 of 4 is down.")
    expect(page.locator(".check")).to_have_count(4)
    expect(page.locator(".bars").first.locator("rect")).to_have_count(90)
    paths = [link.get_attribute("href") for link in page.locator("a").all()]
    addresses = [f"/{path}" for path in paths if path and not path.startswith("#")]
    assert len(addresses) == 6
    assert [get(public, address)[0].status for address in addresses] == [200] * 6
    page.get_by_role("link", name="Feed of incidents").focus()
    assert page.locator(".top a").get_attribute("href") == "#c0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(public: SinkProcess, new_page: NewPage, scheme: str) -> None:
    page = open_page(public, new_page(viewport={"width": 375, "height": 800}, color_scheme=scheme))
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    ground = {"light": "rgb(244, 246, 248)", "dark": "rgb(14, 20, 27)"}[scheme]
    expect(page.locator("body")).to_have_css("background-color", ground)


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(one).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([element.className, element.textContent.slice(0, 30), ratio]);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(public: SinkProcess, new_page: NewPage, scheme: str) -> None:
    page = open_page(public, new_page(color_scheme=scheme))
    assert page.evaluate(CONTRAST) == []


# --- editions --------------------------------------------------------------------------------------------------------


class _Book:
    """In the place of the store's uptime."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False

    async def overview(self, names: Any, now: datetime, days: int) -> Overview:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.fails:
            raise StoreUnavailable("The disk is away.")
        return Overview(checks=[CheckView(name=name, state="up") for name in names], incidents=[], read_at=now)


def _editions(book: _Book) -> Editions:
    async def say() -> Said:
        return Said(title="x", public=["a"])

    return Editions(book, say)


def _in_a_thread(work: Any) -> Any:
    """In this one the browser may have a loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def test_one_rendering_serves_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    book = _Book()
    editions = _editions(book)
    clock = [1000.0]
    monkeypatch.setattr("eventsink.look.status.editions.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def ask() -> None:
        files = await asyncio.gather(*(editions.file(PAGE) for _ in range(50)), editions.file(JSON))
        assert book.asked == 1 and len({id(file) for file in files}) == 2
        clock[0] += 4.9
        await editions.file(PAGE)
        assert book.asked == 1
        clock[0] += 0.2
        await editions.file(PAGE)
        assert book.asked == 2

    _in_a_thread(ask())


def test_a_store_that_is_away_leaves_the_last_page_and_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    book = _Book()
    editions = _editions(book)
    clock = [1000.0]
    monkeypatch.setattr("eventsink.look.status.editions.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def ask() -> None:
        book.fails = True
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await editions.file(PAGE)
        assert book.asked == 1, "what fails is not tried for each who asks"
        book.fails = False
        clock[0] += 6
        await editions.file(PAGE)
        book.fails = True
        clock[0] += 6
        assert editions._last_seen is not None
        names, seen = editions._last_seen
        old = datetime.now(UTC) - timedelta(minutes=5)
        editions._last_seen = names, Overview(checks=seen.checks, incidents=[], read_at=old)
        file = await editions.file(PAGE)
        assert file is not None and b"are read late" in file.plain

    _in_a_thread(ask())
