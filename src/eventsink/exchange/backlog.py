"""How many events wait in queues of which RabbitMQ says how many messages they hold.

A message holds one event or a batch. All queues get the same messages, so the worker that has settled most shows how
many events were in what the others still wait for.
"""

from collections.abc import Mapping

from eventsink.exchange.office_file import Books

__all__ = ["Books", "even", "waiting"]


def waiting(books: Mapping[str, Books], depths: Mapping[str, int], events_per_message: float) -> dict[str, int]:
    """Events that wait for each worker.

    Args:
        books: of all workers.
        depths: messages that each has not settled.
        events_per_message: lately, for what nobody has settled yet.
    """
    shared = {name: max(depth - max(books[name].alone, 0), 0) for name, depth in depths.items()}
    unseen = min((messages for name, messages in shared.items() if not books[name].types), default=0)
    found = {}
    for name, depth in depths.items():
        events = depth + max(books[name].put, 0) if depth else 0
        if shared[name]:
            behind = max(books[name].lacking(books.values()) - books[name].zero, 0)
            events += behind + round(min(unseen, shared[name]) * (events_per_message - 1))
        found[name] = events
    return found


def even(books: Mapping[str, Books], depths: Mapping[str, int]) -> dict[str, int]:
    """What the surplus of each worker lacks now, if nobody waits for anything: from there on it is counted."""
    if any(depths.values()):
        return {}
    lacking = {name: book.lacking(books.values()) for name, book in books.items()}
    return {name: lack for name, lack in lacking.items() if lack != books[name].zero or books[name].alone}
