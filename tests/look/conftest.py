"""A browser, and pages in it that may neither complain nor leave this machine."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, expect, sync_playwright

from tests.sink_process import SinkProcess

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = re.compile(r"(http://127\.0\.0\.1:\d+/|data:|blob:)")

NewPage = Callable[..., Page]

PATIENCE = 30_000  # milliseconds; a loaded machine is slow
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink for all tests of a module: what others sent is in it too."""
    sink = SinkProcess(tmp_path_factory.mktemp("shared") / "var").start()
    yield sink
    sink.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    chromium = next((path for path in found if path), None)
    if chromium is None:
        missing = "there is no Chromium here: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Makes pages, each in a profile of its own. `tolerated` is a pattern of complaints that the test is about."""
    made: list[tuple[Page, list[str], str | None]] = []

    def new(tolerated: str | None = None, **options: Any) -> Page:
        page = browser.new_context(**({"viewport": {"width": 1400, "height": 1000}} | options)).new_page()
        page.set_default_timeout(PATIENCE)
        complaints: list[str] = []
        _listen(page, complaints)
        made.append((page, complaints, tolerated))
        return page

    yield new
    for page, complaints, tolerated in made:
        page.context.close()
        assert [line for line in complaints if not (tolerated and re.search(tolerated, line))] == []


def _listen(page: Page, complaints: list[str]) -> None:
    def ask(request: Request) -> None:
        if not HERE.match(request.url):
            complaints.append(f"asks {request.url}")

    def interrupt(dialog: Dialog) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    page.on("request", ask)
    page.on("dialog", interrupt)
