"""Our workers announce themselves as extractors do, so that Clowder lists them, each with its queue."""

import asyncio
import os
import socket
from collections.abc import Sequence

import structlog

import eventsink
from eventsink.amqp import Message, MessageService
from eventsink.errors import ExchangeUnavailable
from eventsink.extractors.heartbeats import EVERY, EXTRACTORS, announcement

__all__ = ["announce"]

_log = structlog.get_logger(__name__)


async def announce(service: MessageService, workers: Sequence[str], every: float = EVERY) -> None:
    """Send heartbeats of workers, at once and then every few minutes, for ever."""
    process = f"{socket.gethostname()}/{os.getpid()}"
    messages = [
        Message(
            body=announcement(worker, process, eventsink.__version__),
            exchange=EXTRACTORS.name,
            mandatory=False,  # nobody may be listening
            delivery_mode=None,
        )
        for worker in workers
    ]
    while True:
        try:
            await service.declare(exchanges=[EXTRACTORS])
            await service.publish_all(messages)
        except ExchangeUnavailable as error:
            _log.warning("extractors.not_announced", reason=str(error))
        await asyncio.sleep(every)
