"""Another user, for tests of what is theirs and what is ours."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import required

__all__ = ["MALLORY", "NAMELESS", "become", "belongs_to", "needs_root", "open_folder"]

MALLORY = 65534  # nobody, whom every system has
NAMELESS = 61_234  # a user, or a group, with no entry anywhere, as in containers

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for a second user: run the tests as root")


def belongs_to(user: int, path: Path, mode: int, *, group: int | None = None) -> Path:
    """Give a file or folder to somebody; gives it back."""
    os.chown(path, user, user if group is None else group, follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(mode)
    return path


def become(user: int, group: int) -> tuple[str, ...]:
    """What runs a command as somebody else. They may read all files, for our Python can be in the home of root."""
    capability = "+dac_read_search"
    return (
        *(required("setpriv", "util-linux"), f"--reuid={user}", f"--regid={group}", "--clear-groups"),
        *(f"--inh-caps={capability}", f"--ambient-caps={capability}", "--"),
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="eventsink-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
