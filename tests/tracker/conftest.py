"""A browser as people have it, a site with our tracker, and another site."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.look.conftest import ARGUMENTS
from tests.tracker.site import Site, serving


@pytest.fixture(scope="session")
def chromium() -> str:
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    chromium = next((path for path in found if path), None)
    if chromium is None:
        missing = "there is no Chromium here: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return chromium


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium,
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"],  # people have it
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Site, Site]]:
    with serving() as site, serving() as other:
        yield site, other


@pytest.fixture
def site(servers: tuple[Site, Site]) -> Site:
    servers[0].clear()
    return servers[0]


@pytest.fixture
def other(servers: tuple[Site, Site]) -> Site:
    servers[1].clear()
    return servers[1]


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(accept_downloads=False)
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """A page in a browser that knows nothing of this site, on which nothing may fail."""
    context.clear_cookies()
    page = context.new_page()
    page.context.new_cdp_session(page).send(
        "Storage.clearDataForOrigin", {"origin": site.address, "storageTypes": "local_storage"}
    )
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.set_offline(False)
    for one in context.pages:
        one.close()
    assert errors == []
