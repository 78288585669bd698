"""No password of an address is seen in what commands print and what processes log."""

import io
from contextlib import redirect_stderr

import pytest
import structlog
from typer.testing import CliRunner

from eventsink import logs
from eventsink.amqp import Address, Management
from eventsink.cli import app
from eventsink.errors import SettingsError


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--url", "http://user:hush@127.0.0.1:1"),
        ("status", "--url", "ftp://user:hush@127.0.0.1:1"),
        ("tail", "--url", "http://user:hu/s@hush@127.0.0.1"),
    ],
)
def test_a_command_quotes_no_password(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 1
    assert "hush" not in answer.output + answer.stderr


def test_a_log_quotes_no_password() -> None:
    said = io.StringIO()
    before = structlog.get_config()
    try:
        logs.configure()
        with redirect_stderr(said):
            try:
                raise ValueError("no route to amqp://guest:hush@host/vhost")
            except ValueError:
                structlog.get_logger().exception("failed", reason="https://x/?token=hush&a=1")
    finally:
        structlog.configure(**before)
    assert "://…@host/vhost" in said.getvalue() or "://\\u2026@host/vhost" in said.getvalue()
    assert "hush" not in said.getvalue()


def test_an_address_of_the_management_api_that_is_none_is_a_sentence_without_it() -> None:
    with pytest.raises(SettingsError, match=r"exchange\.management is no address") as wrong:
        Management(Address.parse("amqp://host"), "http://guest:hush/1@host:15672")
    assert "hush" not in str(wrong.value)
