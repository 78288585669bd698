"""The dashboard in a real browser, on a real sink: every page, filter and panel, and who may do what."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from eventsink.look.numbers.asked import FILTERS
from tests.look.conftest import NewPage
from tests.look.test_first_page import PICKY, later, new_key, until
from tests.sink_process import SinkProcess

NUMBERS = ["overview", "storage", "extractions", "traffic"]
PAGES = [*NUMBERS, "health", "sink"]
DAY = timedelta(days=1)
NOW = datetime.now(UTC)  # of all events: an hour or a day may end while the tests run
SPACES = {"space-soil": "Soil laboratory", "space-air": "Air"}
HOSTILE = {
    "hostile-html": '<img src=x onerror="alert(1)"><script>alert(2)</script>',
    "hostile-rtl": "\u202eevil \u05e9\u05dc\u05d5\u05dd",
    "hostile-formula": '=cmd|"/c calc"!A1',
    "hostile-long": "n" * 300,
}


def event(kind: str, ago: timedelta, user: str | None = None, **data: Any) -> dict[str, Any]:
    return {"type": kind, "time": (NOW - ago).isoformat(), "user": user, "data": data}


def seed() -> Iterator[dict[str, Any]]:
    """A month and the month before it, of which every page has something."""
    for space, name in SPACES.items():
        yield event("storage.resource_created", 6 * DAY, resource_type="space", resource_id=space, resource_name=name)
    for place in range(6):
        named = {
            "dataset_id": f"dataset-{place}",
            "dataset_name": f"Cores {place}",
            "space_id": list(SPACES)[place % 2],
        }
        for ago in (3 * DAY, 5 * DAY, 40 * DAY):
            user = f"user-{place}"
            yield event(
                "storage.file_uploaded", ago, user, **named, bytes=(place + 1) * 1_000_000, mime_type="image/png"
            )
            yield event("storage.file_deleted", ago, user, **named, bytes=1000, mime_type="image/png")
            viewed = {"resource_type": "dataset", "resource_id": named["dataset_id"], "resource_name": f"Cores {place}"}
            for _ in range(place + 1):
                yield event("traffic.resource_viewed", ago, user, **viewed, dataset_id=named["dataset_id"])
            fetched = {"items": 3} if place else {"bytes": 9_000}
            yield event("traffic.resource_downloaded", ago, user, **viewed, **fetched, dataset_id=named["dataset_id"])
            page = {"url": f"https://clowder.example.org/datasets/{place}", "country": "US" if place % 2 else "DE"}
            more = {"device": "desktop", "browser": "Firefox", "session": f"s-{place}-{ago.days}", "visitor": user}
            yield event("traffic.page_view", ago, user, **page, **more, referrer="https://search.example/?q=x")
            for status in ("queued", "failed" if place == 1 else "done"):
                times = {} if status == "queued" else {"queue_ms": 100.0 * (place + 1), "run_ms": 1500.0}
                job = {"job_id": f"job-{place}-{ago.days}", "extractor": f"ncsa.extractor-{place % 3}", **times}
                yield event("extractions.extraction_event", ago, user, status=status, **job)
            yield event("traffic.api_request", ago, method="GET", route="/datasets/{id}", status=200, duration_ms=12.5)
    for number, (dataset, name) in enumerate(HOSTILE.items()):
        for _ in range(20 + number):
            viewed = {"resource_type": "dataset", "resource_id": dataset, "resource_name": name, "dataset_id": dataset}
            yield event("traffic.resource_viewed", 4 * DAY, "mallory", **viewed)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink with some hundred events, and a worker that refuses some."""
    chat = {"EVENTSINK_WORKERS__CHAT__USE": str(PICKY)}
    sink = SinkProcess(tmp_path_factory.mktemp("town") / "var", environment=chat).start()
    assert sink.post(list(seed()))[0] == 202
    sink.settle()
    yield sink
    sink.close()


def open_page(sink: SinkProcess, page: Page, query: str = "", key: str = "") -> Page:
    """The dashboard at an address, with its numbers, and a clock that `later` puts forward."""
    page.clock.install()
    page.goto(f"{sink.url}/?{query}#key={key or sink.key}")
    expect(page.locator("#state")).to_have_text("Live")
    if not re.search(r"page=(health|sink)", query):
        settled(page)
    return page


