"""The AsyncAPI document, made where RabbitMQ's client is installed, and then alone: most processes do without it."""

from collections.abc import Mapping, Sequence
from typing import Any

from eventsink.errors import PluginError
from eventsink.settings import Settings

__all__ = ["asyncapi"]


def asyncapi(settings: Settings, destinations: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the exchange on RabbitMQ is, for programs in any language. Nothing is started or asked.

    Args:
        destinations: the types that each wants, by its name, all if empty.

    Raises:
        PluginError: RabbitMQ's client is not installed.
    """
    try:
        from eventsink.collect.asyncapi_document import describe  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise PluginError(
            "The AsyncAPI document needs RabbitMQ's client: pip install 'clowder-eventsink[rabbitmq]'."
        ) from error
    return describe(settings, destinations)
