"""Where the snippet is put, a browser finds it: as an element, and not in a comment, a title or another tag."""

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.client.test_html import FRAGMENTS, PAGES, TAG, insert
from tests.servers.process import required

ADDRESS = "http://pages.test/"
FOUND = "[...document.querySelectorAll('script[data-key]')].filter(one => one.parentNode !== null).length"


class Shown:
    """A browser that shows what it is given."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._body = b""
        page.route("**/*", self._serve)

    def _serve(self, route: Route) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(status=200, body=self._body, content_type="text/html")
        else:
            route.abort()

    def snippets(self, body: bytes) -> int:
        """How many there are in a page."""
        self._body = body
        self._page.goto(ADDRESS, wait_until="domcontentloaded")
        return int(self._page.evaluate(FOUND))


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=required("chromium", "chromium"), args=["--no-sandbox"])
        yield Shown(browser.new_page())
        browser.close()


def test_the_place_of_a_snippet_is_one_for_browsers(shown: Shown) -> None:
    for name, page in PAGES.items():
        given = page.replace(b"@", b"", 1)
        found = insert(given)
        assert found == given or shown.snippets(found) == 1, name


def test_it_is_one_in_any_page(shown: Shown) -> None:
    chance, changed = random.Random(7), 0
    others = [fragment for fragment in FRAGMENTS if TAG[:60].encode() not in fragment]
    for _ in range(120):
        given = b"".join(chance.choices(others, k=chance.randrange(1, 14))) + b" </head>"
        found = insert(given)
        if found != given:
            changed += 1
            assert shown.snippets(found) == 1, given
    assert changed > 30