def settled(page: Page) -> None:
    expect(page.locator("#panels")).to_have_attribute("aria-busy", "false")


def address(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(page.url).query):
        found.setdefault(name, []).append(value)
    return found


def ask(sink: SinkProcess, path: str, **parameters: Any) -> Any:
    status, answer = sink.request("GET", f"/v1/pages/{path}?{urlencode({'zone': 'UTC', **parameters}, doseq=True)}")
    assert status == 200, answer
    return answer


def panel(page: Page, title: str) -> Locator:
    return page.locator(".panel").filter(has=page.get_by_role("heading", name=title, exact=True))


def figure(page: Page, name: str) -> Locator:
    named = page.locator(".name").get_by_text(name, exact=True)
    return page.locator(".figures .card").filter(has=named).locator("strong")


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMBERS)
def test_a_page_shows_what_the_sink_counts(town: SinkProcess, new_page: NewPage, name: str) -> None:
    page = open_page(town, new_page(timezone_id="UTC"), f"page={name}")
    answer = ask(town, name)
    expect(page.locator(".panel h2")).to_have_text([one["title"] for one in answer["panels"]])
    expect(page.get_by_role("link", name=answer["title"], exact=True)).to_have_attribute("aria-current", "page")
    totals = answer["panels"][0]
    for column, number in zip(totals["columns"], totals["rows"][0], strict=True):
        if column["unit"] == "count":
            expect(figure(page, column["title"])).to_have_text(f"{number:,}")
    charts = sum(one["chart"] in {"bars", "lines"} for one in answer["panels"])
    expect(page.locator(".js-plotly-plot")).to_have_count(charts)
    assert page.locator(".panel .none:visible").count() == 0, "everywhere is something"
    expect(page).to_have_title(f"{answer['title']} · Clowder event sink")


def test_what_a_figure_was_before_is_said_in_words(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(), "page=storage")
    change = page.locator(".figures .card").filter(has_text="Files uploaded").locator(".change")
    expect(change).to_have_text("▲ 100 % from 6100 percent more than the 6 before")
    created = page.locator(".figures .card").filter(has_text="Datasets created").locator(".change")
    expect(created).to_contain_text("0 beforeThere is nothing to compare with: 0 before.")
    page.get_by_label("Compared with").select_option("year")
    expect(change).to_contain_text("nothing to compare with")
    assert address(page)["compare"] == ["year"]
    page.get_by_label("Compared with").select_option("none")
    expect(change).to_have_text("")
    expect(page.locator("#spoken")).not_to_contain_text("compared")


def test_a_figure_that_had_no_value_before_says_so(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(), "page=extractions&compare=year")
    change = page.locator(".figures .card").filter(has_text="Median run time").locator(".change")
    expect(change).to_contain_text("nothing beforeThere is nothing to compare with.")


def test_what_is_to_come_is_compared_with_nothing(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(), "page=storage&since=2999-01&until=2999-02&space=unknown")
    expect(figure(page, "Files uploaded")).to_have_text("0")
    assert set(page.locator(".figures .change").all_inner_texts()) == {""}
    expect(page.locator("#spoken")).not_to_contain_text("compared")
    expect(panel(page, "Growth")).to_contain_text("Nothing in this period with these filters.")


def test_the_address_says_what_is_shown(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page())
    assert page.url == f"{town.url}/", "what is as usual is left out, and the key is gone"
    page.get_by_role("link", name="Storage").click()
    expect(figure(page, "Files uploaded")).to_have_text("12")
    page.get_by_role("button", name="90 days").click()
    expect(figure(page, "Files uploaded")).to_have_text("18")
    assert address(page) == {"page": ["storage"], "period": ["90d"]}
    page.get_by_role("link", name="Traffic").click()
    assert address(page) == {"page": ["traffic"], "period": ["90d"]}, "links keep what is chosen"
    expect(figure(page, "Page views")).to_have_text("18")
    page.go_back()
    page.go_back()
    expect(figure(page, "Files uploaded")).to_have_text("12")
    expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
    page.go_forward()
    expect(figure(page, "Files uploaded")).to_have_text("18")
    page.reload()
    expect(figure(page, "Files uploaded")).to_have_text("18")
    expect(page.get_by_role("button", name="90 days")).to_have_attribute("aria-pressed", "true")
    other = open_page(town, new_page(), urlsplit(page.url).query)
    expect(figure(other, "Files uploaded")).to_have_text("18")


