"""Takes the pictures of the dashboard that stand in the documentation, of a sink that runs."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

WIDE = {"width": 1280, "height": 900}
LOW = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}
MOST = 150_000  # bytes of a picture

# Name: the address, how it is looked at, and what is scrolled to.
PICTURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "overview": ("", {}, ""),
    "storage": ("?page=storage", {}, ""),
    "extractions": ("?page=extractions", {}, ""),
    "traffic": ("?page=traffic", {}, ""),
    "health": ("?page=health", {}, ""),
    "sink": ("?page=sink", {"viewport": LOW}, "#accounts-title"),
    "overview-dark": ("", {"color_scheme": "dark"}, ""),
    "overview-phone": ("", {"viewport": PHONE}, ""),
}


def main() -> int:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder")
    parser.add_argument("--url", default="http://127.0.0.1:8750", help="of the sink, by default %(default)s")
    parser.add_argument("--key", required=True, help="that may read; with one that is admin dead letters are shown too")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    large = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (address, options, part) in PICTURES.items():
            picture = given.out / f"{name}.png"
            take(browser, f"{given.url}/{address}#key={given.key}", picture, options, part)
            size = picture.stat().st_size
            sys.stdout.write(f"{picture} {size:,} bytes\n")
            large += [name] if size > MOST else []
        browser.close()
    if large:
        sys.stderr.write(f"More than {MOST:,} bytes: {', '.join(large)}.\n")
    return 1 if large else 0


def take(browser: Browser, address: str, picture: Path, options: dict[str, Any], part: str) -> None:
    """One picture, when everything has been drawn."""
    context = browser.new_context(**({"viewport": WIDE, "reduced_motion": "reduce"} | options))
    page = context.new_page()
    page.goto(address)
    page.locator("#state[data-state=Live]").wait_for()
    wait_for_charts(page)
    if part:
        page.locator(part).evaluate("(found) => scrollTo(0, found.getBoundingClientRect().top - 40)")
    page.screenshot(path=picture)
    context.close()


def wait_for_charts(page: Page) -> None:
    """Until nothing is under way, and Plotly had time to draw."""
    page.wait_for_load_state("networkidle", timeout=10_000)
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    sys.exit(main())
