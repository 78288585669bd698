"""How long a channel waits before it tries again: jitter under a cap that doubles with each failure in a row."""

import random

import msgspec

__all__ = ["Patience"]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """When a channel tries again.

    Args:
        first: seconds after the first failure, at most.
        longest: seconds after the last of many, at most, unless the other side asks for more.
    """

    first: float = 5.0
    longest: float = 300.0

    def wait(self, failures: int, after: float | None = None) -> float:
        """Seconds to wait after some failures in a row, at least `after`.

        Half of it is by chance: many channels of one server do not come back in the same instant, and none at once.
        """
        cap = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return max(cap * random.uniform(0.5, 1.0), after or 0.0)  # noqa: S311 - jitter, no secret