def test_dates_and_clocks_of_ones_own(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(timezone_id="UTC"), "page=storage")
    day = (NOW - 5 * DAY).strftime("%Y-%m-%d")
    page.get_by_label("From").fill(day)
    page.get_by_label("to", exact=True).fill(day)
    page.get_by_role("button", name="Show").click()
    expect(figure(page, "Files uploaded")).to_have_text("6")
    assert (address(page)["since"], address(page)["until"]) == ([day], [day])
    assert page.locator("#periods [aria-pressed=true]").count() == 0
    with page.expect_request(re.compile("zone=Asia%2FTokyo")):
        page.get_by_label("Clocks of").select_option("Asia/Tokyo")
    settled(page)
    assert address(page)["zone"] == ["Asia/Tokyo"]
    page.get_by_role("button", name="24 hours").click()
    expect(figure(page, "Files uploaded")).to_have_text("0")
    assert "since" not in address(page)
    expect(panel(page, "Growth")).to_contain_text("Nothing in this period.")


# --- filters and drill-down ------------------------------------------------------------------------------------------


def test_filters_are_added_and_taken_away(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(), "page=storage")
    assert page.locator("#filter-form option").evaluate_all("(all) => all.map((one) => one.value)") == list(FILTERS)
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("What to filter by").select_option("User")
    page.get_by_label("Value", exact=True).fill("user-1")
    page.get_by_label("Value", exact=True).press("Enter")
    expect(figure(page, "Files uploaded")).to_have_text("2")
    expect(page.locator("#filters li")).to_have_text("Useruser-1✕")
    page.get_by_role("button", name="Add a filter").click()
    page.get_by_label("What to filter by").select_option("User")
    page.get_by_label("Value", exact=True).fill("user-2")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(figure(page, "Files uploaded")).to_have_text("4")
    assert address(page)["user"] == ["user-1", "user-2"]
    page.get_by_role("button", name="Remove filter User: user-1").click()
    expect(figure(page, "Files uploaded")).to_have_text("2")
    page.get_by_role("button", name="Remove filter User: user-2").click()
    expect(figure(page, "Files uploaded")).to_have_text("12")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.get_by_role("button", name="Add a filter")).to_be_focused()


def test_a_click_drills_down(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page())
    page.get_by_role("link", name="Bytes added").click()
    expect(page.get_by_role("heading", name="Datasets that grew most")).to_be_visible()
    assert address(page) == {"page": ["storage"]}
    panel(page, "Bytes added by space").locator(".legend button").filter(has_text="Air").click()
    assert address(page)["space"] == ["space-air"]
    expect(figure(page, "Files uploaded")).to_have_text("6")
    expect(page.locator("#filters bdi")).to_have_text("Air")
    expect(panel(page, "Bytes added by space").locator("button, h2").locator(":scope:focus")).to_have_count(1)
    panel(page, "Datasets that grew most").get_by_role("button", name="Cores 5").click()
    expect(figure(page, "Files uploaded")).to_have_text("2")
    assert address(page)["dataset"] == ["dataset-5"]
    page.go_back()
    expect(figure(page, "Files uploaded")).to_have_text("6")

    page.goto(f"{town.url}/?page=traffic")
    panel(page, "Resources").get_by_role("button", name="Cores 3").click()
    expect(figure(page, "Views of resources")).to_have_text("8")
    assert address(page) == {"page": ["traffic"], "resource_type": ["dataset"], "resource": ["dataset-3"]}
    page.goto(f"{town.url}/?page=traffic")
    panel(page, "Countries").get_by_role("button", name="Germany").click()
    expect(figure(page, "Page views")).to_have_text("6")
    page.goto(f"{town.url}/?page=traffic")
    panel(page, "Pages").get_by_role("button", name="/datasets/3").click()
    expect(figure(page, "Page views")).to_have_text("2")
    assert address(page) == {"page": ["traffic"], "path": ["/datasets/3"]}
    page.goto(f"{town.url}/?page=extractions")
    panel(page, "Extractors").get_by_role("button", name="ncsa.extractor-1").click()
    expect(figure(page, "Runs")).to_have_text("4")
    page.reload()
    expect(figure(page, "Runs")).to_have_text("4")


