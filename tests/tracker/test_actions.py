"""What people do on a page: each thing once."""

import pytest
from playwright.sync_api import Page

from tests.tracker.site import Answer, Site

DATASET = "64c000000000000000000002"
FILE = "64b000000000000000000001"
VIEW = "traffic.page_view"
LINK = "traffic.link_followed"
DOWNLOAD = "traffic.resource_downloaded"
UPLOAD = "traffic.upload_finished"
EXTRACTION = "traffic.extraction_submitted"
DONE = Answer(200, "{}", type="application/json")
ATTACHED = Answer(200, "bytes", {"Content-Disposition": "attachment; filename=plot.png"}, "image/png")


def shown(site: Site, page: Page, body: str, **options) -> None:
    """A page whose own view is not told."""
    names = "link_followed resource_downloaded upload_finished extraction_submitted mine sent"
    page.goto(site.page("/about", body, only=names, **options))


# --- links -----------------------------------------------------------------------------------------------------------


def test_links_to_other_hosts_are_followed_once(site, other, page):
    shown(
        site,
        page,
        f"""
        <a id=plain href="{other.address}/x?q=1#part"><b>here</b></a>
        <a id=blank target=_blank href="{other.address}/blank">there</a>
        <a id=stopped href="{other.address}/stopped" onclick="event.stopPropagation(); return false">stopped</a>
        <a id=saved download href="{other.address}/saved">saved</a>
        <svg><a href="{other.address}/svg"><text id=svg y=20>drawn</text></a></svg>
        <a id=mine href="/about#x">own</a> <a id=mail href="mailto:a@b.org" onclick="return false">mail</a>
        <a id=bad href="https://exa mple:x" onclick="return false">bad</a><a id=none>none</a>
        """,
    )
    other.pages["/saved"] = ATTACHED
    for name in ("mine", "mail", "bad", "none", "stopped", "saved"):
        page.click(f"#{name}")
    page.click("#blank")
    page.click("#svg", button="middle")
    page.click("#blank", button="middle")
    page.click("#stopped", button="right")
    page.click("#stopped", modifiers=["Control"])
    page.focus("#plain")
    page.keyboard.press("Enter")
    page.wait_for_url("**/x?q=1#part")
    events = site.wait(*[LINK] * 7)
    assert [event["data"]["link"].removeprefix(other.address) for event in events] == [
        "/stopped", "/saved", "/blank", "/svg", "/blank", "/stopped", "/x?q=1#part",
    ]  # fmt: skip
    assert {event["data"]["url"].partition("#")[0] for event in events} == {site.address + "/about"}


def test_links_within_open_shadows_count(site, other, page):
    shown(site, page, "<div id=host></div>")
    page.evaluate(
        "to => host.attachShadow({mode: 'open'}).innerHTML = `<a onclick='return false' href=${to}>x</a>`",
        other.address,
    )
    page.click("#host a")
    site.wait(LINK)


FILES = [
    f"/files/{FILE}/blob",
    f"/api/files/{FILE}/blob",
    f"/api/files/{FILE}?key=secret",
    f"/api/v2/files/{FILE}",
    f"/api/v2/public_files/{FILE}",
]
DATASETS = [f"/api/datasets/{DATASET}/download", f"/api/v2/datasets/{DATASET}/download?a=b"]
NONE = [f"/files/{FILE}", f"/api/datasets/{DATASET}", f"/api/files/{FILE}/metadata", f"/datasets/{DATASET}/addFiles"]


@pytest.mark.parametrize("prefix", ["", "/clowder"])
def test_downloads_are_known_by_their_address(site, other, page, prefix):
    links = [prefix + path for path in FILES + DATASETS + NONE]
    body = "".join(f'<a href="{link}">x</a> ' for link in links)
    shown(site, page, body, prefix=prefix)
    for path in FILES + DATASETS:
        site.pages[prefix + path.partition("?")[0]] = ATTACHED
    page.evaluate("addEventListener('click', event => event.preventDefault())")
    for link in links:
        page.click(f'[href="{link}"]')
    events = site.wait(*[DOWNLOAD] * 7)
    kinds = [(event["data"]["resource_type"], event["data"]["resource_id"]) for event in events]
    assert kinds == [("file", FILE)] * 5 + [("dataset", DATASET)] * 2


