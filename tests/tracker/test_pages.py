"""What a browser tells of the pages that it shows: each of them once."""

import html
import re
import threading
import uuid
from subprocess import DEVNULL

import pytest

from scripts.minify_tracker import integrity
from tests.look.conftest import ARGUMENTS
from tests.processes import running
from tests.tracker.site import PATIENCE, TRACKER, Answer, Site

DATASET = "64c000000000000000000002"
FILE = "64b000000000000000000001"
VIEW = "traffic.page_view"
RESOURCE = "traffic.resource_viewed"


def urls(site: Site) -> list[str]:
    return [event["data"]["url"].removeprefix(site.address) for event in site.of_type(VIEW)]


# --- plain pages -----------------------------------------------------------------------------------------------------


def test_a_page_is_one_event_in_one_simple_request(site, page):
    page.goto(site.page("/about", title="About us"))
    [event] = site.wait(VIEW)
    [request] = site.received
    assert request.method == "POST"  # and no OPTIONS before it
    assert request.headers["content-type"] == "text/plain;charset=UTF-8"
    assert "cookie" not in request.headers
    assert request.body.keys() == {"v", "key", "sent", "events"}
    assert request.body["v"] == 1 and request.body["key"] == site.key
    assert 0 <= request.body["sent"] - event["time"] < 10_000
    assert uuid.UUID(event["id"]).version == 4
    assert event.keys() == {"id", "type", "time", "data"}
    assert event["data"] == {
        "url": site.address + "/about",
        "title": "About us",
        "language": "en-US",
        "screen": "1280x720",
    }
    page.wait_for_function("localStorage.length == 0")  # once the answer has come
    assert page.context.cookies() == []


def test_the_script_is_what_its_hash_says(site, page):
    tag = site.script().replace(
        " defer", f' defer integrity="{integrity(TRACKER.read_bytes())}" crossorigin="anonymous"'
    )
    site.pages["/"] = Answer(200, tag)
    page.goto(site.address)
    site.wait(VIEW)


def test_a_sink_on_another_host_is_told_as_well(site, other, page):
    page.goto(site.page("/about", origin=other.address, key=other.key))
    other.wait(VIEW)
    assert site.received == []
    assert [one.method for one in other.received] == ["POST"]


def test_the_page_before_is_the_referrer(site, page):
    page.goto(site.page("/a", '<a href="/b">b</a>'))
    site.page("/b")
    page.click("a")
    events = site.wait(VIEW, VIEW)
    assert [event["data"].get("referrer") for event in events] == [None, site.address + "/a"]


SHOWN = [
    (f"/files/{FILE}", "file", FILE),
    (f"/datasets/{DATASET}", "dataset", DATASET),
    (f"/collection/{DATASET}", "collection", DATASET),
    (f"/collections/{DATASET}/", "collection", DATASET),
    (f"/spaces/{DATASET}", "space", DATASET),
    (f"/public_datasets/{DATASET}", "dataset", DATASET),
    ("/datasets/8f14e45f-ceea-467f-a0e6-6a1f0f5f4b11", "dataset", "8f14e45f-ceea-467f-a0e6-6a1f0f5f4b11"),
]
OTHERS = [f"/datasets/{DATASET}/addFiles", f"/files/{FILE}/extractions", "/datasets/new", "/datasets", "/users/" + FILE]


def test_a_page_of_clowder_names_its_resource(site, page):
    page.goto(site.page(SHOWN[0][0]))
    for path in [path for path, _, _ in SHOWN[1:]] + OTHERS:
        page.evaluate("path => history.pushState({}, '', path)", path)
    site.wait(*[VIEW] * (len(SHOWN) + len(OTHERS)), *[RESOURCE] * len(SHOWN))
    for event in site.of_type(VIEW):
        path = event["data"]["url"].removeprefix(site.address)
        said = (path, event["data"].get("resource_type"), event["data"].get("resource_id"))
        assert said in SHOWN or (path in OTHERS and said[1:] == (None, None))
    viewed = [{"resource_type": kind, "resource_id": found} for _, kind, found in SHOWN]
    assert sorted(map(str, viewed)) == sorted(str(event["data"]) for event in site.of_type(RESOURCE))


def test_a_file_tells_where_it_was_looked_at(site, page):
    page.goto(site.page(f"/files/{FILE}") + f"?dataset={DATASET}&space=64d000000000000000000003")
    site.wait(VIEW, RESOURCE)
    [event] = site.of_type(RESOURCE)
    assert event["data"] == {
        "resource_type": "file",
        "resource_id": FILE,
        "dataset_id": DATASET,
        "space_id": "64d000000000000000000003",
    }