def test_a_bar_is_looked_into(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(timezone_id="UTC"), "page=storage")
    growth = panel(page, "Growth")
    until(page, "document.querySelectorAll('.js-plotly-plot').length === 2")
    heights = page.evaluate("document.querySelector('.js-plotly-plot').data[0].y")
    place = len(heights) - 6 - (datetime.now(UTC).date() - NOW.date()).days
    assert heights[place] == 21_000_000, "five days ago"
    box = growth.locator(".nsewdrag").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * (place + 0.5) / len(heights), box["y"] + 40)
    expect(figure(page, "Files uploaded")).to_have_text("6")
    day = (NOW - 5 * DAY).strftime("%Y-%m-%d")
    assert (address(page)["since"], address(page)["until"]) == ([day], [day])
    until(page, "document.querySelector('.js-plotly-plot').data[0].y.length === 24")
    growth.get_by_role("slider").press("Home")
    for _ in range((NOW - 5 * DAY).hour):
        growth.get_by_role("slider").press("ArrowRight")
    growth.get_by_role("slider").press("Enter")
    expect(figure(page, "Files uploaded")).to_have_text("6")
    assert address(page)["since"][0].endswith(":00:00Z")
    page.go_back()
    page.go_back()
    growth.get_by_role("button", name="Table: Growth").click()
    growth.locator("tbody tr").nth(place).get_by_role("button").click()
    expect(figure(page, "Files uploaded")).to_have_text("6")
    assert address(page)["since"] == [day]


def test_what_is_removed_stands_below_zero(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(timezone_id="UTC"), "page=storage")
    until(page, "document.querySelectorAll('.js-plotly-plot').length === 2")
    added, removed = page.evaluate("document.querySelector('.js-plotly-plot').data.map((line) => line.y)")
    numbers = ask(town, "storage/growth")["rows"]
    assert [(row[1], -row[2]) for row in numbers] == list(zip(added, removed, strict=True))
    assert min(added) == 0 and min(removed) < 0
    bottom, top = page.evaluate("document.querySelector('.js-plotly-plot').layout.yaxis.range")
    assert bottom < min(removed) and max(added) < top
    legend = panel(page, "Growth").locator(".legend li")
    expect(legend.nth(1)).to_have_text(re.compile(r"^Removed \d"))


# --- tables, CSV, queries --------------------------------------------------------------------------------------------


def test_every_panel_has_its_table_its_csv_and_its_query(town: SinkProcess, new_page: NewPage) -> None:
    for name in NUMBERS:
        page = open_page(town, new_page(timezone_id="UTC"), f"page={name}")
        for one in ask(town, name)["panels"]:
            card = panel(page, one["title"])
            whole = ask(town, f"{name}/{one['name']}")
            if one["chart"] != "table":
                card.get_by_role("button", name="Table").click()
            expect(card.locator("table thead th")).to_have_text([column["title"] for column in one["columns"]])
            expect(card.locator("tbody tr")).to_have_count(len(one["rows"]))
            for place, column in enumerate(one["columns"]):
                if column["unit"] == "count":
                    shown = card.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()
                    assert shown == [f"{row[place]:,}" for row in one["rows"]]
            with page.expect_download() as download:
                card.get_by_role("button", name="CSV").click()
            assert download.value.suggested_filename == f"{name}-{one['name']}.csv"
            rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
            columns = [column["name"] for column in one["columns"]]
            assert [row for row in rows[0] if not row.endswith("_name")] == columns
            assert len(rows) == len(one["rows"]) + 1
            card.get_by_role("button", name="Query").click()
            expect(card.locator(".query pre")).to_have_text(whole["query"])


