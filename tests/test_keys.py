"""API keys: made, checked, revoked, and never written down."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventsink import keys as keys_module
from eventsink.collect.access import authorize
from eventsink.collect.problems import Problem
from eventsink.errors import EventSinkError, KeysNotRead
from eventsink.keys import KeyFile, NewKey


class Clock:
    """The time module as `keys` uses it, set by a test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keys_module, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys.db"


@pytest.fixture
def keys(path: Path, clock: Clock) -> Iterator[KeyFile]:
    file = KeyFile(path)
    yield file
    file.close()


# --- making ----------------------------------------------------------------------------------------------------------


def test_a_key_reads_prefix_id_and_a_secret_of_32_bytes(keys: KeyFile) -> None:
    made = keys.create(["ingest"])
    prefix, key_id, secret = made.key.split("_", 2)
    assert (prefix, key_id, len(secret), made.scopes) == ("clw", made.id, 43, ("ingest",))


def test_no_two_keys_are_alike(keys: KeyFile) -> None:
    assert len({keys.create(["read"]).key for _ in range(100)}) == 100


def test_the_secret_is_not_in_the_file_nor_in_the_list(keys: KeyFile, path: Path) -> None:
    made = keys.create(["ingest"], name="browser")
    secret = made.key.split("_", 2)[2]
    keys.close()
    assert secret.encode() not in path.read_bytes()
    again = KeyFile(path)
    assert secret not in repr(again.list())
    again.close()


def test_the_file_is_for_its_owner_alone(keys: KeyFile, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("scopes", [[], ["write"], ["ingest", "Admin"], [""]])
def test_an_unknown_scope_is_refused(keys: KeyFile, scopes: list[str]) -> None:
    with pytest.raises(EventSinkError, match="known are ingest, read, admin"):
        keys.create(scopes)
    assert keys.list() == []


def test_the_list_tells_all_but_the_secret(keys: KeyFile, clock: Clock) -> None:
    made = keys.create(["ingest", "read"], name="lab", days=1, rate=50)
    (key,) = keys.list()
    assert (key.id, key.name, key.scopes, key.rate, key.last_used) == (made.id, "lab", ("ingest", "read"), 50, None)
    assert key.created == datetime.fromtimestamp(clock.now, UTC)
    assert key.expires == datetime.fromtimestamp(clock.now + 86400, UTC)


def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(EventSinkError, match=r"keys cannot be opened at .*keys\.db"):
        KeyFile(tmp_path / "keys.db")


# --- checking --------------------------------------------------------------------------------------------------------


def test_a_key_is_known_again_after_a_restart(keys: KeyFile, path: Path) -> None:
    made = keys.create(["ingest"])
    again = KeyFile(path)
    found = again.check(made.key)
    assert found is not None
    assert found.id == made.id
    again.close()


def test_what_is_no_key_is_none(keys: KeyFile) -> None:
    made = keys.create(["ingest"])
    wrong = [
        "",
        "x",
        made.id,
        made.key[:-1],
        made.key + "x",
        made.key + "\n",
        " " + made.key,
        made.key.upper(),
        made.key[:-1] + ("A" if made.key[-1] != "A" else "B"),
        f"clw_{'0' * 8}_{made.key.split('_', 2)[2]}",
        f"clw_{made.id}_{'A' * 43}",
        f"clw_{'0' * 8}_{'A' * 43}",
        "clw_é_é",
        "\0" * 56,
    ]
    assert [text for text in wrong if keys.check(text) is not None] == []
    assert keys.check(made.key) is not None


def test_an_expired_key_ends_and_its_successor_works(keys: KeyFile, clock: Clock) -> None:
    old, new = keys.create(["ingest"], days=1), keys.create(["ingest"])
    assert keys.check(old.key)
    assert keys.check(new.key), "two live keys, for rotation"
    clock.now += 86401
    assert keys.check(old.key) is None
    assert keys.check(new.key)


def test_a_key_revoked_by_another_process_ends_within_a_second(keys: KeyFile, path: Path, clock: Clock) -> None:
    made = keys.create(["ingest"])
    assert keys.check(made.key)
    other = KeyFile(path)
    assert other.revoke(made.id)
    other.close()
    clock.now += 1.1
    assert keys.check(made.key) is None


def test_a_key_made_by_another_process_works_within_a_second(keys: KeyFile, path: Path, clock: Clock) -> None:
    assert keys.check("x") is None
    other = KeyFile(path)
    made = other.create(["read"])
    other.close()
    clock.now += 1.1
    assert keys.check(made.key)


def test_revoking_ends_one_key_and_only_once(keys: KeyFile, clock: Clock) -> None:
    one, other = keys.create(["ingest"]), keys.create(["ingest"])
    assert keys.revoke(one.id)
    assert not keys.revoke(one.id)
    clock.now += 1.1
    assert (keys.check(one.key), bool(keys.check(other.key))) == (None, True)


def test_an_ephemeral_key_works_here_and_is_not_written(keys: KeyFile, path: Path) -> None:
    made = keys.create_ephemeral(("read",), name="visitor")
    assert keys.check(made.key)
    assert keys.list() == []
    other = KeyFile(path)
    assert other.check(made.key) is None
    other.close()


def test_the_last_use_is_noted_to_the_minute(keys: KeyFile, clock: Clock) -> None:
    made = keys.create(["ingest"])
    clock.now += 90
    assert keys.check(made.key)
    clock.now += 2
    keys.check("x")
    (key,) = keys.list()
    assert key.last_used is not None
    assert 0 <= clock.now - key.last_used.timestamp() < 120
    assert key.last_used.second == 0


def test_a_file_that_cannot_be_written_shuts_no_door(keys: KeyFile, path: Path, clock: Clock) -> None:
    made = keys.create(["ingest"])
    assert keys.check(made.key)
    keys._connection.execute("PRAGMA busy_timeout=1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    clock.now += 61
    assert keys.check(made.key), "noting the last use failed, and is worth no refusal"
    other.close()


def test_checking_a_key_is_fast_enough_for_every_request(keys: KeyFile) -> None:
    made = keys.create(["ingest"])
    started = time.process_time()
    for _ in range(5000):
        keys.check(made.key)
    assert time.process_time() - started < 1.0


# --- the first ones --------------------------------------------------------------------------------------------------


def test_the_first_keys_are_good_once_they_were_shown_and_are_made_once(keys: KeyFile, path: Path) -> None:
    assert keys.check("nonsense") is None, "the file was read"
    with keys.first() as first:
        assert [key.scopes for key in first] == [("admin",), ("ingest",)]
        with pytest.raises(KeysNotRead):
            keys.check(first[0].key)
    assert all(keys.check(key.key) for key in first)
    other = KeyFile(path)
    with other.first() as more:
        assert not more
    other.close()


def test_first_keys_that_could_not_be_shown_are_not_made(keys: KeyFile) -> None:
    with pytest.raises(BrokenPipeError), keys.first():
        raise BrokenPipeError
    assert keys.list() == []
    assert keys.create(["read"]).scopes == ("read",)


def test_a_process_killed_while_it_shows_the_first_keys_leaves_none(path: Path) -> None:
    code = "import os, signal, sys\nfrom pathlib import Path\nfrom eventsink.keys import KeyFile\n"
    code += "with KeyFile(Path(sys.argv[1])).first() as first:\n    os.kill(os.getpid(), signal.SIGKILL)"
    assert (
        subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=30).returncode == -signal.SIGKILL
    )
    keys = KeyFile(path)
    assert keys.list() == []
    with keys.first() as first:
        assert len(first) == 2
    keys.close()


# --- scopes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "asked", "allowed"),
    [
        (["ingest"], "ingest", True),
        (["ingest"], "read", False),
        (["ingest", "read"], "read", True),
        (["read"], "admin", False),
        (["admin"], "ingest", True),
        (["admin"], "read", True),
    ],
)
def test_a_key_may_do_what_its_scopes_say(keys: KeyFile, scopes: list[str], asked: str, allowed: bool) -> None:
    key = keys.check(keys.create(scopes).key)
    assert key is not None
    assert key.may(asked) is allowed


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (b"x-api-key", "{}"),
        (b"x-api-key", "  {} "),
        (b"authorization", "Bearer {}"),
        (b"authorization", "bearer  {} "),
        (b"authorization", "BEARER {}"),
    ],
)
def test_a_request_brings_its_key_in_either_header(keys: KeyFile, header: bytes, form: str) -> None:
    made = keys.create(["ingest"])
    assert authorize({header: form.format(made.key).encode()}, "ingest", keys).id == made.id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"x-api-key": b""},
        {b"x-api-key": b"\xff\xfe"},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Basic {key}"},
        {b"authorization": b"{key}"},
        {b"x-api-key": b"Bearer {key}"},
        {b"x-api-key": b"wrong", b"authorization": b"Bearer {key}"},
    ],
)
def test_a_request_without_a_valid_key_is_401(keys: KeyFile, headers: dict[bytes, bytes]) -> None:
    made = keys.create(["ingest"])
    sent = {name: value.replace(b"{key}", made.key.encode()) for name, value in headers.items()}
    problem = _refusal(sent, keys)
    assert (problem.status, problem.headers) == (401, {"www-authenticate": "Bearer"})
    assert made.key not in problem.detail


