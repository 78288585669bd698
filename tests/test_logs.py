"""Logs: no secret is in them, and none commands the terminal that shows them."""

import errno
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventsink import logs
from tests.secrets import BLANKS, CORE, IN_TEXTS, NAMES, QUOTES, passwords

Log = Callable[..., str]


@pytest.fixture
def restored() -> Iterator[None]:
    before, last = structlog.get_config(), logging.lastResort
    formatter = last.formatter if last else None
    yield
    structlog.configure(**before)
    if last:
        last.setFormatter(formatter)


@pytest.fixture(params=[False, True], ids=["a pipe", "a terminal"])
def log(request: pytest.FixtureRequest, restored: None, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Logs a warning, and gives what was written."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: request.param)
    with redirect_stderr(stream):
        logs.configure()

    def write(**values: Any) -> str:
        stream.seek(0)
        stream.truncate()
        with redirect_stderr(stream):
            structlog.get_logger().warning("failed", **values)
        return stream.getvalue()

    return write


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(secret=passwords(), name=st.sampled_from(NAMES))
def test_a_value_with_the_name_of_a_secret_is_hidden(log: Log, secret: str, name: str) -> None:
    said = log(**{name: secret}, headers={name: [secret]}, body=json.dumps({name: secret}), error={"x": {name: secret}})
    assert CORE not in said
    assert "failed" in said


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(secret=passwords(but=BLANKS + QUOTES), address=st.sampled_from(IN_TEXTS))
def test_no_password_of_an_address_is_logged(log: Log, secret: str, address: str) -> None:
    text = address.replace("{}", "x" + secret)
    assert CORE not in log(reason=f"no way to {text}.", at=[text], error=ValueError(text), path=Path(text))
    try:
        raise ValueError(text)
    except ValueError:
        assert CORE not in log(exc_info=True)


def test_what_is_logged_of_no_secret_stays(log: Log) -> None:
    said = log(path=Path("/srv/a"), worker="influxdb", events=5, reason="It answers 503: http://influx:8086/write.")
    for text in ("PosixPath('/srv/a')", "influxdb", "5", "It answers 503: http://influx:8086/write."):
        assert text in said


def test_no_log_commands_a_terminal(log: Log) -> None:
    text = "a\x1b[2J\x9b31m\u202e\u2028b"
    try:
        raise ValueError(text)
    except ValueError:
        said = log(reason=text, odd=text.replace("a", "a b"), exc_info=True)
    assert not set(said) & set("\x9b\u202e\u2028")
    assert "\x1b[2J" not in said
    assert "Traceback" in said
    assert "\\n" in said or len(said.splitlines()) > 3, "a traceback keeps its lines"


@pytest.mark.usefixtures("log")
def test_what_libraries_log_keeps_the_same_rules() -> None:
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "lost %s", ("amqp://u:hush@h",), None)
    assert logging.lastResort is not None
    assert logging.lastResort.format(record) == "lost amqp://…@h"


def test_a_full_disk_ends_nothing_that_has_something_to_say(restored: None, capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    logs.configure()
    with redirect_stderr(Full()):
        structlog.get_logger().warning("lost")
    structlog.get_logger().warning("failed")
    assert "failed" in capsys.readouterr().err
