"""Three monitors in networks of their own: one region is cut off, then the sink is away, then the target from two."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.servers.hook import Hook
from tests.servers.process import free_ports
from tests.stalls import stalls

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

REGIONS = ("urbana", "berlin", "tokyo")
EVERY = 1.0  # seconds
CUT = 7.0  # seconds that something is cut off
NET = "10.213.77"


def ip(*arguments: str) -> None:
    """Run `ip`."""
    _run(["ip", *arguments])


def _run(command: list[str]) -> None:
    done = processes.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


class Networks:
    """A bridge with a network for each region, and one for the target.

    A network belongs to a process that sleeps in it: to give it a name would mount a folder, which may outlive us.
    """

    def __init__(self) -> None:
        self._bridge = f"evs{os.getpid() % 100_000}"
        self._sleepers: dict[str, processes.Popen[bytes]] = {}

    def make(self) -> None:
        """Make them all."""
        ip("link", "add", self._bridge, "type", "bridge")
        ip("addr", "add", f"{NET}.1/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")
        for number, name in enumerate((*REGIONS, "target"), 2):
            self._add(name, f"{NET}.{number}", number)

    def _add(self, name: str, address: str, number: int) -> None:
        own = Path("/proc/self/ns/net").stat().st_ino
        sleeper = self._sleepers[name] = processes.start(["unshare", "--net", "sleep", "600"])
        deadline = time.monotonic() + 30
        while Path(f"/proc/{sleeper.pid}/ns/net").stat().st_ino == own:
            assert time.monotonic() < deadline and sleeper.poll() is None, "no network could be made"
            time.sleep(0.01)
        outside = f"{self._bridge}v{number}"
        ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", str(sleeper.pid))
        ip("link", "set", outside, "master", self._bridge, "up")
        self._inside(name, "addr", "add", f"{address}/24", "dev", "eth0")
        self._inside(name, "link", "set", "eth0", "up")
        self._inside(name, "link", "set", "lo", "up")

    def _inside(self, name: str, *arguments: str) -> None:
        """Run `ip` in a network."""
        _run(self.command(name, "ip", *arguments))

    def command(self, name: str, *command: str) -> list[str]:
        """A command in one of the networks."""
        return ["nsenter", f"--net=/proc/{self._sleepers[name].pid}/ns/net", *command]

    def cut(self, name: str, *, on: bool) -> None:
        """Cut a network off from all others, or mend that."""
        self._inside(name, "link", "set", "eth0", "down" if on else "up")

    def hide_target(self, name: str, *, on: bool) -> None:
        """Let what is sent to the target from one network be dropped on its way."""
        self._inside(name, "route", "add" if on else "del", "blackhole", f"{NET}.5/32")

    def close(self) -> None:
        """Take all down."""
        for sleeper in self._sleepers.values():
            sleeper.kill()
            processes.end(sleeper)
        processes.run(["ip", "link", "del", self._bridge], capture_output=True, timeout=20, check=False)


@pytest.fixture
def networks() -> Iterator[Networks]:
    """Made, and taken down."""
    made = Networks()
    try:
        made.make()
        yield made
    finally:
        made.close()


class Site:
    """The sink, the target, and the monitors."""

    def __init__(self, networks: Networks, folder: Path) -> None:
        self.networks = networks
        self.folder = folder
        (self.port,) = free_ports(1)
        self.running: dict[str, processes.Popen[bytes]] = {}
        self.url = f"http://{NET}.1:{self.port}"
        self.hook = Hook()

    def start(self, name: str, *command: str) -> None:
        """Start a program; its output goes into a file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = processes.start(command, stdout=log, stderr=log, cwd=self.folder)

    def start_sink(self) -> None:
        """Start the sink, and wait until it answers."""
        settings = self.folder / "sink.toml"
        settings.write_text(
            f'[alerts]\nnotify = ["{self.hook.url}"]\ngroup = 0.2\nfailures = 2\nignore = ["sink/disk"]\n'
        )
        given = ["--data", str(self.folder / "sink"), "--host", f"{NET}.1", "--port", str(self.port)]
        given += ["--config", str(settings)]
        self.start("sink", *eventsink("up", *given))
        self.until(lambda: self.ask("status")["workers"] is not None, "the sink answers")

    def start_target(self) -> None:
        """Something that is there as long as its network is."""
        run = (
            "import asyncio\nasync def main():\n"
            f" async with await asyncio.start_server(lambda r, w: w.close(), '{NET}.5', 7000) as server:\n"
            "  await server.serve_forever()\nasyncio.run(main())"
        )
        self.start("target", *self.networks.command("target", sys.executable, "-c", run))

    def start_monitor(self, region: str, key: str) -> None:
        """Start a monitor in its network."""
        settings = self.folder / f"{region}.toml"
        settings.write_text(
            f'data = "{self.folder / region}"\n[monitor]\nurl = "{self.url}"\nkey = "{key}"\nregion = "{region}"\n'
            f'name = "{region}"\nreferences = ["{NET}.1:{self.port}"]\n'
            f'[checks.target]\nkind = "tcp"\nhost = "{NET}.5"\nport = 7000\nevery = {EVERY}\ntimeout = 3\n'
        )
        self.start(region, *self.networks.command(region, *eventsink("monitor", "--config", str(settings))))

    def ask(self, command: str, *arguments: str) -> Any:
        """What a command of the sink prints as JSON."""
        given = [command, *arguments, "--data", str(self.folder / "sink"), "--format", "json"]
        done = processes.run(eventsink(*given), capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        lines = done.stdout.splitlines()
        return [json.loads(line) for line in lines] if command == "events" else json.loads(lines[0])

    def samples(self, region: str) -> list[dict[str, Any]]:
        """What a monitor has found, in the order of its times."""
        found = self.ask("events", "--type", "health.check_update", "--limit", "0")
        return sorted((e for e in found if e["data"]["region"] == region), key=lambda event: str(event["time"]))

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
        """Wait."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except AssertionError:
                pass
            assert time.monotonic() < deadline, what
            time.sleep(0.3)

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Stop a program."""
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait(30)


def eventsink(*arguments: str) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-m", "eventsink", *arguments]


@pytest.fixture
def site(networks: Networks, tmp_path: Path) -> Iterator[Site]:
    """All of them running."""
    made = Site(networks, tmp_path)
    try:
        made.start_sink()
        made.start_target()
        key = made.ask("keys", "create", "--scope", "ingest")["key"]
        for region in REGIONS:
            made.start_monitor(region, key)
        yield made
    finally:
        for name in [*made.running]:
            made.stop(name, signal.SIGKILL)
        made.hook.close()


def test_regions_sink_and_target_are_cut_off_one_after_the_other(site: Site) -> None:
    for region in REGIONS:
        site.until(partial(_reports, site, region), f"{region} reports")

    site.networks.cut("tokyo", on=True)
    time.sleep(CUT)
    site.networks.cut("tokyo", on=False)
    site.until(lambda: any(s["data"].get("reason") == "offline" for s in site.samples("tokyo")), "tokyo knows")

    site.stop("sink")
    time.sleep(CUT)
    with stalls() as stalled:
        site.stop("berlin", signal.SIGKILL)
        killed, begun_again = time.time(), time.monotonic()
        key = (site.folder / "berlin.toml").read_text().partition('key = "')[2].partition('"')[0]
        site.start_monitor("berlin", key)
        site.start_sink()
        site.until(partial(_is_up_since, site, "berlin", killed), "berlin looks again")
        stood_still = time.monotonic() - begun_again - stalled.running(begun_again)
    assert not site.hook.notices, "neither a region that is cut off nor a sink that is away wakes anybody"

    begun = time.time()
    for region in ("urbana", "berlin"):
        site.networks.hide_target(region, on=True)
    hidden = time.time()
    time.sleep(CUT)
    # A machine that stands still meanwhile looks less often: it is hidden until that is told.
    site.hook.wait_for(lambda: site.hook.told("check/target") == ["firing"], "it is told that the target is away")
    shown = time.time()
    for region in ("urbana", "berlin"):
        site.networks.hide_target(region, on=False)
    ended = time.time()
    for region in REGIONS:
        site.until(partial(_is_up_since, site, region, shown), f"{region} has told all that it found")

    site.hook.wait_for(lambda: "resolved" in site.hook.told("check/target"), "it is well again")
    assert [(notice["alert"], notice["kind"]) for notice in site.hook.notices] == [
        ("check/target", "firing"),
        ("check/target", "resolved"),
    ]
    assert sorted(site.hook.notices[0]["regions"]) == ["berlin", "urbana"]
    assert all(sample["data"]["up"] is not False for sample in site.samples("tokyo")), "the target was never down there"
    for region in REGIONS:
        samples = site.samples(region)
        # Seconds; berlin was killed, and on a busy machine takes its time to start and to look for the first time.
        most = 2.6 + (_started(site, "berlin") - killed + stood_still if region == "berlin" else 0.0)
        assert max(_gaps(samples)) <= most, f"{region}: {sorted(_gaps(samples))[-3:]}"
        assert len({sample["id"] for sample in samples}) == len(samples)
    found = site.ask("uptime", "--since", "1h")
    (incident,) = found["incidents"]
    assert sorted(incident["regions"]) == ["berlin", "urbana"]
    # To hide it takes its time on a busy machine, which also looks later than it should, and says so.
    late = EVERY * max(sample["data"].get("missed", 0) for region in REGIONS for sample in site.samples(region))
    assert shown - hidden - 3 - late <= incident["down_s"] <= ended - begun + 3 + late
    (row,) = found["rows"]
    assert row["down_s"] == incident["down_s"]


def _started(site: Site, region: str) -> float:
    """When a monitor ran, for the last time that it was started."""
    lines = [json.loads(line) for line in (site.folder / f"{region}.log").read_text().splitlines() if line[:1] == "{"]
    return datetime.fromisoformat(
        [one for one in lines if one["event"] == "monitor.running"][-1]["timestamp"]
    ).timestamp()


def _gaps(samples: list[dict[str, Any]]) -> list[float]:
    """Seconds from each sample to the next, those that the machine was too busy for counted as there."""
    times = [datetime.fromisoformat(sample["time"]).timestamp() for sample in samples]
    missed = [sample["data"].get("missed", 0) for sample in samples]
    return [later - earlier - gone * EVERY for earlier, later, gone in zip(times, times[1:], missed[1:], strict=False)]


def _reports(site: Site, region: str) -> bool:
    return len(site.samples(region)) >= 3


def _is_up_since(site: Site, region: str, moment: float) -> bool:
    last = site.samples(region)[-1]
    return bool(last["data"]["up"]) and datetime.fromisoformat(last["time"]).timestamp() > moment
