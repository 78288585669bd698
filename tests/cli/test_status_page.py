"""The status page as files: whole ones at every moment, of a sink that is there and of one that is not."""

import contextlib
import json
import os
import re
import signal
import stat
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import Result

from eventsink.cli.status_files import last_page, write_page
from eventsink.errors import EventSinkError
from eventsink.look.status.contract import MARK
from tests import processes
from tests.cli.fake_sink import FakeSink
from tests.look.public_sink import PRIVATE, PUBLIC, new_public_sink, post_history, wait_for_page
from tests.look.status_pages import page
from tests.servers.process import eventually, free_ports
from tests.sink_process import SinkProcess

Run = Callable[..., Result]
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink with a history of checks, some of which are public."""
    sink = new_public_sink(tmp_path_factory.mktemp("public")).start()
    post_history(sink)
    wait_for_page(sink, lambda page: page["state"] == "down")
    yield sink
    sink.close()


def test_all_forms_are_written_for_everybody(run: Run, public: SinkProcess, tmp_path: Path) -> None:
    out = tmp_path / "www" / "status"
    before = os.umask(0o077)
    try:
        found = run("status-page", "--out", out, "--url", public.url)
    finally:
        os.umask(before)
    assert found.exit_code == 0, found.output
    assert f"Written to {out}." in found.stdout
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    badges = {name for name in files if name.startswith("badge/")}
    assert files - badges == {"index.html", "status.json", "feed.atom"}
    assert {"badge/Clowder.svg", "badge/homepage.svg", "badge/never.svg"} <= badges and len(badges) == len(PUBLIC)
    for path in out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path
    document = (out / "index.html").read_text()
    links = [link for link in re.findall('href="([^"]+)"', document) if not link.startswith(("#", "data:"))]
    assert {"feed.atom", "status.json", "badge/Clowder.svg"} <= set(links)
    assert all((out / link).is_file() for link in links)
    assert "http-equiv" not in document and "This is a copy, and as old as that time says." in document
    assert PRIVATE not in "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    assert ET.fromstring((out / "feed.atom").read_bytes()).tag.endswith("feed")
    assert json.loads((out / "status.json").read_bytes())["headline"] == "1 of 4 is down."


def test_the_same_page_as_the_sink_shows(run: Run, public: SinkProcess, tmp_path: Path) -> None:

    def one_edition() -> bool:
        """The sink makes another every some seconds, in which an outage that lasts is longer."""
        assert run("status-page", "--out", tmp_path / "a", "--url", public.url).exit_code == 0
        live.update(public.request("GET", "/status.json", key="")[1])
        ours = last_page(tmp_path / "a")
        return ours is not None and msgspec.to_builtins(ours.made) == live["made"]

    live: dict[str, Any] = {}
    eventually(one_edition, "both are of one edition")
    ours = last_page(tmp_path / "a")
    assert ours is not None
    assert [view["name"] for view in live["checks"]] == [view.name for view in ours.checks]
    assert live["incidents"] == msgspec.to_builtins(ours.incidents)


def test_what_is_not_ours_stays_and_old_badges_go(tmp_path: Path) -> None:
    write_page(tmp_path, page())
    (tmp_path / "robots.txt").write_text("mine")
    (tmp_path / "badge" / "logo.svg").write_text("<svg/>")
    (tmp_path / "badge" / "notes.txt").write_text(MARK)
    fewer = msgspec.structs.replace(page(), checks=page().checks[:1])
    write_page(tmp_path, fewer)
    assert sorted(path.name for path in (tmp_path / "badge").iterdir()) == ["homepage.svg", "logo.svg", "notes.txt"]
    assert (tmp_path / "robots.txt").read_text() == "mine"
    assert not [*tmp_path.rglob(".eventsink-*")]


@pytest.mark.parametrize("name", ["index.html", "feed.atom", "status.json"])
def test_somebody_elses_page_is_not_written_over(run: Run, public: SinkProcess, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<h1>My home page</h1>")
    found = run("status-page", "--out", tmp_path, "--url", public.url)
    assert found.exit_code == 1
    assert f"{name} is there already, and no status page of the event sink: give another folder" in found.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == [name]
    assert (tmp_path / name).read_text() == "<h1>My home page</h1>"


def test_a_folder_that_cannot_be_one(run: Run, public: SinkProcess, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = run("status-page", "--out", tmp_path / "file" / "x", "--url", public.url)
    assert found.exit_code == 1 and "cannot be written to" in found.stderr and "Traceback" not in found.output


def test_a_sink_that_is_away_is_said_on_the_page(run: Run, public: SinkProcess, tmp_path: Path) -> None:
    nothing = run("status-page", "--out", tmp_path, "--url", NOWHERE)
    assert nothing.exit_code == 1 and "Nothing was written" in nothing.stderr
    assert not (tmp_path / "index.html").exists()

    assert run("status-page", "--out", tmp_path, "--url", public.url).exit_code == 0
    known = last_page(tmp_path)
    found = run("status-page", "--out", tmp_path, "--url", NOWHERE)
    assert found.exit_code == 1 and "No event sink answers" in found.stderr and "The page says so." in found.stderr
    away = last_page(tmp_path)
    assert known and away and away.made == known.made and away.unreachable_since is not None
    document = (tmp_path / "index.html").read_text()
    assert "could not be reached. This page shows how they were at" in document
    assert "The present state is not known." in document
    assert "unknown" in (tmp_path / "badge" / "homepage.svg").read_text()
    run("status-page", "--out", tmp_path, "--url", NOWHERE)
    assert last_page(tmp_path) == away, "it is away since then, and not since now"

    assert run("status-page", "--out", tmp_path, "--url", public.url).exit_code == 0
    assert "could not be reached" not in (tmp_path / "index.html").read_text()


def test_what_answers_may_be_no_sink(run: Run, tmp_path: Path) -> None:
    with FakeSink(lambda _: (200, {}, {"hello": "world"})) as other:
        found = run("status-page", "--out", tmp_path, "--url", other.url)
    assert found.exit_code == 1 and "has no status page" in found.stderr


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    broken: list[str] = []
    done = threading.Event()
    write_page(tmp_path, page())

    def read() -> None:
        while not done.is_set():
            document = (tmp_path / "index.html").read_text()
            if not document.endswith("</html>\n"):
                broken.append(document[-100:])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        write_page(tmp_path, msgspec.structs.replace(page(), title="x" * (1 + 3000 * (number % 2))))
    done.set()
    reader.join()
    assert broken == []


def test_what_killed_processes_have_left_goes_from_the_public_folder(tmp_path: Path) -> None:
    code = "import os, signal, sys; from eventsink.cli import status_files\n"
    code += "os.fchmod = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    code += "status_files._write(status_files.Path(sys.argv[1]), b'half')"
    for _ in range(2):
        killed = processes.run([sys.executable, "-c", code, tmp_path / "index.html"])
        assert killed.returncode == -signal.SIGKILL
    left = [*tmp_path.glob(".eventsink-*")]
    assert len(left) == 2
    for path in left:
        os.utime(path, (time.time() - 4000, time.time() - 4000))
    write_page(tmp_path, page())
    assert not [*tmp_path.rglob(".eventsink-*")]


def test_a_full_disk_leaves_the_page_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_page(tmp_path, page())
    before = (tmp_path / "index.html").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(EventSinkError, match="cannot be written to"):
        write_page(tmp_path, msgspec.structs.replace(page(), title="another"))
    assert (tmp_path / "index.html").read_bytes() == before
    assert not [*tmp_path.rglob(".eventsink-*")]


def test_again_and_again_over_a_restart_of_the_sink(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    sink = new_public_sink(tmp_path, port=port).start()
    out = tmp_path / "out"
    command = [sys.executable, "-m", "eventsink", "status-page", "--out", out, "--every", 1, "--url", sink.url]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTSINK_")}
    log = tmp_path / "log"
    try:
        with log.open("wb") as output:
            process = processes.start(command, stdout=output, stderr=output, env=environment, cwd=tmp_path)
        try:
            _wait(lambda: "made again and again" in _text(out / "index.html"))
            assert '<meta http-equiv="refresh" content="1">' in _text(out / "index.html")
            sink.kill()
            _wait(lambda: "could not be reached" in _text(out / "index.html"))
            _wait(lambda: "The page says so." in _text(log))
            sink.start()
            _wait(lambda: "could not be reached" not in _text(out / "index.html"))
            _wait(lambda: "Written again." in _text(log))  # which is said a moment later
        finally:
            process.send_signal(signal.SIGINT)
            assert processes.end(process) == 130
    finally:
        sink.close()
    said = log.read_text()
    assert said.count("The page says so.") == 1 and "Written again." in said and "Traceback" not in said


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
