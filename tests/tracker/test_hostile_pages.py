"""The page never feels the tracker, and the tracker survives the page."""

import pytest

from tests.tracker.site import Answer

VIEW = "traffic.page_view"
MINE = "browser.mine"


def test_what_is_wrapped_looks_and_works_as_before(site, page):
    look = """() => [
        [history, 'pushState'], [history, 'replaceState'], [XMLHttpRequest.prototype, 'open'],
        [XMLHttpRequest.prototype, 'send'], [window, 'fetch'],
    ].map(([owner, name]) => [
        owner[name].name, owner[name].length, typeof owner[name], 'prototype' in owner[name], Object.keys(owner).length,
        Object.getOwnPropertyNames(owner).length, Object.getOwnPropertyNames(owner[name]), name in owner,
        JSON.stringify(Object.getOwnPropertyDescriptor(owner, name)), owner[name].toString().includes('[native code]'),
    ])"""
    site.pages["/plain"] = Answer(200, "<script>window.eventsink = 1</script>")
    page.goto(site.address + "/plain")
    before = page.evaluate(look)
    page.goto(site.page("/a", head="<script>window.eventsink = 1</script>"))
    assert page.evaluate("eventsink.v") == 1
    assert page.evaluate(look) == before
    assert page.evaluate("""async () => {
        const state = {a: 1}; const pushed = history.pushState(state, '', '/b');
        const request = new XMLHttpRequest(); const opened = request.open('GET', '/c'); const sent = request.send();
        const answer = fetch('/d', {method: 'POST', body: 'x'});
        const wrong = [
            () => history.pushState({}, '', 'http://elsewhere.example/'), () => history.pushState(),
            () => request.open(),
            () => XMLHttpRequest.prototype.open.call({}, 'GET', '/'), () => new XMLHttpRequest().send(),
            () => new history.pushState(),
        ].map(call => { try { return call() } catch (error) { return error.name } });
        return [pushed, history.state.a, opened, sent, answer instanceof Promise, Object.keys(request).length, wrong,
            await fetch().catch(error => error.name)];
    }""") == [
        None, 1, None, None, True, 0,
        ["SecurityError", "TypeError", "TypeError", "TypeError", "InvalidStateError", "TypeError"], "TypeError",
    ]  # fmt: skip


def test_rejections_stay_those_of_the_page(site, page):
    site.page("/a")
    page.goto(site.address + "/a")
    page.evaluate("""() => {
        window.seen = [];
        addEventListener('unhandledrejection', event => { seen.push(1); event.preventDefault() });
        fetch('http://127.0.0.1:1/x', {method: 'POST'});
        fetch('/dataset/submit', {method: 'POST', body: new FormData(), signal: AbortSignal.abort()}).catch(() => 0);
    }""")
    page.wait_for_function("seen.length > 0")
    page.wait_for_timeout(300)
    assert page.evaluate("seen.length") == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        "Object.freeze(history)",
        "Object.freeze(History.prototype)",
        "Object.freeze(XMLHttpRequest.prototype)",
        "delete window.XMLHttpRequest",
        "window.Proxy = undefined",
        "window.WeakMap = undefined",
        "Object.freeze(window.fetch); Object.defineProperty(window, 'fetch', {value: fetch, writable: false})",
        "window.FormData = undefined",
        "window.fetch = () => undefined",
        "window.fetch = () => { throw Error('x') }",
        "Object.defineProperty(window, 'eventsink', {value: () => 0, writable: false})",
        "history.pushState = undefined",
        "Object.defineProperty(document, 'referrer', {get() { throw Error('x') }})",
        "Element.prototype.matches = null",
        "window.Blob = undefined",
        "navigator.sendBeacon = undefined",
    ],
)
def test_a_page_that_spoils_things_works_as_before(site, page, spoilt):
    page.goto(site.page("/a", "<a href=#x onclick='window.clicked = 1'>x</a>", head=f"<script>{spoilt}</script>"))
    page.click("a")
    assert page.evaluate("window.clicked") == 1
    page.wait_for_timeout(150)
    if not spoilt.startswith(
        ("window.Proxy", "window.WeakMap", "window.fetch = () => undefined", "delete", "Object.defineProperty(document")
    ):
        site.wait(VIEW)


def test_a_policy_of_the_page_is_respected(site, page):
    headers = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'; connect-src 'none'"}
    page.goto(site.page("/a", "<a href='#x' onclick='window.clicked = 1'>x</a>", headers=headers))
    page.evaluate("eventsink('mine')")
    page.click("a")
    page.wait_for_timeout(300)
    assert site.received == [] and page.evaluate("window.clicked") == 1
    site.page("/b")
    page.goto(site.address + "/b")
    site.wait(VIEW, MINE, VIEW)


def test_a_policy_that_names_the_site_is_enough(site, page):
    headers = {"Content-Security-Policy": "default-src 'self'; require-trusted-types-for 'script'"}
    page.goto(site.page("/a", headers=headers))
    site.wait(VIEW)


def test_a_script_without_a_key_or_in_an_odd_place_breaks_nothing(site, page):
    page.goto(site.page("/a", key=False))
    page.goto(site.page("/b", head="<base href='http://base.example/'>"))
    page.wait_for_timeout(300)


def test_a_script_that_is_added_later_works(site, page):
    site.pages["/a"] = Answer(200, "<!doctype html>")
    page.goto(site.address + "/a")
    page.evaluate(
        """([to, key]) => {
            const script = document.createElement('script');
            script.src = to; script.dataset.key = key; document.head.append(script);
        }""",
        [site.address + "/insights/t.1.js", site.key],
    )
    site.wait(VIEW)
