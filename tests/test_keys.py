"""API keys: made, checked, revoked, and never written down."""

import asyncio
import contextlib
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eventsink import keyring
from eventsink import keys as keys_module
from eventsink.collect.access import authorize
from eventsink.collect.problems import Problem
from eventsink.errors import EventSinkError, KeysNotRead
from eventsink.keyring import Keyring
from eventsink.keys import KeyFile, Look, NewKey
from tests import processes
from tests.users import MALLORY, belongs_to, needs_root


class Clock:
    """The time module as `keys` uses it, set by a test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        self.now += 1e-6  # no two moments are the same
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keys_module, "time", clock)
    monkeypatch.setattr(keyring, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys.db"


@pytest.fixture
def keys(path: Path, clock: Clock) -> KeyFile:
    return KeyFile(path)


@pytest.fixture
def ring(keys: KeyFile) -> Keyring:
    """What a running sink knows of the same file."""
    return Keyring(keys)


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
    assert secret.encode() not in path.read_bytes()
    assert secret not in repr(KeyFile(path).list())


def test_the_file_is_for_its_owner_alone(keys: KeyFile, path: Path) -> None:
    keys.list()
    assert path.stat().st_mode & 0o777 == 0o600


@needs_root
def test_root_makes_the_file_for_whose_directory_it_is(keys: KeyFile, path: Path) -> None:
    path.parent.mkdir()
    belongs_to(MALLORY, path.parent, 0o700)
    keys.create(["ingest"])
    keys.create(["read"])
    assert {(file.name, file.stat().st_uid, file.stat().st_gid) for file in path.parent.iterdir()} == {
        ("keys.db", MALLORY, MALLORY)
    }


@needs_root
def test_root_makes_all_folders_above_the_file_for_whose_folder_they_are_in(tmp_path: Path) -> None:
    belongs_to(MALLORY, tmp_path, 0o755)
    KeyFile(tmp_path / "sink" / "var" / "keys.db").create(["ingest"])
    assert {(file.name, file.stat().st_uid) for file in tmp_path.rglob("*")} == {
        ("sink", MALLORY),
        ("var", MALLORY),
        ("keys.db", MALLORY),
    }


@needs_root
def test_root_gives_nobody_a_file_that_was_there(keys: KeyFile, path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    belongs_to(MALLORY, path.parent, 0o700)
    (tmp_path / "precious").touch()
    path.symlink_to(tmp_path / "precious")
    keys.list()
    assert (tmp_path / "precious").stat().st_uid == 0


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
    with pytest.raises(EventSinkError, match=r"keys at .*keys\.db cannot be read"):
        KeyFile(tmp_path / "keys.db").list()
    (tmp_path / "file").touch()
    with pytest.raises(EventSinkError, match="keys cannot be opened at"):
        KeyFile(tmp_path / "file" / "keys.db").list()


# --- checking --------------------------------------------------------------------------------------------------------


async def test_a_key_is_known_again_after_a_restart(keys: KeyFile, path: Path) -> None:
    made = keys.create(["ingest"])
    found = await Keyring(KeyFile(path)).check(made.key)
    assert found is not None
    assert found.id == made.id


async def test_what_is_no_key_is_none(keys: KeyFile, ring: Keyring) -> None:
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
    assert [text for text in wrong if await ring.check(text) is not None] == []
    assert await ring.check(made.key) is not None


async def test_an_expired_key_ends_and_its_successor_works(keys: KeyFile, ring: Keyring, clock: Clock) -> None:
    old, new = keys.create(["ingest"], days=1), keys.create(["ingest"])
    assert await ring.check(old.key)
    assert await ring.check(new.key), "two live keys, for rotation"
    clock.now += 86401
    assert await ring.check(old.key) is None
    assert await ring.check(new.key)


async def test_a_revoked_key_ends_within_a_second(keys: KeyFile, ring: Keyring, clock: Clock) -> None:
    one, other = keys.create(["ingest"]), keys.create(["ingest"])
    assert await ring.check(one.key)
    assert keys.revoke(one.id)
    assert not keys.revoke(one.id)
    clock.now += 1.1
    assert await ring.check(one.key) is None
    assert await ring.check(other.key)


async def test_a_key_that_was_made_this_moment_is_good_at_once(keys: KeyFile, ring: Keyring) -> None:
    assert await ring.check(keys.create(["read"]).key)
    assert await ring.check(keys.create(["read"]).key)


async def test_an_ephemeral_key_works_here_and_is_not_written(keys: KeyFile, ring: Keyring) -> None:
    made = ring.create_ephemeral(("read",), name="visitor")
    assert await ring.check(made.key)
    assert keys.list() == []
    assert await Keyring(keys).check(made.key) is None


async def test_the_last_use_is_noted_to_the_minute(keys: KeyFile, ring: Keyring, clock: Clock) -> None:
    made = keys.create(["ingest"])
    clock.now += 90
    assert await ring.check(made.key)
    await ring.close()
    (key,) = keys.list()
    assert key.last_used is not None
    assert 0 <= clock.now - key.last_used.timestamp() < 120
    assert key.last_used.second == 0


async def test_a_file_that_cannot_be_written_shuts_no_door(
    keys: KeyFile, ring: Keyring, path: Path, clock: Clock
) -> None:
    made = keys.create(["ingest"])
    assert await ring.check(made.key)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        clock.now += 61
        assert await ring.check(made.key), "noting the last use failed, and is worth no refusal"


async def test_many_unknown_keys_cost_few_looks(keys: KeyFile, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def look(used: Mapping[str, float]) -> Look:
        looks.append(used)
        return Look({}, frozenset())

    ring = Keyring(keys)
    monkeypatch.setattr(keys, "look", look)
    found = await asyncio.gather(*(ring.check(f"clw_{number:08x}_{'A' * 43}") for number in range(1000)))
    assert set(found) == {None}
    assert len(looks) == 1


async def test_checking_a_key_is_fast_enough_for_every_request(keys: KeyFile, ring: Keyring) -> None:
    made = keys.create(["ingest"])
    started = time.process_time()
    for _ in range(5000):
        await ring.check(made.key)
    assert time.process_time() - started < 1.0


# --- a file that is busy, gone, or another one ------------------------------------------------------------------------


async def test_a_good_key_is_never_401_because_the_file_is_busy(
    keys: KeyFile, ring: Keyring, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "PATIENCE", 60.0)  # longer than a busy machine may take for all of this
    headers = {b"x-api-key": keys.create(["ingest"]).key.encode()}
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        problem = await _refusal(headers, ring)
        assert (problem.status, problem.headers) == (503, {"retry-after": "1"})
        assert time.monotonic() - began < keys_module.PATIENCE, "nobody waits for the lock"
        other.execute("ROLLBACK")
        clock.now += 2
        await authorize(headers, "ingest", ring)
        late = keys.create(["ingest"])
        other.execute("BEGIN EXCLUSIVE")
        clock.now += 2
        await authorize(headers, "ingest", ring)  # the keys known so far go on
        clock.now += 2
        assert (await _refusal({b"x-api-key": late.key.encode()}, ring)).status == 503, "it may be good"
        assert (await _refusal({b"x-api-key": headers[b"x-api-key"][:-1]}, ring)).status == 401, "it cannot be"


async def test_a_look_that_is_given_up_makes_no_key_unknown(
    keys: KeyFile, ring: Keyring, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await authorize({b"x-api-key": keys.create(["ingest"]).key.encode()}, "ingest", ring)
    late = {b"x-api-key": keys.create(["ingest"]).key.encode()}
    began = asyncio.Event()

    async def never(*_: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "to_thread", never)
    first, second = (asyncio.create_task(authorize(late, "ingest", ring)) for _ in range(2))  # one look serves both
    await began.wait()
    first.cancel()
    with pytest.raises(Problem) as problem:
        await second
    assert problem.value.status == 503, "it may be good"


async def test_a_file_that_is_taken_away_ends_no_key_and_a_new_one_is_seen(
    keys: KeyFile, ring: Keyring, path: Path, clock: Clock
) -> None:
    made = keys.create(["ingest"])
    assert await ring.check(made.key)
    path.unlink()
    clock.now += 2
    assert await ring.check(made.key)
    with pytest.raises(KeysNotRead):
        await ring.check(f"clw_{'0' * 8}_{'A' * 43}")
    assert not path.exists(), "looking makes no file"
    later = keys.create(["ingest"])
    assert await ring.check(later.key)
    assert await ring.check(made.key) is None, "it is not in the file that is there now"


async def test_what_ended_stays_so_when_the_clock_goes_back(keys: KeyFile, ring: Keyring, clock: Clock) -> None:
    revoked, expired, good = keys.create(["ingest"]), keys.create(["ingest"], days=1), keys.create(["ingest"])
    clock.now += 86_401
    assert [bool(await ring.check(key.key)) for key in (revoked, expired, good)] == [True, False, True]
    keys.revoke(revoked.id)
    clock.now -= 86_401
    began = time.monotonic()
    assert [bool(await ring.check(key.key)) for key in (revoked, expired, good)] == [False, False, True]
    assert await ring.check(keys.create(["read"]).key), "a new one is good at once"
    assert time.monotonic() - began < 30, "nobody waits for the clock"


async def test_a_file_that_was_never_read_is_said_until_it_is(ring: Keyring, path: Path, clock: Clock) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no database at all" * 500)
    ours = ring.create_ephemeral(["admin"], name="this process")
    assert await ring.check(ours.key), "who asks how things are"
    assert ring.concerns() == [], "others may be at the file, as at the start"
    clock.now += 2
    assert await ring.check(ours.key)
    assert [f"{path} cannot be read" in sentence for sentence in ring.concerns()] == [True]
    path.unlink()
    clock.now += 2
    assert await ring.check(ours.key)
    assert ring.concerns() == []


async def test_a_file_that_is_taken_away_is_said_until_it_is_back(
    keys: KeyFile, ring: Keyring, path: Path, clock: Clock
) -> None:
    made = keys.create(["ingest"])
    assert await ring.check(made.key)
    assert ring.concerns() == []
    aside = path.rename(path.with_suffix(".aside"))
    with capture_logs() as logs:
        for _ in range(3):
            clock.now += 2
            assert await ring.check(made.key)
            assert [f"{path} was taken away" in sentence for sentence in ring.concerns()] == [True]
    assert [line["event"] for line in logs] == ["keys.gone"], "it is logged once"
    aside.rename(path)
    clock.now += 2
    assert await ring.check(made.key)
    assert ring.concerns() == [], "it is the file of before"


async def test_an_ephemeral_key_sees_what_happens_to_the_file(
    keys: KeyFile, ring: Keyring, path: Path, clock: Clock
) -> None:
    """The status page of this machine asks with one."""
    local = ring.create_ephemeral(("read",), name="local")
    keys.create(["ingest"])
    assert await ring.check(local.key)
    path.unlink()
    clock.now += 2
    assert await ring.check(local.key)
    assert len(ring.concerns()) == 1


@pytest.mark.parametrize("changed_since", [False, True])
@pytest.mark.parametrize("how", ["moved there", "written over"])
async def test_an_older_copy_in_place_of_the_file_is_said(
    keys: KeyFile, ring: Keyring, path: Path, clock: Clock, how: str, changed_since: bool
) -> None:
    made = keys.create(["ingest"])
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    keys.revoke(made.id)
    assert await ring.check(made.key) is None
    if how == "moved there":
        copy.rename(path)
    else:
        path.write_bytes(copy.read_bytes())
    if changed_since:
        keys.create(["read"])
    clock.now += 2
    with capture_logs() as logs:
        assert await ring.check(made.key), "it is in the file that is there now"
    assert [line["event"] for line in logs] == ["keys.replaced"]
    assert "replaced" in ring.concerns()[0]
    clock.now += 2
    with capture_logs() as logs:
        await ring.check(made.key)
    assert logs == []
    assert len(ring.concerns()) == 1


async def test_what_is_changed_in_the_file_is_no_concern(keys: KeyFile, ring: Keyring, clock: Clock) -> None:
    with keys.first() as first:
        pass
    for _ in range(3):
        assert await ring.check(first[0].key)
        keys.revoke(keys.create(["read"]).id)
        clock.now += 2
    assert ring.concerns() == []


async def test_a_file_of_the_first_version_goes_on(keys: KeyFile, ring: Keyring, path: Path, clock: Clock) -> None:
    made = keys.create(["ingest"])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE changes")
    assert await ring.check(made.key)
    later = keys.create(["read"])
    clock.now += 2
    assert await ring.check(made.key)
    assert await ring.check(later.key)
    assert ring.concerns() == []


async def test_a_sink_without_keys_knows_none(ring: Keyring) -> None:
    assert (await _refusal({b"x-api-key": f"clw_{'0' * 8}_{'A' * 43}".encode()}, ring)).status == 401


# --- the first ones --------------------------------------------------------------------------------------------------


async def test_the_first_keys_are_good_once_they_were_shown_and_are_made_once(
    keys: KeyFile, ring: Keyring, clock: Clock
) -> None:
    with keys.first() as first:
        assert [key.scopes for key in first] == [("admin",), ("ingest",)]
        with pytest.raises(KeysNotRead):
            await ring.check(first[0].key)
    clock.now += 1
    assert [await ring.check(key.key) is None for key in first] == [False, False]
    with keys.first() as more:
        assert not more


def test_first_keys_that_could_not_be_shown_are_not_made(keys: KeyFile) -> None:
    with pytest.raises(BrokenPipeError), keys.first():
        raise BrokenPipeError
    assert keys.list() == []
    assert keys.create(["read"]).scopes == ("read",)


def test_a_process_killed_while_it_shows_the_first_keys_leaves_none(path: Path) -> None:
    code = "import os, signal, sys\nfrom pathlib import Path\nfrom eventsink.keys import KeyFile\n"
    code += "with KeyFile(Path(sys.argv[1])).first() as first:\n    os.kill(os.getpid(), signal.SIGKILL)"
    assert processes.run([sys.executable, "-c", code, str(path)], check=False, timeout=30).returncode == -signal.SIGKILL
    keys = KeyFile(path)
    assert keys.list() == []
    with keys.first() as first:
        assert len(first) == 2


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
async def test_a_key_may_do_what_its_scopes_say(
    keys: KeyFile, ring: Keyring, scopes: list[str], asked: str, allowed: bool
) -> None:
    key = await ring.check(keys.create(scopes).key)
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
async def test_a_request_brings_its_key_in_either_header(
    keys: KeyFile, ring: Keyring, header: bytes, form: str
) -> None:
    made = keys.create(["ingest"])
    assert (await authorize({header: form.format(made.key).encode()}, "ingest", ring)).id == made.id


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
async def test_a_request_without_a_valid_key_is_401(keys: KeyFile, ring: Keyring, headers: dict[bytes, bytes]) -> None:
    made = keys.create(["ingest"])
    sent = {name: value.replace(b"{key}", made.key.encode()) for name, value in headers.items()}
    problem = await _refusal(sent, ring)
    assert (problem.status, problem.headers) == (401, {"www-authenticate": "Bearer"})
    assert made.key not in problem.detail


async def test_a_key_without_the_scope_is_403_and_named_by_its_id(keys: KeyFile, ring: Keyring) -> None:
    made: NewKey = keys.create(["read"])
    problem = await _refusal({b"x-api-key": made.key.encode()}, ring)
    assert problem.status == 403
    assert made.id in problem.detail
    assert made.key not in problem.detail


async def _refusal(headers: dict[bytes, bytes], ring: Keyring) -> Problem:
    with pytest.raises(Problem) as problem:
        await authorize(headers, "ingest", ring)
    return problem.value
