"""What should not be in an event: secrets, and network addresses of people. Found by their names, before it is stored.

Programs send what they have at hand, and what is stored once is in every destination and every backup. So values with
these names are hidden in data that the catalogue does not describe; its own fields are what they say.
"""

from typing import Any

__all__ = ["HIDDEN", "hide_private"]

HIDDEN = "[hidden]"

_WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "client secret", "token", "access token", "auth token",
    "bearer token", "csrf token", "id token", "refresh token", "session token", "api key", "apikey", "access key",
    "private key", "secret key", "authorization", "proxy authorization", "credential", "credentials", "cookie",
    "cookies", "set cookie", "session id", "sessionid", "x api key",
    "ip", "ip address", "ip addr", "ipaddress", "client ip", "client address", "client addr", "remote ip",
    "remote address", "remote addr", "remote host", "source ip", "user ip", "peer address", "forwarded for",
    "x forwarded for", "x real ip", "mac address",
)  # fmt: skip


def _spellings(words: str) -> set[str]:
    parts = words.split()
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    joined = {"_".join(parts), "-".join(parts), "".join(parts), " ".join(parts)}
    capital = "".join(part.capitalize() for part in parts)
    headers = "-".join(part.capitalize() for part in parts)
    return {camel, capital, headers, *joined, *(text.upper() for text in joined)}


_NAMES = frozenset(spelling for words in _WORDS for spelling in _spellings(words))


def hide_private(data: dict[str, Any]) -> list[str]:
    """Put `HIDDEN` in the place of every text, list or object in some data whose name says that it is private.

    Numbers and booleans stay: a count of tokens is none.

    Returns:
        the names of what was hidden, each once.
    """
    found: dict[str, None] = {}
    waiting: list[Any] = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if not _NAMES.isdisjoint(value):
                found |= dict.fromkeys(_hide(value))
            value = value.values()
        waiting += [item for item in value if type(item) is dict or type(item) is list]
    return [*found]


def _hide(value: dict[str, Any]) -> list[str]:
    names = [name for name in value if name in _NAMES and isinstance(value[name], str | list | dict) and value[name]]
    for name in names:
        value[name] = HIDDEN
    return names
