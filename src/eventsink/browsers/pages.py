"""Addresses of pages as they may be kept: where somebody was, and nothing that lets in or names a person.

User, password and fragment go, and all of the query but what is known to be harmless. Of the path, what looks like an
address of mail or a token is hidden; a fragment that is a route of a single-page application stays.
"""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

__all__ = ["KEPT", "clean", "origin"]

KEPT = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "page", "dataset", "space", "folder")
"""Parts of a query that are kept: campaigns, pages of lists, and where in Clowder a file was looked at."""

LONGEST = 2_000  # characters
HIDDEN = "-"
_TOKEN = re.compile(r"eyJ|clw_|[A-Za-z0-9_-]{0,200}\.[A-Za-z0-9_-]{20}|[0-9A-Za-z_+=-]{41}")
_ROUTE = re.compile(r"!?/")


def clean(address: str, kept: Collection[str] = KEPT) -> str:
    """An address without secrets; empty if it is none of a page.

    Args:
        kept: names of the query that stay.
    """
    try:
        parts = urlsplit(address[: 4 * LONGEST].strip())
        host = _host(parts.hostname or "", parts.port)
        pairs = parse_qsl(parts.query, max_num_fields=200)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    query = urlencode([(name, value[:200]) for name, value in pairs if name in kept and "@" not in value])
    fragment = f"#{_path(parts.fragment.partition('?')[0])}" if _ROUTE.match(parts.fragment) else ""
    found = f"{parts.scheme}://{host}{_path(parts.path) or '/'}{f'?{query}' if query else ''}{fragment}"
    return found[:LONGEST]


def origin(address: str) -> str:
    """Scheme, host and port of an address, as browsers send it in Origin; empty if it is none of a page."""
    try:
        parts = urlsplit(address.strip())
        host = _host((parts.hostname or "").lower(), parts.port)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{host.removesuffix(default)}"


def _host(name: str, port: int | None) -> str:
    return (f"[{name}]" if ":" in name else name) + (f":{port}" if port else "")


def _path(path: str) -> str:
    return "/".join(HIDDEN if _is_private(part) else part for part in path.split("/"))


def _is_private(part: str) -> bool:
    plain = unquote(part)
    return "@" in plain or _TOKEN.match(plain) is not None