@pytest.mark.parametrize("prefix", ["/clowder", "/clowder/"])
def test_a_prefix_is_no_part_of_the_pattern(site, page, prefix):
    page.goto(site.page(f"/clowder/datasets/{DATASET}", prefix=prefix))
    site.wait(VIEW, RESOURCE)


def test_what_is_not_under_the_prefix_is_no_resource(site, page):
    page.goto(site.page(f"/datasets/{DATASET}", prefix="/clowder"))
    site.wait(VIEW)


@pytest.mark.parametrize(
    "said",
    [
        {"resource": f"dataset/{DATASET}"},
        {"head": f'<meta name="eventsink:resource" content="dataset/{DATASET}">'},
        {"resource": f"dataset/{DATASET}", "head": '<meta name="eventsink:resource" content="file/1">'},
    ],
)
def test_a_page_can_say_which_resource_it_shows(site, page, said):
    page.goto(site.page(f"/files/{FILE}", **said))
    for event in site.wait(VIEW, RESOURCE):
        assert (event["data"]["resource_type"], event["data"]["resource_id"]) == ("dataset", DATASET)


def test_only_what_is_asked_for_is_sent(site, page):
    page.goto(site.page(f"/files/{FILE}", only="resource_viewed mine"))
    page.evaluate("eventsink('yours'); eventsink('mine')")
    site.wait(RESOURCE, "browser.mine")


def test_twice_the_script_is_once_the_event(site, page):
    page.goto(site.page("/about", head=site.script() + site.script(user="x")))
    page.evaluate("eventsink('mine')")
    site.wait(VIEW, "browser.mine")


# --- single-page applications ----------------------------------------------------------------------------------------


def test_an_application_that_changes_its_address_shows_pages(site, page):
    page.goto(site.page("/a", title="A"))
    site.until(lambda: urls(site) == ["/a"])
    page.evaluate("history.pushState({}, '', '/b'); setTimeout(() => document.title = 'B', 20)")
    site.until(lambda: len(site.events) == 2)
    page.evaluate("history.replaceState({}, '', '/c'); document.title = 'C'")
    site.until(lambda: len(site.events) == 3)
    page.evaluate("history.back()")
    site.until(lambda: len(site.events) == 4)
    events = site.wait(*[VIEW] * 4)
    assert urls(site) == ["/a", "/b", "/c", "/a"]
    assert [event["data"].get("referrer", "").removeprefix(site.address) for event in events] == ["", "/a", "/b", "/c"]
    assert [event["data"]["title"] for event in events[:3]] == ["A", "B", "C"]


def test_an_application_names_its_resource_at_each_page(site, page):
    page.goto(site.page("/a", head='<meta name="eventsink:resource" content="">'))
    site.until(lambda: len(site.events) == 1)
    page.evaluate(
        f"history.pushState({{}}, '', '/b'); document.querySelector('meta[name]').content = 'dataset/{DATASET}'"
    )
    site.until(lambda: len(site.events) == 3)
    page.evaluate("history.pushState({}, '', '/c'); document.querySelector('meta[name]').remove()")
    site.wait(VIEW, VIEW, RESOURCE, VIEW)
    assert [event["data"].get("resource_id") for event in site.of_type(VIEW)] == [None, DATASET, None]


def test_the_same_address_again_is_no_other_page(site, page):
    page.goto(site.page("/a"))
    site.until(lambda: len(site.events) == 1)
    page.evaluate("""
        history.pushState(1, ''); history.pushState(2, '', '/a'); history.replaceState(3, '', '/a');
        history.replaceState(4, '', '/a?filter=x'); history.pushState(5, '', '/a?filter=x#part'); location.hash = 'more'
    """)
    page.go_back()
    page.go_back()
    site.wait(VIEW)
    page.evaluate("history.pushState(6, '', '/a?page=2')")
    site.wait(VIEW, VIEW)


def test_pages_in_quick_succession_are_all_counted(site, page):
    page.goto(site.page("/a"))
    page.evaluate("for (const name of 'bcde') history.pushState({}, '', '/' + name)")
    site.wait(*[VIEW] * 5)
    assert sorted(urls(site)) == ["/a", "/b", "/c", "/d", "/e"]


