"""What a backup has and has not, and what is said of one that cannot be used."""

import io
import json
import os
import resource
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from eventsink.assemble.backup import Manifest, back_up, check, restore
from eventsink.assemble.backup.archive import BackupUnusable, Writer
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.files import hold
from eventsink.keys import KeyFile
from eventsink.settings import Exchange, Settings, Store
from tests.users import MALLORY, belongs_to, needs_root

Change = Callable[[bytearray], None]
KEPT = ("spool-8750.db", "spool-8750-1.db", "aside-influxdb.1.db", "jobs-spool.db", "monitor-spool.db")
LEFT_OUT = (
    "visitors-2026-11-29.salt",
    "running.json",
    "exchange.lock",
    "keys.db.damaged-20261128T101112Z",
    "names.1.new",
)


def of(folder: Path, **more: Any) -> Settings:
    """Settings with this data directory."""
    return Settings(data=str(folder), **more)


def told(_: str, more: int) -> None:
    assert more >= 0


def nobody() -> Sink:
    raise AssertionError("no sink runs")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with all kinds of files, of a sink that does not run."""
    folder = tmp_path / "data"
    (folder / "store" / "tmp").mkdir(parents=True)
    KeyFile(folder / "keys.db").create(["ingest"])
    for name in ("exchange.db", *KEPT, "store/uptime.db"):
        _database(folder / name)
    for name in (*LEFT_OUT, "names.json", "store/events-2026-11.duckdb", "store/events-2026-11.duckdb.wal"):
        (folder / name).write_text(name)
    (folder / "store" / "facts.duckdb").write_text("made again")
    (folder / "alerts.db").symlink_to("keys.db")
    return folder


def _database(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (?)", (path.name,))
    connection.close()


def backed_up(data: Path, **more: Any) -> tuple[Path, Manifest]:
    """A backup of it."""
    out = data.parent / "backup.tar"
    return out, back_up(of(data, **more), out, nobody, told)


def test_it_has_what_cannot_be_made_again_and_no_salts(data: Path) -> None:
    out, manifest = backed_up(data)
    names = [content.name for content in manifest.files]
    stored = ["store/uptime.db", "store/events-2026-11.duckdb", "store/events-2026-11.duckdb.wal"]
    assert sorted(names) == sorted([*KEPT, "exchange.db", "keys.db", "names.json", *stored])
    assert names.index("spool-8750.db") < names.index("exchange.db") < names.index("store/events-2026-11.duckdb")
    assert not manifest.running
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in data.parent.iterdir()) == ["backup.tar", "data"]


def test_what_is_restored_is_what_was_there_for_this_user_alone(data: Path) -> None:
    out, manifest = backed_up(data)
    new = data.parent / "new"
    assert restore(of(new), out, told) == check(out, told) == manifest
    assert {str(p.relative_to(new)) for p in new.rglob("*") if p.is_file()} == {c.name for c in manifest.files}
    assert not [path for path in (new, *new.rglob("*")) if path.stat().st_mode & 0o077]
    assert [key.id for key in KeyFile(new / "keys.db").list()] == [key.id for key in KeyFile(data / "keys.db").list()]
    assert (new / "store" / "events-2026-11.duckdb").read_text() == "store/events-2026-11.duckdb"
    with sqlite3.connect(new / "spool-8750-1.db") as database:
        assert database.execute("SELECT x FROM t").fetchall() == [("spool-8750-1.db",)]


@needs_root
def test_what_root_restores_belongs_to_whose_directory_it_is(data: Path) -> None:
    out, _ = backed_up(data)
    new = data.parent / "new"
    new.mkdir()
    restore(of(belongs_to(MALLORY, new, 0o700)), out, told)
    assert {path.stat().st_uid for path in (new, *new.rglob("*"))} == {MALLORY}


def test_places_that_the_settings_name_are_read_and_restored(data: Path) -> None:
    elsewhere = data.parent / "elsewhere"
    elsewhere.mkdir()
    (data / "exchange.db").rename(elsewhere / "log.db")
    (data / "store").rename(elsewhere / "months")
    places = {
        "exchange": Exchange(url=f"sqlite:///{elsewhere / 'log.db'}"),
        "store": Store(path=str(elsewhere / "months")),
    }
    out, manifest = backed_up(data, **places)
    assert {"exchange.db", "store/events-2026-11.duckdb"} <= {content.name for content in manifest.files}
    elsewhere.rename(data.parent / "before")
    restore(of(data.parent / "new", **places), out, told)
    assert (elsewhere / "log.db").exists() and (elsewhere / "months" / "events-2026-11.duckdb").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.__delitem__(slice(len(content) // 2, None)), "is no backup, or damaged"),
        (lambda content: content.__delitem__(slice(content.rindex(b"manifest.json"), None)), "damaged|ends before"),
        (lambda content: content.__setitem__(content.index(b"events-2026-11.duckdb\0", 600) + 512, 7), "is damaged: "),
        (lambda content: content.__setitem__(slice(0, 4), b"what"), "is no backup, or damaged"),
    ],
    ids=["half", "without its list", "a byte", "not a tar"],
)
def test_a_damaged_backup_is_refused_and_nothing_left(data: Path, change: Change, said: str) -> None:
    out, _ = backed_up(data)
    content = bytearray(out.read_bytes())
    change(content)
    out.write_bytes(content)
    for use in (check, lambda path, told: restore(of(data.parent / "new"), path, told)):
        with pytest.raises(BackupUnusable, match=said):
            use(out, told)
    assert not (data.parent / "new").exists()


@pytest.mark.parametrize("name", ["../outside.db", "/tmp/x.db", "store/../../keys.db", "eventsink.toml", "checks"])
def test_what_no_backup_of_ours_has_is_written_nowhere(tmp_path: Path, name: str) -> None:
    content = tmp_path / "content"
    content.write_text("x")
    with tarfile.open(tmp_path / "backup.tar", "w") as tar:
        header = tar.gettarinfo(content)
        header.name = name
        with content.open("rb") as file:
            tar.addfile(header, file)
    with pytest.raises(BackupUnusable, match="a file of another kind"):
        restore(of(tmp_path / "new"), tmp_path / "backup.tar", told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "content"]


def test_a_link_is_no_file(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "backup.tar", "w") as tar:
        header = tarfile.TarInfo("keys.db")
        header.type, header.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(header)
    with pytest.raises(BackupUnusable, match="no file"):
        restore(of(tmp_path / "new"), tmp_path / "backup.tar", told)


def test_a_later_form_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"form": 2, "files": {"of": "another shape"}}))
    with tarfile.open(tmp_path / "backup.tar", "w") as tar:
        tar.add(tmp_path / "manifest.json", "manifest.json")
    with pytest.raises(BackupUnusable, match="by a later version"):
        check(tmp_path / "backup.tar", told)


def test_nothing_is_overwritten(data: Path) -> None:
    out, _ = backed_up(data)
    before = out.read_bytes()
    with pytest.raises(BackupUnusable, match="is there already"):
        backed_up(data)
    with pytest.raises(BackupUnusable, match="is not empty"):
        restore(of(data), out, told)
    assert out.read_bytes() == before and (data / "running.json").exists()


def test_nothing_to_back_up_is_said(data: Path) -> None:
    with pytest.raises(BackupUnusable, match="There is no data of an event sink"):
        backed_up(data.parent / "absent")
    with pytest.raises(BackupUnusable, match="There is no store in"):
        backed_up(data, store=Store(path=str(data / "elsewhere")))
    (data / "keys.db").write_text("this is no database, and longer than a header of one would be" * 20)
    with pytest.raises(BackupUnusable, match=r"keys\.db cannot be copied: .*start the event sink again"):
        backed_up(data)
    assert sorted(path.name for path in data.parent.iterdir()) == ["data"]


def test_a_store_that_somebody_has_who_does_not_answer_is_not_copied(data: Path) -> None:
    def connect() -> Sink:
        return Sink("http://127.0.0.1:1")

    lock = hold(data / "store" / "lock")
    try:
        with pytest.raises(EventSinkError, match="No event sink answers"):
            back_up(of(data), data.parent / "backup.tar", connect, told)
    finally:
        os.close(lock)
    assert sorted(path.name for path in data.parent.iterdir()) == ["data"]


def test_a_month_whose_size_nobody_says_is_not_taken_for_an_empty_one(data: Path) -> None:
    lock = hold(data / "store" / "lock")
    try:
        with (
            _silent_of_sizes() as url,
            pytest.raises(BackupUnusable, match=r"how large store/events-2026-11\.duckdb is"),
        ):
            back_up(of(data), data.parent / "backup.tar", lambda: Sink(url), told)
    finally:
        os.close(lock)
    assert sorted(path.name for path in data.parent.iterdir()) == ["data"]


@contextmanager
def _silent_of_sizes() -> Iterator[str]:
    """A proxy that sends on in chunks."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nmonth\r\n0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_full_disk_of_the_backup_is_no_fault_of_who_is_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "backup.tar", told)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(BackupUnusable, match="The backup cannot be written"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, most[1]))
            writer.add("keys.db", io.BytesIO(bytes(1 << 20)), 1 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        writer.abandon()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["sparse", "without an end", "nul", "twice"])
