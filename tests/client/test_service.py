"""`SinkService` in real programs, before a real sink: what it promises, while everything goes wrong."""

import errno
import gzip
import json
import os
import signal
import socket
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from eventsink import SinkService
from tests import processes
from tests.servers.process import free_ports
from tests.sink_process import SinkProcess

WITHIN = 30.0  # seconds


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A running sink that the tests share; each reports under a source of its own."""
    made = SinkProcess(tmp_path_factory.mktemp("sdk") / "var")
    yield made.start()
    made.close()


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Any]:
    """Runs a program with these lines to its end."""

    def run(lines: str, url: str, key: str = "", *, check: bool = True, **environment: str) -> Any:
        script = tmp_path / "program.py"
        script.write_text(textwrap.dedent(lines))
        variables = {"EVENTSINK_URL": url, "EVENTSINK_KEY": key, "XDG_STATE_HOME": str(tmp_path / "state")}
        variables |= {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment}
        return processes.run(
            [sys.executable, script], check=check, capture_output=True, text=True, env=variables, cwd=tmp_path
        )

    return run


def found(sink: SinkProcess, source: str, least: int = 0) -> list[dict[str, Any]]:
    """What the sink has of a source, once it is as much as that."""
    deadline = time.monotonic() + WITHIN
    while True:
        _, answer = sink.request("GET", f"/v1/events?source={source}&limit=10000&order=asc")
        if len(answer["events"]) >= least:
            return list(answer["events"])
        assert time.monotonic() < deadline, f"{len(answer['events'])} of {least}"
        time.sleep(0.05)


def service(sink: SinkProcess, tmp_path: Path, source: str, **more: Any) -> SinkService:
    return SinkService(sink.url, sink.key, source=source, **({"spool": tmp_path / "spool"} | more))


# --- what it does ----------------------------------------------------------------------------------------------------


def test_events_arrive_as_they_were_captured(sink: SinkProcess, tmp_path: Path) -> None:
    with service(sink, tmp_path, "plain") as own:
        own.capture("storage.file_uploaded", user="64a", subject="files/1", file_id="1", bytes=7)
        own.storage.file_deleted(file_id="1", user="64b", time="2026-11-23T10:00:00Z")
        own.capture("my.own", nested={"a": [1, None, True]})
        assert own.flush(WITHIN)
        assert own.counts == {"captured": 3, "sent": 3, "waiting": 0}
    uploaded, deleted, mine = sorted(found(sink, "plain", 3), key=lambda event: event["seq"])
    assert (uploaded["type"], uploaded["user"], uploaded["subject"]) == ("storage.file_uploaded", "64a", "files/1")
    assert uploaded["data"] == {"file_id": "1", "bytes": 7} and uploaded["id"][14] == "7"
    assert (deleted["time"], deleted["data"]) == ("2026-11-23T10:00:00Z", {"file_id": "1"})
    assert mine["data"] == {"nested": {"a": [1, None, True]}}
    assert not list((tmp_path / "spool").iterdir()), "nothing is left of what was sent"


def test_ten_thousand_events_of_eight_threads_arrive_once(sink: SinkProcess, tmp_path: Path) -> None:
    with service(sink, tmp_path, "threads") as own:

        def report(thread: int) -> None:
            for number in range(1000):
                own.capture("demo.thread", thread=thread, number=number)

        threads = [threading.Thread(target=report, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert own.flush(WITHIN)
    events = found(sink, "threads", 8000)
    assert len({(event["data"]["thread"], event["data"]["number"]) for event in events}) == len(events) == 8000


@pytest.mark.parametrize(
    "data",
    [
        {"a": "\ud800"},
        {"a": {1: "x", ("t",): 2}},
        {"a": object()},
        {"a": {1, 2}},
        {"a": float("nan")},
        {"a": 10**400},
        {"a": b"\xff"},
        {"a": Path("x")},
        {"a": type("Odd", (), {"__str__": lambda self: 1 / 0})()},
    ],
    ids=("half", "keys", "object", "set", "nan", "huge", "bytes", "path", "odd"),
)
def test_data_of_any_kind_arrives_in_some_form(sink: SinkProcess, tmp_path: Path, data: dict[str, Any]) -> None:
    source = f"odd-{uuid.uuid4().hex}"
    with service(sink, tmp_path, source) as own:
        own.capture("demo.before")
        own.capture("demo.odd", **data)
        own.capture("demo.after")
        assert own.flush(WITHIN)
        counts = own.counts
    kinds = [event["type"] for event in found(sink, source, counts["sent"])]
    assert {"demo.before", "demo.after"} <= {*kinds}
    assert "demo.odd" in kinds or counts.get("dropped: refused") == 1


def test_circles_and_what_is_too_large_hold_up_nothing(sink: SinkProcess, tmp_path: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with service(sink, tmp_path, "circle") as own:
        own.capture("demo.circle", circle=circle)
        own.capture("demo.large", text="x" * (10 << 20))
        own.capture("demo.last")
        assert own.flush(WITHIN)
        assert own.counts["dropped: size"] == 1
    assert [event["type"] for event in found(sink, "circle", 2)] == ["demo.circle", "demo.last"]


def test_before_send_may_change_or_drop_and_what_it_fails_on_is_not_sent(sink: SinkProcess, tmp_path: Path) -> None:
    def look(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["type"] == "demo.dropped":
            return None
        if event["type"] == "demo.failing":
            raise ValueError("hush")
        return event | {"data": {**event["data"], "email": "…"}, "user": None}

    with service(sink, tmp_path, "hook", before_send=look) as own:
        own.capture("demo.kept", user="alice", email="alice@example.org")
        own.capture("demo.dropped")
        own.capture("demo.failing", email="alice@example.org")
        assert own.flush(WITHIN)
        assert own.counts["dropped: hook"] == own.counts["left out by before_send"] == 1
    (event,) = found(sink, "hook", 1)
    assert event["data"] == {"email": "…"} and "user" not in event


def test_mistakes_are_said_once_with_the_nearest_name(
    sink: SinkProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with service(sink, tmp_path, "mistakes") as own:
        for _ in range(3):
            own.capture("storage.file_uploded")
            own.capture("storage.file_uploaded", byts=1)
            own.capture("storage.file_uploaded", bytes="many")
    said = [record.getMessage() for record in caplog.records if record.name == "eventsink"]
    assert sum("Did you mean 'storage.file_uploaded'?" in text for text in said) == 1
    assert sum("Did you mean 'bytes'?" in text for text in said) == 1
    assert sum("will refuse this storage.file_uploaded" in text for text in said) == 1


def test_without_a_sink_it_is_off_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("EVENTSINK_URL", raising=False)
    with caplog.at_level("INFO", "eventsink"):
        own = SinkService()
        own.capture("demo.x")
        own.storage.file_uploaded(bytes=1)
    assert own.flush() and own.counts == {"waiting": 0}
    assert [record.getMessage() for record in caplog.records if record.name == "eventsink"] == [
        "Events are not reported: no event sink is named (EVENTSINK_URL and EVENTSINK_KEY)."
    ]
    own.close()


@pytest.mark.parametrize("url", ["sink.example.org", "http://", "ftp://x", "http://u:hush@x:y/", "amqp:u:hush@host"])
def test_an_address_that_is_none_is_said_and_nothing_is_raised(url: str, caplog: pytest.LogCaptureFixture) -> None:
    own = SinkService(url, "k", spool=None)
    own.capture("demo.x")
    own.close()
    (said,) = [record.getMessage() for record in caplog.records if record.name == "eventsink"]
    assert said.startswith("Events are not reported") and "hush" not in said


# --- when the sink is away -------------------------------------------------------------------------------------------

REPORT = """
    import time
    from eventsink import SinkService
    sink = SinkService(source="{source}")
    for number in range({count}):
        sink.capture("demo.away", number=number)
    began = time.monotonic()
    {end}
    """


def test_what_a_program_reports_while_the_sink_is_away_the_next_one_sends(
    sink: SinkProcess, program: Callable[..., Any], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    made = SinkProcess(tmp_path / "var", port=port)
    try:
        began = time.monotonic()
        program(REPORT.format(source="first", count=300, end=""), f"http://127.0.0.1:{port}", "k")
        assert time.monotonic() - began < 15
        key = processes.run(
            [
                sys.executable,
                "-m",
                "eventsink",
                "keys",
                "create",
                "--data",
                made.data,
                "--scope",
                "ingest",
                "--format",
                "json",
            ],
            capture_output=True,
            check=True,
        )
        made.start()
        given = json.loads(key.stdout)["key"]
        program(REPORT.format(source="first", count=300, end="assert sink.flush(30)"), made.url, given)
        assert len(found(made, "first", 300)) == 300, "under another key: what waits is not sent with it"
    finally:
        made.close()


def test_exit_takes_a_second_at_most_while_the_sink_hangs(program: Callable[..., Any], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as hangs:
        lines = REPORT.format(source="x", count=300, end="print(time.monotonic() - began)")
        lines += "\n    import atexit\n    atexit._run_exitfuncs()\n    print(time.monotonic() - began)\n"
        url = f"http://127.0.0.1:{hangs.getsockname()[1]}"
        ends = (map(float, program(lines, url, "k").stdout.split()) for _ in range(5))
        assert any(after - before < 1.5 for before, after in ends), "a machine may stand still, but not each time"
    assert list((tmp_path / "state").rglob("*.db")), "it waits on disk"


def test_what_waits_is_sent_when_the_sink_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It may try with the former key while the sink is up and we do not know it yet, and would then wait for a minute.
    monkeypatch.setattr("eventsink.client.posting.LONGEST_WAIT", 1.0)
    (port,) = free_ports(1)
    made = SinkProcess(tmp_path / "var", port=port)
    made.start()
    try:
        with SinkService(made.url, made.key, source="back", spool=tmp_path / "spool") as own:
            own.capture("demo.one")
            assert own.flush(WITHIN)
            key = made.key
            made.stop()
            own.capture("demo.two")
            assert not own.flush(0.5)
            made.start()
            own._posting._transport._sink.key = made.key  # the key of a running sink is another one each time
            assert key != made.key and own.flush(WITHIN)
        assert [event["type"] for event in found(made, "back", 2)] == ["demo.one", "demo.two"]
    finally:
        made.close()


def test_killed_it_loses_nothing_that_is_older_than_a_second(
    sink: SinkProcess, program: Callable[..., Any], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    lines = """
        import os, signal, time
        from eventsink import SinkService
        sink = SinkService(source="killed")
        for number in range(500):
            sink.capture("demo.killed", number=number)
        turns = 0
        while turns < 20:  # a second in which this process was not held up
            began = time.monotonic()
            time.sleep(0.05)
            turns += time.monotonic() - began < 0.25
        os.kill(os.getpid(), signal.SIGKILL)
        """
    done = program(lines, f"http://127.0.0.1:{port}", "k", check=False)
    assert done.returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "state" / "eventsink" / "spool").iterdir()
    with service(sink, tmp_path, "another", spool=folder) as own:
        own.capture("demo.x")
        assert own.flush(WITHIN)
    assert len(found(sink, "killed", 500)) == 500


# --- processes -------------------------------------------------------------------------------------------------------

FORK = """
    import os, sys
    from eventsink import SinkService
    SinkService.close.__defaults__ = (30.0,)  # a busy sink has time to answer before the end
    sink = SinkService(source="{source}")
    sink.capture("demo.parent")
    child = os.fork()
    for number in range(50):
        sink.capture("demo.child" if child == 0 else "demo.parent", number=number)
    if child == 0:
        sys.exit(0)
    os.waitpid(child, 0)
    """

POOL = """
    import multiprocessing
    from eventsink import SinkService
    SinkService.close.__defaults__ = (30.0,)  # as above
    sink = SinkService(source="{source}")

    def work(number):
        sink.capture("demo.child", number=number)

    if __name__ == "__main__":
        sink.capture("demo.parent")
        context = multiprocessing.get_context("{method}")
        children = [context.Process(target=work, args=(number,)) for number in range(5)]
        for child in children:
            child.start()
        for child in children:
            child.join()
    """


def test_a_child_reports_what_is_its_own_and_so_does_its_parent(sink: SinkProcess, program: Callable[..., Any]) -> None:
    program(FORK.format(source="forked"), sink.url, sink.key)
    kinds = [event["type"] for event in found(sink, "forked", 101)]
    assert (kinds.count("demo.child"), kinds.count("demo.parent")) == (50, 51)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_report_too(sink: SinkProcess, program: Callable[..., Any], method: str) -> None:
    program(POOL.format(source=method, method=method), sink.url, sink.key)
    kinds = [event["type"] for event in found(sink, method, 6)]
    assert kinds.count("demo.child") == 5 and kinds.count("demo.parent") == 1


IMPORTING = """
    import os, signal, sys, time

    class Slow:
        def find_spec(self, name, path=None, target=None):
            if name == "eventsink.dialects.browser":
                time.sleep({seconds})

    sys.meta_path.insert(0, Slow())
    from eventsink import SinkService
    sink = SinkService(source="importing")
    sink.capture("demo.parent")
    while "eventsink.dialects" not in sys.modules:
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        sink.capture("demo.child")
        sink.close(30)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
    """


@pytest.mark.parametrize("seconds", [0.05, 2.0])
def test_a_child_made_while_our_thread_imports_ends_as_it_should(
    sink: SinkProcess, program: Callable[..., Any], seconds: float
) -> None:
    """What was being imported at a fork is locked in the child for ever."""
    assert program(IMPORTING.format(seconds=seconds), sink.url, sink.key).stdout == "0\n"


def test_the_thread_that_posts_imports_nothing(sink: SinkProcess, program: Callable[..., Any]) -> None:
    lines = """
        import sys, threading
        from eventsink import SinkService
        def note(name, details):
            if name == "import" and threading.current_thread().name == "eventsink-posting":
                print(details[0])
        with SinkService("http://localhost:" + {port!r}, source="imports") as sink:
            sys.addaudithook(note)
            sink.capture("demo.x")
            assert sink.flush(30)
        """
    assert program(lines.format(port=sink.url.rpartition(":")[2]), sink.url, sink.key).stdout == ""


INTERPRETER = """
    import sys
    INNER = '''
    from eventsink import SinkService
    sink = SinkService(source="{source}")
    for number in range(60):
        sink.capture("demo.inner", number=number)
    sink.close(30)
    '''
    if sys.version_info < (3, 13):
        import _xxsubinterpreters as interpreters
        made = interpreters.create(isolated="{kind}" == "isolated")
    else:
        import _interpreters as interpreters
        made = interpreters.create("{kind}")
    interpreters.run_string(made, INNER)
    interpreters.destroy(made)
    from eventsink import SinkService
    sink = SinkService(source="{source}")
    sink.capture("demo.outer")
    assert sink.flush(30), sink.counts
    """


@pytest.mark.parametrize("kind", ["legacy", "isolated"])
def test_in_another_interpreter_of_the_process_it_reports_or_leaves_it_to_the_next(
    sink: SinkProcess, program: Callable[..., Any], kind: str
) -> None:
    """An isolated one starts no threads of ours. One that is destroyed must have none left: Python would abort."""
    source = f"interpreter-{kind}"
    program(INTERPRETER.format(source=source, kind=kind), sink.url, sink.key)
    assert len(found(sink, source, 61)) == 61


def test_an_end_while_the_sink_is_away_waits_for_nothing(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    own = SinkService(f"http://127.0.0.1:{port}", "k", spool=tmp_path / "spool")
    own.capture("demo.x")
    deadline = time.monotonic() + WITHIN
    while not own.counts.get("attempts that failed"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    own.close(30.0)
    assert time.monotonic() - began < 15, "not the time that it was given"


def test_after_the_end_and_in_handlers_of_signals_and_at_exit_it_still_counts(
    sink: SinkProcess, program: Callable[..., Any]
) -> None:
    lines = """
        import atexit, os, signal
        from eventsink import SinkService
        atexit.register(lambda: sink.capture("demo.last"))
        sink = SinkService(source="late")
        signal.signal(signal.SIGUSR1, lambda *_: sink.capture("demo.signal"))
        for _ in range(20):
            os.kill(os.getpid(), signal.SIGUSR1)
            sink.capture("demo.between")
        class Late:
            def __del__(self):
                sink.capture("demo.deleted")
        late = Late()
        """
    program(lines, sink.url, sink.key)
    lines = """
        from eventsink import SinkService
        sink = SinkService(source="late")
        sink.capture("demo.next")
        assert sink.flush(30), sink.counts
        """
    program(lines, sink.url, sink.key)
    kinds = [event["type"] for event in found(sink, "late", 42)]  # and perhaps that of what is deleted at the end
    if "demo.next" not in kinds:
        kinds = [event["type"] for event in found(sink, "late", 43)]
    assert kinds.count("demo.signal") == kinds.count("demo.between") == 20
    assert "demo.next" in kinds and "demo.last" in kinds


# --- disks -----------------------------------------------------------------------------------------------------------


def test_without_a_folder_it_reports_from_memory(
    sink: SinkProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    with service(sink, tmp_path, "memory", spool=tmp_path / "file" / "spool") as own:
        own.capture("demo.x")
        assert own.flush(WITHIN)
    assert len(found(sink, "memory", 1)) == 1
    assert any("cannot wait on disk" in record.getMessage() for record in caplog.records)


def test_without_a_home_it_says_that_events_wait_in_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "not/whole")
    for spool in ("", None):  # who asks for it need not be told
        SinkService("http://127.0.0.1:1", spool=spool).close()
    (said,) = [record.getMessage() for record in caplog.records if record.name == "eventsink"]
    assert said.startswith("Events wait in memory alone") and "spool=" in said


def test_a_transport_that_cannot_be_made_now_is_made_with_the_next_event(
    sink: SinkProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with service(sink, tmp_path, "descriptors") as own, monkeypatch.context() as patched:

        def fail() -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        patched.setattr(own, "_transport", fail)
        own.capture("demo.x")
        own.capture("demo.x")
        assert own.counts == {"captured": 2, "waiting": 2}
        patched.undo()
        own.capture("demo.x")
        assert own.flush(WITHIN)
        assert own.counts == {"captured": 3, "sent": 3, "waiting": 0}
    said = [record.getMessage() for record in caplog.records if "cannot be sent" in record.getMessage()]
    assert len(said) == 1 and "Too many open files" in said[0]
    assert len(found(sink, "descriptors", 3)) == 3


def test_what_comes_after_the_end_the_next_process_sends_once_it_is_closed_again(
    sink: SinkProcess, tmp_path: Path
) -> None:
    first = service(sink, tmp_path, "again")
    first.close()
    first.capture("demo.late")
    first.close()
    with service(sink, tmp_path, "again") as second:  # `first` lives on
        second.capture("demo.next")
        assert second.flush(WITHIN)
        assert second.counts["sent"] == 2
    assert {event["type"] for event in found(sink, "again", 2)} == {"demo.late", "demo.next"}
    assert first.counts["waiting"] == 0


FULL = """
    import logging, resource
    from eventsink import SinkService
    logging.basicConfig()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a disk that takes no more of a file
    sink = SinkService(source="full")
    for number in range(3_000):
        sink.capture("demo.full", number=number, text="x" * 200)
    {end}
    """


def test_on_a_disk_that_is_full_events_wait_in_memory_and_arrive(
    sink: SinkProcess, program: Callable[..., Any]
) -> None:
    done = program(FULL.format(end="assert sink.flush(60), sink.counts"), sink.url, sink.key)
    assert {event["data"]["number"] for event in found(sink, "full", 3_000)} == set(range(3_000))
    assert "Traceback" not in done.stderr


def test_what_a_full_disk_and_a_sink_that_is_away_cost_is_counted_and_said(program: Callable[..., Any]) -> None:
    (port,) = free_ports(1)
    # `flush` gives up at once while the writer is at it.
    written = "while sink.counts.get('captured', 0) < 3_000: sink.flush(0)"
    end = f"{written}\n    sink.close(); print(sink.counts['dropped: disk'], sink.counts['captured'])"
    done = program(FULL.format(end=end), f"http://127.0.0.1:{port}", "k")
    dropped, captured = map(int, done.stdout.split())
    assert 0 < dropped < 3_000 == captured
    assert "cannot be written to" in done.stderr and f"{dropped:,} events lost" in done.stderr, done.stderr


def test_a_clock_that_goes_back_costs_nothing(
    sink: SinkProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(sink, tmp_path, "back-in-time") as own:
        own.capture("demo.before")
        assert own.flush(WITHIN)
        real = time.time_ns
        monkeypatch.setattr("time.time_ns", lambda: real() - 3_600 * 10**9)
        for _ in range(100):
            own.capture("demo.after")
        assert own.flush(WITHIN)
        monkeypatch.undo()
    assert len(found(sink, "back-in-time", 101)) == 101


def test_a_damaged_file_of_a_process_before_costs_what_is_damaged(sink: SinkProcess, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    (port,) = free_ports(1)
    before = SinkService(f"http://127.0.0.1:{port}", "k", source="damaged", spool=spool)
    for number in range(100):
        before.capture("demo.x", number=number)
        time.sleep(0.002)
    before.close(0.2)
    (path,) = spool.glob("*.db")
    content = bytearray(path.read_bytes())
    content[-3000:-2900] = b"\x00" * 100
    path.write_bytes(content)
    with service(sink, tmp_path, "damaged") as own:
        own.capture("demo.after")
        assert own.flush(WITHIN)
    assert "demo.after" in [event["type"] for event in found(sink, "damaged", 1)]


def test_two_processes_share_a_folder(sink: SinkProcess, tmp_path: Path) -> None:
    with service(sink, tmp_path, "shared") as one, service(sink, tmp_path, "shared") as two:
        for number in range(100):
            one.capture("demo.one", number=number)
            two.capture("demo.two", number=number)
        assert one.flush(WITHIN) and two.flush(WITHIN)
    assert len(found(sink, "shared", 200)) == 200


# --- answers that are none -------------------------------------------------------------------------------------------


class Moody:
    """A server that answers what a test wants."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.fails_at = b""
        self.bodies: list[int] = []
        moody = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                moody.bodies.append(len(body))
                body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
                count = b'{"accepted": %d, "rejected": []}' % (body.count(b"\n") + 1)
                status, headers, answer = moody.answers.pop(0) if moody.answers else (202, {}, count)
                if moody.fails_at and moody.fails_at in body:
                    status, answer = 500, b""
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def moody() -> Iterator[Moody]:
    made = Moody()
    yield made
    made.close()


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (503, {"Retry-After": "1"}, b"{}"),
        (429, {"Retry-After": "1"}, b"{}"),
        (408, {}, b""),
        (502, {}, b"<html>"),
    ],
    ids=lambda answer: str(answer[0]),
)
def test_what_is_not_taken_now_is_sent_again(moody: Moody, tmp_path: Path, answer: Any) -> None:
    moody.answers = [answer]
    with SinkService(moody.url, "k", spool=tmp_path / "spool") as own:
        own.capture("demo.x")
        assert own.flush(WITHIN)
        assert own.counts["sent"] == 1 and own.counts["attempts that failed"] == 1
    assert len(moody.bodies) == 2


