"""`eventsink` and `python -m eventsink`: Ctrl-C is in hand before anything else is imported."""

import os
import signal
from types import FrameType

__all__ = ["main"]

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal


def main() -> None:
    """Run the command line of this process. Ctrl-C ends it quietly with 130, but for commands with an end of their own.

    While a command is imported, an exception may be swallowed, or shown, by whoever imports: so none is raised then.
    Nothing has been begun that could be left half done.
    """
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else the caller had it ignored
    if heeded:
        signal.signal(signal.SIGINT, _leave)

    from eventsink import cli  # noqa: PLC0415 - it takes a while, and Ctrl-C may come in it

    def loaded() -> None:
        if heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        cli.main(loaded)
    finally:
        if heeded:
            signal.signal(signal.SIGINT, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
