"""Work that may hang, as on a disk that is gone: on a daemon thread of its own, of which there is one at a time.

What hangs there holds up nothing else: no check, no posting of results, no end of the process.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from eventsink.watch.check import Down

__all__ = ["OneThread"]

T = TypeVar("T")


class OneThread:
    """Runs one thing after the other.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._hanging: Future[object] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Run something, and wait for it; who waits may be cancelled, while it goes on.

        Raises:
            Down: what was run before has not come to its end yet.
        """
        if self._hanging is not None and not self._hanging.done():
            raise Down("timeout", "the look before this one has not come to its end: the disk or file may hang.")
        future: Future[T] = Future()
        threading.Thread(target=_run, args=(work, future), name=self._name, daemon=True).start()
        self._hanging = future  # type: ignore[assignment]  # not before: this machine may let us start no more threads
        return await asyncio.wrap_future(future)


def _run(work: Callable[[], T], future: "Future[T]") -> None:
    future.set_running_or_notify_cancel()  # so that who waits no longer does not make it look done
    try:
        outcome = work()
    except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
        future.set_exception(error)
    else:
        future.set_result(outcome)
