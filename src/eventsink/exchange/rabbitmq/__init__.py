"""The exchange on RabbitMQ: what is declared there, how events travel, and the accounts of all workers.

In: events, and whatever others publish. Out: the queue of each worker, accounts and dead letters. Called by `assemble`.
"""

from eventsink.exchange.rabbitmq.exchange import RabbitExchange, RabbitOptions

__all__ = ["RabbitExchange", "RabbitOptions"]
