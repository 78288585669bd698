"""The one place that talks AMQP 0-9-1 and to RabbitMQ's management API. The only room that imports pika.

In: messages, and the names of exchanges and queues. Out: messages made durable by the broker, and those that wait in a
queue. Called by the exchange on RabbitMQ and by the message service.
"""

from eventsink.amqp.address import Address
from eventsink.amqp.connection import Channel, Connection
from eventsink.amqp.consumer import Consumer
from eventsink.amqp.management import Management
from eventsink.amqp.message import Delivery, Message
from eventsink.amqp.publisher import Publisher
from eventsink.amqp.topology import Binding, Exchange, Queue, declare, depth

__all__ = [
    "Address",
    "Binding",
    "Channel",
    "Connection",
    "Consumer",
    "Delivery",
    "Exchange",
    "Management",
    "Message",
    "Publisher",
    "Queue",
    "declare",
    "depth",
]
