"""What docs/workers.md says is so: its worker is run, its commands, its settings and its tests."""

import ast
import asyncio
import re
import sqlite3
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eventsink.cli import app
from eventsink.deliver import loading
from eventsink.deliver.retry import Policy
from eventsink.deliver.worker import ENTRY_POINTS, Worker
from eventsink.errors import TryLater
from eventsink.testing import check_worker, sample_events
from tests import processes
from tests.deliver.scripted import SOON, running

PAGE = (Path(__file__).parents[2] / "docs" / "workers.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The code of the page in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


CONTRACT, WORKER, TEST = blocks("python")
SECTION, PACKAGE = map(tomllib.loads, blocks("toml"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the worker of the page in it; its module is forgotten when the test ends."""
    (tmp_path / "sqlite_table.py").write_text(WORKER, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("EVENTSINK_CONFIG", "EVENTSINK_DATA"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    for name in ("sqlite_table", "eventsink_plugin_sqlite_table"):
        sys.modules.pop(name, None)


def made(**options: Any) -> Worker[Any]:
    """The worker of the page."""
    return loading.load("table", {"use": "sqlite_table.py", "path": "events.db", **options})


def ids() -> list[str]:
    """What it has delivered."""
    with closing(sqlite3.connect("events.db")) as database:
        return [event_id for (event_id,) in database.execute("SELECT id FROM events")]


def table(header: str) -> list[list[str]]:
    """The rows of the table under this header, without ticks."""
    _, _, below = PAGE.partition(f"| {header} |")
    rows = below.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def test_the_contract_on_the_page_is_the_contract() -> None:
    methods = {node.name for node in ast.walk(ast.parse(CONTRACT)) if isinstance(node, ast.AsyncFunctionDef)}
    assert methods == {name for name, item in vars(Worker).items() if asyncio.iscoroutinefunction(item)}
    exec(CONTRACT, {"__name__": "yours"})  # a file that begins as a copy of it can be imported


def test_the_defaults_on_the_page_are_the_defaults() -> None:
    said = {name: default for name, default, _ in table("attribute | default | change it if")}
    assert (said.pop("types"), Worker.types) == ("all", ())
    flags = {name: said.pop(name) for name in ("keeps_repeats", "open_asks")}
    assert flags == {name: str(getattr(Worker, name)) for name in flags}
    numbers = {name: float(default) for name, default in said.items()}
    assert numbers == {name: getattr(Worker, name) for name in ("batch_size", "batch_wait", "timeout")}


async def test_the_worker_keeps_the_contract(folder: Path) -> None:
    async def delivered() -> list[str]:
        return ids()

    await check_worker(made, delivered)


def test_trying_it_says_what_the_page_says(folder: Path) -> None:
    (console,) = blocks("console")
    for command, said in re.findall(r"\$ eventsink (.*)\n(.*)", console):
        answer = CliRunner().invoke(app, command.split())
        assert answer.output == f"{said}\n"
    assert len(ids()) == 3


def test_its_tests_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it needs none, and starts sooner
    (folder / "test_sqlite_table.py").write_text(TEST, "utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    answer = processes.run(run, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert (answer.returncode, "2 passed" in answer.stdout) == (0, True), answer.stdout


async def test_it_refuses_what_no_row_can_hold_and_delivers_the_rest(folder: Path) -> None:
    bad = {2: [1, 2], 5: 2**64}
    events = sample_events(8)
    for at, size in bad.items():
        events[at].data["bytes"] = size
    async with running(folder, made()) as bench:
        await bench.exchange.publish(events)
        account = await bench.settled()
        reasons = {letter.body["id"]: letter.reason for letter in await bench.letters()}
    assert (account.delivered, account.dead) == (6, 2)
    assert set(reasons) == {events[at].id for at in bad}
    assert all(reason.startswith("A row cannot hold it: ") for reason in reasons.values())


async def test_it_waits_while_the_table_is_locked(folder: Path) -> None:
    worker = made(patience=0.01)
    await worker.open()
    with closing(sqlite3.connect("events.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TryLater, match=r"^Cannot write to events\.db: database is locked\.$"):
            await worker.deliver(sample_events(2))
        other.execute("COMMIT")
        await worker.deliver(sample_events(2))
    await worker.close()
    assert len(ids()) == 2


def test_its_client_gives_up_before_the_runner_does(folder: Path) -> None:
    worker = made()
    assert worker.options.patience < worker.timeout


def test_its_section_of_the_settings_is_read(folder: Path) -> None:
    ((name, section),) = SECTION["workers"].items()
    worker = loading.load(name, {**section, "use": Path(section["use"]).name})
    assert worker.options.path == section["path"]
    assert loading.types(name, section) == section["types"]


def test_as_a_package_it_is_found_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((name, module),) = PACKAGE["project"]["entry-points"][ENTRY_POINTS].items()
    info = folder / "eventsink_sqlite-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eventsink-sqlite\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{name} = {module}\n")
    monkeypatch.syspath_prepend(folder)
    assert name in loading.known()
    assert loading.load(name, {"path": "events.db"}).options.path == "events.db"


def test_what_the_page_says_of_bugs_is_so() -> None:
    assert "It is tried again twice" in PAGE
    assert Policy().attempts == SOON.attempts == 3


def test_what_the_page_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).is_file(), target
