"""Destinations: does each answer, and may we do there what we need."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eventsink.cli.finding import Finding
from eventsink.deliver import loading
from eventsink.deliver.dead_letters import sentence
from eventsink.deliver.worker import Worker
from eventsink.errors import EventSinkError, TryLater
from eventsink.point import Point
from eventsink.redact import hide_secrets
from eventsink.settings import Settings

__all__ = ["destinations"]

ANSWER_WITHIN = 10.0  # seconds that a destination has to answer


def destinations(settings: Settings) -> Iterator[Finding]:
    """Each section of a worker."""
    for name, section in settings.workers.items():
        yield from _worker(f"worker {name}", name, section)


def _worker(about: str, name: str, section: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        worker = loading.load(name, dict(section))
        loading.types(name, dict(section))
    except EventSinkError as error:
        yield Finding(about, False, str(error), f"Mend [workers.{name}] in the settings.")
        return
    try:
        points = asyncio.run(_ask(worker))
    except TryLater as error:
        remedy = "Its events wait, and are delivered when this is mended."
        yield Finding(about, False, hide_secrets(error.reason), remedy)
        return
    except Exception as error:  # noqa: BLE001 - a stranger's worker may fail in any way
        yield Finding(about, False, hide_secrets(sentence(error)), f"Mend [workers.{name}], or the worker itself.")
        return
    answers = "its destination answers" if worker.open_asks or points else _LATER
    yield Finding(about, True, f"its options are right, and {answers}")
    yield from (Finding.of(point, about) for point in points)


_LATER = "whether its destination answers shows the first event"


async def _ask(worker: Worker[Any]) -> Sequence[Point]:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await worker.examine()
    except TimeoutError:
        raise TryLater(f"No answer within {ANSWER_WITHIN:g} seconds.") from None
    finally:
        await worker.close()
