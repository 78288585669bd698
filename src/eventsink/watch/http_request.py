"""Addresses of the web taken apart, and the requests that go there: what may be sent to whom, and what may be shown."""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from eventsink.dialects.health import without_secrets
from eventsink.redact import hide_secrets, visible

__all__ = ["Place", "onward", "request", "shown"]

_SAFE = "/%:=&?~+!$,;'@()*[]"  # in the path and query of a request; all else is escaped
_LONGEST = 2000  # characters of an address that are shown
_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """An address, taken apart.

    Args:
        user: name and password as they are sent, if there are any.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str | None

    @classmethod
    def of(cls, url: str) -> "Place":
        """Take an address apart.

        Raises:
            ValueError: it is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or re.search(r"[\s\x00-\x1f]", parts.netloc):
            raise ValueError("It is no address of the web.")
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
        path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
        return cls(parts.scheme, host, parts.port or _PORTS[parts.scheme], path, _user(parts))

    @property
    def authority(self) -> str:
        """As it stands in the header Host."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def trusts(self, other: "Place") -> bool:
        """Whether what is meant for this place may be sent to another: the same, or the same with TLS."""
        there, mine = (other.scheme, other.port), (self.scheme, self.port)
        return self.host == other.host and (there == mine or (mine, there) == (("http", 80), ("https", 443)))


def shown(url: str) -> str:
    """An address for a person: without user, password, query and fragment."""
    return visible(hide_secrets(without_secrets(url)))[:_LONGEST]


def onward(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        ValueError: to what is no address of the web.
    """
    found = urljoin(url, location).partition("#")[0]
    Place.of(found)
    return found


def request(method: str, place: Place, own: Place, headers: Mapping[str, str]) -> bytes:
    """A request.

    Args:
        place: that is asked.
        own: for which the headers, and the user and password in it, are meant: no other gets to see them.
    """
    lines = {"host": place.authority, "user-agent": "eventsink-monitor", "accept": "*/*", "accept-encoding": "identity"}
    if own.trusts(place):
        if own.user is not None:
            lines["authorization"] = f"Basic {own.user}"
        lines |= {name.lower(): value for name, value in headers.items()}
    lines["connection"] = "close"
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {place.path} HTTP/1.1\r\n{text}\r\n".encode("latin-1")


def _user(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    both = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return base64.b64encode(both.encode()).decode()
