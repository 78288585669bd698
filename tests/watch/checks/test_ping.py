"""The check `ping` in network namespaces of its own, where packets are lost, late, and of others."""

import errno
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventsink.watch.check import Unknown
from eventsink.watch.checks import ping as module
from eventsink.watch.icmp import Echoes, Plan, _checksum
from tests import processes
from tests.watch.checks.running import down, fits, make, up

ROOT = Path(__file__).parents[3]
HERE = {"ipv4": "127.0.0.1", "ipv6": "::1"}

in_namespace = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="a network namespace of its own takes root, unshare (util-linux) and ip (iproute2)",
)
loops = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
families = pytest.mark.parametrize("family", HERE)
Run = Callable[..., Any]


def alone(
    loop: str = "asyncio", host: str = HERE["ipv4"], *, options: dict[str, Any] | None = None, **plan: Any
) -> Any:
    """Run the check in a namespace of its own."""
    options = {"host": host, **(options or {})}
    command = ["unshare", "--net", sys.executable, "-m", "tests.watch.checks.echoing"]
    words = [*command, json.dumps({"options": options, "loop": loop, **plan})]
    done = processes.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    fits(make("ping", **options), told["numbers"], told["message"], told.get("reason", ""))
    return told


@in_namespace
@loops
@families
@pytest.mark.parametrize("group", [True, False])
def test_all_that_comes_back_is_counted_and_nothing_else(loop: str, family: str, group: bool):
    told = alone(loop, HERE[family], group=group, noise=True, wait=0.05, options={"count": 7, "packet_size": 1000})
    numbers = told["numbers"]
    assert told["up"] and numbers["method"] == ("icmp" if group else "icmp_raw")
    assert (numbers["sent"], numbers["received"], numbers["loss_percent"]) == (7, 7, 0)
    assert 50 <= numbers["min_ms"] <= numbers["median_ms"] <= numbers["max_ms"]
    assert numbers["min_ms"] <= numbers["avg_ms"] <= numbers["max_ms"] and numbers["stddev_ms"] >= 0


@in_namespace
@loops
@families
@pytest.mark.parametrize("limit", [30, 31])
def test_from_so_much_loss_it_is_down(loop: str, family: str, limit: int):
    told = alone(loop, HERE[family], lose=[0, 4, 9], options={"count": 10, "loss": limit})
    assert told["up"] == (limit == 31)
    assert (told["numbers"]["received"], told["numbers"]["loss_percent"]) == (7, 30)
    assert "avg_ms" in told["numbers"]
    if limit == 30:
        assert told["reason"] == "loss" and "7 of 10 packets came back" in told["message"]


@in_namespace
@loops
@pytest.mark.parametrize("group", [True, False])
def test_when_nothing_comes_back_it_is_down_within_its_time(loop: str, group: bool):
    # On a machine that stands still just at the end it is a `timeout`.
    times = (alone(loop, group=group, lose=list(range(5)), options={"timeout": 2}) for _ in range(3))
    told = next(each for each in times if each["reason"] == "loss")
    assert told["reason"] == "loss" and "0 of 5 packets came back" in told["message"]
    assert told["numbers"]["loss_percent"] == 100 and "avg_ms" not in told["numbers"]
    assert told["seconds"] < 6


@in_namespace
@loops
def test_no_request_waits_for_the_answer_to_another(loop: str):
    told = alone(loop, wait=2, options={"count": 10, "timeout": 60})
    assert told["up"] and told["numbers"]["min_ms"] >= 2000
    assert told["seconds"] < 19  # more than which one after the other would take


@in_namespace
@loops
def test_one_without_rights_needs_none_where_its_group_may(loop: str):
    told = alone(loop, drop=True, group=True)
    assert told["up"] and told["numbers"]["method"] == "icmp"


@in_namespace
@loops
@pytest.mark.parametrize("listens", [True, False])
def test_without_rights_it_connects_by_tcp_and_says_so(loop: str, listens: bool):
    """Who refuses is there as well."""
    told = alone(loop, drop=True, port=443 if listens else 0, lose=[0, 1, 2, 3, 4])
    assert told["up"] and told["numbers"]["method"] == "tcp"
    assert told["numbers"]["received"] == 5 and told["numbers"]["min_ms"] >= 0
    assert "Measured by TCP at port 443" in told["message"] and "net.ipv4.ping_group_range" in told["message"]


@in_namespace
def test_without_rights_and_without_a_port_nothing_is_known():
    told = alone(drop=True, options={"port": 0})
    assert (told["class"], told["reason"]) == ("Unknown", "rights")
    assert "net.ipv4.ping_group_range" in told["message"] and not told["numbers"]