@pytest.mark.parametrize(
    "answer",
    [(401, {}, b"{}"), (403, {}, b"{}"), (404, {}, b""), (202, {}, b"nonsense"), (302, {}, b"")],
    ids=lambda a: str(a[0]),
)
def test_what_takes_a_person_waits_and_is_said_once(
    moody: Moody, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    moody.answers = [answer] * 100
    own = SinkService(moody.url, "hush-hush", spool=tmp_path / "spool")
    own.capture("demo.x")
    deadline = time.monotonic() + WITHIN
    while not own.counts.get("attempts that failed"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for _ in range(20):
        own.capture("demo.x")
        time.sleep(0.02)
    own.close(WITHIN)  # it waits for nothing: the next attempt is far away
    said = [record.getMessage() for record in caplog.records if record.name == "eventsink"]
    assert len([text for text in said if text.startswith("Events wait")]) == 1
    assert len(moody.bodies) == 1 and not any("hush" in text for text in said)
    assert not [name for name in own.counts if name.startswith("dropped")]
    assert list((tmp_path / "spool").glob("*.db"))


def test_one_that_is_refused_is_found_among_the_good_ones(
    sink: SinkProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with service(sink, tmp_path, "refused") as own:
        for number in range(100):
            own.capture("storage.file_uploaded", file_id=str(number), bytes=-1 if number == 50 else number)
        assert own.flush(WITHIN)
        assert own.counts["sent"] == 99 and own.counts["dropped: refused"] == 1
    assert "(/data/bytes): 1 event lost" in caplog.text.replace("))", ")")
    assert len(found(sink, "refused", 99)) == 99


def test_a_batch_that_is_too_large_for_a_proxy_is_sent_in_halves(moody: Moody, tmp_path: Path) -> None:
    moody.answers = [(413, {}, b""), (413, {}, b"")]
    with SinkService(moody.url, "k", spool=tmp_path / "spool") as own:
        with own._lock:  # all are written down together: of a batch of few, what is left of two halvings is refused
            for number in range(8):
                own.capture("demo.x", number=number)
        assert own.flush(WITHIN)
        assert own.counts["sent"] == 8


def test_an_event_at_which_the_sink_fails_holds_up_no_other(moody: Moody, tmp_path: Path) -> None:
    moody.fails_at = b"poison"
    own = SinkService(moody.url, "k", spool=tmp_path / "spool")
    for number in range(50):
        own.capture("demo.x", number=number, text="poison" if number == 20 else "good")
    deadline = time.monotonic() + WITHIN
    while own.counts.get("sent", 0) < 49:
        assert time.monotonic() < deadline, own.counts
        time.sleep(0.05)
    assert own.counts["waiting"] == 1 and not any(name.startswith("dropped") for name in own.counts)
    own.close()


def test_a_refusal_that_is_not_of_the_sink_costs_nothing(moody: Moody, tmp_path: Path) -> None:
    """As NGINX answers HTTP on the port of HTTPS."""
    moody.answers = [(400, {"Content-Type": "text/html"}, b"<html>400 Bad Request</html>")] * 1000
    with SinkService(moody.url, "k", spool=tmp_path / "spool") as own:
        for _ in range(8):
            own.capture("demo.x")
        assert not own.flush(1.0)
        assert own.counts["waiting"] == 8 and "dropped: refused" not in own.counts


def test_what_changes_its_own_list_while_it_is_written_harms_nobody(sink: SinkProcess, tmp_path: Path) -> None:
    ids: list[Any] = []

    class Clearing:
        def __str__(self) -> str:
            ids.clear()
            return "it"

    ids += [Clearing(), *[f"a{number}" for number in range(1000)]]
    knot: list[dict[str, Any]] = [{} for _ in range(12)]
    for one in knot:
        one.update({f"k{number}": other for number, other in enumerate(knot)})
    with service(sink, tmp_path, "odd") as own:
        own.capture("demo.list", ids=ids)
        began = time.monotonic()
        own.capture("demo.knot", knot=knot)
        assert time.monotonic() - began < 10, "12 things that all refer to one another"
        assert own.flush(WITHIN)
    assert len(found(sink, "odd", 1)) >= 1


def test_a_time_without_a_zone_is_of_here(sink: SinkProcess, program: Callable[..., Any]) -> None:
    lines = """
        import datetime
        from eventsink import SinkService
        with SinkService(source="here") as sink:
            sink.capture("demo.x", time=datetime.datetime(2026, 11, 1, 1))
            assert sink.flush(30)
        """
    program(lines, sink.url, sink.key, TZ="Etc/GMT+6")
    assert found(sink, "here", 1)[0]["time"].startswith("2026-11-01T07:00:00")


def test_a_queue_that_is_full_is_counted_and_said(
    moody: Moody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("eventsink.client.service.MOST_QUEUED", 10)
    with SinkService(moody.url, "k", spool=tmp_path / "spool") as own:
        with own._lock:  # nothing is written down meanwhile
            for _ in range(25):
                own.capture("demo.x")
        assert own.flush(WITHIN)
        assert own.counts["dropped: memory"] == 15 and own.counts["sent"] == 10
    assert any("15 events lost so far" in record.getMessage() for record in caplog.records)
