"""Who made a request, as Clowder 2 knows it; never the token itself.

A token is not verified here: it is read, and counts where the program behind has let the request pass. What it refused
(401, 403) is anonymous.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeVar, get_args
from urllib.parse import unquote

import msgspec

__all__ = ["ANONYMOUS", "KINDS", "Identity", "identity_of"]

LONGEST = 16_384  # characters of a token
MOST = 65_536  # bytes of what is in one

T = TypeVar("T")
Kind = Literal["user", "key", "extractor", "anonymous"]
KINDS: frozenset[str] = frozenset(get_args(Kind))


class Identity(NamedTuple):
    """Who asks.

    Args:
        user: as the program calls him; None: nobody knows.
        kind: what identified him.
    """

    user: str | None
    kind: Kind


ANONYMOUS = Identity(None, "anonymous")


class _Claims(msgspec.Struct):
    """What is read of a token of Keycloak."""

    email: str | None = None
    sub: str | None = None


class _Signed(msgspec.Struct):
    """What is read of an API key of Clowder 2."""

    user: str | None = None


def identity_of(headers: Mapping[str, str]) -> Identity:
    """Who asks, by the order in which Clowder 2 looks: `Authorization`, the cookie of that name, `X-API-KEY`.

    Args:
        headers: by their names in small letters.
    """
    bearer = _bearer(headers.get("authorization", "")) or _bearer(unquote(_cookie(headers.get("cookie", ""))))
    if bearer:
        claims = _read(bearer.split(".")[1] if bearer.count(".") == 2 else "", _Claims)
        user = claims and (claims.email or claims.sub)
        return Identity(user, "user") if user else ANONYMOUS
    key = headers.get("x-api-key", "")
    signed = _read_signed(key) if key else None
    return Identity(signed.user, "key") if signed and signed.user else ANONYMOUS


def _bearer(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    return token.strip()[:LONGEST] if scheme.lower() == "bearer" else ""


def _cookie(value: str) -> str:
    for part in value.split(";"):
        name, _, content = part.strip().partition("=")
        if name == "Authorization":
            return content.strip('"')
    return ""


def _read_signed(key: str) -> _Signed | None:
    """What is before the first separator; one that begins with it is compressed (itsdangerous, URL-safe)."""
    packed = key.startswith(".")
    return _read(key[packed:LONGEST].partition(".")[0], _Signed, packed=packed)


def _read(text: str, form: type[T], *, packed: bool = False) -> T | None:
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if packed:
            content = zlib.decompressobj().decompress(content, MOST)
        return msgspec.json.decode(content, type=form)
    except (ValueError, zlib.error, msgspec.MsgspecError, RecursionError):
        return None
