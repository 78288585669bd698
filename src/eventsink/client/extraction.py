"""A piece of work of an extractor, timed, and told as `extractions.extraction_event`: working, then done or failed."""

import contextlib
import functools
import inspect
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from eventsink.client.mend import text
from eventsink.redact import hide_secrets

__all__ = ["Extraction"]

TYPE = "extractions.extraction_event"

F = TypeVar("F", bound=Callable[..., Any])


class Capturing(Protocol):
    """What takes events: a `SinkService`."""

    def capture(self, type: str, /, *, user: str | None = None, **data: Any) -> None:  # noqa: A002
        """Take one."""


class Extraction:
    """One run, or what makes one of every call of a function.

    As a context manager it is one run: `with sink.extraction("ncsa.wordcount", resource_id=…) as run: …`. As a
    decorator each call is one: `@sink.extraction("ncsa.wordcount")`; of a coroutine, too.

    Args:
        sink: takes the events.
        extractor: its name.
        user: for whom it runs.
        data: all else that the event has, as job_id, resource_type and resource_id; without a job id one is made up.
    """

    def __init__(self, sink: Capturing, extractor: str, user: str | None, data: dict[str, Any]) -> None:
        self._sink = sink
        self._extractor = extractor
        self._user = user
        self._given = data
        self._begun = 0.0
        self._data: dict[str, Any] = {}
        self.message: str | None = None
        """What is said of the run when it is over; of one that fails, by default its error."""
        self.status = "done"
        """What it is told to be when it is over and did not fail: done, or skipped."""

    def __enter__(self) -> Self:
        self._data = {"extractor": self._extractor, "job_id": uuid.uuid4().hex, **self._given}
        for name in ("status", "run_ms"):  # they are what is measured here
            self._data.pop(name, None)
        self._begun = time.perf_counter()
        self._sink.capture(TYPE, user=self._user, status="working", **self._data)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        message = self.message
        if message is None and error is not None and not _is_well(error):
            message = _said(error)
        data = self._data | ({} if message is None else {"message": text(message)})
        status = self.status if error is None else _outcome(error, self.status)
        run_ms = round(1000 * (time.perf_counter() - self._begun), 3)
        self._sink.capture(TYPE, user=self._user, status=status, run_ms=run_ms, **data)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Make each call of a function a run."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_later(*arguments: Any, **named: Any) -> Any:
                with self._another():
                    return await function(*arguments, **named)

            return run_later  # type: ignore[return-value]

        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def run_through_later(*arguments: Any, **named: Any) -> Any:
                # Whoever has enough closes this one: the one within ends then, and not whenever it is collected.
                with self._another():
                    async with contextlib.aclosing(function(*arguments, **named)) as items:
                        async for item in items:
                            yield item

            return run_through_later  # type: ignore[return-value]
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def run_through(*arguments: Any, **named: Any) -> Any:
                with self._another():
                    return (yield from function(*arguments, **named))

            return run_through  # type: ignore[return-value]

        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            with self._another():
                return function(*arguments, **named)

        return run  # type: ignore[return-value]

    def _another(self) -> "Extraction":
        return Extraction(self._sink, self._extractor, self._user, self._given)


def _outcome(error: BaseException, well: str) -> str:
    """What a run is told to be that ended by raising: a task may be cancelled."""
    if _is_well(error):
        return well
    kind = type(error)
    return "cancelled" if any(base.__name__ == "CancelledError" for base in kind.__mro__) else "failed"


def _is_well(error: BaseException) -> bool:
    """Whether what was raised is no failure: a program ends, or whoever has enough of a generator closes it."""
    if isinstance(error, SystemExit):
        return error.code in (None, 0)
    return isinstance(error, GeneratorExit)


def _said(error: BaseException) -> str:
    try:
        return hide_secrets(f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - its own words fail; what it was must come through all the same
        return type(error).__name__
