"""How many events wait in queues of which RabbitMQ says how many messages they hold.

A message holds one event or a batch. All queues get the same messages, so the worker that has settled most shows how
many events were in what the others still wait for.
"""

from collections.abc import Mapping

from eventsink.catalogue import matches
from eventsink.exchange.office_file import Books

__all__ = ["Books", "even", "waiting"]


def waiting(books: Mapping[str, Books], depths: Mapping[str, int], events_per_message: float) -> dict[str, int]:
    """Events that wait for each worker.

    Args:
        books: of all workers.
        depths: messages that each has not settled.
        events_per_message: lately, for what nobody has settled yet.
    """
    unseen = min((depth for name, depth in depths.items() if not books[name].types), default=0)
    return {name: _waiting(books[name], books, depths[name], unseen * (events_per_message - 1)) for name in depths}


def even(books: Mapping[str, Books], depths: Mapping[str, int]) -> dict[str, int]:
    """What the surplus of each worker lacks now, if nobody waits for anything: from there on it is counted."""
    if any(depths.values()):
        return {}
    lacking = {name: _ahead(book, books) - sum(book.surplus.values()) for name, book in books.items()}
    return {name: lack for name, lack in lacking.items() if lack != books[name].zero or books[name].put}


def _waiting(book: Books, books: Mapping[str, Books], messages: int, unseen: float) -> int:
    if not messages:
        return 0
    behind = max(_ahead(book, books) - sum(book.surplus.values()) - book.zero, 0)
    return messages + (book.put if book.put > 0 else behind + round(unseen))


def _ahead(book: Books, books: Mapping[str, Books]) -> int:
    """The surplus, among the types that a worker wants, of whoever has settled most of each."""
    most: dict[str, int] = {}
    for other in books.values():
        for kind, events in other.surplus.items():
            most[kind] = max(most.get(kind, 0), events)
    return sum(events for kind, events in most.items() if matches(kind, book.types))
