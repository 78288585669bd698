"""Who looks at the files, and who replaces them: any number look at once, whoever replaces them is alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Gate"]


class Gate:
    """Keeps those who look apart from whoever changes what they look at.

    Who wants to be alone is waited for by all that come after, and has those broken off that may take long.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._looking = 0
        self._waiting = 0
        self._alone = False
        self._break_off: list[Callable[[], None]] = []

    @contextmanager
    def looking(self, break_off: Callable[[], None] | None = None) -> Iterator[None]:
        """Nothing is replaced meanwhile.

        Args:
            break_off: called, on another thread, when somebody wants to be alone: then this ends soon.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._looking += 1
            if break_off:
                self._break_off.append(break_off)
        try:
            yield
        finally:
            with self._changed:
                self._looking -= 1
                if break_off:
                    self._break_off.remove(break_off)
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody looks meanwhile; waits for those who do."""
        with self._changed:
            self._waiting += 1
            for break_off in self._break_off:
                break_off()
            try:
                self._changed.wait_for(lambda: not self._looking and not self._alone)
            finally:
                self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone_at_once(self) -> Iterator[bool]:
        """The same without waiting: gives whether nobody looks."""
        with self._changed:
            free = not self._looking and not self._alone
            self._alone = self._alone or free
        try:
            yield free
        finally:
            if free:
                self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._alone = False
            self._changed.notify_all()
