"""The examples, run as they stand, before a real sink; and a program that uses every method, before a type checker."""

import ast
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventsink import SinkService
from eventsink.catalogue import CATALOGUE
from eventsink.client import catalogued
from eventsink.testing import RecordingSink
from tests import processes
from tests.client.test_tracking import ask, serving
from tests.sink_process import SinkProcess

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    made = SinkProcess(tmp_path_factory.mktemp("examples") / "var")
    yield made.start()
    made.close()


def run(sink: SinkProcess, folder: Path, *words: object) -> str:
    variables = {**os.environ, "EVENTSINK_URL": sink.url, "EVENTSINK_KEY": sink.key, "XDG_STATE_HOME": str(folder)}
    return str(
        processes.run([sys.executable, *words], env=variables, check=True, capture_output=True, text=True).stdout
    )


def send_rest(sink: SinkProcess, folder: Path) -> None:
    """Send what a program had no time for at its end, where it waits a second at most: the next one does."""
    for spool in (folder / "eventsink" / "spool").iterdir():
        with SinkService(sink.url, sink.key, source="next", spool=spool) as own:
            own.capture("demo.next")
            assert own.flush(30)


def found(sink: SinkProcess, kind: str, least: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while True:
        _, answer = sink.request("GET", f"/v1/events?type={kind}&order=asc")
        if len(answer["events"]) >= least:
            return list(answer["events"])
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_they_are_short() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "extractor.py",
        "fastapi_app.py",
        "flask_app.py",
        "nightly.py",
    }
    assert max(len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")) < 40


def test_an_extractor_and_a_job(sink: SinkProcess, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one two three")
    assert " 3\n" in run(sink, tmp_path, EXAMPLES / "extractor.py", tmp_path / "text", tmp_path / "nothing")
    send_rest(sink, tmp_path)
    told = [event["data"] for event in found(sink, "extractions.extraction_event", 4)]
    assert [data["status"] for data in told] == ["working", "done", "working", "failed"]
    assert told[1]["run_ms"] > 0 and told[0]["job_id"] == told[1]["job_id"] != told[2]["job_id"]
    assert "FileNotFoundError" in told[3]["message"]
    assert run(sink, tmp_path, EXAMPLES / "nightly.py", tmp_path).startswith("done")
    send_rest(sink, tmp_path)
    assert found(sink, "example.nightly", 1)[0]["data"]["free_bytes"] > 0


def test_the_applications(sink: SinkProcess, tmp_path: Path) -> None:
    folder = str(EXAMPLES)
    with serving(sink, tmp_path, "uvicorn", "--app-dir", folder, "fastapi_app:app", "--port", "PORT") as port:
        assert ask(port, "/api/v2/datasets/64d")[0] == 200
        assert ask(port, "/api/v2/datasets/64d/upload", "POST", b"x" * 1000)[0] == 200
        found(sink, "traffic.api_request", 2)  # at its end it waits a second at most for a busy sink
        (uploaded,) = found(sink, "storage.file_uploaded", 1)
    with serving(
        sink, tmp_path, "gunicorn", "--pythonpath", folder, "flask_app:app", "--bind", "127.0.0.1:PORT"
    ) as port:
        assert ask(port, "/files/64b")[0] == 200
        views = [event["data"]["resource_id"] for event in found(sink, "traffic.resource_viewed", 2)]
        requests = found(sink, "traffic.api_request", 3)
    assert views == ["64d", "64b"] and len(requests) == 3
    assert uploaded["data"] == {"dataset_id": "64d", "bytes": 1000}


# --- types -----------------------------------------------------------------------------------------------------------


def test_there_is_a_method_for_every_type_and_it_sends_what_the_type_has() -> None:
    own = RecordingSink()
    for kind, entry in CATALOGUE.items():
        component, name = kind.split(".")
        given = {("time_" if key == "time" else key): value for key, value in entry.example.items()}
        getattr(getattr(own, component), name)(**given, user="64a")
        assert own.events[-1]["type"] == kind and own.events[-1]["data"] == entry.example
    assert len(own.events) == len(CATALOGUE)


def test_a_type_checker_accepts_every_method_and_refuses_names_that_are_wrong(tmp_path: Path) -> None:
    lines = ["from eventsink import SinkService", "sink = SinkService()"]
    for kind, entry in CATALOGUE.items():
        lines.append(f"sink.{kind}({', '.join(f'{key}={value!r}' for key, value in entry.example.items())})")
    right = tmp_path / "right.py"
    right.write_text("\n".join(lines))
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "\n".join([*lines[:2], "sink.storage.file_uploaded(byts=1)", "sink.storage.file_uploaded(bytes='1')"])
    )
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--cache-dir", tmp_path / "cache", "--strict"]
    source = str(Path(catalogued.__file__).parents[2])
    variables = {**os.environ, "MYPYPATH": source}
    done = processes.run([*command, right], capture_output=True, text=True, env=variables, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    done = processes.run([*command, wrong], capture_output=True, text=True, env=variables, cwd=tmp_path)
    assert 'Unexpected keyword argument "byts"' in done.stdout and 'Argument "bytes"' in done.stdout


def test_the_methods_are_what_the_catalogue_says() -> None:
    script = EXAMPLES.parents[1] / "scripts" / "generate_methods.py"
    assert processes.run([sys.executable, script, "--check"]).returncode == 0
    assert ast.get_docstring(ast.parse(Path(catalogued.__file__).read_text()))
