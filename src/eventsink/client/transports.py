"""How events get to a sink, by the scheme of its address."""

from eventsink.client.over_http import OverHttp
from eventsink.client.transport import Transport

__all__ = ["open_transport"]


def open_transport(url: str, key: str | None, timeout: float) -> Transport:
    """A transport for an address. Nothing is connected yet.

    Raises:
        EventSinkError: the address or the key cannot be one.
        ImportError: a library is not there that it needs.
    """
    if url.startswith(("amqp://", "amqps://")):
        from eventsink.client.over_amqp import OverAmqp  # noqa: PLC0415 - it needs RabbitMQ's client

        return OverAmqp(url, timeout)
    return OverHttp(url, key, timeout)
