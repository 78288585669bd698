"""`eventsink send` on real sinks: what is sent is stored once, whatever is interrupted."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventsink import SinkService
from eventsink.cli import send as send_module
from tests import processes
from tests.cli.fake_sink import Answer, FakeSink, accept
from tests.servers.process import eventually, free_ports
from tests.sink_process import SinkProcess

SAMPLES = Path(__file__).parents[1] / "fixtures" / "samples"


def stored(sink: SinkProcess, user: str) -> Counter[str]:
    """How often each event of a user is stored, by what its data says."""
    sink.settle()
    after, found = 0, Counter[str]()
    while after is not None:
        _, page = sink.request("GET", f"/v1/events?user={user}&order=asc&limit=10000&after={after}")
        found.update(str(event["data"].get("n")) for event in page["events"])
        after = page["next"]
    return found


def event(n: object, user: str, **more) -> bytes:
    return json.dumps({"type": "demo.sent", "user": user, "data": {"n": n}} | more).encode()


def summary(answer) -> dict:
    return dict(json.loads(answer.stdout))


@pytest.mark.parametrize("form", ["lines", "gzip", "array", "pretty"])
def test_files_of_every_form_are_sent_once_and_not_again(on_town, town, form):
    user = f"form-{form}"
    values = [json.loads(event(n, user)) for n in range(2500)]
    lines = b"\n".join(json.dumps(value).encode() for value in values)
    contents = {"lines": lines, "gzip": gzip.compress(lines), "array": json.dumps(values).encode()}
    contents["pretty"] = "\n".join(json.dumps(value, indent=1) for value in values).encode()
    Path("events").write_bytes(contents[form])
    answer = on_town("send", "events")
    assert (answer.exit_code, answer.stdout[:21]) == (0, "2,500 events accepted")
    again = on_town("send", "events")
    assert (again.exit_code, "was sent to this sink already: nothing to do" in again.stderr) == (0, True)
    assert summary(on_town("send", "events", "--again", "--format", "json"))["accepted"] == 2500
    assert stored(town, user) == {str(n): 1 for n in range(2500)}


def test_the_messages_of_clowder_are_sent_as_they_are(on_town):
    files = sorted(SAMPLES.glob("clowder-v1-view-*.json"))
    assert len(files) > 5
    assert summary(on_town("send", *files, "--format", "json"))["accepted"] == len(files)


def test_a_file_that_grows_is_sent_from_where_it_ended(on_town, town):
    file = Path("growing.ndjson")
    file.write_bytes(event(1, "growing") + b"\n" + event(2, "growing") + b"\n")
    on_town("send", file)
    with file.open("ab") as more:
        more.write(event(3, "growing") + b"\n")
    answer = on_town("send", file)
    assert answer.stdout.startswith("1 event accepted")
    assert "has grown since it was sent: going on after line 2." in answer.stderr
    assert stored(town, "growing") == {"1": 1, "2": 1, "3": 1}


def test_a_file_that_was_changed_is_sent_anew_and_says_so(on_town, town):
    file = Path("changed.ndjson")
    file.write_bytes(event(1, "changed") + b"\n")
    assert on_town("send", file).stdout.startswith("1 event accepted")
    file.write_bytes(event(2, "changed") + b"\n")
    answer = on_town("send", file)
    assert answer.stdout.startswith("1 event accepted")
    assert "has changed since it was sent" in answer.stderr
    assert stored(town, "changed") == {"1": 1, "2": 1}


def test_one_event_is_made_of_options(on_town, town):
    data = json.dumps({"n": "one"})
    options = ("--user", "typed", "--subject", "datasets/1", "--time", "2026-11-01T10:00:00Z", "--json", data)
    assert on_town("send", "--type", "demo.sent", *options).stdout.startswith("1 event accepted in")
    town.settle()
    _, page = town.request("GET", "/v1/events?user=typed")
    (found,) = page["events"]
    assert (found["subject"], found["time"], found["id"][14]) == ("datasets/1", "2026-11-01T10:00:00Z", "7")


def test_data_is_the_data_directory_as_in_every_command(run, town):
    Path("one.ndjson").write_text('{"type":"demo.sent","id":"by-directory","user":"directory","data":{"n":1}}\n')
    assert run("send", "--data", town.data, "one.ndjson").stdout.startswith("1 event accepted in")
    assert stored(town, "directory") == {"1": 1}


def test_data_that_is_json_is_still_read_with_a_word_about_it(on_town, town):
    answer = on_town("send", "--type", "demo.sent", "--user", "earlier", "--data", '{"n": "one"}')
    assert answer.stdout.startswith("1 event accepted in")
    assert "--json" in answer.stderr
    assert len(stored(town, "earlier")) == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--json", "{}"),
        ("file", "--type", "a.b"),
        ("--type", "a.b", "--json", "[1]"),
        ("--type", "a.b", "--json", "{"),
    ],
)
def test_what_cannot_be_meant_is_a_wrong_command_line(on_town, words):
    assert on_town("send", *words).exit_code == 2


def test_what_is_not_accepted_is_counted_by_reason_and_kept_to_be_mended(on_town, town):
    good = [event(n, "mixed") for n in range(1200)]
    wrong = b'{"type":"storage.file_uploaded","user":"mixed","data":{"bytes":"many"}}'
    odd = b'{"type":"storage.file_uploaded","user":"mixed","data":{"bites":1}}'
    Path("mixed.ndjson").write_bytes(b"\n".join([*good, wrong, wrong, b'{"type":', odd]))
    answer = on_town("send", "mixed.ndjson", "--rejected", "bad.ndjson", "--format", "json")
    found = summary(answer)
    assert (answer.exit_code, found["accepted"], found["rejected"]) == (1, 1201, 3)
    reasons = [(group["count"], group["pointer"], group["places"][0]) for group in found["rejections"]]
    assert reasons == [(2, "/data/bytes", "mixed.ndjson:1201"), (1, "", "mixed.ndjson:1203")]
    assert "Did you mean 'bytes'?" in found["warnings"][0]["message"]
    table = on_town("send", "--again", "mixed.ndjson").stdout
    assert "1,201 events accepted, 3 not accepted" in table
    assert "Not accepted" in table
    assert "Warnings" in table

    bad = Path("bad.ndjson").read_text()
    assert len(bad.splitlines()) == 3
    Path("bad.ndjson").write_text("\n".join(bad.replace('"many"', "7").splitlines()[:2]))
    assert summary(on_town("send", "bad.ndjson", "--format", "json"))["accepted"] == 2
    assert stored(town, "mixed")["None"] == 3


def test_more_reasons_than_fit_are_left_to_json(on_town, monkeypatch):
    monkeypatch.setattr(send_module, "MOST_SHOWN", 1)
    Path("bad.ndjson").write_text('{"type":"a"}\n{"type":"users.login","data":{"method":1}}\n')
    assert "… and 1 other reasons: --format json shows all." in on_town("send", "bad.ndjson").stdout


def test_a_file_that_cannot_be_read_does_not_stop_the_others(on_town):
    Path("good.ndjson").write_bytes(event(1, "others"))
    Path("bad.json").write_bytes(b'[{"type":"a.b"},')
    answer = on_town("send", "absent", "bad.json", ".", "good.ndjson", "--format", "json")
    found = summary(answer)
    assert (answer.exit_code, found["accepted"], len(found["trouble"])) == (1, 1, 3)
    assert found["trouble"][0] == "There is no file absent."


def test_a_name_that_no_file_has_is_said(run):
    answer = run("send", "a" * 300, "--url", "http://127.0.0.1:9", "--key", "x")
    assert (answer.exit_code, "cannot be read: File name too long." in answer.stderr) == (1, True)


def test_a_state_directory_that_cannot_be_written_is_said_and_no_more(on_town, monkeypatch):
    Path("file").touch()
    Path("events.ndjson").write_bytes(event(1, "stateless"))
    monkeypatch.setenv("XDG_STATE_HOME", "file")
    answer = on_town("send", "events.ndjson")
    assert (answer.exit_code, "cannot be noted" in answer.stderr) == (0, True)


def test_a_file_for_rejected_lines_must_be_writable(on_town):
    Path("events.ndjson").write_bytes(event(1, "unwritable"))
    answer = on_town("send", "events.ndjson", "--rejected", "absent/file")
    assert (answer.exit_code, answer.stderr) == (1, "absent/file cannot be written: No such file or directory.\n")


def test_without_a_sink_it_says_where_it_goes_on(run):
    Path("events.ndjson").write_bytes(b"\n".join(event(n, "x") for n in range(3000)))
    full: Answer = (503, {}, {"detail": "The disk is full."})
    answers: Iterator[Answer] = iter([(202, {}, {"accepted": 1000, "rejected": []})])
    with FakeSink(lambda _: next(answers, full)) as fake:
        answer = run("send", "events.ndjson", "--url", fake.url, "--retry-for", "2")
        assert answer.exit_code == 1
        assert "The disk is full. Trying again." in answer.stderr
        fake.answer = accept
        rest = run("send", "events.ndjson", "--url", fake.url)
    assert rest.exit_code == 0
    ids = [json.loads(line)["id"] for line in fake.accepted]
    assert len(set(ids)) == 3000  # what was sent twice had the same id both times


# --- with real processes ---------------------------------------------------------------------------------------------


def command(sink: SinkProcess, *words: str) -> list[str]:
    return [sys.executable, "-m", "eventsink", "send", "--url", sink.url, "--key", sink.key, *words]


def test_standard_input_is_sent_as_it_comes(town, tmp_path):
    with processes.running(command(town, "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
        assert sender.stdin is not None
        sender.stdin.write(event(1, "stream") + b"\n" + event(1, "stream") + b"\n")
        sender.stdin.flush()
        deadline = time.monotonic() + 30
        while stored(town, "stream")["1"] < 2:  # before the end of the input, and both, though they are alike
            assert time.monotonic() < deadline
        out, _ = sender.communicate(event(2, "stream"), timeout=30)
    assert out.startswith(b"3 events accepted")
    assert stored(town, "stream") == {"1": 2, "2": 1}


@pytest.mark.parametrize("content", [gzip.compress(b"{}\n"), b"[1,"])
def test_standard_input_that_cannot_be_read_says_why(town, content):
    answer = processes.run(command(town, "-"), input=content, capture_output=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith((b"Standard input is compressed", b"standard input is malformed JSON"))


def test_ctrl_c_ends_it_cleanly_and_says_how_to_go_on(tmp_path):
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(event(n, "ctrl-c") for n in range(60_000)))

    go = threading.Event()

    def slowly(lines: list[bytes]) -> Answer:
        if len(fake.accepted) >= 5000:
            go.wait(60)  # it cannot be at its end before it is interrupted
        time.sleep(0.02)
        return accept(lines)

    with FakeSink(slowly) as fake:
        words = [sys.executable, "-m", "eventsink", "send", "--url", fake.url, str(file)]
        with processes.running(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        ) as run:
            while len(fake.accepted) < 5000:
                time.sleep(0.01)
            run.send_signal(signal.SIGINT)
            go.set()
            out, errors = run.communicate(timeout=30)
        assert run.returncode == 1
        assert errors.splitlines()[0] == "Interrupted."
        assert "goes on after line" in errors
        assert "Traceback" not in errors
        rest = processes.run(words, capture_output=True, text=True, env=environment, check=True)
    assert "was sent in part: going on after line" in rest.stderr
    accepted = [int(text.split()[0].replace(",", "")) for text in (out, rest.stdout)]
    assert min(accepted) >= 1000
    assert abs(sum(accepted) - 60_000) <= 1000  # the signal may come between an answer and its count
    assert len(set(fake.accepted)) == 60_000


def test_nothing_is_lost_or_doubled_by_kill_minus_9_of_sender_and_sink(tmp_path):
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(event(n, "journey") + b"\n" for n in range(20_000)))
    (port,) = free_ports(1)
    sink = SinkProcess(tmp_path / "var", prefix=("sh", "-c", f'exec "$@" --port {port}', "sh")).start()
    try:
        # Found by its settings, for the key in its data directory does not outlive the process.
        (tmp_path / "sink.toml").write_text(f'data = "{sink.data}"\n[collect]\nport = {port}\n')
        words = [sys.executable, "-m", "eventsink", "send", "--config", str(tmp_path / "sink.toml"), str(file)]
        sender = processes.start(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        wait_for_events(sink, 5000)
        eventually(lambda: noted(tmp_path) > 0, "it knows of an answer: without one, a file that grew is another one")
        sender.kill()
        processes.end(sender)
        with file.open("ab") as more:  # however far it came, there is more to send
            more.write(b"".join(event(n, "journey") + b"\n" for n in range(20_000, 40_000)))
        with processes.running(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        ) as run:
            wait_for_events(sink, sink.accounts()["store"]["accepted"] + 3000)
            sink.kill()
            time.sleep(0.3)
            sink.start()
            out, errors = run.communicate(timeout=90)
        assert run.returncode == 0, errors
        assert "accepted" in out
        assert stored(sink, "journey") == {str(n): 1 for n in range(40_000)}
    finally:
        sink.close()


def noted(state: Path) -> int:
    """Up to which byte the only file is noted as sent."""
    (path,) = (state / "eventsink" / "send").glob("*.json")
    return int(json.loads(path.read_bytes())["position"])


def wait_for_events(sink: SinkProcess, count: int) -> None:
    deadline = time.monotonic() + 60
    while sink.accounts()["store"]["accepted"] < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_program_left_behind_is_sent_by_hand_and_counts_once(on_town, town, tmp_path):
    away = SinkService("http://127.0.0.1:1", "k", source="left-behind", spool=tmp_path / "spool", timeout=0.2)
    for number in range(300):
        away.capture("demo.left", number=number)
    away.close(0.3)
    (left,) = (tmp_path / "spool").glob("*.db")
    for _ in range(2):  # who sends it twice has the same events
        answer = on_town("send", str(left))
        assert (answer.exit_code, "300 events accepted" in answer.stdout) == (0, True), answer.stderr
    town.settle()
    _, page = town.request("GET", "/v1/events?source=left-behind&limit=1000")
    assert sorted(event["data"]["number"] for event in page["events"]) == list(range(300))
