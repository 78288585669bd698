"""What the system and libraries say of a failure becomes words."""

import errno
import socket
import ssl

import aiohttp
import pytest

from eventsink.causes import why, why_unreachable


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "nothing listens at this address"),
        (OSError("[Errno 111] Connect call failed ('127.0.0.1', 1)"), "nothing listens at this address"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "there is no host of this name"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "there is no host of this name"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "it does not speak TLS at this address"),
        (ssl.SSLError(1, "certificate verify failed: self-signed"), "nobody whom we trust has signed its certificate"),
        (ssl.SSLError(1, "certificate has expired"), "its certificate has expired"),
        (ssl.SSLError(1, "who knows"), "no TLS could be agreed on"),
        (TimeoutError(), "no answer came in time"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "it hung up"),
        (aiohttp.ClientConnectionError("Connection closed"), "it hung up"),
        (ValueError("a bad value"), None),
    ],
)
def test_why_something_cannot_be_reached(error: Exception, said: str | None) -> None:
    assert why_unreachable(error) == said


def test_the_systems_error_is_found_within_those_of_libraries() -> None:
    outer = RuntimeError("the pool is exhausted")
    outer.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    assert why_unreachable(outer) == "nothing listens at this address"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/var/x"), "Permission denied"),
        (OSError("[Errno 28] No space left on device"), "No space left on device"),
        (OSError(), "the system gives no reason"),
        (ValueError("of no use."), "of no use"),
        (ValueError(), "it gives no reason"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "nothing listens at this address"),
    ],
)
def test_why_something_failed(error: Exception, said: str) -> None:
    assert why(error) == said
