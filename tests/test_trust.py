"""What another user can have put where a command happens to run is not believed."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eventsink.trust import NotTrusted, doubt, read_found
from tests import processes
from tests.users import MALLORY, NAMELESS, become, belongs_to, needs_root, open_folder

__all__ = ["open_folder"]

FOUND = Path("var/running.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of ours in a folder of ours."""
    folder = tmp_path / "here"
    (folder / "var").mkdir(parents=True)
    (folder / FOUND).write_text("ours")
    monkeypatch.chdir(folder)
    return folder


def why_not(path: Path = FOUND) -> str:
    """Why a file is not believed."""
    with pytest.raises(NotTrusted) as error:
        read_found(path, naming="--data var")
    return str(error.value)


def test_what_only_we_can_have_made_is_believed(here: Path) -> None:
    assert read_found(FOUND, naming="") == b"ours"


@pytest.mark.parametrize("mode", [0o1777, 0o1775, 0o755])
def test_in_a_folder_of_all_users_what_is_ours_stays_ours(here: Path, mode: int) -> None:
    here.chmod(mode)
    assert read_found(FOUND, naming="") == b"ours"


def test_what_is_not_there_is_no_danger(here: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_found(Path("eventsink.toml"), naming="")
    assert doubt(Path("new/folder")) == ""


def test_links_of_ours_among_our_files_are_followed(here: Path) -> None:
    (here / "var").rename(here / "data")
    (here / "var").symlink_to("data")
    (here / "eventsink.toml").symlink_to(here / "data" / "running.json")
    assert read_found(FOUND, naming="") == read_found(Path("eventsink.toml"), naming="") == b"ours"


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_file_to_which_others_may_write_is_not_believed(here: Path, mode: int) -> None:
    (here / FOUND).chmod(mode)
    assert why_not() == (
        f"{FOUND} is not trusted: others may write to {here / FOUND}. If you trust it, name it with --data var."
    )


@pytest.mark.parametrize("folder", [".", "var"])
def test_a_folder_to_which_others_may_write_is_not_believed(here: Path, folder: str) -> None:
    (here / folder).chmod(0o777)
    assert f"others may write to {(here / folder).resolve()}" in why_not()


def test_a_link_of_ours_into_a_folder_to_which_others_may_write_is_not_believed(here: Path, tmp_path: Path) -> None:
    public = tmp_path / "public"
    public.mkdir()
    (public / "data").mkdir()
    (public / "data" / "running.json").write_text("ours")
    public.chmod(0o777)
    Path("link").symlink_to(public / "data")
    assert doubt(Path("link")) == f"others may write to {public}"


def _of_the_file(here: Path) -> None:
    belongs_to(MALLORY, here / FOUND, 0o644)


def _of_its_folder(here: Path) -> None:
    belongs_to(MALLORY, here / "var", 0o755)


def _of_this_folder(here: Path) -> None:
    belongs_to(MALLORY, here, 0o755)


def _of_a_group(here: Path) -> None:
    belongs_to(0, here / FOUND, 0o664, group=MALLORY)


def _of_a_group_with_a_folder(here: Path) -> None:
    belongs_to(0, here / "var", 0o2775, group=MALLORY)


def _of_a_link_to_ours(here: Path) -> None:
    (here / "var").rename(here.parent / "elsewhere")
    (here / "var").symlink_to(here.parent / "elsewhere")
    belongs_to(MALLORY, here / "var", 0)
    here.chmod(0o1777)


def _of_what_a_link_of_ours_leads_to(here: Path) -> None:
    (here / FOUND).unlink()
    (here.parent / "trap").write_text("trap")
    (here / FOUND).symlink_to(belongs_to(MALLORY, here.parent / "trap", 0o644))


def _of_a_pipe(here: Path) -> None:
    (here / FOUND).unlink()
    os.mkfifo(here / FOUND)
    belongs_to(MALLORY, here / FOUND, 0o644)


@needs_root
@pytest.mark.parametrize(
    "trap",
    [
        _of_the_file,
        _of_its_folder,
        _of_this_folder,
        _of_a_group,
        _of_a_group_with_a_folder,
        _of_a_link_to_ours,
        _of_what_a_link_of_ours_leads_to,
        _of_a_pipe,
    ],
)
def test_root_believes_nothing_of_another_user(here: Path, trap: Callable[[Path], None]) -> None:
    trap(here)
    said = why_not()
    assert "belongs to nobody" in said or "others may write to" in said
    assert said.endswith(" If you trust it, name it with --data var.")


@needs_root
def test_what_is_not_there_is_in_doubt_where_another_user_can_put_it(here: Path) -> None:
    belongs_to(MALLORY, here, 0o755)
    assert doubt(Path("new")) == f"{here} belongs to nobody"


_DOUBT = "import sys; from pathlib import Path; from eventsink.trust import doubt; print(doubt(Path(sys.argv[1])))"


def doubt_of(user: int, group: int, folder: Path, name: str) -> str:
    """What another user doubts."""
    command = [*become(user, group), sys.executable, "-c", _DOUBT, name]
    answer = processes.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return str(answer.stdout.strip())


@needs_root
@pytest.mark.parametrize(
    ("owner", "group", "mode", "ours"),
    [
        (NAMELESS, NAMELESS, 0o775, True),  # umask 002, and a group of one's own
        (NAMELESS, 0, 0o775, True),  # a container in the group of root
        (0, NAMELESS, 0o2775, True),  # a volume that is given to a group
        (0, 0, 0o755, True),
        (0, MALLORY, 0o2775, False),  # of a group that others are in
        (MALLORY, NAMELESS, 0o775, False),
        (NAMELESS, NAMELESS, 0o777, False),
    ],
)
def test_another_user_believes_what_is_theirs_or_of_root(
    open_folder: Path, owner: int, group: int, mode: int, ours: bool
) -> None:
    (open_folder / "var").mkdir()
    belongs_to(owner, open_folder / "var", mode, group=group)
    assert (doubt_of(NAMELESS, group if group in (0, NAMELESS) else NAMELESS, open_folder, "var") == "") is ours


@needs_root
def test_a_group_of_several_users_is_not_one_s_own(open_folder: Path) -> None:
    (open_folder / "var").mkdir()
    belongs_to(0, open_folder / "var", 0o2775, group=MALLORY)  # in which nobody is, too
    assert doubt_of(NAMELESS, MALLORY, open_folder, "var") == f"others may write to {open_folder / 'var'}"