def test_what_cannot_be_saved_is_said_in_its_panel(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(tolerated="503"), "page=storage")
    problem = {"detail": "The store is being mended."}
    page.route("**/v1/pages/storage/growth*", lambda route: route.fulfill(status=503, json=problem))
    panel(page, "Growth").get_by_role("button", name="CSV").click()
    expect(panel(page, "Growth").get_by_role("alert")).to_contain_text("The store is being mended.")
    page.unroute("**/v1/pages/storage/growth*")
    with page.expect_download():
        panel(page, "Growth").get_by_role("button", name="CSV").click()
    expect(panel(page, "Growth").get_by_role("alert")).to_be_hidden()


# --- live ------------------------------------------------------------------------------------------------------------


def test_numbers_follow_without_a_reload(sink: SinkProcess, new_page: NewPage) -> None:
    named = {"dataset_id": "d", "dataset_name": "Cores", "mime_type": "image/png"}
    sink.post([event("storage.file_uploaded", timedelta(), "alice", **named, bytes=5_000_000)])
    sink.settle()
    page = open_page(sink, new_page(), "page=storage")
    expect(figure(page, "Files uploaded")).to_have_text("1")
    card = panel(page, "Datasets that grew most")
    card.get_by_role("button", name="Table").click()
    card.get_by_role("button", name="Query").click()
    expect(card.locator("pre")).to_be_visible()
    card.locator("tbody button").focus()
    page.evaluate("window.loadedOnce = document.querySelector('.panel[aria-labelledby=storage-formats] li')")
    page.evaluate("scrollTo(0, 300)")
    sink.post([event("storage.file_uploaded", timedelta(), "bob", **named, bytes=1_000_000)])
    sink.settle()
    later(page, 10)
    expect(figure(page, "Files uploaded")).to_have_text("2")
    expect(card.locator("tbody td").first).to_have_text("6.00 MB")
    expect(card.locator("tbody button")).to_be_focused()
    expect(card.locator("pre")).to_be_visible()
    assert page.evaluate("window.loadedOnce.isConnected"), "what was there is filled anew, and not made anew"
    assert page.evaluate("scrollY") == 300
    page.get_by_role("button", name="Pause").click()
    sink.post([event("storage.file_uploaded", timedelta(), "bob", **named, bytes=1_000_000)])
    sink.settle()
    later(page, 30)
    page.wait_for_timeout(300)
    expect(figure(page, "Files uploaded")).to_have_text("2")
    page.get_by_role("link", name="Overview").click()
    expect(figure(page, "Files uploaded")).to_have_text("3")  # who asks is answered, also in a pause


def test_while_numbers_are_prepared_it_says_so_and_goes_on(town: SinkProcess, new_page: NewPage) -> None:
    page = new_page(tolerated="503")
    sentence = "1,234 events are still to be read before numbers can be given: this is done now."
    page.route("**/v1/pages/*", lambda route: route.fulfill(status=503, json={"detail": sentence}))
    page.clock.install()
    page.goto(f"{town.url}/?page=storage#key={town.key}")
    expect(page.locator("#unanswered")).to_contain_text(sentence)
    expect(page.locator("#state")).to_have_text("Live")
    page.unroute("**/v1/pages/*")
    later(page, 4)
    expect(figure(page, "Files uploaded")).to_have_text("12")
    expect(page.locator("#unanswered")).to_be_hidden()


def test_an_address_that_asks_for_nonsense_is_told_so(town: SinkProcess, new_page: NewPage) -> None:
    page = new_page(tolerated="400")
    page.goto(f"{town.url}/?page=storage&period=9d&spaec=1#key={town.key}")
    expect(page.locator("#unanswered")).to_contain_text("There is no period '9d'")
    page.get_by_role("link", name="Show the last 30 days").click()
    expect(figure(page, "Files uploaded")).to_have_text("12")
    assert address(page) == {"page": ["storage"]}
    page.goto(f"{town.url}/?page=storage&spaec=1")
    expect(page.locator("#unanswered")).to_contain_text("did you mean 'space'?")
    page.get_by_role("button", name="Remove filter spaec: 1").click()
    expect(figure(page, "Files uploaded")).to_have_text("12")


