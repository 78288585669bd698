"""What a message says."""

from datetime import UTC, datetime, timedelta

import pytest
import structlog

from eventsink.errors import SettingsError
from eventsink.settings import Alerts
from eventsink.watch.alerts.text import MOST_LISTED, PLACEHOLDERS, Texts, duration, shown, state_of
from tests.secrets import CORE
from tests.watch.alerts.telling import NOON, notice

LINK = "https://sink.example.org"


def _message(*notices, again=False, longest=8000, **settings):
    return Texts(Alerts(**settings), LINK).message([(each, again) for each in notices], longest)


def test_one_that_is_down():
    message = _message(notice(1, regions=["urbana", "chicago"], target="https://example.org", note="It flaps."))
    assert message.title == "site-1: down (critical)"
    assert message.body.splitlines() == [
        "site-1: down since 2026-11-29 10:55 UTC (critical)",
        "It did not answer within 10 seconds.",
        "Target: https://example.org",
        "Regions: urbana, chicago",
        "It flaps.",
        LINK,
    ]


def test_one_that_is_well_again():
    message = _message(notice(1, "resolved", message="It answers."))
    assert message.title == "site-1: well again"
    assert message.body.startswith("site-1: well again since 2026-11-29 12:00 UTC, after 1 h 5 min\nIt answers.")


def test_states_in_words():
    assert state_of(notice(1, "reminder")) == "still down"
    assert state_of(notice(1, alert="sink/dead/influxdb")) == "needs attention"
    assert state_of(notice(1, "reminder", alert="monitor/urbana-1")) == "still needs attention"
    assert state_of(notice(1, "resolved", alert="sink/dead/influxdb")) == "well again"


def test_several_are_summed_up_and_the_worst_comes_first():
    notices = [notice(1, "resolved"), notice(2), notice(3), notice(4, alert="sink/lag/store"), notice(5)]
    message = _message(*notices)
    assert message.title == "3 down, 1 needs attention, 1 well again"
    order = [message.body.index(f"site-{number}:") for number in (2, 3, 4, 5, 1)]
    assert order == sorted(order)
    assert [told.notice.id for told in message.notices] == ["n1", "n2", "n3", "n4", "n5"]
    assert message.body.count(LINK) == 1 and message.body.endswith(LINK)


def test_ten_thousand_are_counted_and_some_listed():
    message = _message(*(notice(number) for number in range(10_000)))
    assert message.title == "10,000 down"
    assert f"… and {10_000 - MOST_LISTED:,} more\n{LINK}" in message.body
    assert len(message.body) < 8000


def test_no_message_is_longer_than_its_channel_takes():
    long = [notice(number, message="word " * 400, note="x" * 900) for number in range(40)]
    for longest in (100, 160, 2000, 4096, 8000):
        for notices in (long[:1], long[:3], long):
            message = _message(*notices, longest=longest)
            assert len(message.title) + len(message.body) <= longest
    message = _message(*long, longest=2000)
    assert f"more\n{LINK}" in message.body


def test_what_was_perhaps_told_before_says_so():
    assert "may have been told before" in _message(notice(1), again=True).body
    assert "may have been told before" in _message(notice(1), again=True, body="$message").body


def test_words_of_the_settings():
    message = _message(notice(1), title="[PROD] $title is ${state}", body="$alert $reason $lasted $$5 $link $count")
    assert message.title == "[PROD] site-1 is down"
    assert message.body == f"check/site-1 timeout 1 h 5 min $5 {LINK} 1"


def test_words_of_the_settings_for_several():
    message = _message(notice(1), notice(2, "resolved"), title="[PROD] $title: $state", body="$title $state")
    assert message.title == "[PROD] 2 alerts: 1 down, 1 well again"
    assert message.body == "site-1 down\n\nsite-2 well again"


def test_every_placeholder_has_a_value():
    words = " ".join(f"{name}=${name}" for name in PLACEHOLDERS)
    for notices in ([notice(1)], [notice(1), notice(2)]):
        message = _message(*notices, title=words, body=words)
        assert "$" not in message.title + message.body


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("$titel", "alerts.title has the placeholder $titel, which is not known. Did you mean $title?"),
        ("$q", "Known are $title, $alert"),
        ("100 $", "alerts.title has a $ that begins no placeholder"),
        ("${title", "alerts.title has a $ that begins no placeholder"),
    ],
)
def test_wrong_words_are_found_at_the_start(words, sentence):
    with pytest.raises(SettingsError) as caught:
        Texts(Alerts(title=words))
    assert sentence in str(caught.value)


def test_if_words_fail_all_the_same_the_notice_goes_out_and_that_is_said_once(monkeypatch):
    texts = Texts(Alerts(title="$title!", body="$message!"), LINK)
    monkeypatch.setattr(texts, "_values", lambda told, count: {})
    with structlog.testing.capture_logs() as said:
        messages = [texts.message([(notice(1), False)]) for _ in range(3)]
    assert messages[0].title == "site-1: down (critical)" and "did not answer" in messages[0].body
    assert [line["setting"] for line in said] == ["alerts.title", "alerts.body"]


def test_words_of_others_are_made_fit_to_be_shown():
    found = shown(notice(1, message=f"a\r\nb\x1b[31m\u202e password={CORE}", title="x\u200by", regions=["\x07"]))
    assert CORE not in found.message and "\x1b" not in found.message and "\n" not in found.message
    assert "\u202e" not in found.message and found.title == "x�y" and found.regions == ["�"]


def test_words_of_others_call_nobody():
    message = _message(notice(1, message="@everyone <!channel> <@U123> mail a@b.org"))
    assert "@everyone" not in message.body and "<!" not in message.body and "<@" not in message.body
    assert "a@b.org" in message.body


def test_endless_words_take_no_time():
    message = _message(*(notice(number, message="x@" * 1_000_000) for number in range(20)))
    assert len(message.body) <= 8000


def test_times_are_told_in_utc():
    zone = datetime.now(UTC).astimezone().tzinfo
    assert "10:55 UTC" in _message(notice(1, since=(NOON - timedelta(minutes=65)).astimezone(zone))).body


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86_400, "1 d"),
        (93_600, "1 d 2 h"),
    ],
)
def test_durations(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words
