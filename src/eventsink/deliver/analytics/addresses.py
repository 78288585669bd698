"""Addresses of pages as a service may see them: where, and nothing that lets somebody in or names a person.

Kept are scheme, host, the words of the path, ids in it, and of the query what campaigns use. What has another form
becomes `_`, for people are in paths as well (`/users/somebody@example.org`).
"""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from eventsink.deliver.analytics.harmless import has_address, is_harmless

__all__ = ["host", "is_id", "origin", "path", "route", "scrubbed"]

KEPT = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "page")
"""Parts of a query that are kept; all others may be keys, names or searches."""

LONGEST = 1000  # characters, as Google Analytics has it
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,29}(?:\.html?)?|[A-Za-z]{1,3}\d{1,2}|")
# As Clowder 1 has them, as Clowder 2 has them, and numbers that are no telephone's.
_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,9}", re.IGNORECASE | re.ASCII)
_PEOPLE = frozenset(("users", "user", "profiles", "profile", "people", "persons", "person", "u", "author", "authors"))
_NUMBER = re.compile(r"\d{1,4}|0x[0-9a-f]{1,8}", re.IGNORECASE | re.ASCII)
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE | re.ASCII)
_TELEPHONE = re.compile(r"\d(?:[-._~]?\d){6}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{20,}", re.IGNORECASE)
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
    named = _HOST.fullmatch(name) is not None and not _is_ip(name) and is_harmless(name)
    return parts if parts.scheme in ("http", "https") and named else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return all(_NUMERIC.fullmatch(label) for label in name.split(".")) or has_address(name)
    return True


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{_host(parts)}{f':{parts.port}' if parts.port else ''}"


def _path(text: str, *, templates: bool = False) -> str:
    """The parts of a path that are words or ids, but for those that follow a word for people: these are somebody."""
    parts = text.split("/")
    shown, before = [], ""
    for number, part in enumerate(parts):
        if templates and part[:1] == "{" and part[-1:] == "}":
            shown.append("{id}")
        elif part and (before.lower() in _PEOPLE or not _is_shown(part) or _is_of_ip(parts, number)):
            shown.append("_")
        else:
            shown.append(part)
        before = part or before
    return "/".join(shown)


def _is_shown(part: str) -> bool:
    word = _WORD.fullmatch(part) is not None and not _HEX.fullmatch(part) and is_harmless(part)
    return word or is_id(part)


def _is_of_ip(parts: Sequence[str], number: int) -> bool:
    """Whether a part is one of four numbers in a row, which may be an address."""
    if not _NUMBER.fullmatch(parts[number]):
        return False
    runs = (parts[start : start + 4] for start in range(max(number - 3, 0), number + 1))
    return any(len(run) == 4 and all(map(_NUMBER.fullmatch, run)) for run in runs)


def _pairs(query: str) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(query, max_num_fields=100)
    except ValueError:  # too many
        return ()


def _is_kept(value: str) -> bool:
    """Whether it is no name of a person (`Dr.John.Smith`), no telephone number and no key."""
    named = "." in value and value.lower() != value
    return _VALUE.fullmatch(value) is not None and not named and not _TELEPHONE.search(value) and is_harmless(value)
