"""Ids of people as a service may see them: keyed hashes, the same at every attempt and in every process.

A bare hash would not do: ids of users can be guessed, and two services could be joined by it. Each destination has a
key of its own.
"""

import functools
import hmac
import uuid

__all__ = ["Pseudonyms", "derived_key", "is_somebody"]

# Clowder's anonymous user; and words that senders use for nobody. Amplitude refuses most of them (its HTTP V2 API).
_NOBODY = frozenset(
    {"", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "0", "-1", "{}", "lmy47d", '""', "''"}
)
REMEMBERED = 8192  # ids of which the hash is kept at hand


class Pseudonyms:
    """Makes them.

    Args:
        key: of one destination; who has it can tell whether an id belongs to a hash.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode(errors="surrogatepass")
        self._kept = functools.lru_cache(maxsize=REMEMBERED)(self._digest)

    def user(self, user: str) -> str:
        """32 hex digits that stand for a user."""
        return self._kept("user", user).hex()[:32]

    def device(self, what: str) -> str:
        """The form of a UUID, for a browser, a program or a service."""
        return str(uuid.UUID(bytes=self._kept("device", what)[:16]))

    def client(self, what: str) -> str:
        """Two positive numbers joined by a period, as Google Analytics has a `client_id`."""
        digest = self._kept("client", what)
        first = 1 + int.from_bytes(digest[:4], "big") % (2**31 - 2)
        second = 10**9 + int.from_bytes(digest[4:8], "big") % 10**9
        return f"{first}.{second}"

    def event(self, source: str, event_id: str) -> str:
        """32 hex digits that stand for an event, by which one that comes again is known."""
        return self._digest("event", f"{source}\0{event_id}").hex()[:32]

    def thing(self, thing: str) -> str:
        """16 hex digits that stand for a dataset or file whose id has a form that could hold anything."""
        return self._kept("thing", thing).hex()[:16]

    def _digest(self, kind: str, what: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{what}".encode(errors="surrogatepass"), "sha256")


def derived_key(destination: str, secret: str) -> str:
    """The key of a destination that was given none: of its secret, which nobody can tell from the hashes."""
    return hmac.digest(secret.encode(errors="surrogatepass"), f"eventsink ids {destination}".encode(), "sha256").hex()


def is_somebody(user: str | None) -> bool:
    """Whether an id stands for one person, and not for all of whom nothing is known."""
    if user is None:
        return False
    text = user.strip().lower()
    return text not in _NOBODY and text.strip("0-") != ""
