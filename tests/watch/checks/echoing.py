"""A program for a network namespace of its own: answers pings as it is told, and runs the check `ping` against itself.

unshare --net python -m tests.watch.checks.echoing '{"options": {"host": "127.0.0.1"}, "lose": [1, 3]}'
"""

import asyncio
import json
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvloop

from eventsink.errors import EventSinkError
from eventsink.watch.icmp import _checksum
from eventsink.watch.loading import load
from tests.processes import run

HEADER = struct.Struct("!BBHHH")
NOBODY = 65534
SYSCTL = Path("/proc/sys/net")
ENOUGH = 1 << 16


class Echo:
    """Answers echo requests in place of the kernel.

    Args:
        lose: sequence numbers that get no answer.
        wait: seconds before an answer.
        noise: whether answers come twice, and others that are nobody's before them.
    """

    def __init__(self, family: int, *, lose: list[int], wait: float, noise: bool) -> None:
        self._six = family == socket.AF_INET6
        protocol = socket.IPPROTO_ICMPV6 if self._six else socket.IPPROTO_ICMP
        self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self._lose, self._wait, self._noise = lose, wait, noise
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(ENOUGH)
            packet = data if self._six else data[(data[0] & 15) * 4 :]
            kind, _, _, identity, number = HEADER.unpack_from(packet)
            if kind != (128 if self._six else 8) or number in self._lose:
                continue
            threading.Timer(self._wait, self._answer, (sender, identity, number, packet[HEADER.size :])).start()

    def _answer(self, sender: Any, identity: int, number: int, payload: bytes) -> None:
        if self._noise:
            self._send(sender, identity, number, b"not ours" + payload[8:])
            self._send(sender, identity, number + 100, payload)
            self._send(sender, identity, number, b"")
            self._send(sender, identity ^ 1, number, payload[:4])
        self._send(sender, identity, number, payload)
        if self._noise:
            self._send(sender, identity, number, payload)

    def _send(self, sender: Any, identity: int, number: int, payload: bytes) -> None:
        kind = 129 if self._six else 0
        checksum = 0 if self._six else _checksum(HEADER.pack(kind, 0, 0, identity, number) + payload)
        self._socket.sendto(HEADER.pack(kind, 0, checksum, identity, number) + payload, sender)


def prepare(plan: dict[str, Any]) -> None:
    """The network of this namespace, which is gone when the program ends."""
    run(["ip", "link", "set", "lo", "up"], check=True)
    for command in plan.get("commands", ()):
        run(["ip", *command.split()], check=True)
    (SYSCTL / "ipv4/icmp_echo_ignore_all").write_text("1")
    (SYSCTL / "ipv6/icmp/echo_ignore_all").write_text("1")
    (SYSCTL / "ipv4/ping_group_range").write_text("0 2147483647" if plan.get("group") else "1 0")
    for name, value in plan.get("sysctl", {}).items():
        (SYSCTL / name).write_text(value)
    for family in (socket.AF_INET, socket.AF_INET6):
        Echo(family, lose=plan.get("lose", []), wait=plan.get("wait", 0), noise=plan.get("noise", False))


async def measure(plan: dict[str, Any]) -> dict[str, Any]:
    """Run the check once."""
    begin = time.monotonic()
    try:
        found = await plan["check"].measure()
        told = {"up": True, "message": found.message, "numbers": found.numbers}
    except EventSinkError as error:
        told = {"up": False, "class": type(error).__name__, **vars(error)}
    return told | {"seconds": time.monotonic() - begin}


def main() -> None:
    """Prepare, give up all rights if that is wanted, and measure."""
    plan = json.loads(sys.argv[1])
    prepare(plan)
    plan["check"] = load("tried", {"kind": "ping", "timeout": 5, **plan["options"]}).check
    if plan.get("port"):
        listening = socket.create_server(("127.0.0.1", plan["port"]))
        listening.listen(100)
    if plan.get("drop"):
        "localhost".encode("idna")  # which nobody else may read, if our Python lies in the home of root
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    factory = uvloop.new_event_loop if plan.get("loop") == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        sys.stdout.write(json.dumps(runner.run(measure(plan))))
    sys.stdout.flush()
    os._exit(0)  # answers that are late are of no use any more


if __name__ == "__main__":
    main()