def test_a_download_counts_once_in_whatever_way(site, other, page):
    shown(
        site,
        page,
        f"""<a id=plain href="/files/{FILE}/blob">a</a> <a id=blank target=_blank href="/files/{FILE}/blob">b</a>
        <a id=saved download href="/files/{FILE}/blob">c</a> <button data-download="dataset/{DATASET}">d</button>
        <a id=elsewhere onclick="return false" data-download="file/{FILE}" href="{other.address}/cdn">e</a>""",
    )
    site.pages[f"/files/{FILE}/blob"] = ATTACHED
    for name in ("#plain", "#blank", "#saved", "button", "#elsewhere"):
        page.click(name)
    events = site.wait(*[DOWNLOAD] * 5)
    assert events[3]["data"] == {"resource_type": "dataset", "resource_id": DATASET}


# --- uploads and extractions -----------------------------------------------------------------------------------------

FORM = """
    const form = new FormData();
    form.append('datasetid', '64c000000000000000000002');
    form.append('files[]', new File(['12345'], 'a.txt')); form.append('files[]', new File(['678'], 'b.txt'));
"""
BY_XHR = """([path, form]) => new Promise(done => {
    const request = new XMLHttpRequest(); request.open('post', path); request.onloadend = () => done(request.status);
    request.send(eval(form + ';form'));
})"""
BY_FETCH = "async ([path, form]) => (await fetch(path, {method: 'POST', body: eval(form + ';form')})).status"
UPLOADS = [
    "/dataset/submit?folderId=",
    f"/api/uploadToDataset/{DATASET}",
    f"/api/v2/datasets/{DATASET}/files",
    f"/api/v2/datasets/{DATASET}/filesMultiple?folder_id=1",
]


@pytest.mark.parametrize("way", [BY_XHR, BY_FETCH], ids=["xhr", "fetch"])
def test_uploads_are_told_when_they_have_succeeded(site, page, way):
    shown(site, page, "")
    for path in [*UPLOADS, f"/api/datasets/{DATASET}/tags"]:
        site.pages[path.partition("?")[0]] = DONE
        assert page.evaluate(way, [path, FORM]) == 200
    events = site.wait(*[UPLOAD] * 4)
    for event in events:
        assert event["data"] == {"url": site.address + "/about", "dataset_id": DATASET, "items": 2, "bytes": 8}


@pytest.mark.parametrize("way", [BY_XHR, BY_FETCH], ids=["xhr", "fetch"])
def test_uploads_that_fail_are_not_told(site, page, way):
    shown(site, page, "")
    for status in (400, 500, 303):
        site.pages["/dataset/submit"] = Answer(status, headers={"Location": "/login"} if status == 303 else {})
        site.pages["/login"] = Answer(401)
        assert page.evaluate(way, ["/dataset/submit", FORM]) == (401 if status == 303 else status)
    site.wait()


def test_a_request_object_and_an_odd_form_are_told_without_sizes(site, page):
    shown(site, page, "")
    site.pages[UPLOADS[1]] = DONE
    page.evaluate(
        "async path => { await fetch(new Request(path, {method: 'POST', body: new FormData()})) }", UPLOADS[1]
    )
    page.evaluate("FormData.prototype.values = () => { throw Error('odd') }; FormData.prototype.get = 3")
    page.evaluate(BY_XHR, [UPLOADS[1], FORM])
    page.evaluate("window.FormData = undefined")
    page.evaluate(BY_FETCH, [UPLOADS[1], "const form = 'text'"])
    for event in site.wait(UPLOAD, UPLOAD, UPLOAD):
        assert event["data"] == {"url": site.address + "/about", "dataset_id": DATASET}


EXTRACTIONS = [
    (f"/api/files/{FILE}/extractions", '{"extractor": "ncsa.wordcount"}', "file", FILE),
    (f"/api/datasets/{DATASET}/extractions", '{"extractor": "ncsa.wordcount"}', "dataset", DATASET),
    (f"/api/selected/submit/{DATASET}/{FILE},{FILE}", '{"extractor": "ncsa.wordcount"}', "dataset", DATASET),
    (f"/api/v2/files/{FILE}/extract?extractorName=ncsa.wordcount", "{}", "file", FILE),
    (f"/api/v2/datasets/{DATASET}/extract", '{"extractorName": "ncsa.wordcount"}', "dataset", DATASET),
]


