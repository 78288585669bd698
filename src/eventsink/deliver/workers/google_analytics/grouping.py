"""Which events share a request: those of one context, 25 at most. In: hits. Out: bodies. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from eventsink.deliver.workers.google_analytics.events import Context, Hit

__all__ = ["Request", "requests"]

MOST = 25  # events of one request
LARGEST = 120_000  # bytes of a body; fewer than 130 kB are taken


class Request(msgspec.Struct, frozen=True):
    """Some hits of one context, in their order."""

    hits: Sequence[Hit]

    @property
    def body(self) -> bytes:
        """The JSON of it."""
        head = msgspec.json.encode(self.hits[0].context.fields())
        return head[:-1] + b',"events":[' + b",".join([hit.line for hit in self.hits]) + b"]}"

    def halves(self) -> "list[Request]":
        """Two with half of it each."""
        middle = len(self.hits) // 2
        return [Request(self.hits[:middle]), Request(self.hits[middle:])]


def requests(hits: Sequence[Hit]) -> Iterator[Request]:
    """The requests that it takes, in the order of their first events."""
    groups: dict[Context, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.context, []).append(hit)
    for group in groups.values():
        part: list[Hit] = []
        size = 0
        for hit in group:
            if part and (len(part) == MOST or size + len(hit.line) > LARGEST):
                yield Request(part)
                part, size = [], 0
            part.append(hit)
            size += len(hit.line) + 1
        yield Request(part)
