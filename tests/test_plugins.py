"""A worker is found by its name, file, module or entry point, and what is wrong with it is said."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventsink import plugins
from eventsink.deliver import loading
from eventsink.deliver.worker import ENTRY_POINTS, Worker
from eventsink.deliver.workers.echo import Echo
from eventsink.errors import PluginError, SettingsError

CHAT = '''"""Delivers to a chat."""

from dataclasses import dataclass
from typing import Annotated

from eventsink.deliver.worker import Worker


@dataclass(frozen=True)
class Options:
    """Which chat."""

    url: Annotated[str, "Address of the chat."]
    retries: Annotated[int, "How often."] = 3


class Chat(Worker[Options]):
    """Delivers to a chat."""
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, whose modules are forgotten when the test ends."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def find(name: str) -> type[Worker]:
    """The worker of this name."""
    return plugins.find(name, package=loading.PACKAGE, group=ENTRY_POINTS, base=Worker)


def sentence(name: str) -> str:
    """Why there is none."""
    with pytest.raises(PluginError) as error:
        find(name)
    return str(error.value)


def write(folder: Path, name: str, text: str = CHAT) -> str:
    """A file with a worker."""
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def install(folder: Path, entry_points: str) -> None:
    """A distribution that brings an entry point."""
    info = folder / "clowder_chat-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clowder-chat\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{entry_points}\n")


# --- found -----------------------------------------------------------------------------------------------------------


def test_one_of_ours_is_found_by_its_name() -> None:
    assert find("echo") is Echo


def test_a_worker_is_found_by_module_and_class(folder: Path) -> None:
    write(folder, "chatroom.py")
    assert find("eventsink.deliver.workers.echo:Echo") is Echo
    assert find("chatroom:Chat").__name__ == "Chat"


def test_a_worker_is_found_by_the_path_of_its_file(folder: Path) -> None:
    assert find(write(folder, "my chat.v2.py")).__name__ == "Chat"


def test_a_worker_is_found_by_an_entry_point_and_listed(folder: Path) -> None:
    write(folder, "chatroom.py")
    install(folder, "chat = chatroom")
    assert "chat" in loading.known()
    assert "chatroom" not in sys.modules, "listing imports nothing"
    assert find("chat").__name__ == "Chat"


def test_all_of_ours_are_listed_by_the_names_of_their_files() -> None:
    assert {"echo", "store"} <= set(loading.known())
    assert "__init__" not in loading.known()


def test_a_file_may_have_a_base_of_its_own_from_elsewhere(folder: Path) -> None:
    write(folder, "base_chat.py", CHAT)
    text = "from base_chat import Chat\nclass Louder(Chat):\n    pass\n"
    assert find(write(folder, "louder.py", text)).__name__ == "Louder"


# --- not found -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ecko", "There is no worker 'ecko'. Did you mean 'echo'?"),
        ("zzz", "There is no worker 'zzz'. Known are amplitude, echo, "),
        ("", "There is no worker ''."),
        ("a.b", "There is no worker 'a.b'."),
        ("../echo", "There is no worker '../echo'. Did you mean 'echo'?"),
        ("echo.x", "There is no worker 'echo.x'. Did you mean 'echo'?"),
        (":", "There is no worker ':'."),
        (":Echo", "There is no worker ':Echo'."),
        ("nowhere.py", "There is no file nowhere.py."),
        ("no_such_module:Chat", "Worker no_such_module:Chat needs no_such_module, which is not there."),
        ("json:Chat", "json:Chat: json has no Worker called 'Chat'."),
        ("json:JSONDecoder", "json:JSONDecoder: json has no Worker called 'JSONDecoder'."),
        ("json:", "json:: json has no Worker called ''."),
    ],
)
def test_a_name_that_stands_for_nothing_is_answered_with_what_there_is(name: str, said: str) -> None:
    assert sentence(name).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def (", "does not load: SyntaxError"),
        ("1 / 0", "does not load: ZeroDivisionError: division by zero."),
        ("import no_such_library", "does not load: ModuleNotFoundError: No module named 'no_such_library'."),
        ("raise SystemExit(3)", "does not load: SystemExit: 3."),
        ("", "must hold exactly one Worker, and holds 0."),
        (CHAT + "\n\nclass Other(Worker[Options]):\n    pass\n", "must hold exactly one Worker, and holds 2."),
    ],
)
@pytest.mark.parametrize("how", ["path", "entry point"])
def test_a_broken_file_does_not_take_us_along(folder: Path, how: str, text: str, said: str) -> None:
    file = write(folder, "broken.py", text)
    install(folder, "faulty = broken")
    answer = sentence(file if how == "path" else "faulty")
    if "no_such_library" in text and how == "entry point":
        said = "Worker faulty needs no_such_library, which is not there."
    assert said in answer


def test_a_missing_library_of_ours_is_answered_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "eventsink.deliver.workers.store", raising=False)
    monkeypatch.setitem(sys.modules, "eventsink.store", None)
    assert sentence("store") == "Worker store needs eventsink.store: pip install 'clowder-eventsink[server]'."


# --- loaded with its options -----------------------------------------------------------------------------------------


def test_a_worker_is_loaded_with_the_options_of_its_section(folder: Path) -> None:
    file = write(folder, "chat.py")
    worker = loading.load("team", {"use": file, "url": "http://x", "retries": "5"})
    assert (type(worker).__name__, worker.options.url, worker.options.retries) == ("Chat", "http://x", 5)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "workers.team.url is missing: it must be text."),
        ({"url": 5}, "workers.team.url must be text."),
        ({"url": "x", "retries": "often"}, "workers.team.retries must be a whole number."),
        ({"url": "x", "urll": 1}, "There is no setting 'urll' in workers.team. Did you mean 'url'?"),
    ],
)
def test_a_wrong_option_is_named(folder: Path, section: dict[str, object], said: str) -> None:
    file = write(folder, "chat.py")
    with pytest.raises(SettingsError) as error:
        loading.load("team", {"use": file, **section})
    assert str(error.value) == said


def test_a_worker_without_options_is_said_so(folder: Path) -> None:
    file = write(folder, "bare.py", "from eventsink.deliver.worker import Worker\nclass Bare(Worker):\n    pass\n")
    with pytest.raises(PluginError, match="has no class Options"):
        loading.load("bare", {"use": file})


# --- trusted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["chat.py", "workers/chat.py"])
def test_a_file_in_the_current_folder_is_not_run_where_others_may_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(folder)
    Path(path).parent.mkdir(exist_ok=True)
    write(folder, path)
    assert find(path).__name__ == "Chat"
    Path(path).parent.chmod(0o777)
    reason = f"others may write to {(folder / path).parent}"
    assert sentence(path) == f"{path} is not run: {reason}. If you trust it, name it with its whole path."
    assert find(str(folder / path)).__name__ == "Chat"
