"""How many different values there were, without keeping one of them.

A value is kept as 64 bits of a keyed hash, whose key is random, lives in this process alone, and ends with it: nobody
can try out addresses on what is in memory, and nothing of it is ever written. Up to `MOST` values the count is exact.
Beyond, only those hashes are kept that end with so many zeros that they fit, and the count is an estimate: of 65,536
within 1 % as a rule (one standard deviation is 0.4 %).
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

__all__ = ["MOST", "Distinct"]

MOST = 1 << 16


def _hashing() -> Callable[[Any], int]:
    """Python's own hash of bytes and texts is SipHash with a random key, unless somebody has chosen the key."""
    if os.environ.get("PYTHONHASHSEED", "random") in ("", "random"):
        return hash
    return partial(_blake, os.urandom(16))


def _blake(key: bytes, value: Any) -> int:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=key).digest(), "big")


_hash = _hashing()


class Distinct:
    """Counts different values.

    Args:
        most: hashes that are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.kept: set[int] = set()
        self.zeros = 0

    def add(self, values: Iterable[Any]) -> None:
        """Count some more values."""
        self._take(set(map(_hash, values)))

    def merge(self, other: "Distinct") -> None:
        """Count what another has counted."""
        if other.zeros > self.zeros:
            self.zeros = other.zeros
            self.kept = self._fitting(self.kept)
        self._take(other.kept)

    @property
    def size(self) -> int:
        """How many hashes are kept."""
        return len(self.kept)

    def count(self) -> int:
        """How many different values there were."""
        return len(self.kept) << self.zeros

    def _take(self, hashes: set[int]) -> None:
        self.kept |= self._fitting(hashes) if self.zeros else hashes
        while len(self.kept) > self._most:
            self.zeros += 1
            self.kept = self._fitting(self.kept)

    def _fitting(self, hashes: set[int]) -> set[int]:
        mask = (1 << self.zeros) - 1
        return {number for number in hashes if not number & mask}
