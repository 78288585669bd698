"""What is counted of requests: of one interval, or of a whole log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from eventsink.browsers.robots import Robots
from eventsink.watch.nginx.distinct import Distinct
from eventsink.watch.nginx.durations import Durations
from eventsink.watch.nginx.values import total, whole

__all__ = ["WANTED", "Tally"]

WANTED = (
    "remote_addr", "connection", "status", "body_bytes_sent", "bytes_sent", "request_time", "upstream_response_time",
    "http_user_agent",
)  # fmt: skip
SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


class Tally:
    """Counts requests, by columns of many.

    Args:
        robots: tells robots by their user agents.
    """

    def __init__(self, robots: Robots) -> None:
        self._robots = robots
        self.requests = self.robot_requests = self.bytes = 0
        self.classes: Counter[int] = Counter()
        self.clients, self.connections = Distinct(), Distinct()
        self.durations = Durations()
        self.has: set[str] = set()
        self.unreadable = 0

    @property
    def size(self) -> int:
        """How many hashes it keeps."""
        return self.clients.size + self.connections.size

    def add(self, count: int, columns: Mapping[str, Sequence[Any]]) -> None:
        """Count some more requests."""
        self.requests += count
        self.has |= columns.keys()
        if addresses := columns.get("remote_addr"):
            self.clients.add(addresses)
        if connections := columns.get("connection"):
            self.connections.add(connections)
        if agents := columns.get("http_user_agent"):
            self.robot_requests += self._robots.requests(Counter(agents))
        for status, requests in Counter(columns.get("status", ())).items():
            self.classes[whole(status) // 100] += requests
        self.bytes += total(columns.get("bytes_sent") or columns.get("body_bytes_sent") or ())
        self.durations.add(Counter(columns.get("request_time") or columns.get("upstream_response_time") or ()))

    def merge(self, other: "Tally") -> None:
        """Count what another has counted."""
        self.requests += other.requests
        self.robot_requests += other.robot_requests
        self.bytes += other.bytes
        self.unreadable += other.unreadable
        self.classes.update(other.classes)
        self.clients.merge(other.clients)
        self.connections.merge(other.connections)
        self.durations.merge(other.durations)
        self.has |= other.has

    def numbers(self) -> dict[str, Any]:
        """What was counted, by the names of the catalogue; what the log does not hold is not there."""
        has = self.has
        found: dict[str, Any] = {"requests": self.requests}
        if "http_user_agent" in has:
            found["robots"] = self.robot_requests
        if "remote_addr" in has:
            found["clients"] = self.clients.count()
        if "connection" in has:
            found["connections"] = self.connections.count()
        if has & {"bytes_sent", "body_bytes_sent"}:
            found["bytes"] = self.bytes
        if "status" in has:
            found |= {f"status_{digit}xx": self.classes[digit] for digit in range(1, 6)}
        if durations := self.durations.percentiles(*SHARES.values()):
            found |= dict(zip(SHARES, map(float, durations), strict=True))
        return found | {"unreadable": self.unreadable}
