"""The exchange in one file, for one process: SQLite.

In: events. Out: the queue of each worker, accounts and dead letters. Called by `assemble`.
"""

from eventsink.exchange.embedded.exchange import EmbeddedExchange

__all__ = ["EmbeddedExchange"]