def test_the_numbers_do_not_wait_for_plotly(town: SinkProcess, new_page: NewPage) -> None:
    page = new_page(tolerated="404")
    held: list[Route] = []
    page.route("**/static/plotly.js", lambda route: held.append(route))  # noqa: PLW0108 - it wants a function
    page.goto(f"{town.url}/#key={town.key}", wait_until="commit")  # all is loaded when the charts are
    expect(figure(page, "Files uploaded")).to_have_text("12")
    while not held:
        page.wait_for_timeout(50)
    held.pop().fulfill(status=404)
    expect(panel(page, "Activity").locator(".plot")).to_have_text("The chart could not be loaded.")
    expect(panel(page, "Activity").locator(".legend")).to_contain_text("Uploads 12")
    expect(page.locator("#state")).to_have_text("Live")


# --- for everybody ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_all_without_scrolling_sideways(town: SinkProcess, new_page: NewPage, name: str) -> None:
    page = open_page(town, new_page(viewport={"width": 375, "height": 800}), f"page={name}")
    if name in NUMBERS:
        until(page, "document.querySelectorAll('.js-plotly-plot').length > 0")
        page.get_by_role("button", name="Dates and comparison").click()
        expect(page.get_by_label("Compared with")).to_be_visible()
        for button in page.get_by_role("button", name="Table").all():
            button.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.set_viewport_size({"width": 320, "height": 800})  # to which a page that is enlarged fourfold must come down
    until(page, "document.documentElement.scrollWidth === 320")


def test_dark_and_light(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(color_scheme="dark"))
    colour = "document.querySelector('.js-plotly-plot').data[0].marker.color"
    until(page, "document.querySelectorAll('.js-plotly-plot').length > 0")
    dark = page.evaluate(colour)
    expect(page.locator("body")).to_have_css("background-color", "rgb(14, 20, 27)")
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(244, 246, 248)")
    until(page, f"{colour} !== {dark!r}")


