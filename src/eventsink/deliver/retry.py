"""How long to wait before the next attempt: full jitter under an exponential cap.

Source: M. Brooker, "Exponential Backoff and Jitter" (full jitter), with the destination's own Retry-After as a floor.
"""

import random

import msgspec

__all__ = ["Policy", "delay", "named_time"]

LONGEST_NAMED = 6 * 3600.0  # seconds that a destination may name


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to try again, and when to stop.

    Args:
        first: the longest first delay, seconds.
        longest: the cap of all delays, seconds.
        attempts: how often a batch is tried when the worker fails by a bug, before it is split to find the culprit.
    """

    first: float = 0.5
    longest: float = 60.0
    attempts: int = 3


def delay(policy: Policy, attempt: int, after: float | None = None) -> float:
    """Seconds to wait after attempt number `attempt` (from 1), at least `after` if the destination named a time."""
    cap = min(policy.longest, policy.first * 2.0 ** min(attempt - 1, 30))
    return max(random.uniform(0, cap), named_time(after) or 0.0)  # noqa: S311 - jitter, no secret


def named_time(after: object) -> float | None:
    """The time that a destination named, some hours at most; None if it is no time, for a worker may say anything."""
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0 < after < float("inf"):
        return None
    return float(min(after, LONGEST_NAMED))
