"""Who is behind a line of a log, as far as it may be kept: somebody for a day, and a country. Never an address.

A visitor is what our tracker's is (`browsers/visitors`): a hash of address and user agent, with a salt of the day on
which the log is read. The day of the line is hashed along, so that of two days of one log nobody can tell that they
have one visitor. And it is no visitor of the tracker: the two must not be put together.

COUNTER needs somebody for an hour, no longer. So where a log is read in two pieces on two days, only who was
active on both sides of the cut, in that one hour, is somebody twice. Ids of events hold nothing of it: the same line
read again is the same event, whatever the salt.
"""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies
from eventsink.browsers.visitors import Visitors
from eventsink.settings import Settings
from eventsink.trust import doubt

__all__ = ["WANTED", "People", "people"]

WANTED = ("remote_addr", "http_x_forwarded_for", "http_user_agent")
MOST_KNOWN = 1 << 14  # people of whom it is remembered who they are
_NOTHING = frozenset({"", "-", "None"})  # what stands for nothing: the last one, where JSON has null


class People:
    """Tells who it was.

    Args:
        visitors: gives ids.
        countries: finds countries.
        proxies: that are believed when a log says whom they spoke for.
        now: when the log is read: whose salt is taken, also if that lasts over midnight.
    """

    def __init__(self, visitors: Visitors, countries: Countries, proxies: Proxies, now: datetime | None = None) -> None:
        self._visitors, self._countries, self._proxies = visitors, countries, proxies
        self._now = now or datetime.now(UTC)
        self._found = lru_cache(MOST_KNOWN)(self._find)  # most come again

    def of(self, line: Mapping[str, str], time: datetime) -> Mapping[str, str]:
        """What is known of who asked, as data of an event: `visitor` and `country`, or nothing.

        Args:
            line: variables of the log, as far as it has them.
            time: of the line.
        """
        peer, agent = _said(line, "remote_addr"), _said(line, "http_user_agent")
        return self._found(peer, line.get("http_x_forwarded_for", ""), agent, time.astimezone(UTC).date())

    def _find(self, peer: str, forwarded_for: str, agent: str, day: date) -> Mapping[str, str]:
        address = self._proxies.client(peer, forwarded_for) or peer
        if not address and not agent:
            return {}
        visitor = self._visitors.id(f"log of {day}", address, agent, self._now)
        country = self._countries.of(address)
        return {"visitor": visitor} | ({"country": country} if country else {})


def people(settings: Settings) -> People:
    """Tells it by the settings of browsers.

    Raises:
        SettingsError: one of them is wrong.
        PluginError: a package is not installed.
    """
    geoip = settings.browser.geoip
    return People(
        Visitors(_salted_in(settings.directory)),
        Countries(Path(geoip) if geoip else None),
        Proxies(settings.browser.proxies),
    )


def _salted_in(directory: Path) -> Path | None:
    """The data directory, if it is there and ours: else the salt is kept nowhere, and is that of this one run.

    A salt that root made in it the sink could not read, and one that somebody else has planted he knows.
    """
    try:
        ours = directory.is_dir() and directory.stat().st_uid == os.geteuid()
    except OSError:
        return None
    return directory if ours and (directory.is_absolute() or not doubt(directory)) else None


def _said(line: Mapping[str, str], name: str) -> str:
    value = line.get(name, "")
    return "" if value in _NOTHING else value