NO_WAY = {
    "no route": ("", "no way leads to this host"),
    "unreachable": ("route add unreachable 10.9.9.9", "no way leads to this host"),
    "prohibit": ("route add prohibit 10.9.9.9", "Permission denied"),
    "blackhole": ("route add blackhole 10.9.9.9", "Invalid argument"),
}


@in_namespace
@pytest.mark.parametrize("name", NO_WAY)
def test_no_way_to_a_host_is_said_at_once(name: str):
    command, words = NO_WAY[name]
    told = alone(host="10.9.9.9", commands=[command] if command else [], options={"timeout": 60})
    assert told["reason"] == "unreachable" and words in told["message"]
    assert told["seconds"] < 30


@in_namespace
@loops
@pytest.mark.parametrize("group", [True, False])
def test_what_the_network_tells_of_a_host_is_heard(loop: str, group: bool):
    """Nobody has this address on the wire: the neighbour is looked for, and the packets come back as errors."""
    wire = ("link add v0 type veth peer name v1", "addr add 10.9.9.1/24 dev v0", "link set v0 up", "link set v1 up")
    soon = {"ipv4/neigh/v0/mcast_solicit": "1", "ipv4/neigh/v0/retrans_time_ms": "200"}
    told = alone(loop, "10.9.9.9", group=group, commands=wire, sysctl=soon, options={"timeout": 20})
    assert (
        told["reason"] == "unreachable"
        and "0 of 5 packets came back from 10.9.9.9: no way leads to this host" in told["message"]
    )
    assert told["numbers"]["loss_percent"] == 100 and told["seconds"] < 10  # all have failed: nothing is waited for


def test_a_name_that_is_none_is_down(run: Run, monkeypatch: pytest.MonkeyPatch):
    def nobody(*_: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    found = run(down("ping", host="nobody.example"))
    assert found.reason == "name" and "nobody.example" in found.message and not found.numbers


@pytest.mark.skipif(os.geteuid() != 0, reason="a raw socket takes root, or CAP_NET_RAW")
@families
def test_this_machine_answers_its_own_pings(run: Run, family: str):
    numbers = run(up("ping", host=HERE[family], count=2)).numbers
    assert numbers["received"] == 2 and numbers["method"].startswith("icmp")


def test_a_port_that_is_silent_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch):
    def closed(family: int) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    async def silent(*_: Any) -> socket.socket:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(module, "open_socket", closed)
    monkeypatch.setattr(module, "dial", silent)
    found = run(down("ping", host="127.0.0.1", port=8443))
    assert found.reason == "loss" and "0 of 5 packets came back from 127.0.0.1 by TCP at port 8443" in found.message
    assert not isinstance(found, Unknown) and found.numbers["method"] == "tcp"


@pytest.mark.parametrize("name", ["open_socket", "dial"])
def test_a_machine_without_sockets_knows_nothing(name: str, run: Run, monkeypatch: pytest.MonkeyPatch):
    def none_left(*_: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def closed(family: int) -> socket.socket:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(module, "open_socket", closed)
    monkeypatch.setattr(module, name, none_left)
    found = run(down("ping", host="127.0.0.1"))
    assert isinstance(found, Unknown) and found.reason == "limit" and "Too many open files" in found.message


def test_numbers_are_what_they_are_called():
    told = module.numbers(Echoes("icmp", "::1", sent=5, trips=[4.0, 1.0, 2.0, 5.0]))
    assert told == {
        "method": "icmp",
        "sent": 5,
        "received": 4,
        "loss_percent": 20.0,
        "min_ms": 1.0,
        "avg_ms": 3.0,
        "median_ms": 3.0,
        "max_ms": 5.0,
        "stddev_ms": 1.581,
    }


@pytest.mark.parametrize("packet", [b"", b"\x01", bytes(range(256)) * 3, b"\xff" * 65_000, os.urandom(101)])
def test_a_checksum_makes_the_whole_add_up(packet: bytes):
    checksum = _checksum(packet if len(packet) % 2 == 0 else packet + b"\0")
    assert _checksum(packet + b"\0" * (len(packet) % 2) + checksum.to_bytes(2, "big")) == 0


def test_half_of_the_time_is_left_for_the_last_answer():
    plan = Plan(count=100, size=56, seconds=2)
    assert plan.pace * plan.count <= 1
    assert Plan(count=5, size=56, seconds=10).pace == 0.2
    assert plan.wait([]) == 2 and plan.wait([5.0]) == 1 and plan.wait([5.0, 900.0]) == 1.8
