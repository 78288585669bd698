"""Connections that NGINX has open, from its status page (`stub_status`)."""

import re
import time
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from eventsink.watch.check import Check, Down, Measurement, Site
from eventsink.watch.fetch import fetch

_PAGE = re.compile(
    r"Active connections:\s*(\d+)\s+server accepts handled requests(?: request_time)?"
    r"\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+\d+)?\s+Reading:\s*(\d+)\s+Writing:\s*(\d+)\s+Waiting:\s*(\d+)"
)


@dataclass(frozen=True)
class Options:
    """Where the page is."""

    url: Annotated[str, "Address of the page, as http://127.0.0.1/nginx_status."]
    target: Annotated[str, "What is said to be checked; host and port of the page if empty."] = ""


class NginxStatus(Check[Options]):
    """Open connections at this moment, and what was accepted since the last look. The look itself is in all of it."""

    event = "health.connection_update"

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        self._before: tuple[float, int, int, int] | None = None

    @property
    def target(self) -> str:
        """Host and port of the page, or what the options say."""
        return self.options.target or urlsplit(self.options.url).netloc.rpartition("@")[2]

    async def measure(self) -> Measurement:
        """Look once. The first look, and one after NGINX was started anew, tells of no interval.

        Raises:
            Down: there is no such page.
        """
        answer = await fetch(self.options.url, self.site.timeout)
        if answer.status != 200:
            raise Down("status", f"{self.target} answers {answer.status}: is stub_status on, and may we see it?")
        found = _PAGE.search(answer.body.decode("utf-8", "replace"))
        if found is None:
            raise Down("content", f"{self.target} answers, and not with the status page of NGINX (stub_status).")
        active, accepts, handled, requests, reading, writing, waiting = map(int, found.groups())
        numbers: dict[str, float] = {"active": active, "reading": reading, "writing": writing, "waiting": waiting}
        now = (time.monotonic(), accepts, handled, requests)
        if self._before is not None and all(new >= old for new, old in zip(now, self._before, strict=True)):
            passed, accepted, taken, asked = (new - old for new, old in zip(now, self._before, strict=True))
            dropped = max(0, accepted - taken)  # a connection may be accepted now and handled in a moment
            numbers |= {"interval_s": round(passed, 3), "accepted": accepted, "dropped": dropped, "requests": asked}
        self._before = now
        return Measurement(numbers)
