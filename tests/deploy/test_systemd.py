"""The units, as systemd itself reads them."""

import re

import pytest

from eventsink.assemble.process import DRAIN
from tests import processes
from tests.deploy.manifests import DEPLOY, units_in
from tests.servers.process import required

NAMES = [
    "eventsink.service",
    "eventsink-serve.service",
    "eventsink-api@8751.service",
    "eventsink-worker@influxdb.service",
    "eventsink-monitor.service",
]


def analyze(*words: object) -> str:
    command = [required("systemd-analyze", "systemd"), *words]
    done = processes.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return str(done.stdout + done.stderr)


def test_systemd_finds_no_fault(units):
    said = analyze("verify", "--man=no", *(units / name for name in [*NAMES, "eventsink.target"]))
    assert "eventsink" not in said, said


def test_what_a_process_may_do_is_little(units):
    said = analyze("security", "--offline=true", "--no-pager", "--threshold=20", *NAMES)
    levels = dict(re.findall(r"exposure level for (\S+): ([\d.]+)", said))
    assert set(levels) == set(NAMES)
    assert all(float(level) <= 2.0 for level in levels.values()), levels


def test_the_monitor_alone_has_a_capability(units):
    said = {name: analyze("security", "--offline=true", "--no-pager", name) for name in NAMES}
    raw = re.compile(r"✗ CapabilityBoundingSet=~CAP_NET_\(BIND_SERVICE\|BROADCAST\|RAW\)")
    assert [name for name, text in said.items() if raw.search(text)] == ["eventsink-monitor.service"]
    assert not any(re.search(r"✗ CapabilityBoundingSet=~CAP_(SYS_ADMIN|SETUID|DAC)", text) for text in said.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_enabled_alone_runs_after_the_next_start(name, tmp_path):
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    units_in(folder)
    command = [required("systemctl", "systemd"), "--root", tmp_path, "--quiet", "enable", name]
    processes.run(command, check=True, capture_output=True)
    assert (folder / "multi-user.target.wants" / name).is_symlink()


@pytest.mark.parametrize("unit", sorted(path.name for path in (DEPLOY / "systemd").glob("*.service")))
def test_a_unit_gives_time_to_end_in_order_and_starts_again(unit):
    text = (DEPLOY / "systemd" / unit).read_text()
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) >= DRAIN + 20
    assert re.search(r"^Restart=on-failure$", text, re.MULTILINE)
    assert re.search(r"^StateDirectoryMode=0700$", text, re.MULTILINE)
    # A credential that is loaded is one that is read, and the other way round.
    loaded = set(re.findall(r"^LoadCredential=(\w+):/etc/eventsink/secrets/\1$", text, re.MULTILINE))
    assert loaded == set(re.findall(r"^Environment=EVENTSINK_\w+_FILE=%d/(\w+)$", text, re.MULTILINE))
