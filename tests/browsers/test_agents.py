"""Browsers by their user agents: names, systems, devices, robots; and that nobody can make it dear."""

import time

import pytest

from eventsink.browsers.agents import MOST_KNOWN, Agent, Agents

_MOZILLA = "Mozilla/5.0 "
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) "
_KIT = "AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{_MOZILLA}(Windows NT 10.0; Win64; x64) {_KIT}Chrome/130.0.0.0 Safari/537.36",
            Agent("Chrome", "130.0", "Windows", "10", "desktop"),
        ),
        (
            f"{_MOZILLA}(X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
            Agent("Firefox", "143.0", "Linux", "", "desktop"),
        ),
        (
            f"{_MOZILLA}(iPhone; CPU iPhone OS 17_5 like Mac OS X) {_WEBKIT}Version/17.5 Mobile/15E148 Safari/604.1",
            Agent("Safari", "17.5", "iOS", "17.5", "mobile"),
        ),
        (
            f"{_MOZILLA}(Linux; Android 10; K) {_KIT}Chrome/130.0.0.0 Mobile Safari/537.36",
            Agent("Chrome", "130.0", "Android", "10", "mobile"),
        ),
        (
            f"{_MOZILLA}(Linux; Android 13; SM-X906C) {_KIT}Chrome/130.0.0.0 Safari/537.36",
            Agent("Chrome", "130.0", "Android", "13", "tablet"),
        ),
        (
            f"{_MOZILLA}(Macintosh; Intel Mac OS X 10_15_7) {_KIT}Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
            Agent("Edge", "130.0", "macOS", "10.15", "desktop"),
        ),
        (
            f"{_MOZILLA}(SMART-TV; Linux; Tizen 6.0) {_KIT}SamsungBrowser/4.0 Chrome/76.0 TV Safari/537.36",
            Agent("Samsung Internet", "4.0", "Tizen", "6.0", "tv"),
        ),
        ("curl/8.5.0", Agent("curl", "8.5", "", "", "tool")),
        ("", Agent("", "", "", "", "tool")),
        ("\0\xff nonsense", Agent("", "", "", "", "desktop")),
    ],
    ids=lambda value: value.browser or "none" if isinstance(value, Agent) else "",
)
def test_browsers_are_told_apart(agents: Agents, text: str, expected: Agent) -> None:
    assert agents.describe(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"{_MOZILLA}(X11; Linux x86_64) {_KIT}HeadlessChrome/130.0.0.0 Safari/537.36 SomeCrawler",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    ],
)
def test_robots_are_robots(agents: Agents, text: str) -> None:
    assert agents.describe(text).is_robot


def test_a_user_agent_costs_little_whatever_it_is(agents: Agents) -> None:
    for text in ("x" * 100_000, "Mozilla/5.0 (" + "a;" * 5_000, "(" * 512, "Android " * 60):
        begun = time.process_time()
        agents.describe(text)
        assert time.process_time() - begun < 0.05


def test_what_is_remembered_is_bounded(agents: Agents) -> None:
    agents._known = dict.fromkeys(map(str, range(MOST_KNOWN)), Agent())
    agents.describe("another")
    assert len(agents._known) == 1