@pytest.mark.parametrize("way", [BY_XHR, BY_FETCH], ids=["xhr", "fetch"])
def test_submissions_to_extractors_are_told(site, page, way):
    shown(site, page, "")
    for path, body, _, _ in EXTRACTIONS:
        site.pages[path.partition("?")[0]] = DONE
        assert page.evaluate(way, [path, f"const form = {body!r}"]) == 200
    site.pages[f"/api/files/{FILE}/tags"] = DONE
    page.evaluate(way, [f"/api/files/{FILE}/tags", "const form = '{}'"])
    site.pages[EXTRACTIONS[0][0]] = Answer(500)
    page.evaluate(way, [EXTRACTIONS[0][0], "const form = '{}'"])
    events = site.wait(*[EXTRACTION] * 5)
    for event, (_, _, kind, found) in zip(events, EXTRACTIONS, strict=True):
        assert event["data"] == {
            "url": site.address + "/about",
            "extractor_name": "ncsa.wordcount",
            "resource_type": kind,
            "resource_id": found,
        }


def test_one_request_object_for_several_things(site, page):
    shown(site, page, "")
    site.pages["/dataset/submit"] = DONE
    page.evaluate("""async () => {
        const request = new XMLHttpRequest();
        const send = (method, path, body) => new Promise(done => {
            request.open(method, path); request.onloadend = done; request.send(body);
        });
        await send('GET', '/api/me');
        await send('POST', '/dataset/submit', new FormData());
        await send('GET', '/api/me');
    }""")
    site.wait(UPLOAD)


# --- what the page names itself --------------------------------------------------------------------------------------


def test_a_page_tells_events_of_its_own(site, page):
    stub = (
        "<script>window.eventsink = window.eventsink || function(){(eventsink.q = eventsink.q || []).push(arguments)}"
    )
    shown(site, page, stub + "; eventsink('mine', {early: 1}); eventsink('mine')</script>")
    page.wait_for_function("eventsink.v")
    assert page.evaluate("""() => {
        const data = {list: [1, {deep: 'x'.repeat(600)}], none: null, empty: '', last: ['', 0, false]};
        const said = [eventsink('mine', data), eventsink('mine', 'text')];
        data.list.length = 0;
        return said;
    }""") == [None, None]  # fmt: skip
    events = site.wait(*["browser.mine"] * 4)
    assert sorted((event["data"] for event in events), key=str) == sorted(
        [{"early": 1}, {}, {"list": [1, {"deep": "x" * 500}], "last": ["", 0, False]}, {}], key=str
    )


def test_a_name_with_a_dot_is_a_whole_type(site, page):
    page.goto(site.page("/about"))
    page.evaluate("eventsink('traffic.link_followed', {url: 'a', link: 'b'})")
    site.wait(VIEW, LINK)


def test_what_cannot_be_told_breaks_nothing(site, page):
    page.add_init_script(
        "const now = Date.now; let last = 0; Date.now = () => last = Math.max(now.call(Date), last + 1)"
    )
    shown(site, page, "")
    page.evaluate("""() => {
        const round = {}; round.round = round;
        eventsink('mine', round); eventsink('mine', {big: 1n}); eventsink(Symbol('x')); eventsink();
        eventsink('mine', {get x() { throw Error('x') }}); eventsink({}, {}); eventsink(null, null);
        eventsink('mine', {list: Array(9999).fill('text'), kept: 1}); eventsink('mine', {last: 1});
    }""")
    events = site.wait("browser.mine", "browser.mine")
    assert [event["data"] for event in events] == [{}, {"last": 1}]
    assert all(int(one.headers["content-length"]) <= 60_000 for one in site.received)


def test_elements_tell_their_event_when_clicked(site, page):
    shown(
        site,
        page,
        """<button data-event="mine" data-event-colour="red" data-event-page-size="3" data-other="x"><b>x</b></button>
        <form data-event="sent" data-event-kind="search" onsubmit="return false">
            <input name="dataset"><input name="attributes">
            <button id=go>go</button><button id=no type=button>no</button>
        </form>""",
    )
    page.click("b")
    page.click("b", button="middle")
    page.click("#no")
    page.click("#go")
    page.fill("[name=dataset]", "x")
    page.keyboard.press("Enter")
    events = site.wait("browser.mine", "browser.sent", "browser.sent")
    assert events[0]["data"] == {"colour": "red", "page_size": "3"}
    assert events[1]["data"] == {"kind": "search"}
