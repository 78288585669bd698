"""Addresses of pages as a service may see them: where, and nothing that lets somebody in or names a person.

Kept are scheme, host, the words of the path, ids in it, and of the query what campaigns use. What has another form
becomes `_`, for people are in paths as well (`/users/somebody@example.org`).
"""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from eventsink.deliver.analytics.harmless import is_harmless

__all__ = ["host", "is_id", "origin", "path", "route", "scrubbed"]

KEPT = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "page")
"""Parts of a query that are kept; all others may be keys, names or searches."""

LONGEST = 1000  # characters, as Google Analytics has it
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,29}(?:\.html?)?|[A-Za-z]{1,3}\d{1,2}|")
# As Clowder 1 has them, as Clowder 2 has them, and numbers that are no telephone's.
_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,9}", re.IGNORECASE | re.ASCII)
_VALUE = re.compile(r"[\w.~-]{1,100}", re.ASCII)


def is_id(text: str) -> bool:
    """Whether a text has a form in which Clowder gives ids."""
    return _ID.fullmatch(text) is not None


def scrubbed(address: str) -> str:
    """An address without user, password, fragment and what is not known to be harmless; empty if it is none."""
    parts = _split(address)
    if parts is None:
        return ""
    pairs = [(name, value) for name, value in _pairs(parts.query) if name in KEPT and _is_kept(value)]
    found = f"{_origin(parts)}{_path(parts.path)}"
    return f"{found}?{urlencode(pairs)}"[:LONGEST] if pairs else found[:LONGEST]


def origin(address: str) -> str:
    """Scheme and host of an address; empty if it is none."""
    parts = _split(address)
    return _origin(parts) if parts else ""


def host(address: str) -> str:
    """The host of an address; empty if it is none."""
    parts = _split(address)
    return _host(parts) if parts else ""


def path(address: str) -> str:
    """The path of an address, as it is in `scrubbed`; empty if it is none."""
    parts = _split(address)
    return _path(parts.path)[:LONGEST] if parts else ""


def route(template: str) -> str:
    """A template of paths as `/datasets/{id}`, with the same care."""
    return _path(template.partition("?")[0].partition("#")[0], templates=True)[:LONGEST]


def _split(address: str) -> SplitResult | None:
    """The parts of an address of a page; None if it is none, or one of a machine that has no name."""
    try:
        parts = urlsplit(address.strip())
        name = _host(parts)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    named = _HOST.fullmatch(name) is not None and not _is_ip(name)
    return parts if parts.scheme in ("http", "https") and named else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.replace(".", "").isdigit()
    return True


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{_host(parts)}{f':{parts.port}' if parts.port else ''}"


def _path(text: str, *, templates: bool = False) -> str:
    return "/".join(part if _is_shown(part, templates=templates) else "_" for part in text.split("/"))


def _is_shown(part: str, *, templates: bool) -> bool:
    if templates and part[:1] == "{" and part[-1:] == "}":
        part = part[1:-1]
    return _WORD.fullmatch(part) is not None or is_id(part)


def _pairs(query: str) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(query, max_num_fields=100)
    except ValueError:  # too many
        return ()


def _is_kept(value: str) -> bool:
    return _VALUE.fullmatch(value) is not None and is_harmless(value)
