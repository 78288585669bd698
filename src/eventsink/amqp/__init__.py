"""The one place that talks AMQP 0-9-1 and to RabbitMQ's management API. The only room that imports pika.

In: messages, and the names of exchanges and queues. Out: messages made durable by the broker, and those that wait in a
queue. Called by the exchange on RabbitMQ, by what submits jobs to extractors, and by other people's programs.
"""

from eventsink.amqp.address import Address
from eventsink.amqp.connection import Channel, Connection
from eventsink.amqp.consumer import Consumer
from eventsink.amqp.management import Management
from eventsink.amqp.message import Delivery, Message
from eventsink.amqp.publisher import Publisher
from eventsink.amqp.service import MessageService
from eventsink.amqp.topology import Binding, Depth, Exchange, Queue, declare, depth

__all__ = [
    "Address",
    "Binding",
    "Channel",
    "Connection",
    "Consumer",
    "Delivery",
    "Depth",
    "Exchange",
    "Management",
    "Message",
    "MessageService",
    "Publisher",
    "Queue",
    "declare",
    "depth",
]
