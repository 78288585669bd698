"""The tags that a page loads: our tracker, and the official ones of Amplitude and Google where these are wanted."""

import re
from collections.abc import Mapping
from html import escape

from eventsink.collect.tracker_files import published
from eventsink.errors import SettingsError
from eventsink.settings import Browser

__all__ = ["tracker_tag", "vendor_tags"]

_AMPLITUDE = re.compile(r"[A-Za-z0-9]{8,64}")
_GOOGLE = re.compile(r"G-[A-Z0-9]{4,20}")


def tracker_tag(base: str, key: str, options: Mapping[str, str | bool]) -> str:
    """The tag of the newest tracker.

    Args:
        base: where pages find the sink: an address, or a path of the site itself.
        key: the write key.
        options: of the tracker, by the names of its data attributes; True for one without a value.
    """
    version = [*published().values()][-1]
    attributes = [
        ("src", f"{base.rstrip('/')}/{version.name}"),
        ("integrity", version.integrity),
        ("crossorigin", "anonymous"),
        ("data-key", key),
    ]
    attributes += [(f"data-{name}", "" if value is True else str(value)) for name, value in options.items() if value]
    text = " ".join(f'{name}="{escape(value)}"' if value else name for name, value in attributes)
    return f"<script defer {text}></script>"


def vendor_tags(settings: Browser) -> list[str]:
    """The tags of Amplitude and Google as they publish them, for what is set of `browser.amplitude` and the other.

    See "Install Amplitude on a website with a script snippet", and "Install the Google tag manually".

    Raises:
        SettingsError: one is no key, or no measurement id.
    """
    tags = []
    if key := settings.amplitude:
        if not _AMPLITUDE.fullmatch(key):
            raise SettingsError(
                "browser.amplitude is no key of Amplitude: give letters and digits, as its project has."
            )
        tags += [
            f'<script src="https://cdn.amplitude.com/script/{key}.js"></script>',
            f'<script>window.amplitude.init("{key}", {{fetchRemoteConfig: true, autocapture: true}});</script>',
        ]
    if measured := settings.google_analytics:
        if not _GOOGLE.fullmatch(measured):
            raise SettingsError("browser.google_analytics is no measurement id: give one as G-AB12CD34EF.")
        queue = "window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments); }"
        tags += [
            f'<script async src="https://www.googletagmanager.com/gtag/js?id={measured}"></script>',
            f'<script>{queue} gtag("js", new Date()); gtag("config", "{measured}");</script>',
        ]
    return tags
