import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventsink.client.journal import Journal, Known, state_directory
from eventsink.client.source import Mark
from eventsink.client.sources import open_source
from eventsink.errors import EventSinkError
from tests.users import MALLORY, belongs_to, needs_root

LINE = b'{"type":"users.login"}\n'
URL = "http://sink"
NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATE = Path("state")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "events.ndjson"
    file.write_bytes(LINE * 10)
    return file


@contextmanager
def journal(file: Path, *, url: str = URL, again: bool = False) -> Iterator[Journal]:
    source = open_source(str(file))
    assert source.file is not None
    yield Journal(source, source.file, url, again=again, home=file.parent / STATE)
    source.close()


def sent(file: Path, lines: int, *, done: bool) -> str:
    """Note that so many lines were answered; gives the token of the file."""
    with journal(file) as first:
        first.note(Mark(lines * len(LINE), lines), accepted=lines, refused=0)
        first.save(done=done, now=True)
    return first.entry.token


def look(file: Path, **more) -> tuple[Known, Mark, str]:
    with journal(file, **more) as found:
        return found.known, found.start, found.entry.token


def test_an_unknown_file_begins_at_its_start(file: Path):
    assert look(file)[:2] == (Known.new, Mark())


def test_an_interrupted_file_goes_on_with_the_same_ids(file: Path):
    token = sent(file, 4, done=False)
    assert look(file) == (Known.partly, Mark(4 * len(LINE), 4), token)


def test_a_file_that_was_sent_is_known_by_any_of_its_names(file: Path):
    token = sent(file, 10, done=True)
    link = file.with_name("link")
    link.symlink_to(file)
    assert look(link) == (Known.wholly, Mark(10 * len(LINE), 10), token)


def test_another_sink_knows_nothing_of_it(file: Path):
    sent(file, 10, done=True)
    assert look(file, url="http://other")[0] is Known.new


def test_again_begins_at_the_start_with_the_same_ids(file: Path):
    token = sent(file, 10, done=True)
    assert look(file, again=True) == (Known.wholly, Mark(), token)


def test_a_file_that_has_grown_goes_on_with_the_same_ids(file: Path):
    token = sent(file, 10, done=True)
    with file.open("ab") as more:
        more.write(LINE)
    assert look(file) == (Known.grown, Mark(10 * len(LINE), 10), token)


def test_a_file_with_other_content_is_another_file(file: Path):
    token = sent(file, 10, done=True)
    file.write_bytes(LINE.replace(b"login", b"signup") * 20)
    known, start, other = look(file)
    assert (known, start) == (Known.changed, Mark())
    assert other != token


def test_the_token_follows_from_the_file_alone(file: Path):
    token = look(file)[2]
    assert look(file)[2] == token
    os.utime(file, (1, 1))
    assert look(file)[2] != token


def test_a_broken_entry_is_no_entry(file: Path):
    sent(file, 4, done=False)
    for entry in (file.parent / "state").iterdir():
        entry.write_text("{")
    assert look(file)[:2] == (Known.new, Mark())


def test_progress_is_written_at_the_first_answer_and_then_now_and_then(file: Path, monkeypatch: pytest.MonkeyPatch):
    with journal(file) as first:
        monkeypatch.setattr("eventsink.client.journal.SAVE_EVERY", 3600.0)
        first.save(done=False)
        assert look(file)[0] is Known.new
        first.note(Mark(len(LINE), 1), accepted=1, refused=0)
        first.save(done=False)
        assert look(file)[:2] == (Known.partly, Mark(len(LINE), 1))
        first.note(Mark(2 * len(LINE), 2), accepted=1, refused=0)
        first.save(done=False)
        assert look(file)[1] == Mark(len(LINE), 1)
        monkeypatch.setattr("eventsink.client.journal.SAVE_EVERY", 0.0)
        first.save(done=False)
    assert look(file)[1] == Mark(2 * len(LINE), 2)


def test_events_without_a_time_have_the_same_at_every_attempt(file: Path):
    with journal(file) as first:
        first.begin(NOW)
        assert [first.time_of(number) for number in (1, 10)] == [NOW, NOW]
        assert first.time_of(2_000_001) == NOW + timedelta(milliseconds=2)
    for again in (False, True):
        with journal(file, again=again) as killed:
            killed.begin(NOW + HOUR)
            assert killed.time_of(10) == NOW


def test_what_a_file_has_grown_by_happened_later(file: Path):
    with journal(file) as first:
        first.begin(NOW)
    sent(file, 10, done=True)
    with file.open("ab") as more:
        more.write(LINE * 5)
    for attempt in range(3):
        with journal(file) as grown:
            grown.begin(NOW + HOUR + attempt * HOUR)
            assert [grown.time_of(number) for number in (10, 11, 15)] == [NOW, NOW + HOUR, NOW + HOUR]
    with journal(file, again=True) as again:
        again.begin(NOW + 9 * HOUR)
        assert [again.time_of(number) for number in (10, 11)] == [NOW, NOW + HOUR]


def test_a_file_that_was_replaced_before_anything_was_answered_is_a_new_one(file: Path):
    with journal(file) as first:
        first.begin(NOW)
    file.write_bytes(LINE.replace(b"login", b"signup") * 20)
    with journal(file) as other:
        assert other.known is Known.new and other.entry.token != first.entry.token


# --- for nobody else -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_what_was_sent_is_for_nobody_else_to_know(file: Path, monkeypatch: pytest.MonkeyPatch, there: bool):
    home = file.parent / "state" / "eventsink" / "send"
    monkeypatch.setattr("tests.client.test_journal.STATE", home.relative_to(file.parent))
    if there:
        home.mkdir(parents=True)
    before = os.umask(0)
    try:
        sent(file, 4, done=False)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (home, *home.iterdir())}
    assert modes == {0o700, 0o600}
    assert there or {path.stat().st_mode & 0o777 for path in home.parents[:2]} == {0o700}
    assert look(file)[0] is Known.partly


def test_a_link_where_an_entry_is_written_first_is_not_followed(file: Path):
    precious = file.with_name("precious")
    precious.write_text("precious")
    token = sent(file, 4, done=False)
    (entry,) = (file.parent / "state").iterdir()
    entry.with_suffix(f".{os.getpid()}").symlink_to(precious)
    assert sent(file, 4, done=False) == token
    assert precious.read_text() == "precious"
    assert len(list(entry.parent.iterdir())) == 1


@needs_root
def test_what_another_user_says_was_sent_is_not_believed(file: Path):
    sent(file, 10, done=True)
    (entry,) = (file.parent / "state").iterdir()
    belongs_to(MALLORY, entry, 0o644)
    assert look(file)[:2] == (Known.new, Mark())


@needs_root
def test_nothing_is_noted_in_a_folder_of_another_user(file: Path):
    (file.parent / "state").mkdir()
    belongs_to(MALLORY, file.parent / "state", 0o755)
    with journal(file) as first, pytest.raises(PermissionError, match="it belongs to another user"):
        first.begin(NOW)
    assert list((file.parent / "state").iterdir()) == []


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # nobody has this number
    with pytest.raises(EventSinkError, match=r"no home directory: .* XDG_STATE_HOME\.$"):
        state_directory()
