"""User agents: the name of a browser, its system, and what kind of device it runs on.

Names come from ua-parser's rules; they are made the same across devices (`Chrome Mobile` is Chrome). What browsers say
of themselves is coarse: Chromium says Windows 10 on Windows 11, and iPads say that they are Macs.
"""

import re
from typing import Any, NamedTuple

from eventsink.browsers.robots import Kind, Robots
from eventsink.errors import PluginError

__all__ = ["Agent", "Agents"]

LONGEST = 512  # characters that are looked at
MOST_KNOWN = 20_000

_SAME = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mobile": "Opera",
    "Mac OS X": "macOS",
}
_LINUX = frozenset({"Ubuntu", "Fedora", "Debian", "Red Hat", "SUSE", "Arch Linux", "Gentoo", "CentOS", "Mint"})
_TV = re.compile(r"TV\b|SmartTV|SMART-TV|BRAVIA|HbbTV|AppleTV|CrKey")
_TABLET = re.compile(r"iPad|Tablet|Kindle|Silk/|Android(?!.*Mobile)")
_MOBILE = re.compile(r"Mobile|iPhone|iPod")


class Agent(NamedTuple):
    """What a user agent says; empty where it says nothing.

    Args:
        device: desktop, mobile, tablet, tv; tool for a program that a person uses, robot for one that nobody asked.
    """

    browser: str = ""
    browser_version: str = ""
    os: str = ""
    os_version: str = ""
    device: str = ""

    @property
    def is_robot(self) -> bool:
        """Whether COUNTER's list knows it as a robot."""
        return self.device == "robot"


class Agents:
    """What user agents say; that of many is remembered, for most come again.

    Raises:
        PluginError: the rules or the lists of robots are not installed.
    """

    def __init__(self) -> None:
        self._robots = Robots()
        self._parse = _parser()
        self._known: dict[str, Agent] = {}

    def describe(self, text: str) -> Agent:
        """What a user agent says."""
        text = text[:LONGEST]
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[text] = self._look(text)
        return found

    def _look(self, text: str) -> Agent:
        kind = self._robots[text]
        parsed = self._parse(text)
        browser, system = parsed.user_agent, parsed.os
        name = _SAME.get(browser.family, browser.family) if browser else ""
        os = _SAME.get(system.family, system.family) if system else ""
        return Agent(
            browser="" if name == "Other" else name,
            browser_version=_version(browser),
            os="Linux" if os in _LINUX else "" if os == "Other" else os,
            os_version="" if os in _LINUX else _version(system),
            device=_device(text, kind),
        )


def _device(text: str, kind: Kind) -> str:
    if kind is Kind.robot:
        return "robot"
    if kind is Kind.machine:
        return "tool"
    for device, pattern in (("tv", _TV), ("tablet", _TABLET), ("mobile", _MOBILE)):
        if pattern.search(text):
            return device
    return "desktop"


def _version(found: Any) -> str:
    parts = [found.major, found.minor] if found else []
    return ".".join(part for part in parts if part)


def _parser() -> Any:
    try:
        from ua_parser import parse  # noqa: PLC0415 - its rules take 50 ms, and many commands need none
    except ImportError:
        raise PluginError("Browsers cannot be told apart: pip install 'ua-parser[regex]>=1.0.2'.") from None
    parse("")  # which reads the rules, before somebody waits
    return parse
