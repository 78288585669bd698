"""What is known of the browser behind an event, as far as it is of a kind that is known: the rest may be anything."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Browser", "browser_of"]

_BROWSERS: Mapping[str, str] = {
    "chrome": "Chrome",
    "chrome mobile": "Chrome",
    "chrome mobile ios": "Chrome",
    "chrome mobile webview": "Chrome",
    "chromium": "Chromium",
    "headlesschrome": "HeadlessChrome",
    "safari": "Safari",
    "mobile safari": "Safari",
    "mobile safari ui/wkwebview": "Safari",
    "firefox": "Firefox",
    "firefox mobile": "Firefox",
    "firefox ios": "Firefox",
    "edge": "Edge",
    "edge mobile": "Edge",
    "microsoft edge": "Edge",
    "opera": "Opera",
    "opera mobile": "Opera",
    "opera mini": "Opera Mini",
    "samsung internet": "Samsung Internet",
    "duckduckgo mobile": "DuckDuckGo",
    "brave": "Brave",
    "vivaldi": "Vivaldi",
    "yandex browser": "Yandex Browser",
    "uc browser": "UC Browser",
    "android": "Android Browser",
    "ie": "Internet Explorer",
    "internet explorer": "Internet Explorer",
    "konqueror": "Konqueror",
    "epiphany": "Epiphany",
    "curl": "curl",
    "wget": "Wget",
    "python requests": "Python Requests",
    "python-requests": "Python Requests",
    "okhttp": "okhttp",
    "go-http-client": "Go-http-client",
    "java": "Java",
}
_SYSTEMS: Mapping[str, str] = {
    "windows": "Windows",
    "mac os x": "MacOS",
    "macos": "MacOS",
    "mac os": "MacOS",
    "linux": "Linux",
    "ubuntu": "Linux",
    "fedora": "Linux",
    "debian": "Linux",
    "red hat": "Linux",
    "suse": "Linux",
    "arch linux": "Linux",
    "android": "Android",
    "ios": "iOS",
    "ipados": "iPadOS",
    "chrome os": "Chrome OS",
    "chromeos": "Chrome OS",
    "freebsd": "FreeBSD",
    "openbsd": "OpenBSD",
    "tizen": "Tizen",
    "harmonyos": "HarmonyOS",
    "kaios": "KaiOS",
}
_DEVICES = frozenset({"desktop", "mobile", "tablet", "tv", "robot", "tool"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,4}){0,2}")
_VERSION = re.compile(r"\d{1,6}(?:\.\d{1,4})?", re.ASCII)
_SCREEN = re.compile(r"[1-9]\d{1,4}x[1-9]\d{1,4}", re.ASCII)


class Browser(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the collector found. Names are those that the documentation of Google Analytics uses.

    Args:
        language: BCP 47, as en-US.
        country: ISO 3166-1 alpha-2.
        version: of the browser; `os_version` that of its system: two numbers at most, for four are an address.
        device: desktop, mobile, tablet, tv, robot or tool.
        screen: width and height, pixels, as 1920x1080.
    """

    language: str = ""
    country: str = ""
    browser: str = ""
    version: str = ""
    os: str = ""
    os_version: str = ""
    device: str = ""
    screen: str = ""


def browser_of(data: Mapping[str, Any]) -> Browser:
    """What the data of an event says of a browser."""
    country = _text(data, "country")
    device = _text(data, "device")
    return Browser(
        language=_language(_text(data, "language")),
        country=country if re.fullmatch(r"[A-Z]{2}", country) else "",
        browser=_BROWSERS.get(_text(data, "browser").lower(), ""),
        version=_version(_text(data, "browser_version")),
        os=_SYSTEMS.get(_text(data, "os").lower(), ""),
        os_version=_version(_text(data, "os_version")),
        device=device if device in _DEVICES else "",
        screen=found[0] if (found := _SCREEN.fullmatch(_text(data, "screen"))) else "",
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _language(text: str) -> str:
    """A tag of a language, its first part in small letters, as everybody writes it."""
    first, dash, rest = text.partition("-")
    return f"{first.lower()}{dash}{rest}" if _LANGUAGE.fullmatch(text) else ""


def _version(text: str) -> str:
    found = _VERSION.match(text)
    return found[0] if found else ""
