"""Dead letters say why, for a person, and never tell a secret."""

import time
import urllib.error
from datetime import UTC, datetime

import pytest

from eventsink.deliver.dead_letters import LONGEST, failure, sentence
from eventsink.errors import Refused, TryLater
from eventsink.exchange.contract import Failure
from eventsink.redact import hide_secrets
from eventsink.testing import sample_events

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


class Unspeakable(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def letter(error: BaseException) -> Failure:
    """The record of an event that failed with this error, as it was really raised."""
    try:
        raise error
    except BaseException as raised:  # noqa: BLE001
        return failure(sample_events(1)[0], raised, attempts=4, first_seen=EARLIER)


def test_a_refusal_keeps_its_reason_and_needs_no_traceback() -> None:
    written = letter(Refused("no such field"))
    assert (written.reason, written.traceback, written.attempts) == ("no such field", None, 4)
    assert written.first_seen == EARLIER < written.last_seen <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("bad"), "bad."),
        (KeyError("x"), "'x'."),
        (SystemExit(), "it gives no reason."),
        (ExceptionGroup("several", [ValueError("one")]), "several (1 sub-exception)."),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad start"), "'utf-8' codec can't decode byte 0xff"),
        (urllib.error.URLError(OSError("unreachable")), "<urlopen error unreachable>."),
    ],
)
def test_a_bug_is_said_and_keeps_its_traceback(error: BaseException, reason: str) -> None:
    written = letter(error)
    assert written.reason.startswith(f"The worker has a fault: {reason}")
    assert type(error).__name__ not in written.reason
    assert written.traceback is not None
    assert written.traceback.startswith(("Traceback (most recent call last)", "  + Exception Group Traceback"))
    assert "raise error" in written.traceback


def test_a_bug_whose_words_cannot_be_read_is_a_bug() -> None:
    for error in (Unspeakable(), Refused(Unspeakable()), TryLater(Unspeakable())):
        assert letter(error).reason == "The worker has a fault, and its words cannot be read."


@pytest.mark.parametrize("reason", [None, 5, ["x"]])
def test_a_reason_that_is_no_text_becomes_one(reason: object) -> None:
    assert letter(Refused(reason)).reason == str(reason)


def test_half_a_character_which_no_file_can_hold_is_replaced() -> None:
    written = letter(ValueError("no file \udcff"))
    assert written.reason.isprintable()
    assert written.traceback is not None and written.traceback.endswith("ValueError: no file ?\n")
    assert letter(Refused("no file \udcff")).reason == sentence(TryLater("no file \udcff")) == "no file ?"


def test_what_is_very_long_is_cut_and_the_end_of_a_traceback_stays() -> None:
    written = letter(ValueError("x" * 100_000 + "the end"))
    assert written.traceback is not None
    assert len(written.reason) == len(written.traceback) == LONGEST
    assert written.traceback.endswith("the end\n")


SECRETS = [
    "https://api/2/httpapi?api_key=hush",
    "https://x/?a=1&token=hush&b=2",
    '{"api_key": "hush", "events": []}',
    "{'secretKey': 'hush'}",
    "Authorization: Bearer hush",
    "authorization=Token hush",
    "'Authorization': 'Basic hush'",
    "X-API-Key: hush",
    "password = hush",
    "amqp://guest:hush@rabbitmq:5672/%2f",
    "mongodb+srv://user:hush@cluster/db",
    "mongodb://user:p@hush/x?y@one:27017,two:27017/db",
    "https://hush@api.example.org/v1",
    "https://user:1hush@host:80/",
    "https://user:it's_hush@host/",
    '{\\"password\\": \\"hush\\", \\"x\\": 1}',
    "Authorization: ApiKey hush",
    "Authorization: Api-Key hush",
    "password=\"hush hush\" x='1'",
    "password='hush \"hush'",
    "password=abc,hush",
    "password: hush's",
    f"the key clw_0123abcd_{'hush' * 11} is not known",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_hidden_in_reason_and_traceback_and_the_rest_stays(text: str) -> None:
    for written in (letter(ValueError(f"POST failed: {text} (403)")), letter(Refused(f"POST failed: {text} (403)"))):
        assert "hush" not in written.reason
        assert "…" in written.reason
        assert "POST failed" in written.reason
        assert "hush" not in (written.traceback or "")


def test_a_secret_is_hidden_in_the_line_for_the_log() -> None:
    assert sentence(TryLater("https://x/?key=hush&y=1")) == "https://x/?key=…&y=1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HTTP 503 from http://influx:8086/write",
        "the key is missing",
        "monkey business",
        '{"key": "", "n": 1}',
        "user@example.org",
        "http://clowder:9000/a@b",
        "http://h/a@b c@d",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "?" * 50_000,
        "://a:b" * 20_000,
        "?a" * 30_000,
        "key" * 30_000,
        "://" + "a" * 60_000,
        "key='" * 20_000,
        "key=token " * 9000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    hide_secrets(text)
    assert time.process_time() - begun < 2.0, "it is linear; it was minutes"
