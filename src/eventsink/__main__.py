"""`eventsink` and `python -m eventsink`: Ctrl-C is in hand before anything else is imported."""

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

__all__ = ["main"]

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal


def main() -> None:
    """Run the command line of this process. Ctrl-C ends it quietly with 130, but for commands with an end of their own.

    While a command is imported, an exception may be swallowed, or shown, by whoever imports: so none is raised then.
    Nothing has been begun that could be left half done.
    """
    _open_streams()
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else the caller had it ignored
    if heeded:
        signal.signal(signal.SIGINT, _leave)

    from eventsink import cli  # noqa: PLC0415 - it takes a while, and Ctrl-C may come in it

    def loaded() -> None:
        if heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        with _output_finished():
            cli.main(loaded)
    finally:
        if heeded:
            signal.signal(signal.SIGINT, _leave)


def _open_streams() -> None:
    """Have the three streams that every program has, also where its caller has closed them: files must not become them.

    A character that a terminal of another encoding has not is shown by its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - for as long as we run
    sys.stdout = sys.stdout or open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _output_finished() -> Iterator[None]:
    """Write out what a command printed. Where its output takes no more, as a file on a full disk, say so; the end is 1.

    A command that was half written must not end with 0, and nobody is helped by where in the code it was. An error says
    not of which file it is, so one more character tells whether the output takes any. A reader that has gone away, as
    `head`, is no fault.
    """
    try:
        yield
    except (OSError, SystemExit) as end:
        try:
            sys.stdout.write("\n" if isinstance(end, OSError) else "")
            sys.stdout.flush()
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            sys.stderr.write(f"The output could not be written: {error.strerror}. Its end is missing.\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python tries once more when it ends
            sys.exit(1)
        raise


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
