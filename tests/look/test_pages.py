"""What the pages are served with, and the documentation of the API."""

import asyncio
import gzip
import http.client
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from eventsink.errors import PluginError
from eventsink.look import assets
from eventsink.look import pages as look_pages
from tests.look.conftest import NewPage
from tests.sink_process import SinkProcess


def get(sink: SinkProcess, path: str, *, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = sink.connect()
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


OURS = {path.name for path in Path(assets.__file__).with_name("static").iterdir()}
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@pytest.mark.parametrize("name", sorted(OURS | {"plotly.js", "swagger-ui.css", "swagger-ui-bundle.js"}))
def test_every_file_is_served_with_its_type_compressed_and_once(shared: SinkProcess, name: str) -> None:
    answer, packed = get(shared, f"/static/{name}", accept_encoding="gzip, br")
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"] == MEDIA_TYPES[name.rpartition(".")[2]]
    path = assets.find(name)
    assert path is not None
    assert gzip.decompress(packed) == path.read_bytes()

    again, nothing = get(shared, f"/static/{name}", if_none_match=answer.headers["etag"])
    assert (again.status, nothing, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    again, plain = get(shared, f"/static/{name}", if_none_match='"another"')
    if path.stat().st_size > look_pages.MOST_PLAIN:  # or who asks and never reads keeps it in our memory
        assert (again.status, b"Accept-Encoding" in plain) == (406, True)
    else:
        assert (again.status, again.headers["content-encoding"], plain) == (200, None, path.read_bytes())


@pytest.mark.parametrize("path", ["/", "/docs", "/static/page.js", "/static/nothing.js"])
def test_what_browsers_are_told(shared: SinkProcess, path: str) -> None:
    answer, _ = get(shared, path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy, "scripts come from here alone, and none are inline"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_asked_for_the_head_alone(shared: SinkProcess) -> None:
    answer, body = get(shared, "/", method="HEAD")
    assert (answer.status, body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/nothing",
        "/static/..",
        "/static/../pages.py",
        "/static/..%2fpages.py",
        "/static/%2e%2e%2fpages.py",
        "/static/..%5cpages.py",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/page.js%00",
        "/static/page.js/",
        "/static/PAGE.JS",
        "/static/" + "x" * 5000,
    ],
)
def test_no_name_leads_elsewhere(shared: SinkProcess, path: str) -> None:
    answer, body = get(shared, path)
    if path == "/static/page.js/":  # the router forgives a slash
        assert answer.status in {200, 404}
        return
    assert answer.status == 404
    assert b"import" not in body
    assert b"root:" not in body


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(PluginError, match=r"plotly is not installed: pip install"):
        assets.find("plotly.js")


@pytest.fixture
def docs(shared: SinkProcess, new_page: NewPage) -> Page:
    page = new_page()
    page.goto(f"{shared.url}/docs")
    page.wait_for_selector(".opblock")
    return page


def test_the_documentation_shows_every_operation(shared: SinkProcess, docs: Page) -> None:
    _, described = shared.request("GET", "/openapi.json")
    operations = [(path, method) for path, methods in described["paths"].items() for method in methods]
    expect(docs.locator(".opblock")).to_have_count(len(operations))
    assert docs.locator(".opblock-tag").first.inner_text() == "ingest", "what comes in stands first"
    docs.locator("#operations-ingest-postEvents").click()
    docs.wait_for_selector("#operations-ingest-postEvents .opblock-body")


@pytest.mark.parametrize("scheme", ["X-API-Key", "Bearer"])
def test_a_call_from_the_documentation_carries_the_key(shared: SinkProcess, docs: Page, scheme: str) -> None:
    docs.locator(".btn.authorize").click()
    window = docs.locator(".auth-container", has_text=scheme if scheme == "X-API-Key" else "bearer")
    window.locator("input").fill(shared.key)
    window.get_by_role("button", name="Apply credentials").click()
    docs.locator(".btn-done").first.click()
    docs.locator("#operations-look-getStatus").click()
    docs.locator("#operations-look-getStatus .btn.execute").click()
    answer = docs.locator("#operations-look-getStatus .live-responses-table")
    expect(answer).to_contain_text('"accepted"')
    expect(answer.locator(".response-col_status").last).to_contain_text("200")


@pytest.mark.timeout(400)
def test_execute_works_at_the_first_try(shared: SinkProcess, docs: Page) -> None:
    assert shared.post({"type": "users.login"})[0] == 202
    shared.settle()  # a store without events has no file to give
    _, described = shared.request("GET", "/openapi.json")
    docs.locator(".btn.authorize").click()
    docs.locator(".auth-container", has_text="X-API-Key").locator("input").fill(shared.key)
    docs.locator(".auth-container", has_text="X-API-Key").get_by_role("button", name="Apply credentials").click()
    docs.locator(".btn-done").first.click()
    # One route of each component: those of all types are one, and what is sent to them is in tests/collect.
    one_of_each = {
        path.rpartition("/")[0] if path.startswith("/v1/events/") else path: methods
        for path, methods in described["paths"].items()
    }
    operations = [operation for methods in one_of_each.values() for operation in methods.values()]
    shown = [one for one in operations if one["tags"][0] not in ("extractors", "mend")]  # there is nothing to mend here
    shown = [one for one in shown if one["operationId"] != "postBrowser"]  # whose key is for pages of another site
    assert len(shown) > 25
    for operation in shown:
        block = docs.locator(f"#operations-{operation['tags'][0]}-{operation['operationId']}")
        block.click()
        block.locator(".btn.execute").click()
        status = block.locator(".live-responses-table .response-col_status").last
        expect(status).to_contain_text("202" if operation["operationId"].startswith("post") else "200")
        block.locator(".opblock-summary-control").click()


def test_a_file_is_compressed_once_however_many_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[int] = []
    compress = gzip.compress

    def count(body: bytes, level: int) -> bytes:
        compressed.append(len(body))
        return compress(body, level)

    monkeypatch.setattr(gzip, "compress", count)

    async def ask() -> list[look_pages._File | None]:
        files = look_pages._Files()
        return await asyncio.gather(*(files._read("sink.js") for _ in range(10)))

    with ThreadPoolExecutor(1) as thread:  # in this one the browser may have a loop
        found = thread.submit(asyncio.run, ask()).result()
    assert len(compressed) == 1
    assert len({id(file) for file in found}) == 1
