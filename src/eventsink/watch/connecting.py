"""From host and port to an open connection, with or without TLS: name look-up, TCP, handshake, each timed.

All addresses of a name are tried in their order, each with its share of the time: one that is dead does not make a host
dead that can be reached by another. What fails is `Down` with the class of the failure.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from eventsink.causes import why
from eventsink.redact import visible
from eventsink.watch import certificates
from eventsink.watch.check import Down, Unknown
from eventsink.watch.course import Course, since
from eventsink.watch.names import Address, Family, look_up

__all__ = ["LONGEST_HEAD", "Connected", "Connection", "connect", "dial", "place", "secure", "shortage", "stream"]

LONGEST_HEAD = 64 << 10  # bytes of a line; the streams hold twice as much at most
_FOR_EVER = 86_400.0  # of a handshake, whose limit is that of the check
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ETIMEDOUT: "timeout",
}
_WORST_LAST = ("unreachable", "timeout", "reset", "refused")  # one who refuses is nearer than one who is silent
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # this machine is short of something


class Connected(NamedTuple):
    """A socket that is connected, and to what."""

    socket: socket.socket
    address: Address


class Connection(msgspec.Struct):
    """An open connection.

    Args:
        certificate_days: until the certificate of the server ends; None without TLS.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    certificate_days: float | None = None

    def close(self) -> None:
        """Leave at once, without a farewell: nobody waits for a server that does not answer it."""
        self.writer.transport.abort()


def place(host: str, port: int) -> str:
    """Host and port for a person."""
    return visible(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


async def connect(run: Course, host: str, port: int, family: Family = "any") -> Connected:
    """Connect to the first address of a host that takes it.

    Raises:
        Down: `name`, or what the address that came nearest to it has failed by.
        Unknown: this machine has no sockets left.
    """
    with run.phase(f"the name {visible(host)} was still being looked up"):
        found = await look_up(host, family)
    run.numbers["dns_ms"] = round(found.ms, 3)
    failed: list[tuple[Address, OSError]] = []
    for address in found.addresses:
        begin = time.perf_counter()
        others = len(found.addresses) - len(failed) - 1
        try:
            with run.phase(f"nothing had answered at {address.host} port {port}"):
                # The last one has all the time that is left; each of the others leaves a share to what comes after.
                async with asyncio.timeout(run.left / (others + 2) if others else None):
                    connected = await dial(address, port)
        except OSError as error:  # TimeoutError is one
            failed.append((address, error))
            continue
        run.numbers["connect_ms"] = since(begin)
        run.notes += [f"{each.host} was no way to it: {_why(error)}." for each, error in failed]
        return Connected(connected, address)
    raise _all_failed(failed, port)


async def dial(address: Address, port: int) -> socket.socket:
    """Connect to one address by TCP.

    Raises:
        OSError: that does not work.
    """
    made = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        await asyncio.get_running_loop().sock_connect(made, address.at(port))
    except BaseException:
        made.close()
        raise
    return made


async def stream(connected: Connected) -> Connection:
    """A stream over a socket as it is. The socket belongs to the stream from now on."""
    return Connection(*await asyncio.open_connection(sock=connected.socket, limit=LONGEST_HEAD))


async def secure(run: Course, connected: Connected, port: int, name: str, *, verify: bool = True) -> Connection:
    """A stream with TLS over a socket, which belongs to it from now on.

    Args:
        name: of the host, for which the certificate must be.
        verify: chain and name.

    Raises:
        Down: `certificate`, `tls` or `reset`. The days of a certificate are a number of it in any case, if they can be
            known: of an invalid one they are asked for by a second connection that does not verify it.
    """
    try:
        with run.phase("the TLS handshake was not at its end", "tls_ms"):
            connection = await _handshake(connected.socket, name, verify=verify)
    except ssl.SSLCertVerificationError as error:
        days = await _days_of_invalid(run, connected.address, port, name)
        if days is not None:
            run.numbers["certificate_days"] = days
        raise Down("certificate", f"{certificates.flaw(error)}.") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        raise Down("reset", "it hung up during the TLS handshake.") from None
    except ssl.SSLError as error:
        raise Down("tls", f"the TLS handshake failed: {certificates.failure(error)}.") from None
    except TimeoutError:
        raise
    except OSError:
        raise Down("reset", "it hung up during the TLS handshake.") from None
    if connection.certificate_days is not None:
        run.numbers["certificate_days"] = connection.certificate_days
    return connection


def shortage(error: OSError) -> Unknown | None:
    """What to say if this machine is short of something; None if the error is about the other side."""
    if error.errno not in _OURS:
        return None
    return Unknown("limit", f"this machine cannot open a connection: {why(error)}.")


async def _handshake(connected: socket.socket, name: str, *, verify: bool) -> Connection:
    reader, writer = await asyncio.open_connection(
        sock=connected,
        ssl=certificates.context(verify=verify),
        server_hostname=name.rstrip("."),
        ssl_handshake_timeout=_FOR_EVER,
        limit=LONGEST_HEAD,
    )
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return Connection(reader, writer, certificates.days_left(der) if der else None)


async def _days_of_invalid(run: Course, address: Address, port: int, name: str) -> float | None:
    try:
        async with asyncio.timeout(run.left / 2):
            connection = await _handshake(await dial(address, port), name, verify=False)
    except OSError:  # TimeoutError and SSLError are some
        return None
    connection.close()
    return connection.certificate_days


def _all_failed(failed: Sequence[tuple[Address, OSError]], port: int) -> Down:
    nearest = max((error for _, error in failed), key=lambda error: _WORST_LAST.index(_reason(error)))
    words = "; ".join(f"{address.host} port {port}: {_why(error)}" for address, error in failed)
    return shortage(nearest) or Down(_reason(nearest), f"{words}.")


def _reason(error: OSError) -> str:
    return "timeout" if isinstance(error, TimeoutError) else _REASONS.get(error.errno or 0, "unreachable")


def _why(error: OSError) -> str:
    return {"refused": "nothing listens there", "timeout": "no answer came in time", "reset": "it hung up"}.get(
        _reason(error), why(error)
    )
