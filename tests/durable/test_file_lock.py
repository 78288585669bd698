"""A lock is held once, and what lies behind a link is not overwritten for it."""

import os
from pathlib import Path

import pytest

from eventsink.errors import DataDirectoryInUse
from eventsink.files import hold
from tests.users import MALLORY, belongs_to, needs_root


def test_a_lock_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    descriptor = hold(tmp_path / "x.lock")
    with pytest.raises(DataDirectoryInUse, match=f"Process {os.getpid()} already uses"):
        hold(tmp_path / "x.lock")
    os.close(descriptor)
    os.close(hold(tmp_path / "x.lock"))


def test_a_link_is_no_lock_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "x.lock").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic link"):
        hold(tmp_path / "x.lock")
    assert (tmp_path / "precious").read_text() == "precious"


@needs_root
def test_a_lock_that_root_made_its_owner_can_hold_later(tmp_path: Path) -> None:
    os.close(hold(belongs_to(MALLORY, tmp_path, 0o700) / "x.lock"))
    assert (tmp_path / "x.lock").stat().st_uid == MALLORY