def test_a_good_key_is_never_401_because_the_file_is_busy(path: Path, clock: Clock) -> None:
    made = KeyFile(path).create(["ingest"])
    started = KeyFile(path)
    headers = {b"x-api-key": made.key.encode()}
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        problem = _refusal(headers, started)
        assert (problem.status, problem.headers) == (503, {"retry-after": "1"})
        assert time.monotonic() - began < 0.5, "the event loop does not wait for a lock"
        other.execute("ROLLBACK")
        assert authorize(headers, "ingest", started).id == made.id
        other.execute("BEGIN EXCLUSIVE")
        clock.now += 2
        assert authorize(headers, "ingest", started).id == made.id, "the keys known so far go on"
        assert _refusal({b"x-api-key": made.key.encode() + b"x"}, started).status == 401


def test_a_key_that_another_process_made_is_good_at_once(keys: KeyFile, path: Path) -> None:
    assert keys.check("nonsense") is None
    made = KeyFile(path).create(["ingest"])
    assert keys.check(made.key) is not None


def test_a_key_without_the_scope_is_403_and_named_by_its_id(keys: KeyFile) -> None:
    made: NewKey = keys.create(["read"])
    problem = _refusal({b"x-api-key": made.key.encode()}, keys)
    assert problem.status == 403
    assert made.id in problem.detail
    assert made.key not in problem.detail


def _refusal(headers: dict[bytes, bytes], keys: KeyFile) -> Problem:
    with pytest.raises(Problem) as problem:
        authorize(headers, "ingest", keys)
    return problem.value
