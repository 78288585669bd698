"""How long to wait before the next attempt: full jitter under an exponential cap.

Source: M. Brooker, "Exponential Backoff and Jitter" (full jitter), with the destination's own Retry-After as a floor.
"""

import random

import msgspec

__all__ = ["Policy", "delay"]


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
    floor = float(after) if isinstance(after, int | float) and after > 0 else 0.0  # a worker may say anything
    return max(random.uniform(0, cap), floor)  # noqa: S311 - jitter, no secret