def test_with_the_keyboard_alone(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page())

    def walk_to(name: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            focused = "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
            if str(page.evaluate(focused)).startswith(name):
                return
        pytest.fail(f"Tab does not lead to {name}")

    walk_to("Storage")
    page.keyboard.press("Enter")
    expect(figure(page, "Files uploaded")).to_have_text("12")
    walk_to("90 days")
    page.keyboard.press("Space")
    expect(figure(page, "Files uploaded")).to_have_text("18")
    walk_to("Add a filter")
    page.keyboard.press("Enter")
    page.keyboard.type("Us")
    page.keyboard.press("Tab")
    page.keyboard.type("user-1")
    page.keyboard.press("Enter")
    expect(figure(page, "Files uploaded")).to_have_text("3")
    walk_to("Table: Growth")
    page.keyboard.press("Enter")
    expect(panel(page, "Growth").locator("table")).to_be_visible()
    walk_to("Cores 1")
    page.keyboard.press("Enter")
    expect(page.locator("#filters li")).to_have_count(2)


def test_names_of_strangers_stay_text(town: SinkProcess, new_page: NewPage) -> None:
    page = open_page(town, new_page(tolerated="400", viewport={"width": 375, "height": 800}))
    names = panel(page, "Most used datasets").locator("li .group bdi")
    shown = [name.replace("\u202e", r"\u202e") for name in HOSTILE.values()]
    shown[-1] = "n" * 89 + "…"
    expect(names.nth(3)).to_be_visible()
    assert names.all_inner_texts()[:4] == shown[::-1]
    assert page.locator("main img, main script, main [onerror]").count() == 0
    page.get_by_role("button", name=HOSTILE["hostile-html"]).click()
    expect(figure(page, "Views of resources")).to_have_text("20")
    expect(page.locator("#filters bdi")).to_contain_text("<img src=x")
    page.go_back()
    panel(page, "Most used datasets").get_by_role("button", name="n" * 89).click()
    expect(page.locator("#filters li")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.locator("main img, main script, main [onerror]").count() == 0
    hostile = HOSTILE["hostile-html"]
    page.goto(f"{town.url}/?{urlencode({hostile: hostile, 'dataset': hostile})}")
    expect(page.locator("#unanswered")).to_contain_text("There is no filter")
    assert page.locator("main img, main script, main [onerror]").count() == 0


# --- the sink and health ---------------------------------------------------------------------------------------------


def test_the_overview_says_whether_all_is_well(town: SinkProcess, new_page: NewPage) -> None:
    page = new_page()
    status = town.request("GET", "/v1/status")[1]
    status |= {"checks": {"up": 3, "down": 1, "maintenance": 0, "unknown": 0, "lasting": []}, "alerts": {"firing": 1}}
    page.route("**/v1/status*", lambda route: route.fulfill(json=status))
    open_page(town, page)
    glance = page.locator("#glance a")
    expect(glance.first).to_have_text("3 of 4 checks are up, one alert fires")
    expect(page.locator("#glance li").first).to_have_attribute("data-mood", "bad")
    glance.last.click()
    expect(page.locator("#accounts")).to_be_visible()
    page.go_back()
    page.unroute("**/v1/status*")
    glance.first.click()
    expect(page.get_by_role("link", name="Health")).to_have_attribute("aria-current", "page")
    assert address(page) == {"page": ["health"]}


def test_dead_letters_are_retried_by_who_may(town: SinkProcess, new_page: NewPage) -> None:
    town.request("POST", "/v1/dead/drop", {"all": True})  # of other tests
    hostile = event("demo.refused", timedelta(), HOSTILE["hostile-html"])
    town.post([hostile, event("demo.refused", timedelta()), event("demo.refused", timedelta())])
    town.settle()
    page = open_page(town, new_page(), "page=sink", new_key(town, "admin"))
    rows = page.locator("#dead tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator("#dead-sum")).to_have_text("3 in all")
    expect(rows.first).to_contain_text("Events of this kind are not wanted.")
    expect(rows.first.locator("th")).to_have_text("chat")
    numbers = {letter["id"] for letter in town.request("GET", "/v1/dead")[1]["dead"]}
    rows.first.get_by_role("button", name="Retry dead letter").click()
    said = page.get_by_role("status").filter(has_text="delivered again")
    expect(said).to_have_text("One dead letter is delivered again. What is refused once more comes back here.")
    expect(page.locator("#dead-title")).to_be_focused()
    town.settle()
    later(page, 5)
    expect(rows).to_have_count(3)
    again = {letter["id"] for letter in town.request("GET", "/v1/dead")[1]["dead"]}
    assert len(again & numbers) == 2, "it came back as another"
    page.get_by_role("link", name="Overview").click()
    page.go_back()
    expect(said).to_have_count(0)
    page.get_by_role("button", name="Retry all of chat").click()
    expect(said).to_contain_text("3 dead letters are")

    town.settle()
    reader = open_page(town, new_page(), "page=sink", new_key(town, "read"))
    expect(reader.locator("#dead-how")).to_contain_text("eventsink dead retry")
    expect(reader.locator("#dead-sum")).to_have_text("3 in all")
    assert reader.get_by_role("button", name="Retry").count() == 0
    town.request("POST", "/v1/dead/drop", {"all": True})
    later(page, 5)
    expect(page.locator("#dead-sum")).to_have_text(re.compile(r"^None: [\d,]+ were thrown away\.$"))
    expect(page.locator("#dead")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_shut_out(town: SinkProcess, new_page: NewPage, name: str, scheme: Any) -> None:
    town.post(event("demo.refused", timedelta()))
    town.settle()
    page = open_page(town, new_page(color_scheme=scheme, reduced_motion="reduce"), f"page={name}&user=user-1")
    if name in NUMBERS:
        until(page, "document.querySelectorAll('.js-plotly-plot').length > 0")
        page.get_by_role("button", name="Table").first.click()
        page.get_by_role("button", name="Query").nth(1).click()
        expect(page.locator(".query pre")).to_be_visible()
        page.get_by_role("button", name="Add a filter").click()
    page.clock.run_for(1000)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []
