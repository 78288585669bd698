"""Events arrive, each once, whatever becomes of the network, the sink, the page and the store of the browser."""

import itertools
import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.tracker.site import Answer, late

VIEW = "traffic.page_view"
MINE = "browser.mine"
HOUR = 3_600_000
# What is tried again after ten seconds and more is tried by the next page alone.
NEVER = "{ const set = setTimeout; window.setTimeout = (call, after) => after > 5000 ? 0 : set(call, after) }"
# How many requests were begun, and how many of them have failed.
COUNTED = """{
    const real = fetch; window.begun = window.failed = 0;
    window.fetch = (...given) => { begun++; const sent = real(...given); sent.catch(() => failed++); return sent };
}"""
STILL = "{ const now = Date.now(); Date.now = () => now }"  # all events of a page are of one moment
SOON = "const later = setTimeout; window.setTimeout = (call, after) => later(call, after > 5000 ? after / 200 : after);"


def keeps(page: Page, count: int) -> None:
    """Wait until so many are kept: an answer is there for the page a moment after the sink has given it."""
    page.wait_for_function(
        "count => Object.keys(localStorage).filter(name => name.startsWith('eventsink:')).length == count", arg=count
    )


def stored(event: str, *, key: str, hours: float = 0, **data) -> str:
    """A script that puts an event into the store as an earlier page would have."""
    body = {"v": 1, "key": key, "sent": 0, "events": [{"id": event, "type": MINE, "data": data}]}
    return f"""{{
        const body = {json.dumps(body)}; body.events[0].time = Date.now() - {hours * HOUR};
        localStorage['eventsink:{event}'] = JSON.stringify(body);
    }}"""


def numbered() -> Iterator[str]:
    return (f"00000000-0000-4000-8000-{number:012}" for number in itertools.count())


def test_what_was_seen_offline_arrives_once_when_online(site, page):
    page.add_init_script(COUNTED)
    page.goto(site.page("/a"))
    site.wait(VIEW, quiet=0)
    page.context.set_offline(True)
    for name in "bcd":
        page.evaluate("name => history.pushState({}, '', '/' + name)", name)
        page.wait_for_timeout(130)
    page.wait_for_function("localStorage.length == 3 && failed == 3")
    page.context.set_offline(False)
    events = site.wait(*[VIEW] * 4)
    assert len(site.received) == 4
    assert [event["data"]["url"][-1] for event in events] == ["a", "b", "c", "d"]
    keeps(page, 0)


def test_what_a_sink_that_was_down_missed_is_sent_by_the_next_page(site, page):
    page.add_init_script(NEVER + COUNTED)
    site.down = True
    page.goto(site.page("/a"))
    page.wait_for_function("localStorage.length == 1 && failed == 1")
    assert site.turned_away
    site.down = False
    page.reload()
    events = site.wait(VIEW, VIEW)
    assert len(site.received) == 2
    assert events[0]["time"] < events[1]["time"]
    keeps(page, 0)


@pytest.mark.parametrize("status", [500, 429])
def test_a_sink_that_cannot_now_is_asked_again(site, page, status):
    page.add_init_script(SOON)
    site.answers = [Answer(status), Answer(status)]
    page.goto(site.page("/a"))
    site.until(lambda: len(site.received) == 3)
    site.wait(VIEW)
    first, second, third = (one.at for one in site.received)
    assert second - first > 0.045  # a two hundredth of 10 s
    assert third - second > 0.29  # and of 60 s
    keeps(page, 0)
    assert len(site.received) == 3


def test_a_sink_that_waited_too_long_is_asked_again(site, page):
    """Chromium itself asks again at once."""
    page.add_init_script(SOON)
    site.answers = [Answer(408)] * 4
    page.goto(site.page("/a"))
    site.until(lambda: len(site.received) == 5)
    site.wait(VIEW)


def test_a_sink_says_when_to_come_back(site, page):
    page.add_init_script(SOON)
    site.answers = [Answer(429, headers={"Retry-After": "100"})]
    page.goto(site.page("/a"))
    site.until(lambda: len(site.received) == 2)
    assert site.received[1].at - site.received[0].at > 0.45


def test_one_request_at_a_time_asks_whether_the_sink_is_back(site, page):
    page.add_init_script(SOON)
    site.usual = Answer(503, headers={"Retry-After": "100"})
    page.goto(site.page("/a"))
    site.until(lambda: len(site.received) == 1)
    page.evaluate("for (let i = 0; i < 4; i++) eventsink('mine')")
    site.until(lambda: len(site.received) == 6)
    site.usual = Answer(202)
    site.until(lambda: len(site.received) >= 7)
    assert site.received[6].at - site.received[5].at > 0.45, "the others wait until the sink is back"
    site.wait(VIEW, *[MINE] * 4)
    keeps(page, 0)


def test_an_event_on_which_the_sink_fails_holds_up_no_other(site, page):
    page.add_init_script(NEVER + COUNTED)
    site.down = True
    page.goto(site.page("/a", only="mine"))
    page.evaluate("for (let n = 0; n < 5; n++) eventsink('mine', {n})")
    page.wait_for_function("localStorage.length == 5 && failed == 5")
    assert len(site.turned_away) >= 5
    site.answers = [Answer(500)]
    site.down = False
    page.reload()
    site.until(lambda: len(site.received) == 5)
    site.wait(*[MINE] * 5)
    keeps(page, 1)
    page.wait_for_timeout(200)
    keeps(page, 1)
    assert len(site.received) == 5


def test_what_is_refused_is_given_up(site, page):
    page.add_init_script(SOON)
    site.answers = [Answer(status) for status in (400, 401, 403, 404, 413, 422)]
    page.goto(site.page("/a"))
    page.evaluate("for (let n = 0; n < 5; n++) eventsink('mine')")
    site.wait(VIEW, *[MINE] * 5, quiet=0.4)
    keeps(page, 0)
    assert len(site.received) == 6


def test_what_is_under_way_is_not_sent_again(site, page):
    page.goto(site.page("/a", only="mine"))
    page.evaluate("eventsink('mine'); dispatchEvent(new Event('online')); dispatchEvent(new Event('online'))")
    site.wait(MINE)
    assert len(site.received) == 1


@pytest.mark.parametrize("way", ["click", "pagehide", "close"])
def test_what_happens_as_the_page_ends_arrives(site, other, page, way):
    page.goto(site.page("/a", f'<a href="{other.address}/x">x</a>', only="link_followed mine"))
    if way == "click":
        page.click("a")
        site.wait("traffic.link_followed")
    elif way == "close":
        page.evaluate("new Promise(done => setTimeout(() => { eventsink('mine'); done() }))")
        page.close()
        site.wait(MINE)
    else:
        page.evaluate("addEventListener('pagehide', () => eventsink('mine', {last: 1}))")
        page.close(run_before_unload=True)
        site.wait(MINE)


def test_requests_may_outlive_their_page_and_carry_no_cookies(site, page):
    """Chromium is too quick here for a request to be lost, so what it is asked for is looked at."""
    page.add_init_script(
        "const real = fetch; window.fetch = (to, init) => { window.asked = init; return real(to, init) }"
    )
    page.goto(site.page("/a"))
    site.wait(VIEW)
    asked = page.evaluate("({...asked, body: typeof asked.body})")
    assert asked == {"method": "POST", "keepalive": True, "credentials": "omit", "body": "string"}


def test_a_page_that_ends_at_once_has_been_seen(site, page):
    site.page("/b", me="/slow")
    page.goto(site.page("/a", "<script>addEventListener('load', () => location = '/b')</script>"))
    site.pages["/slow"] = late(1, Answer(401))
    page.wait_for_url("**/b")
    page.wait_for_function("document.readyState == 'complete' && window.eventsink?.v")
    page.evaluate("location = '/c'")
    site.wait(VIEW, VIEW)


def test_browsers_without_keepalive_use_a_beacon_at_the_end(site, page):
    page.add_init_script("""
        delete Request.prototype.keepalive;
        const real = fetch; window.fetch = (to, init) => /browser$/.test(to) ? new Promise(() => 0) : real(to, init);
    """)
    page.goto(site.page("/a"))
    page.wait_for_timeout(200)
    page.goto("about:blank")
    site.wait(VIEW)


