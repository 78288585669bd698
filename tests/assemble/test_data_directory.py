"""What is in the data directory is for nobody else, whatever it was before, and what is somebody else's stays."""

import contextlib
import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from eventsink.assemble.data_directory import open_to_others, prepare
from eventsink.errors import SettingsError
from eventsink.settings import Exchange, Settings, Store
from eventsink.trust import NotTrusted
from tests import processes
from tests.sink_process import SinkProcess
from tests.users import MALLORY, NAMELESS, become, belongs_to, needs_root, open_folder

__all__ = ["open_folder"]

OPENED = ("sh", "-c", 'umask 0; exec "$@"', "sh")
FILES = (
    *("exchange.db", "exchange.db-wal", "exchange.lock", "exchange.db.damaged-20261128T101112Z-wal", "keys.db"),
    *("spool-8750.db", "spool-8750-1.db", "accounts.db", "jobs.db", "jobs-spool.lock", "running.json"),
    *("store/lock", "store/events-2026-11.duckdb", "store/events-2026-11.duckdb.wal"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory as systemd makes one, with files as umask 022 leaves them."""
    folder = tmp_path / "data"
    (folder / "store" / "tmp").mkdir(parents=True)
    for name in FILES:
        (folder / name).touch(0o644)
    return folder


def of(folder: Path, **more: Any) -> Settings:
    """Settings with this data directory."""
    return Settings(data=str(folder), **more)


def modes(folder: Path) -> dict[str, int]:
    """The modes of a folder, and of all that is in it."""
    found: dict[str, int] = {}
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a sink that runs makes files and takes them away
            if not path.is_symlink():
                found[str(path)] = path.lstat().st_mode & 0o7777
    return found


def open_ones(folder: Path) -> list[str]:
    """What is open to group or others."""
    return [str(Path(path).relative_to(folder)) for path, mode in modes(folder).items() if mode & 0o077]


def said_by_prepare(settings: Settings) -> dict[str, Any]:
    """What is logged, by its name."""
    with capture_logs() as lines:
        prepare(settings)
    return {line["event"]: line for line in lines}


# --- what is ours ----------------------------------------------------------------------------------------------------


def test_a_directory_that_was_open_is_made_private_and_counted(data: Path) -> None:
    assert len(open_to_others(of(data))) == len(FILES) + 3
    said = said_by_prepare(of(data))
    assert open_ones(data) == []
    assert (list(said), said["data.made_private"]["count"]) == (["data.made_private"], len(FILES) + 3)
    assert said_by_prepare(of(data)) == {}
    assert open_to_others(of(data)) == []


def test_a_new_directory_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        prepare(of(tmp_path / "new"))
    finally:
        os.umask(before)
    assert modes(tmp_path / "new") == {str(tmp_path / "new"): 0o700}


def test_special_bits_of_a_folder_are_kept(data: Path) -> None:
    data.chmod(0o2775)
    prepare(of(data))
    assert data.stat().st_mode & 0o7777 == 0o2700


@pytest.mark.parametrize("what", ["folder", "of another user"])
def test_a_folder_that_holds_more_is_left_and_said_and_files_of_ours_are_made_private(data: Path, what: str) -> None:
    (data / "site").mkdir() if what == "folder" else (data / "site").touch()
    if what != "folder":
        if os.geteuid() != 0:
            pytest.skip("only root can act for a second user: run the tests as root")
        belongs_to(MALLORY, data / "site", 0o644)
    said = said_by_prepare(of(data))
    assert set(open_ones(data)) == {".", "site"}
    assert said["data.open_to_others"]["paths"] == str(data)
    assert "give a directory with nothing else in it" in said["data.open_to_others"]["remedy"]


def test_a_disk_of_its_own_and_notes_beside_the_data_are_no_reason_to_leave_it_open(data: Path) -> None:
    (data / "lost+found").mkdir(0o700)
    (data / ".snapshot").mkdir(0o700)
    (data / "up.log").touch(0o600)
    prepare(of(data))
    assert open_ones(data) == []


def test_what_was_put_elsewhere_is_private_and_its_neighbours_are_left(data: Path, tmp_path: Path) -> None:
    elsewhere, months = tmp_path / "elsewhere", tmp_path / "months"
    for folder, names in ((elsewhere, ("x.db", "x.db-wal", "x.lock", "other.db")), (months, ("lock", "mine.txt"))):
        folder.mkdir()
        for name in names:
            (folder / name).touch(0o644)
    settings = of(data, exchange=Exchange(url=f"sqlite:///{elsewhere}/x.db"), store=Store(path=str(months)))
    prepare(settings)
    assert set(open_ones(elsewhere)) == {".", "other.db"}
    assert set(open_ones(months)) == {"mine.txt"}


def test_links_and_files_with_a_second_name_are_left(data: Path, tmp_path: Path) -> None:
    precious, twice = tmp_path / "precious", tmp_path / "twice"
    precious.touch(0o644)
    twice.touch(0o644)
    (data / "keys.db").unlink()
    (data / "keys.db").symlink_to(precious)
    (data / "jobs.db").unlink()
    (data / "jobs.db").hardlink_to(twice)
    said = said_by_prepare(of(data))
    assert stat.S_IMODE(precious.stat().st_mode) == stat.S_IMODE(twice.stat().st_mode) == 0o644
    assert said["data.open_to_others"]["paths"] == str(data / "jobs.db")


@pytest.mark.parametrize("how", ["refuses", "does nothing"])
def test_a_volume_that_takes_no_modes_is_said_once_and_no_reason_not_to_run(
    data: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def fchmod(descriptor: int, mode: int) -> None:
        if how == "refuses":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchmod", fchmod)
    said = said_by_prepare(of(data))
    assert (list(said), said["data.open_to_others"]["count"]) == (["data.open_to_others"], len(FILES) + 3)
    assert said["data.open_to_others"]["paths"].endswith(f" and {len(FILES)} more")


def test_a_link_to_the_data_directory_is_followed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data)
    prepare(of(tmp_path / "link"))
    assert open_ones(data) == []


# --- what is not -----------------------------------------------------------------------------------------------------


def test_a_folder_that_all_users_share_is_refused(data: Path) -> None:
    data.chmod(0o1777)
    with pytest.raises(
        SettingsError, match=rf"All users share {data}: give a folder in it, as --data {data}/eventsink"
    ):
        prepare(of(data))
    assert stat.S_IMODE(data.stat().st_mode) == 0o1777


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be made: Not a directory"):
        prepare(of(tmp_path / "file" / "data"))


@needs_root
@pytest.mark.parametrize("there", [True, False])
def test_what_is_found_in_a_folder_of_another_user_is_refused_unless_it_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    belongs_to(MALLORY, data.parent, 0o755)
    belongs_to(MALLORY, data, 0o755)
    monkeypatch.chdir(data.parent)
    name = "data" if there else "new"
    with pytest.raises(
        NotTrusted, match=rf"^{name} is not trusted: .* belongs to nobody\. .* name it with --data {name}"
    ):
        prepare(of(Path(name)))
    assert Path(name).exists() is there and open_ones(data)
    said = said_by_prepare(of(data))
    assert said["data.of_another_user"]["remedy"] == f"run it as nobody, or: chown -R 0 {data}"


@needs_root
def test_what_belongs_to_others_is_left_and_said(data: Path) -> None:
    belongs_to(MALLORY, data / "exchange.db", 0o644)
    said = said_by_prepare(of(data))
    assert open_ones(data) == ["exchange.db"]
    assert said["data.open_to_others"]["paths"] == str(data / "exchange.db")
    assert said["data.open_to_others"]["remedy"].startswith(f"As root: chown 0 {data / 'exchange.db'} && chmod 600")


@needs_root
@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_keys_and_links_that_somebody_else_has_put_there_are_not_used(data: Path, tmp_path: Path, kind: str) -> None:
    prepare(of(data))
    data.chmod(0o777)
    planted = data / ("exchange.db" if kind == "dangling link" else "keys.db")
    planted.unlink()
    if kind == "file":
        planted.touch()
    else:
        planted.symlink_to(tmp_path / "theirs.db")
        if kind == "link":
            (tmp_path / "theirs.db").touch()
    belongs_to(MALLORY, planted, 0o600)
    with pytest.raises(SettingsError, match="take it away"):
        prepare(of(data))
    planted.unlink()
    prepare(of(data))
    assert open_ones(data) == []


@needs_root
def test_a_file_of_somebody_else_is_said_also_when_its_mode_is_private(data: Path) -> None:
    prepare(of(data))
    belongs_to(MALLORY, data / "keys.db", 0o600)
    assert [exposed.path for exposed in open_to_others(of(data))] == [data / "keys.db"], "their keys would be good here"


@needs_root
def test_root_finds_the_directory_of_a_service_well_that_is_private_to_the_service(data: Path) -> None:
    prepare(of(data))
    for path in (data, *data.rglob("*")):
        belongs_to(MALLORY, path, path.stat().st_mode & 0o777)
    assert open_to_others(of(data)) == []


# --- as it runs ------------------------------------------------------------------------------------------------------


def test_a_sink_makes_nothing_that_others_can_read(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink(prefix=OPENED).start()
    assert sink.post({"type": "demo.private", "data": {}})[0] == 202
    sink.settle()
    made = {Path(path).name for path in modes(sink.data)}
    assert {"exchange.db-wal", "exchange.lock", "running.json", "keys.db", "store"} <= made
    assert open_ones(sink.data) == []
    assert sink.stop() == 0
    assert open_ones(sink.data) == []


def test_a_directory_from_before_is_made_private_and_keeps_its_events(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink().start()
    assert sink.post({"type": "demo.before", "data": {}})[0] == 202
    sink.settle()
    sink.stop()
    for path in (sink.data, *sink.data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    sink.start()
    assert open_ones(sink.data) == []
    assert len(sink.stored_ids()) == 1
    assert "data.made_private" in sink.log.read_text()


_VOLUMES = {
    "StateDirectory of systemd": (NAMELESS, NAMELESS, 0o755, NAMELESS),
    "volume of root, for the group of root": (0, 0, 0o775, 0),
    "volume of root, for a group without a name": (0, NAMELESS, 0o2775, NAMELESS),
    "volume of root, for everybody": (0, 0, 0o777, NAMELESS),
}


@needs_root
@pytest.mark.parametrize(("owner", "owning", "mode", "group"), _VOLUMES.values(), ids=list(_VOLUMES))
def test_a_sink_runs_on_directories_that_others_have_made_for_it(
    open_folder: Path, owner: int, owning: int, mode: int, group: int
) -> None:
    (open_folder / "data").mkdir()
    belongs_to(owner, open_folder / "data", mode, group=owning)
    sink = SinkProcess(open_folder / "data", prefix=become(NAMELESS, group))
    try:
        for number in (1, 2):
            sink.start()
            assert sink.post({"type": "demo.volume", "data": {}})[0] == 202
            sink.settle()
            assert len(sink.stored_ids()) == number
            assert sink.stop() == 0
        told = [json.loads(line) for line in sink.log.read_text().splitlines() if line.startswith("{")]
        left = [line for line in told if line["event"] == "data.open_to_others"]
        assert open_ones(sink.data) == ([] if owner == NAMELESS else ["."])
        assert len(left) == (0 if owner == NAMELESS else 2), "once at each start"
    finally:
        sink.close()


@needs_root
def test_root_runs_on_a_volume_of_somebody_else_and_says_so(open_folder: Path) -> None:
    (open_folder / "data").mkdir()
    belongs_to(NAMELESS, open_folder / "data", 0o755)
    sink = SinkProcess(open_folder / "data")
    try:
        sink.start()
        assert sink.post({"type": "demo.volume", "data": {}})[0] == 202
        assert open_ones(sink.data) == ["."]
        assert f"run it as user {NAMELESS}" in sink.log.read_text()
    finally:
        sink.close()


def test_a_process_that_has_ended_leaves_the_umask_of_its_caller(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom eventsink import assemble\nfrom eventsink.settings import load\nos.umask(0o27)\n"
        "try:\n    assemble.up(load(data=sys.argv[1], collect={'port': 1, 'host': 'no.such.host.invalid'}))\n"
        "except Exception:\n    print(oct(os.umask(0)))"
    )
    command = [sys.executable, "-c", code, tmp_path / "data"]
    answer = processes.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "0o27"


@pytest.mark.parametrize("place", ["keys.db.restoring", "store/events-2026-11.duckdb.restoring"])
def test_no_sink_starts_on_a_part_of_a_backup(data: Path, place: str) -> None:
    (data / place).touch(0o600)
    with pytest.raises(SettingsError, match=r"`eventsink restore` still runs, or was broken off\. .* restore again\."):
        prepare(of(data))
    (data / place).unlink()
    prepare(of(data))
