"""What should not be in an event: secrets, and network addresses of people. Found by their names, before it is stored.

Programs send what they have at hand, and what is stored once is in every destination and every backup. So values with
these names are hidden in data that the catalogue does not describe; its own fields are what they say. A name is taken
apart into words (`clientIP`, `X-Forwarded-For`, `db_password`), and the last of them count.
"""

import functools
import re
from typing import Any

__all__ = ["HIDDEN", "hide_private"]

HIDDEN = "[hidden]"
LONGEST = 64  # characters of a name that is looked at

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# By the last word of a name, in the singular.
_LAST = frozenset(
    {"password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "apikey", "authorization", "credential",
     "cookie", "jwt", "sessionid", "ip", "ipv4", "ipv6", "ipaddress", "ipaddr", "clientip", "remoteip", "remoteaddr"}
)  # fmt: skip
# By the last two.
_PAIRS = frozenset(
    {"api key", "access key", "private key", "secret key", "signing key", "session id", "ip address", "ip addr",
     "ipv 4", "ipv 6", "client address", "client addr", "remote address", "remote addr", "remote host", "peer address",
     "peer addr", "forwarded for", "mac address", "user pass", "db pass"}
)  # fmt: skip


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
            names = [name for name in value if len(name) <= LONGEST and _is_private(name)]
            for name in names:
                if isinstance(value[name], str | list | dict) and value[name]:
                    value[name] = HIDDEN
                    found[name] = None
            value = value.values()
        waiting += [item for item in value if type(item) is dict or type(item) is list]
    return [*found]


@functools.lru_cache(maxsize=4096)  # of short names, and most are sent again and again
def _is_private(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    last = (
        words[-1][:-1] if len(words[-1]) > 3 and words[-1].endswith("s") and not words[-1].endswith("ss") else words[-1]
    )
    return last in _LAST or words == ["pass"] or " ".join([*words[-2:-1], last]) in _PAIRS
