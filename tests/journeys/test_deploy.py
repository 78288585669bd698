"""What the README and deploy/install.sh promise, kept on a fresh Debian."""

import os

import pytest

from tests import processes
from tests.deploy.manifests import DEPLOY
from tests.servers.process import required


@pytest.mark.soak
def test_a_fresh_debian_runs_what_the_readme_and_the_script_promise(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a root directory can be made by root alone")
    required("debootstrap", "debootstrap")
    command = [DEPLOY / "try-on-debian", "--cache", tmp_path / "debian"]
    done = processes.run(command, timeout=1700, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert done.stdout.splitlines()[-1].endswith(": PASS")