def test_headers_that_no_backup_of_ours_has(tmp_path: Path, kind: str) -> None:
    header = tarfile.TarInfo("aside-a\0b.db" if kind == "nul" else "keys.db")
    raw = bytearray(header.tobuf(tarfile.PAX_FORMAT if kind == "nul" else tarfile.GNU_FORMAT))
    if kind == "sparse":  # a petabyte that nobody has sent
        raw[156:157], raw[483:495] = b"S", b"\x80" + (1 << 50).to_bytes(11, "big")
    elif kind == "without an end":
        raw[156:157], raw[124:136] = b"x", b"\x80" + (1 << 80).to_bytes(11, "big")
    if kind != "nul":
        raw[148:156] = b" " * 8
        raw[148:156] = b"%06o\0 " % sum(raw[:512])
    (tmp_path / "backup.tar").write_bytes(bytes(raw) * (2 if kind == "twice" else 1) + bytes(1024))
    for use in (check, lambda path, told: restore(of(tmp_path / "new"), path, told)):
        with pytest.raises(BackupUnusable, match=r"no file|header of no sense|another kind"):
            use(tmp_path / "backup.tar", told)
    assert not (tmp_path / "new").exists()


def test_two_at_once_do_not_destroy_each_other(data: Path) -> None:
    out, begun, go_on = data.parent / "backup.tar", threading.Event(), threading.Event()

    def slowly(_: str, __: int) -> None:
        begun.set()
        go_on.wait(30)

    first = threading.Thread(target=back_up, args=(of(data), out, nobody, slowly))
    first.start()
    assert begun.wait(30)
    with pytest.raises(BackupUnusable, match="Another command is writing"):
        back_up(of(data), out, nobody, told)
    go_on.set()
    first.join()
    assert check(out, told).files and sorted(path.name for path in data.parent.iterdir()) == ["backup.tar", "data"]


def test_what_a_killed_backup_left_goes_with_the_next(data: Path) -> None:
    (data.parent / ".backup.tar.part").write_text("half")
    (data.parent / ".backup.tar.copies").mkdir()
    (data.parent / ".backup.tar.copies" / "keys.db").write_text("half")
    out, _ = backed_up(data)
    assert check(out, told).files and sorted(path.name for path in data.parent.iterdir()) == ["backup.tar", "data"]


def test_a_sink_that_was_started_meanwhile_loses_nothing(data: Path) -> None:
    out, _ = backed_up(data)
    new = data.parent / "new"

    def start(name: str, _: int) -> None:
        (new / "exchange.db").write_text("accepted")

    with pytest.raises(BackupUnusable, match=r"exchange\.db was made by somebody else meanwhile"):
        restore(of(new), out, start)
    assert [path.name for path in new.rglob("*") if path.is_file()] == ["exchange.db"]
    assert (new / "exchange.db").read_text() == "accepted"