def test_without_fetch_a_beacon_does(site, page):
    page.add_init_script("window.fetch = undefined")
    page.goto(site.page("/a"))
    site.wait(VIEW)
    keeps(page, 0)


# --- the store of the browser ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})",
        "Object.defineProperty(window, 'localStorage', {value: null})",
        "Storage.prototype.setItem = Storage.prototype.removeItem = () => { throw Error('no') }",
        "localStorage.full = 'x'.repeat(5 * 1024 * 1024 - 4)",
    ],
    ids=["blocked", "none", "throws", "full"],
)
def test_without_a_store_events_wait_in_memory(site, page, broken):
    page.add_init_script(SOON + broken)
    site.answers = [Answer(500)]
    page.goto(site.page("/a"))
    site.until(lambda: len(site.received) == 2)
    site.wait(VIEW)


def test_strange_things_in_the_store_are_survived(site, page):
    ids = numbered()
    put = "".join(
        f"localStorage['eventsink:{next(ids)}'] = {json.dumps(text)};"
        for text in ("", "null", "{", "[]", "7", '{"events": 1}', '{"events": [null]}', '{"events": [{"id": "x"}]}')
    )
    put += stored(next(ids), key=site.key, number=1) + stored(next(ids), key="clw_another", number=2)
    put += stored(next(ids), key=site.key, hours=49)
    put += "localStorage['eventsink:theirs'] = '{'; localStorage.other = '{'"
    page.add_init_script(f"if (!window.name) {{ window.name = 'x'; {put} }}")
    page.goto(site.page("/a"))
    site.wait(VIEW, MINE)
    assert site.of_type(MINE)[0]["data"] == {"number": 1}
    names = page.evaluate("Object.keys(localStorage).sort()")
    assert names == ["eventsink:00000000-0000-4000-8000-000000000009", "eventsink:theirs", "other"]


def test_no_more_than_fifty_wait(site, page):
    ids = numbered()
    page.add_init_script(
        NEVER
        + COUNTED
        + STILL
        + "if (!window.name) { window.name = 'x';"
        + "".join(stored(next(ids), key=site.key, hours=n / 10) for n in range(60))
        + "}"
    )
    site.down = True
    page.goto(site.page("/a"))
    site.until(lambda: VIEW in [event["type"] for body in site.turned_away for event in body["events"]])
    page.wait_for_function("begun == failed")
    keeps(page, 50)
    page.evaluate("for (let n = 0; n < 55; n++) eventsink('mine', {n})")
    page.wait_for_function("begun > 55 && begun == failed")
    keeps(page, 50)
    site.down = False
    page.evaluate("dispatchEvent(new Event('online'))")
    events = site.wait(*[MINE] * 50)
    assert [event["data"]["n"] for event in events] == list(range(5, 55))


def test_two_tabs_send_what_they_share_as_one(site, page):
    site.down = True
    second = page.context.new_page()
    for tab in (page, second):
        tab.add_init_script(NEVER + COUNTED)
        tab.goto(site.page("/a"))
    for tab in (page, second):
        tab.wait_for_function("begun > 0 && begun == failed")
    site.down = False
    for tab in (page, second):
        tab.evaluate("dispatchEvent(new Event('online'))")
    site.wait(VIEW, VIEW)
    keeps(page, 0)
    assert len(site.received) <= 4


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-4000, 4000])
def test_a_wrong_clock_is_wrong_in_both_times(site, page, days):
    page.add_init_script(f"const now = Date.now; Date.now = () => now.call(Date) + {days * 24 * HOUR}")
    site.answers = [Answer(500)]
    begun = time.monotonic()
    page.goto(site.page("/a"))
    site.until(lambda: len(site.received) == 1)
    page.reload()
    site.wait(VIEW, VIEW)
    lasted = 1000 * (time.monotonic() - begun)
    for one in site.received:
        assert 0 <= one.body["sent"] - one.body["events"][0]["time"] <= lasted
        assert abs(one.body["sent"] / 1000 - time.time()) > 3999 * 24 * 3600
