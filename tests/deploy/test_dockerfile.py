"""The Dockerfile: what hadolint says, and that what it copies and calls is there."""

import fnmatch
import re

from tests import processes
from tests.deploy.manifests import DEPLOY, ROOT, program

TEXT = (DEPLOY / "Dockerfile").read_text()
LINES = TEXT.replace("\\\n", " ").splitlines()


def test_hadolint_finds_no_fault():
    done = processes.run([program("hadolint"), DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_it_copies_is_there_and_passes_the_ignore_file():
    allowed = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = [
        word for line in LINES if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    assert {"src", "constraints/server.txt", "deploy/healthcheck.py"} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(fnmatch.fnmatch(path, pattern) for pattern in allowed), f"{path} would not be there"


def test_it_runs_as_a_number_that_is_not_root_with_a_health_check_and_without_a_shell():
    assert "USER 10001:10001" in LINES
    assert 'ENTRYPOINT ["eventsink"]' in LINES
    assert "VOLUME /data" in LINES
    assert any(line.startswith("HEALTHCHECK ") and '"/opt/eventsink/healthcheck.py"' in line for line in LINES)
    assert "--require-hashes" in TEXT
    assert not re.search(r"(?i)(ARG|ENV)\s+\w*(password|secret|token|_key)", TEXT), "a secret stays in a layer"


def test_its_version_is_that_of_the_project():
    (version,) = re.findall(r'__version__ = "(.+)"', (ROOT / "src/eventsink/__init__.py").read_text())
    (labelled,) = re.findall(r"^ARG VERSION=(.+)$", TEXT, re.MULTILINE)
    assert labelled == version
