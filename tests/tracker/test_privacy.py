"""Who does not want to be told of is not; and who is told of is named as the site says."""

import threading
import time

import pytest

from tests.tracker.site import PATIENCE, Answer

VIEW = "traffic.page_view"
MINE = "browser.mine"
JSON = "application/json"


@pytest.mark.parametrize(
    "wish",
    [
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})",
        "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})",
        "window.doNotTrack = '1'",
    ],
)
def test_who_does_not_want_it_is_left_alone(site, other, page, wish):
    page.add_init_script(
        wish
        + """;
        localStorage['eventsink:00000000-0000-4000-8000-000000000001'] = '{}'; // of the time before the wish
        const heard = [], add = addEventListener;
        document.addEventListener('DOMContentLoaded', () => window.heard = [...heard]); // later come the driver's own
        EventTarget.prototype.addEventListener = function (...args) {
            heard.push(args[0]); return add.apply(this, args);
        }
        """
    )
    page.goto(site.page("/datasets/64c000000000000000000002", f'<a href="{other.address}">x</a>', me="/api/me"))
    page.wait_for_function("!!window.eventsink")
    assert page.evaluate("[eventsink('mine', {}), history.pushState.toString().includes('pushState')]") == [None, True]
    assert page.evaluate("[heard, localStorage.length, sessionStorage.length, document.cookie]") == [[], 0, 0, ""]
    page.evaluate("history.pushState({}, '', '/b')")
    page.click("a")
    time.sleep(0.5)
    assert site.received == [] and "GET /api/me" not in site.asked


def test_not_asking_for_it_is_no_wish(site, page):
    page.add_init_script(
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: false});"
        "Object.defineProperty(navigator, 'doNotTrack', {value: '0'}); window.doNotTrack = 'unspecified'"
    )
    page.goto(site.page("/a"))
    site.wait(VIEW)


def test_the_page_names_the_user(site, page):
    page.goto(site.page("/a", user="64a", me="/api/me"))
    [event] = site.wait(VIEW)
    assert event["user"] == "64a" and "GET /api/me" not in site.asked


def test_an_application_names_the_user_at_each_event(site, page):
    page.goto(site.page("/a", head='<meta name="eventsink:user" content="64a">'))
    site.until(lambda: site.events)
    page.evaluate("document.querySelector('meta[name]').content = ''; eventsink('mine')")
    view, mine = site.wait(VIEW, MINE)
    assert view["user"] == "64a" and "user" not in mine


@pytest.mark.parametrize(
    ("answer", "user"),
    [
        (Answer(200, '{"id": "64a"}', type=JSON), "64a"),
        (Answer(200, "x", {"X-User-ID": "64a"}), "64a"),
        (Answer(200, '{"id": "000000000000000000000000"}', type=JSON), None),
        (Answer(200, "{}", {"X-User-ID": "000000000000000000000000"}), None),
        (Answer(401, '{"id": "64a"}', type=JSON), None),
        (Answer(200, "<html>sign in"), None),
        (Answer(200, "null", type=JSON), None),
        (Answer(302, headers={"Location": "http://localhost:9/"}), None),
    ],
)
def test_the_site_is_asked_once_who_the_user_is(site, page, answer, user):
    seen = []

    def me(path, headers):
        seen.append(headers.get("Cookie"))
        return answer

    site.pages["/api/me"] = me
    site.page("/a", me="/api/me", headers={"Set-Cookie": "session=s"})
    page.goto(site.address + "/a")
    page.evaluate("eventsink('mine'); history.pushState({}, '', '/b')")
    for event in site.wait(VIEW, MINE, VIEW):
        assert event.get("user") == user
    assert seen == ["session=s"]
    assert all("cookie" not in one.headers for one in site.received)


def test_nobody_waits_for_more_than_two_seconds(site, page):
    known = threading.Event()
    said = Answer(200, '{"id": "64a"}', type=JSON)
    site.pages["/api/me"] = lambda *_: said if known.wait(PATIENCE) else Answer(404)
    page.add_init_script("""{
        const set = setTimeout, read = Response.prototype.json;
        window.setTimeout = (call, after) => after == 2000 ? window.late = call : set(call, after);
        Response.prototype.json = function () {
            const found = read.call(this); found.then(() => set(() => window.told = true)); return found;
        };
    }""")
    page.goto(site.page("/a", me="/api/me"))
    page.wait_for_function("!!window.late")
    page.wait_for_timeout(300)
    assert site.received == [], "for so long it is waited for"
    page.evaluate("late()")
    [view] = site.wait(VIEW)
    assert "user" not in view
    known.set()
    page.wait_for_function("window.told")
    page.evaluate("eventsink('mine')")
    site.wait(VIEW, MINE)
    assert site.of_type(MINE)[0]["user"] == "64a"


def test_another_site_is_not_asked(site, other, page):
    page.goto(site.page("/a", me=other.address + "/api/me"))
    site.wait(VIEW)
    assert other.asked == []