def test_hashes_are_pages_where_the_tag_says_so(site, page):
    page.goto(site.page("/app", hash=True) + "#/one")
    site.until(lambda: len(site.events) == 1)
    page.evaluate("location.hash = '/two'")
    site.until(lambda: len(site.events) == 2)
    page.evaluate("history.replaceState({}, '', '#/two?sort=up')")
    page.evaluate("history.pushState({}, '', '#/three')")
    site.until(lambda: len(site.events) == 3)
    page.evaluate("history.go(-2)")
    site.wait(*[VIEW] * 4)
    assert urls(site) == ["/app#/one", "/app#/two", "/app#/three", "/app#/one"]


# --- pages that come back, and pages that nobody sees yet ------------------------------------------------------------


def test_a_page_that_comes_back_from_the_cache_is_counted_again(site, page):
    site.page("/b")
    page.goto(site.page("/a", "<script>addEventListener('pageshow', e => window.back = e.persisted)</script>"))
    site.until(lambda: len(site.events) == 1)
    page.wait_for_function("localStorage.length == 0")  # a page whose request is under way may not be cached
    page.evaluate("window.mark = 1; location = '/b'")
    site.until(lambda: len(site.events) == 2)
    page.evaluate("history.back()")
    page.wait_for_function("window.back !== undefined")
    assert page.evaluate("[window.mark, window.back]") == [1, True], "the page was loaded anew"
    events = site.wait(VIEW, VIEW, VIEW)
    assert urls(site) == ["/a", "/b", "/a"]
    assert "referrer" not in events[2]["data"]


def test_a_page_that_is_rendered_ahead_counts_when_it_is_shown(site, chromium, tmp_path):
    """In a Chromium that nobody drives: those that are driven render nothing ahead."""
    rules = '<script type="speculationrules">{"prerender": [{"urls": ["/next"], "eagerness": "immediate"}]}</script>'
    early = "<script>window.eventsink = function(){(eventsink.q = eventsink.q || []).push(arguments)}"
    site.page("/next", head=f"{early}; eventsink('early', {{ahead: document.prerendering}})</script>", me="/api/me")
    site.pages["/api/me"] = Answer(200, '{"id": "64a"}', type="application/json")
    go = threading.Event()
    site.pages["/go"] = lambda *_: Answer() if go.wait(PATIENCE) else Answer(404)
    first = site.page("/a", f"{rules}<script>fetch('/go').then(() => location = '/next')</script>")
    with running([chromium, "--headless", *ARGUMENTS, f"--user-data-dir={tmp_path}", first], stderr=DEVNULL) as process:
        site.until(lambda: site.asked.count("GET /insights/t.1.js") == 2)
        site.wait(VIEW, quiet=0.5)
        assert "GET /next" in site.asked and "GET /api/me" not in site.asked
        go.set()
        site.wait(VIEW, "browser.early", VIEW)
        assert site.asked.count("GET /next") == 1
        process.terminate()
    assert urls(site) == ["/a", "/next"]
    [early_event] = site.of_type("browser.early")
    assert early_event["data"] == {"ahead": True}
    assert [event.get("user") for event in site.of_type(VIEW)] == [None, "64a"]


def test_robots_are_for_the_server_to_tell(site, page):
    page.add_init_script("Object.defineProperty(navigator, 'webdriver', {get: () => true})")
    page.goto(site.page("/a"))
    site.wait(VIEW)


# --- texts -----------------------------------------------------------------------------------------------------------


def test_texts_are_cut_and_stay_texts(site, page):
    evil = "</script><script>alert(1)</script>\"'&amp;\u2028\U0001f600"
    page.goto(
        site.page(
            "/a", head='<meta name="eventsink:resource" content="dataset/&lt;b>&quot;x">', title=html.escape(evil)
        )
    )
    page.evaluate("text => eventsink('mine', {[text]: text})", evil)
    site.wait(VIEW, RESOURCE, "browser.mine")
    [view] = site.of_type(VIEW)
    assert view["data"]["title"] == evil
    assert view["data"]["resource_id"] == '<b>"x'
    assert site.of_type("browser.mine")[0]["data"] == {evil: evil}


@pytest.mark.parametrize("character", ["x", "ä", "\U0001f600"])
def test_a_long_title_is_cut(site, page, character):
    page.goto(site.page("/a", title="y" + character * 1_000_000))
    [event] = site.wait(VIEW)
    title = event["data"]["title"]
    assert len(title.encode("utf-16-le")) <= 1000
    assert re.fullmatch(f"y{character}{{249,499}}", title)
