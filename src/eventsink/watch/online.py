"""Is the network of the monitor itself down? Then what it cannot reach is not down: nobody here can tell."""

import asyncio
import time
from collections.abc import Sequence

from eventsink.watch.check import Down
from eventsink.watch.connecting import connect
from eventsink.watch.course import Course

__all__ = ["Online"]

ANSWER_WITHIN = 3.0  # seconds
BELIEVED_FOR = 2.0  # seconds


class Online:
    """Tries to reach places that are nearly always there.

    Args:
        references: `host:port` of each, on networks that have nothing to do with what is checked; where there are
            none, the network is taken to be well.
    """

    def __init__(self, references: Sequence[str]) -> None:
        self._references = [_address(reference) for reference in references]
        self._asked = -BELIEVED_FOR
        self._found = True
        self._one = asyncio.Lock()

    async def ask(self) -> bool:
        """Whether any of them answers now; those who ask within two seconds share the answer."""
        if not self._references:
            return True
        async with self._one:
            if time.monotonic() - self._asked >= BELIEVED_FOR:
                self._found = await self._look()
                self._asked = time.monotonic()
        return self._found

    async def _look(self) -> bool:
        tasks = [asyncio.create_task(_answers(host, port)) for host, port in self._references]
        try:
            for done in asyncio.as_completed(tasks):
                if await done:
                    return True
            return False
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _answers(host: str, port: int) -> bool:
    # Names are looked up beside the threads of the loop: while the network is down each look-up may hang for long.
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            connected = await connect(Course(ANSWER_WITHIN), host, port)
    except (Down, TimeoutError):
        return False
    connected.socket.close()
    return True


def _address(reference: str) -> tuple[str, int]:
    host, _, port = reference.rpartition(":")
    return host.strip("[]"), int(port)
