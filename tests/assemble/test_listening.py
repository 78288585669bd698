"""What is said of a port that cannot be listened on is what the system had against it."""

import errno
import os
import socket

import pytest

from eventsink.assemble.listening import cannot_listen

NOWHERE = "this machine has no such address. Give another --host, as 127.0.0.1."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), NOWHERE),
        (OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"), NOWHERE),
        (OSError("could not bind on any address out of ['x']"), NOWHERE),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NOWHERE),
        (OSError(socket.EAI_AGAIN, "Temporary failure in name resolution"), NOWHERE),
        (
            OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
            "Too many open files. Allow more of them (`ulimit -n`, LimitNOFILE of systemd).",
        ),
        (
            OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)),
            "No buffer space available. If that is of this address, give another --host or --port.",
        ),
    ],
)
def test_why(error: OSError, said: str) -> None:
    assert str(cannot_listen(error, "x", 1, of_port="--port", of_host="--host")) == f"Cannot listen on x:1: {said}"
