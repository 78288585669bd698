"""Echo requests by ICMP, for IPv4 and IPv6: many on their way at once, each answer matched to its request.

In: an address. Out: which answers came, and after how long. It takes a datagram socket, for which no rights are needed
where the system allows it to our group (`net.ipv4.ping_group_range`), else a raw one (CAP_NET_RAW). For a datagram
socket the kernel writes its own id into the packets, so answers are known by sequence number and a random token.
"""

import asyncio
import contextlib
import secrets
import select
import socket
import struct
import time

import msgspec

from eventsink.watch.names import Address

__all__ = ["Echoes", "Plan", "open_socket", "ping"]

_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, id, sequence number
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
# Numbers of Linux, where the socket module has no names: errors of the network are to be told to the socket.
_TELL_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
TOKEN = 8  # bytes of the payload by which an answer is known as ours
_ENOUGH = 512  # bytes of an answer: header of IP with options, header of ICMP, token
_AT_ONCE = 100  # packets that are read before others have their turn
_LEAST_WAIT = 1.0  # seconds after the last request, if others were answered faster


class Plan(msgspec.Struct, frozen=True):
    """What to send.

    Args:
        count: requests.
        size: bytes of each after its header, `TOKEN` at least.
        seconds: for all of it.
        interval: seconds from one request to the next, at most.
    """

    count: int
    size: int
    seconds: float
    interval: float = 0.2

    @property
    def pace(self) -> float:
        """Seconds from one request to the next, so that half of the time is left to wait for answers."""
        return min(self.interval, self.seconds / 2 / self.count)

    def wait(self, trips: list[float]) -> float:
        """Seconds to wait after the last request, if there are so many left: twice as long as the slowest answer took.

        Args:
            trips: that came back, in milliseconds.
        """
        return max(_LEAST_WAIT, 2 * max(trips) / 1e3) if trips else self.seconds


class Echoes(msgspec.Struct):
    """What came back.

    Args:
        method: by which kind of socket.
        host: that was asked, as an address.
        sent: requests.
        trips: round trips, milliseconds.
        error: that the network or the system gave last, as that no way leads to the host.
    """

    method: str
    host: str
    sent: int = 0
    trips: list[float] = []
    error: OSError | None = None


def open_socket(family: int) -> socket.socket:
    """A socket for echo requests, for `ping` to use and for the caller to close.

    Raises:
        PermissionError: this process may open neither kind.
        OSError: this machine does not know the family, or has no sockets left.
    """
    protocol = _PROTOCOL[socket.AddressFamily(family)]
    try:
        return socket.socket(family, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        return socket.socket(family, socket.SOCK_RAW, protocol)


async def ping(opened: socket.socket, address: Address, plan: Plan) -> Echoes:
    """Send echo requests and wait for the answers, no longer than planned.

    Raises:
        OSError: the system knows no way to this address.
    """
    opened.settimeout(0)
    opened.setsockopt(*_TELL_ERRORS[socket.AddressFamily(address.family)], 1)
    opened.connect(address.at(0))  # so that the kernel keeps the answers of others away
    return await _Pinger(opened, address.host, plan).run()


class _Pinger:
    def __init__(self, opened: socket.socket, host: str, plan: Plan) -> None:
        self._socket, self._plan = opened, plan
        method = "icmp_raw" if opened.type == socket.SOCK_RAW else "icmp"
        self._family = socket.AddressFamily(opened.family)
        self._has_ip_header = method == "icmp_raw" and self._family == socket.AF_INET
        self._payload = secrets.token_bytes(TOKEN).ljust(plan.size, b"\0")
        self._id = secrets.randbits(16)
        self._begun: dict[int, float] = {}  # of requests without an answer
        self._errors = 0
        self._settled = asyncio.Event()
        self._echoes = Echoes(method, host)

    async def run(self) -> Echoes:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._plan.seconds
        events = select.epoll()
        events.register(self._socket, select.EPOLLIN)
        # Not the socket itself: uvloop gives a socket up at its first error, and errors of the network are to be heard.
        loop.add_reader(events, self._receive)
        try:
            begin = loop.time()
            for number in range(self._plan.count):
                await asyncio.sleep(max(0.0, begin + number * self._plan.pace - loop.time()))
                self._send(number)
            left = max(0.0, min(end - loop.time(), self._plan.wait(self._echoes.trips)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):  # unlike wait_for in Python 3.11, it never swallows a cancellation
                    await self._settled.wait()
        finally:
            loop.remove_reader(events)
            events.close()
        return self._echoes

    def _send(self, number: int) -> None:
        packet = _packet(self._family, self._id, number, self._payload)
        self._echoes.sent += 1
        self._begun[number] = time.perf_counter()
        for _ in range(2):
            try:
                self._socket.send(packet)
                return
            except BlockingIOError:  # more than this machine can send: it is lost
                return
            except OSError as error:
                if not self._failed(error):
                    return
            # What the network has told of an earlier packet has kept this one back.

    def _receive(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data = self._socket.recv(_ENOUGH)
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(error)
                continue
            self._match(data, time.perf_counter())

    def _match(self, data: bytes, now: float) -> None:
        if self._has_ip_header and data:
            data = data[(data[0] & 0x0F) * 4 :]
        if len(data) < _HEADER.size + TOKEN:
            return
        kind, _, _, _, number = _HEADER.unpack_from(data)
        token = data[_HEADER.size : _HEADER.size + TOKEN]
        if kind == _REPLY[self._family] and token == self._payload[:TOKEN] and number in self._begun:
            self._echoes.trips.append((now - self._begun.pop(number)) * 1e3)
            self._see_whether_settled()

    def _failed(self, error: OSError) -> bool:
        """Take note of an error. Returns whether the network has told it, and not the system at once."""
        told = self._told()
        self._echoes.error = error
        self._errors += max(1, told)
        self._see_whether_settled()
        return told > 0

    def _told(self) -> int:
        """Take what the network has told: it lies in a queue of its own, and makes the socket readable until then."""
        for number in range(_AT_ONCE):
            try:
                self._socket.recvmsg(_ENOUGH, _ENOUGH, socket.MSG_ERRQUEUE)
            except OSError:
                return number
        return _AT_ONCE

    def _see_whether_settled(self) -> None:
        if len(self._echoes.trips) + self._errors >= self._plan.count:
            self._settled.set()


def _packet(family: int, identity: int, number: int, payload: bytes) -> bytes:
    kind = _REQUEST[socket.AddressFamily(family)]
    packet = _HEADER.pack(kind, 0, 0, identity, number) + payload
    if family == socket.AF_INET6:  # the kernel, which knows our address, counts the checksum
        return packet
    return _HEADER.pack(kind, 0, _checksum(packet), identity, number) + payload


def _checksum(packet: bytes) -> int:
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
