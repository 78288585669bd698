"""Addresses of pages as they may be kept: where somebody was, and nothing that lets in or names a person.

User, password and fragment go, and all of the query but what is known to be harmless. Of the path, what looks like an
address of mail or a token is hidden; a fragment that is a route of a single-page application stays.
"""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from eventsink.redact import hide_secrets

__all__ = ["KEPT", "clean", "origin"]

KEPT = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "page", "dataset", "space", "folder")
"""Parts of a query that are kept: campaigns, pages of lists, and where in Clowder a file was looked at."""

LONGEST = 2_000  # characters
HIDDEN = "-"
_TOKEN = re.compile(
    r"eyJ|clw_|gh[pousr]_|sk-|xox[a-z]-|glpat-|[A-Za-z0-9_-]{0,200}\.[A-Za-z0-9_-]{20}|[0-9A-Za-z_+=-]{40}"
)
_BEFORE_TOKEN = re.compile(r"reset|signup|register|invit|confirm|activat|verif|unsubscribe|token|secret", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9])?|[0-9a-f:.]{2,45}")
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
    query = urlencode([(name, value[:200]) for name, value in pairs if name in kept and not _is_private(value[:200])])
    fragment = f"#{_path(parts.fragment.partition('?')[0])}" if _ROUTE.match(parts.fragment) else ""
    found = f"{parts.scheme}://{host}{_path(parts.path) or '/'}{f'?{query}' if query else ''}{fragment}"
    return found[:LONGEST]


def origin(address: str) -> str:
    """Scheme, host and port of an address, as browsers send it in Origin; empty if it is none of a page."""
    try:
        parts = urlsplit(address.strip())
        name = (parts.hostname or "").encode("idna").decode().lower()
        host = _host(name, parts.port)
    except (ValueError, UnicodeError):
        return ""
    if parts.scheme not in ("http", "https") or not _NAME.fullmatch(name) or "\\" in address:
        return ""
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{host.removesuffix(default)}"


def _host(name: str, port: int | None) -> str:
    return (f"[{name}]" if ":" in name else name) + (f":{port}" if port else "")


def _path(path: str) -> str:
    parts = path.split("/")
    before = ["", *parts]
    return "/".join(
        HIDDEN if part and (_is_private(part) or _BEFORE_TOKEN.match(last)) else part.partition(";")[0]
        for last, part in zip(before, parts, strict=False)
    )


def _is_private(part: str) -> bool:
    """Whether a part lets somebody in, or is an address of mail, also one that is encoded more than once."""
    plain = unquote(unquote(part))
    return "@" in plain or _TOKEN.match(plain) is not None or hide_secrets(plain) != plain
